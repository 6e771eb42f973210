import { chownSync } from 'node:fs';
import { test } from 'tap';
import { ownersOf } from '#runner-plugin/step/owner.ts';
import { permits } from '../../needs.ts';

const inWorkspace = [{ root: 'workspace:node_modules' }];

test('as root in a work folder of another user, what is restored there is that user’s', async (t) => {
  if (!permits(t, process.getuid?.() === 0, 'not root')) return;
  const folder = t.testdir();
  chownSync(folder, 1000, 1001);
  const owner = { uid: 1000, gid: 1001 };
  t.same([...(await ownersOf('workspace', folder, inWorkspace))], [['workspace:node_modules', owner]]);
  t.equal((await ownersOf('keep', folder, inWorkspace)).size, 0, 'unless told to keep');
  t.equal((await ownersOf('workspace', folder, inWorkspace, 1000)).size, 0, 'who is not root cannot');
  const both = [...inWorkspace, { root: 'home:.m2/repository' }];
  t.same(
    [...(await ownersOf('workspace', folder, both)).keys()],
    ['workspace:node_modules'],
    'and nothing else',
  );
});

test('a work folder of root’s own changes nothing', async (t) => {
  t.equal((await ownersOf('workspace', '/', inWorkspace, 0)).size, 0);
  t.equal((await ownersOf('workspace', '/no/such/folder', inWorkspace, 0)).size, 0);
});

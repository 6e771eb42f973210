import { chownSync } from 'node:fs';
import { test } from 'tap';
import { ownerOf } from '#runner-plugin/step/owner.ts';
import { needThat } from '../../needs.ts';

const inWorkspace = [{ root: 'workspace:node_modules' }];

test('as root in a work folder of another user, what is restored there is that user’s', async (t) => {
  if (!needThat(t, process.getuid?.() === 0, 'not root')) return;
  const folder = t.testdir();
  chownSync(folder, 1000, 1001);
  t.same(await ownerOf('workspace', folder, inWorkspace), { uid: 1000, gid: 1001 });
  t.equal(await ownerOf('keep', folder, inWorkspace), undefined, 'unless told to keep');
  t.equal(await ownerOf('workspace', folder, inWorkspace, 1000), undefined, 'who is not root cannot');
  t.equal(await ownerOf('workspace', folder, [...inWorkspace, { root: 'home:.m2/repository' }]), undefined);
});

test('a work folder of root’s own changes nothing', async (t) => {
  t.equal(await ownerOf('workspace', '/', inWorkspace, 0), undefined);
  t.equal(await ownerOf('workspace', '/no/such/folder', inWorkspace, 0), undefined);
});

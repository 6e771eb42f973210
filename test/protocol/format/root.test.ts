import { test } from 'tap';
import {
  formatRoot,
  locateRoot,
  memberName,
  parseRoot,
  refuseNestedRoots,
  rootOf,
} from '#protocol/format/root.ts';
import { CachalotError, type ErrorCode } from '#protocol/wire/errors.ts';

const FOLDERS = { workspace: '/builds/app', home: '/root' };

function outcome<T>(act: () => T): T | ErrorCode {
  try {
    return act();
  } catch (error) {
    if (error instanceof CachalotError) return error.code;
    throw error;
  }
}

const parsed = (text: string) => outcome(() => formatRoot(parseRoot(text)));
const located = (text: string, folders = FOLDERS) => outcome(() => locateRoot(parseRoot(text), folders));
const named = (path: string, folders = FOLDERS) => outcome(() => formatRoot(rootOf(path, folders)));

test('a root is an anchor and a normal path', (t) => {
  for (const text of [
    'workspace:node_modules',
    'workspace:.',
    'home:.m2/repository',
    'abs:opt/cache',
    'workspace:ab:c d',
  ]) {
    t.equal(parsed(text), text);
  }
  for (const text of [
    'node_modules',
    ':x',
    'tmp:x',
    'home',
    'home:',
    'home:/x',
    'home:a/',
    'home:a//b',
    'home:./a',
    'home:..',
    'home:../x',
    'home:a/../b',
    'home:a\0',
  ]) {
    t.equal(parsed(text), 'ROOT_UNREADABLE', text);
  }
  for (const text of ['workspace:C:x', 'workspace:\\x', `home:${'x'.repeat(256)}`]) {
    t.equal(parsed(text), 'ROOT_UNREADABLE', 'its members could not be named');
  }
  t.end();
});

test('system folders and the home folder are no roots', (t) => {
  for (const path of [
    '.',
    'usr',
    'usr/bin',
    'etc',
    'etc/ssl',
    'bin',
    'sbin',
    'lib',
    'lib64/x',
    'libexec',
    'proc/1',
    'sys',
    'dev/shm',
    'boot',
  ]) {
    t.equal(parsed(`abs:${path}`), 'ROOT_FORBIDDEN', path);
  }
  for (const path of [
    'usr/local',
    'usr/local/share',
    'usr/src',
    'usr/src/app',
    'opt',
    'var/cache',
    'etcetera',
  ]) {
    t.equal(parsed(`abs:${path}`), `abs:${path}`);
  }
  t.equal(parsed('abs:usr/localx'), 'ROOT_FORBIDDEN');
  t.equal(parsed('home:.'), 'ROOT_FORBIDDEN');
  t.end();
});

test('a root is found again where its anchor is', (t) => {
  t.equal(located('workspace:node_modules'), '/builds/app/node_modules');
  t.equal(located('workspace:.'), '/builds/app');
  t.equal(located('home:.m2/repository'), '/root/.m2/repository');
  t.equal(located('abs:opt/cache'), '/opt/cache');
  t.end();
});

test('where a root would land on the home folder or the system it is refused, whatever its anchor', (t) => {
  t.equal(located('abs:root'), 'ROOT_FORBIDDEN');
  t.equal(located('abs:home', { ...FOLDERS, home: '/home/ci' }), 'ROOT_FORBIDDEN', 'a folder that holds it');
  t.equal(located('workspace:.', { workspace: '/root', home: '/root' }), 'ROOT_FORBIDDEN');
  t.equal(located('workspace:node_modules', { workspace: '/root', home: '/root' }), '/root/node_modules');
  t.equal(located('workspace:.', { ...FOLDERS, workspace: '/' }), 'ROOT_FORBIDDEN');
  t.equal(located('workspace:etc/ssl', { ...FOLDERS, workspace: '/' }), 'ROOT_FORBIDDEN');
  t.equal(located('workspace:node_modules', { ...FOLDERS, workspace: '/' }), '/node_modules');
  t.equal(located('workspace:.', { ...FOLDERS, workspace: '/usr' }), 'ROOT_FORBIDDEN');
  t.equal(located('workspace:node_modules', { ...FOLDERS, workspace: '/usr/app' }), '/usr/app/node_modules');
  t.equal(located('home:.m2', { ...FOLDERS, home: '/' }), '/.m2');
  t.end();
});

test('a path is named by the nearest anchor that holds it', (t) => {
  t.equal(named('node_modules'), 'workspace:node_modules');
  t.equal(named('./a/../b/'), 'workspace:b');
  t.equal(named('.'), 'workspace:.');
  t.equal(named('..rc'), 'workspace:..rc');
  t.equal(named('/root/.m2'), 'home:.m2');
  t.equal(
    named('/builds/application'),
    'abs:builds/application',
    'prefixes are compared with their separator',
  );
  t.equal(named('../other'), 'abs:builds/other');
  t.equal(named('/'), 'ROOT_FORBIDDEN');
  t.equal(named('/root'), 'ROOT_FORBIDDEN');
  t.equal(named('/etc/ssl'), 'ROOT_FORBIDDEN');
  t.equal(named('/w/.home/.m2', { workspace: '/w', home: '/w/.home' }), 'home:.m2');
  t.equal(named('/root/w/x', { workspace: '/root/w', home: '/root' }), 'workspace:x');
  t.end();
});

test('roots that nest are refused, in any order', (t) => {
  const nested = (...roots: string[]) => outcome(() => refuseNestedRoots(roots.map(parseRoot)));
  t.equal(nested('workspace:a', 'workspace:a/b'), 'ROOTS_NESTED');
  t.equal(nested('workspace:a/b/c', 'workspace:a'), 'ROOTS_NESTED');
  t.equal(nested('workspace:a', 'workspace:.'), 'ROOTS_NESTED');
  t.equal(nested('workspace:a', 'workspace:a'), 'ROOTS_NESTED');
  t.equal(nested('workspace:.', 'workspace:.'), 'ROOTS_NESTED');
  t.equal(nested('workspace:a', 'workspace:ab', 'workspace:a-b/c', 'home:a'), undefined);
  t.end();
});

test('members are named at the anchor', (t) => {
  const root = parseRoot('home:.m2/repository');
  t.equal(memberName(root, ''), '.m2/repository');
  t.equal(memberName(root, 'org/x'), '.m2/repository/org/x');
  t.equal(memberName(parseRoot('workspace:.'), ''), '.');
  t.equal(memberName(parseRoot('workspace:.'), 'a/b'), 'a/b');
  t.end();
});

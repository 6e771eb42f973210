/**
 * A process that puts `a/b` into a store and kills itself with -9, `before the name` or `after the name` is given to what was
 * written. Arguments: that, the store's folder, `create` (link) or `replace` (rename).
 */
import fs from 'node:fs';
import { link } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

const [, , point = '', folder = '', how = ''] = process.argv;

function die(): never {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('still alive');
}

const { rename } = fs;
function dyingRename(from: fs.PathLike, to: fs.PathLike, callback: fs.NoParamCallback): void {
  if (point === 'before the name') die();
  rename(from, to, (error) => (error === null ? die() : callback(error)));
}
fs.rename = Object.assign(dyingRename, { __promisify__: rename.__promisify__ });
syncBuiltinESMExports();
const { openFileSystemStore } = await import('#server/store/file-system.ts');

const store = await openFileSystemStore(folder, {
  link: async (from, to) => {
    const isObject = to.endsWith('/a/b');
    if (isObject && point === 'before the name') die();
    await link(from, to);
    if (isObject) die();
  },
});
await store.put('a/b', Buffer.from('new'), { ifAbsent: how === 'create' });

import { once } from 'node:events';
import { test } from 'tap';
import { withoutSqliteWarning } from '#protocol/sqlite-module.ts';

test('the warning that SQLite is experimental is dropped while it is loaded, no other one, and not afterwards', async (t) => {
  const sqlite = 'SQLite is an experimental feature and might change at any time';
  const seen: string[] = [];
  const listener = ({ message }: Error) => seen.push(message);
  process.on('warning', listener);
  t.teardown(() => process.off('warning', listener));
  t.equal(
    withoutSqliteWarning(() => {
      process.emitWarning(sqlite, 'ExperimentalWarning');
      process.emitWarning('something else');
      return 'loaded';
    }),
    'loaded',
  );
  await once(process, 'warning');
  t.throws(() =>
    withoutSqliteWarning(() => {
      throw new Error('not there');
    }),
  );
  process.emitWarning(sqlite, 'ExperimentalWarning');
  await once(process, 'warning');
  t.same(seen, ['something else', sqlite]);
});

/** A process that fills the index in the file that it is given, and kills itself with -9 without closing it. */
import { openSqliteIndex } from '#server/index/sqlite.ts';
import { entryRow, segmentRow } from './index-rows.ts';

const index = openSqliteIndex(process.argv[2] ?? '', { boot: 'this start' });
await index.put(entryRow({ id: 'a' }));
await index.putSegments('local', [segmentRow(1)]);
await index.beginEpoch('complete');
await index.setEpoch('complete');
process.kill(process.pid, 'SIGKILL');

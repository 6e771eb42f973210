import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import type { Row } from '../../bench/question.ts';
import { ROWS } from '../../bench/questions.ts';

const run = promisify(execFile);
const bench = fileURLToPath(new URL('../../bench/main.ts', import.meta.url));

/** What was promised to be measured: rows of the project's plan, and the two distances that `-rtt` is the worse of. */
const PROMISED = [
  'restore-cold',
  'restore-maven',
  'restore-one-file',
  'restore-small',
  'restore-rtt',
  'restore-rtt-10',
  'restore-rtt-50',
  'save-rtt',
  'save-rtt-10',
  'save-rtt-50',
  'save-full',
  'save-unchanged',
  'save-unchanged-no-table',
  'save-bump-bytes',
  'save-bump-bytes-maven',
  'warm-npm',
  'warm-pnpm',
  'warm-yarn1',
  'warm-yarn4',
  'warm-maven',
  'client-memory',
  'server-memory',
  'sweep-million',
  'get-hot',
  'get-s3',
  'get-s3-redirect',
  'lookups-redis',
  'lookups-million',
  'reindex',
  'runs-npm-10',
  'runs-npm-11',
  'runs-npm-12',
  'runs-pnpm-10',
  'runs-pnpm-11',
  'runs-yarn-1',
  'runs-yarn-4',
  'runs-yarn-4-pnp',
  'runs-maven-3.8',
  'runs-maven-3.9',
  'runs-maven-3.10',
  'runs-maven-4',
  'lookups',
  'auth-cost',
  'lookups-p99',
  'cli-start',
];

t.test('every promised row is there, once', async (t) => {
  t.strictSame([...ROWS].sort(), [...PROMISED].sort());
});

t.test('every row has its lines in docs/bench.md', async (t) => {
  const text = readFileSync(fileURLToPath(new URL('../../docs/bench.md', import.meta.url)), 'utf8');
  t.strictSame(
    PROMISED.filter((name) => !text.includes(`\`${name}\``)),
    [],
  );
});

t.test('--json writes one well-formed row a name, and nothing is left behind', async (t) => {
  const folder = t.testdir();
  const file = join(folder, 'rows.json');
  const left = () => readdirSync(folder).filter((name) => name.startsWith('cachalot-bench-'));
  await run(process.execPath, [bench, '--quick', '--json', file, 'cli-start', 'lookups'], {
    env: { ...process.env, TMPDIR: folder, XDG_CACHE_HOME: join(folder, 'cache') },
  });
  const rows = JSON.parse(readFileSync(file, 'utf8')) as Row[];
  t.strictSame(
    rows.map(({ name, unit, better }) => [name, unit, better]),
    [
      ['cli-start', 'ms', 'lower'],
      ['lookups', 'per second', 'higher'],
    ],
  );
  for (const row of rows) {
    t.strictSame(Object.keys(row).sort(), [
      'against',
      'better',
      'conditions',
      'name',
      'ratio',
      'runs',
      'unit',
      'value',
    ]);
    t.ok(Number.isFinite(row.value), `${row.name} has a value`);
    t.equal(row.runs % 2, 1, 'a median of an odd number of runs');
    t.match(row.conditions, {
      cpu: String,
      cores: Number,
      kernel: String,
      node: process.version,
      fs: String,
    });
    t.match(row.conditions.quick, /smaller/, 'a quick run says that it was one');
  }
  t.strictSame(left(), []);
});

t.test('a row that does not exist is a usage error that names those that do', async (t) => {
  await t.rejects(run(process.execPath, [bench, 'restore-everything']), {
    code: 64,
    stderr: /no such row: restore-everything\n.*\n.*restore-cold/,
  });
});

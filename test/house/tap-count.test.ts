import t from 'tap';
import { countCases } from '../../toolchain/tap-count.mjs';

const tap = (lines: string[]) => lines.join('\n');

t.test('a case is a subtest without subtests, however much it asserts', async (t) => {
  const counts = countCases(
    tap([
      'TAP version 14',
      '# Subtest: a.test.ts',
      '    # Subtest: outer',
      '        ok 1 - an assertion',
      '        # Subtest: inner',
      '            ok 1 - x',
      '            ok 2 - y',
      '            1..2',
      '        ok 2 - inner # time=1ms',
      '    ok 1 - outer # time=2ms',
      'ok 1 - a.test.ts # time=3ms',
    ]),
  );
  t.match(counts, { passed: 1, failed: 0, skipped: 0 });
});

t.test('a failure is counted once, where it happened', async (t) => {
  const counts = countCases(
    tap([
      '# Subtest: a.test.ts',
      '    # Subtest: outer',
      '        not ok 1 - x',
      '          ---',
      '          diff: |',
      '            ok 7 - this is data',
      '          ...',
      '    not ok 1 - outer',
      'not ok 1 - a.test.ts',
    ]),
  );
  t.match(counts, { passed: 0, failed: 1, failures: ['a.test.ts > outer'] });
});

t.test('a file that fails after its cases passed is a failure', async (t) => {
  const counts = countCases(
    tap(['# Subtest: a.test.ts', '    # Subtest: case', '    ok 1 - case', 'not ok 1 - a.test.ts']),
  );
  t.match(counts, { passed: 1, failed: 1, failures: ['a.test.ts'] });
});

t.test('what is skipped or left to do is neither passed nor failed', async (t) => {
  const counts = countCases(
    tap([
      '# Subtest: a.test.ts',
      '    ok 1 - one # SKIP no mvn',
      '    # Subtest: two',
      '        1..0 # no nginx',
      '    ok 2 - two # SKIP no nginx',
      '    not ok 3 - three # TODO',
      'ok 1 - a.test.ts',
    ]),
  );
  t.match(counts, { passed: 0, failed: 0, skipped: 3 });
  t.strictSame(counts.skips, ['a.test.ts > one: no mvn', 'a.test.ts > two: no nginx', 'a.test.ts > three']);
});

t.test('buffered subtests, whose verdict comes first', async (t) => {
  const counts = countCases(
    tap([
      'ok 1 - a.test.ts # time=3ms {',
      '    ok 1 - good # time=1ms {',
      '        ok 1 - x',
      '    }',
      '}',
      'not ok 2 - b.test.ts {',
      '    not ok 1 - bad {',
      '        not ok 1 - x',
      '    }',
      '}',
    ]),
  );
  t.match(counts, { passed: 1, failed: 1, failures: ['b.test.ts > bad'] });
});

import t from 'tap';
import { withWorst } from '../../bench/compare/distances.ts';
import { median } from '../../bench/interleave.ts';
import type { Row } from '../../bench/question.ts';
import { pick, seeded, zipf } from '../../bench/random.ts';

t.test('the median is the middle one, whatever the order', async (t) => {
  t.equal(median([5, 1, 3]), 3);
  t.equal(median([10, 9]), 9.5);
});

t.test('of two distances the worse ratio speaks for both, and both rows stay', async (t) => {
  const row = (name: string, ratio: number): Row => ({
    name,
    value: 1,
    unit: 's',
    better: 'lower',
    against: 'theirs',
    ratio,
    runs: 3,
    conditions: {},
  });
  const rows = withWorst('restore-rtt', [row('restore-rtt-10', 0.7), row('restore-rtt-50', 0.9)]);
  t.strictSame(
    rows.map(({ name, ratio }) => [name, ratio]),
    [
      ['restore-rtt', 0.9],
      ['restore-rtt-10', 0.7],
      ['restore-rtt-50', 0.9],
    ],
  );
});

t.test('draws are the same in every run, and never one thing twice', async (t) => {
  const all = Array.from({ length: 50 }, (_, index) => index);
  const draw = () => pick(all, 20, seeded(1));
  t.strictSame(draw(), draw());
  t.equal(new Set(draw()).size, 20);
});

t.test(
  'Zipf: the first key is asked for about as often as the next ten divided by their ranks',
  async (t) => {
    const next = zipf(100, seeded(1));
    const counts = new Array<number>(100).fill(0);
    for (let draw = 0; draw < 100_000; draw++) {
      const rank = next();
      counts[rank] = (counts[rank] ?? 0) + 1;
    }
    const [first = 0, second = 0] = counts;
    t.ok(Math.abs(first / second - 2) < 0.1, `rank 0 ${first}, rank 1 ${second}`);
    t.ok(Math.abs(first / (counts[9] ?? 1) - 10) < 1.5, `rank 9 ${counts[9]}`);
  },
);

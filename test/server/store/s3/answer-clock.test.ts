import { test } from 'tap';
import { AnswerClock } from '#server/store/s3/answer-clock.ts';

test("the store's clock is known to within a second after one answer, and better with each", async (t) => {
  let ours = 500;
  const clock = new AnswerClock(() => ours);
  t.equal(clock.now(), undefined, 'before any answer nothing is known');
  clock.saw(1_000_000, 400, 500);
  t.equal(clock.now(), 1_000_000);
  ours += 700;
  t.equal(clock.now(), 1_000_700, 'time goes on by our own clock');
  // At 1,200 of ours the store says that its second 1,001 has begun: it is at least 300 ms ahead of what we thought.
  clock.saw(1_001_000, 1_190, ours);
  t.equal(clock.now(), 1_001_000);
  clock.saw(1_001_000, 1_190, ours + 400);
  t.equal(clock.now(), 1_001_000, 'an answer that took longer says less');
});

test('an answer that was long on its way does not set the clock back', async (t) => {
  let ours = 0;
  const clock = new AnswerClock(() => ours);
  clock.saw(1_000_000, 0, 0);
  ours = 30_000;
  clock.saw(1_005_000, 5_000, 30_000);
  t.equal(clock.now(), 1_030_000);
});

test('a clock that was set is followed at once, either way', async (t) => {
  const clock = new AnswerClock(() => 10_000);
  clock.saw(1_000_000, 9_990, 10_000);
  clock.saw(4_600_000, 9_990, 10_000);
  t.equal(clock.now(), 4_600_000);
  clock.saw(1_000_000, 9_990, 10_000);
  t.ok(Math.abs((clock.now() ?? 0) - 1_000_000) <= 1_010, `it says ${clock.now()}`);
});

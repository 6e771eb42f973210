import { test } from 'tap';
import { ByteBudget } from '#server/entries/byte-budget.ts';

test('who asks for more than is free waits for those before, in line', async (t) => {
  const budget = new ByteBudget(10);
  const first = await budget.reserve(6);
  const order: string[] = [];
  const large = budget.reserve(8).then((release) => {
    order.push('large');
    return release;
  });
  const small = budget.reserve(2).then((release) => {
    order.push('small');
    return release;
  });
  await Promise.resolve();
  t.same(order, [], 'the small one would fit, and does not overtake');
  t.equal(budget.tryReserve(1), undefined);
  first();
  const releases = await Promise.all([large, small]);
  t.same(order, ['large', 'small']);
  t.equal(budget.reserved, 10);
  for (const release of releases) {
    release();
    release();
  }
  t.equal(budget.reserved, 0, 'letting go twice counts once');
});

test('more than the whole counts as the whole, so it is never waited for in vain', async (t) => {
  const budget = new ByteBudget(10);
  const release = await budget.reserve(1_000);
  t.equal(budget.reserved, 10);
  release();
  t.equal(budget.reserved, 0);
});

test('who gives up leaves the line, and those behind move up', async (t) => {
  const budget = new ByteBudget(10);
  const first = await budget.reserve(4);
  const abort = new AbortController();
  const waiting = budget.reserve(8, abort.signal);
  const behind = budget.reserve(5);
  abort.abort(new Error('gone'));
  await t.rejects(waiting, { message: 'gone' });
  (await behind)();
  first();
  t.equal(budget.reserved, 0);
  await t.rejects(budget.reserve(1, AbortSignal.abort(new Error('gone before'))), { message: 'gone before' });
});

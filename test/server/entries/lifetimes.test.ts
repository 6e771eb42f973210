import { test } from 'tap';
import { isFault } from '#protocol/wire/errors.ts';
import { LIFETIMES, lifetimesFrom } from '#server/entries/lifetimes.ts';

test('what holds between them', (t) => {
  const { session, grace, hold, known } = LIFETIMES;
  t.ok(grace - session >= 24 * 60 * 60 * 1000, 'a request may take a day');
  t.ok(hold >= 100 * known);
  t.end();
});

test('tests may shorten them, and a mistake is named', (t) => {
  t.same(lifetimesFrom(undefined), LIFETIMES);
  t.same(lifetimesFrom('{"grace":5000,"hold":0}'), { ...LIFETIMES, grace: 5000, hold: 0 });
  for (const text of ['{"grase":1}', '{"grace":"1"}', '{"grace":-1}', 'x']) {
    try {
      lifetimesFrom(text);
      t.fail(text);
    } catch (error) {
      t.ok(isFault(error, 'SETTING_INVALID'), text);
    }
  }
  t.end();
});

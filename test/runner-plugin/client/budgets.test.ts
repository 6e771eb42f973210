import { test } from 'tap';
import { DEFAULT_BUDGETS, readBudgets, restoreBudget } from '#runner-plugin/client/budgets.ts';

test('without settings the budgets are those of the documentation', async (t) => {
  t.same(readBudgets({}), {
    connect: 2_000,
    firstByte: 5_000,
    idle: 10_000,
    control: 5_000,
    restore: undefined,
    save: 600_000,
  });
});

test('a budget is a number of seconds, or a time with its unit', async (t) => {
  for (const [text, ms] of [
    ['30', 30_000],
    ['30s', 30_000],
    ['1.5', 1_500],
    ['500ms', 500],
    ['2m', 120_000],
    ['1h', 3_600_000],
    [' 7 s ', 7_000],
  ] as const) {
    t.equal(readBudgets({ CACHALOT_BUDGET_LOOKUP: text }).control, ms, text);
    t.equal(readBudgets({ CACHALOT_BUDGET_RESTORE: text }).restore, ms, text);
    t.equal(readBudgets({ CACHALOT_BUDGET_SAVE: text }).save, ms, text);
  }
  t.equal(readBudgets({ CACHALOT_BUDGET_SAVE: '' }).save, 600_000, 'an empty one is none');
});

test('what is no time is refused, and the setting is named', async (t) => {
  for (const text of ['soon', '-1', '0', '1e9', '5 minutes', 'Infinity', '1000h']) {
    t.throws(() => readBudgets({ CACHALOT_BUDGET_RESTORE: text }), {
      code: 'SETTING_INVALID',
      message: /CACHALOT_BUDGET_RESTORE/,
    });
  }
});

test('a restore has 1.5 times what the command took, ten minutes at most', async (t) => {
  t.equal(restoreBudget(DEFAULT_BUDGETS, 60), 90_000);
  t.equal(restoreBudget(DEFAULT_BUDGETS, 3_600), 600_000);
  t.equal(restoreBudget(DEFAULT_BUDGETS, undefined), 600_000, 'where nobody knows');
  t.equal(restoreBudget(DEFAULT_BUDGETS, 0.2), 10_000, 'a short command does not make a restore impossible');
  t.equal(restoreBudget({ ...DEFAULT_BUDGETS, restore: 1_000 }, 60), 1_000, 'a setting holds');
});

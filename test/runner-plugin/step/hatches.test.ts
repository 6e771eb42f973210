import { test } from 'tap';
import { readSwitches, switchesWithout } from '#runner-plugin/step/hatches.ts';

test('everything is off unless it is said', async (t) => {
  t.same(readSwitches({}, {}), {
    off: false,
    readOnly: false,
    strict: false,
    refresh: false,
    noRestore: false,
    noSave: false,
    salt: undefined,
  });
});

test('a switch of the environment is on or off in the usual words', async (t) => {
  for (const word of ['1', 'true', 'TRUE', 'yes', 'on'])
    t.equal(readSwitches({ CACHALOT_OFF: word }, {}).off, true, word);
  for (const word of ['', '0', 'false', 'no', 'off'])
    t.equal(readSwitches({ CACHALOT_OFF: word }, {}).off, false, word);
  t.throws(() => readSwitches({ CACHALOT_READ_ONLY: 'perhaps' }, {}), {
    code: 'SETTING_INVALID',
    message: /CACHALOT_READ_ONLY/,
  });
});

test('a flag goes before the environment', async (t) => {
  t.equal(readSwitches({ CACHALOT_STRICT: '1' }, {}).strict, true);
  t.equal(readSwitches({ CACHALOT_STRICT: '1' }, { strict: false }).strict, false);
  t.equal(readSwitches({ CACHALOT_SALT: 'a' }, { salt: 'b' }).salt, 'b');
  t.equal(readSwitches({ CACHALOT_SALT: '' }, {}).salt, undefined);
});

test('where one switch cannot be read, strictness still holds', async (t) => {
  t.equal(switchesWithout({ CACHALOT_OFF: 'perhaps', CACHALOT_STRICT: '1' }, {}).strict, true);
  t.equal(switchesWithout({ CACHALOT_STRICT: 'perhaps' }, {}).strict, false);
  t.equal(switchesWithout({ CACHALOT_STRICT: 'perhaps' }, { strict: true }).strict, true);
});

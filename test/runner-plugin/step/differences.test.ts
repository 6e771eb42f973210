import { test } from 'tap';
import { detailText, manifestInputs, setInput, valueInput } from '#runner-plugin/fingerprint/fingerprint.ts';
import { compareLines, describeDifferences, differencesOf } from '#runner-plugin/step/differences.ts';

const before = [
  valueInput('node', '22'),
  setInput('lockfile', [
    ['a', '1.0 x'],
    ['b', '2.0 y'],
    ['c', '3.0 z'],
  ]),
  valueInput('gone', ''),
];
const now = [
  valueInput('node', '24'),
  setInput('lockfile', [
    ['a', '1.1 w'],
    ['b', '2.0 y'],
    ['d', '4.0 v'],
  ]),
  valueInput('new', ''),
];

test('inputs are compared one by one, sets line by line', async (t) => {
  const text = detailText(before[1]?.detail ?? []);
  const differences = await differencesOf(manifestInputs(before), now, async () => text);
  t.same(differences, [
    { input: 'node', change: 'changed' },
    {
      input: 'lockfile',
      change: 'changed',
      lines: [
        { name: 'a', from: '1.0 x', to: '1.1 w' },
        { name: 'c', from: '3.0 z' },
        { name: 'd', to: '4.0 v' },
      ],
    },
    { input: 'new', change: 'added' },
    { input: 'gone', change: 'removed' },
  ]);
  t.equal(
    describeDifferences(differences),
    'node changed; lockfile changed: a 1.0 -> 1.1, c was removed, d was added; new was added; gone was removed',
  );
});

test('equal inputs differ in nothing, and no detail is asked for', async (t) => {
  t.same(await differencesOf(manifestInputs(before), before, async () => t.fail('asked') as never), []);
});

test('without the old detail the input is named all the same', async (t) => {
  const differences = await differencesOf(
    manifestInputs(before),
    [...before.slice(0, 1), now[1] ?? valueInput('', ''), ...before.slice(2)],
    async () => undefined,
  );
  t.same(differences, [{ input: 'lockfile', change: 'changed' }]);
  t.equal(describeDifferences(differences), 'lockfile changed');
});

test('a name with several lines is compared as one', async (t) => {
  t.same(
    compareLines(
      [
        ['a', '1'],
        ['a', '2'],
      ],
      [
        ['a', '1'],
        ['a', '2'],
      ],
    ),
    [],
  );
  t.same(
    compareLines(
      [
        ['a', '1'],
        ['a', '2'],
      ],
      [
        ['a', '1'],
        ['a', '3'],
      ],
    ),
    [{ name: 'a', from: '1, 2', to: '1, 3' }],
  );
});

test('a long list is counted, a long value is cut, and a change behind the first word is shown in full', async (t) => {
  const lines = ['a', 'b', 'c', 'd', 'e'].map((name) => ({ name, from: '1', to: '2' }));
  t.equal(
    describeDifferences([{ input: 'x', change: 'changed', lines }]),
    'x changed: a 1 -> 2, b 1 -> 2, c 1 -> 2 and 2 more',
  );
  const same = [{ name: 'a', from: '1.0 old', to: '1.0 new' }];
  t.equal(
    describeDifferences([{ input: 'x', change: 'changed', lines: same }]),
    'x changed: a 1.0 old -> 1.0 new',
  );
  const long = [{ name: 'a', from: 'x'.repeat(100), to: '1' }];
  t.match(describeDifferences([{ input: 'x', change: 'changed', lines: long }]), /x{59}… -> 1$/);
});

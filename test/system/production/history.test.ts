/** The checker is checked: each way in which a history can be wrong is found, and what is right is let through. */
import { test } from 'tap';
import { type History, type Restore, type Save, type Violation, violations } from './history.ts';

const CALM = 1_000;

function save(key: string, content: string, begun: number, outcome: Save['outcome'] = 'committed'): Save {
  return { op: 'save', key, content, begun, ended: begun + 10, outcome };
}

function restore(key: string, begun: number, outcome: Restore['outcome'], content?: string): Restore {
  return { op: 'restore', key, begun, ended: begun + 10, outcome, content };
}

const RIGHT: [what: string, history: History][] = [
  ['a hit of what was committed', [save('k', 'a', 0), restore('k', 20, 'hit', 'a')]],
  ['a miss before', [restore('k', 0, 'miss'), save('k', 'a', 20)]],
  ['a hit while the commit is under way', [save('k', 'a', 0), restore('k', 5, 'hit', 'a')]],
  ['a hit of a save that nobody heard of', [save('k', 'a', 0, 'lost'), restore('k', 20, 'hit', 'a')]],
  [
    'a save that came second',
    [save('k', 'a', 0), save('k', 'b', 20, 'exists'), restore('k', 40, 'hit', 'a')],
  ],
  ['a miss while something was disturbed', [save('k', 'a', 0), restore('k', 20, 'miss')]],
  ['a failure at any time', [save('k', 'a', 0), restore('k', CALM + 1, 'failed')]],
  ['a miss of a save that was refused', [save('k', 'a', 0, 'refused'), restore('k', CALM + 1, 'miss')]],
];

const WRONG: [what: string, history: History, kind: Violation['kind']][] = [
  ['bytes that nobody saved', [save('k', 'a', 0), restore('k', 20, 'hit', undefined)], 'foreign'],
  ["another key's content", [save('k', 'a', 0), save('l', 'b', 0), restore('k', 20, 'hit', 'b')], 'foreign'],
  ['what is saved only later', [restore('k', 0, 'hit', 'a'), save('k', 'a', 20)], 'foreign'],
  [
    'another content than the committed one',
    [save('k', 'a', 0), save('k', 'b', 20, 'exists'), restore('k', 40, 'hit', 'b')],
    'changed',
  ],
  ['two that were both committed', [save('k', 'a', 0), save('k', 'b', 20)], 'changed'],
  ['a hit without its archive', [save('k', 'a', 0), restore('k', 20, 'hole')], 'hole'],
  ['a committed one that is missing at the end', [save('k', 'a', 0), restore('k', CALM, 'miss')], 'lost'],
];

test('a history that is as it should be', async (t) => {
  for (const [what, history] of RIGHT) t.strictSame(violations(history, CALM), [], what);
});

test('each way to be wrong is found', async (t) => {
  for (const [what, history, kind] of WRONG)
    t.strictSame(
      violations(history, CALM).map((one) => one.kind),
      [kind],
      what,
    );
});

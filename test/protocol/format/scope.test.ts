import fc from 'fast-check';
import { test } from 'tap';
import { isRef } from '#protocol/format/ref.ts';
import { formatScope, isProject, readScope, type Scope } from '#protocol/format/scope.ts';

test('a scope’s text is one project, one tier and one ref', async (t) => {
  const word = fc.string({
    unit: fc.constantFrom('a', 'b', ',', '%', '2', '5', 'C', '/', 'trusted'),
    maxLength: 20,
  });
  const scope = fc.record({
    project: fc
      .string({ unit: fc.constantFrom('a', 'b', '/', '-'), minLength: 1, maxLength: 10 })
      .filter(isProject),
    tier: fc.constantFrom('trusted', 'untrusted') as fc.Arbitrary<Scope['tier']>,
    ref: word.map((text) => `refs/heads/${text}`).filter(isRef),
  });
  fc.assert(
    fc.property(scope, scope, (one, other) => {
      const [a, b] = [formatScope(one), formatScope(other)];
      const isSame = JSON.stringify(one) === JSON.stringify(other);
      return JSON.stringify(readScope(a)) === JSON.stringify(one) && (a === b) === isSame;
    }),
  );
  t.equal(
    formatScope({ project: 'shop', tier: 'trusted', ref: 'refs/heads/main' }),
    'shop,trusted,refs/heads/main',
  );
});

test('what is no scope of ours has no parts', async (t) => {
  for (const text of [
    'local',
    '',
    'a,b',
    'shop,admin,refs/heads/x',
    'shop,trusted',
    'Shop,trusted,refs/heads/x',
    'shop,trusted,refs/heads/x,y',
  ])
    t.equal(readScope(text), undefined, text);
});

test('a project is lower case: some file systems fold, and two projects would be one there', async (t) => {
  for (const text of ['shop', 'group/shop', '123', 'a.b_c-d']) t.ok(isProject(text), text);
  for (const text of ['', 'Shop', '/a', '.', '..', 'a,b', 'a%2Cb', 'a b', 'a\n', 'ä', 'a'.repeat(101)])
    t.notOk(isProject(text), text);
});

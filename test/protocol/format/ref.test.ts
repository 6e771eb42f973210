import { test } from 'tap';
import { isRef } from '#protocol/format/ref.ts';

test('a ref is what git takes for one, in full', async (t) => {
  for (const ref of [
    'refs/heads/main',
    'refs/heads/feature/a-b_c',
    'refs/heads/a,b',
    'refs/heads/100%',
    'refs/heads/größe',
    'refs/tags/v1.0.0',
    'refs/pull/7/merge',
    'refs/merge-requests/7/head',
    `refs/heads/${'a'.repeat(244)}`,
  ])
    t.ok(isRef(ref), ref);
  for (const text of [
    '',
    'main',
    'heads/main',
    'refs/',
    '/refs/heads/main',
    'refs/heads/',
    'refs/heads//a',
    'refs/heads/a..b',
    'refs/heads/.a',
    'refs/heads/./a',
    'refs/heads/a.',
    'refs/heads/a b',
    'refs/heads/a\n',
    'refs/heads/a\u0000',
    'refs/heads/a\u2028',
    'refs/heads/*',
    'refs/heads/a~1',
    'refs/heads/a^',
    'refs/heads/a:b',
    'refs/heads/a?',
    'refs/heads/[a',
    'refs/heads/a\\b',
    'refs/heads/@{1}',
    'refs/heads/\ud800',
    `refs/heads/${'a'.repeat(245)}`,
  ])
    t.notOk(isRef(text), JSON.stringify(text).replace('\u2028', '\\u2028'));
});

import { test } from 'tap';
import { isFault } from '#protocol/wire/errors.ts';
import { readRefHeaders, refHeaders } from '#protocol/wire/ref-headers.ts';

test('names travel as ASCII and arrive as they were', async (t) => {
  const refs = { own: 'refs/heads/größe-100%', base: 'refs/heads/a,b', default: 'refs/heads/main' };
  const headers = refHeaders(refs);
  t.ok(Object.values(headers).every((value) => /^[\x21-\x7e]+$/.test(value)));
  t.equal(headers['cachalot-default'], 'refs/heads/main', 'the usual ones as they are');
  t.same(readRefHeaders(headers), refs);
  t.same(readRefHeaders({}), {});
  t.same(readRefHeaders({ 'cachalot-ref': '' }), {}, 'an empty one names none');
});

test('what is no ref is refused, with the header', async (t) => {
  for (const value of [
    'main',
    'refs/heads/%',
    'refs/heads/%E0',
    'refs/heads/a, refs/heads/b',
    ['refs/heads/a', 'refs/heads/b'],
  ]) {
    try {
      readRefHeaders({ 'cachalot-base': value });
      t.fail(String(value));
    } catch (error) {
      t.ok(isFault(error, 'REQUEST_INVALID') && error.field === 'cachalot-base', String(value));
    }
  }
});

import fc from 'fast-check';
import { test } from 'tap';
import { checkUserKey, formatKey, genericKey, parseKey } from '#protocol/format/key.ts';
import { type ErrorCode, isFault } from '#protocol/wire/errors.ts';

function outcome<T>(act: () => T): T | ErrorCode {
  try {
    return act();
  } catch (error) {
    if (isFault(error)) return error.code;
    throw error;
  }
}

const accepts = (key: string) => outcome(() => checkUserKey(key)) === undefined;

test('a key is kind, name and rest; the name holds no slash, the rest may', (t) => {
  t.equal(formatKey('npm', 'web', 'abc'), 'npm/web/abc');
  t.equal(formatKey('npm', '@scope/web', 'abc'), 'npm/@scope%2Fweb/abc');
  t.equal(formatKey('maven', 'org.example:service', 'abc/2'), 'maven/org.example:service/abc/2');
  t.equal(formatKey('npm', '100%,\n\u0085', 'a'), 'npm/100%25%2C%0A%C2%85/a');
  t.equal(formatKey('npm', '..', 'a'), 'npm/%2E%2E/a');
  t.same(parseKey('npm/@scope%2Fweb/a/b'), { kind: 'npm', name: '@scope/web', rest: 'a/b' });
  t.end();
});

test('what is formatted is read back', (t) => {
  const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
  const rest = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter(accepts);
  fc.assert(
    fc.property(name, rest, (name, rest) => {
      const key = parseKey(formatKey('generic', name, rest));
      return key.name === name && key.rest === rest;
    }),
  );
  t.end();
});

test('one key has one text', (t) => {
  for (const key of [
    'npm/a%2fb/x',
    'npm/%61/x',
    'npm/a%/x',
    'npm/%ff/x',
    'npm//x',
    'npm/a',
    'npm',
    '',
    'NPM/a/x',
    '1/a/x',
    '../a/x',
  ]) {
    t.equal(
      outcome(() => parseKey(key)),
      'KEY_UNREADABLE',
      key,
    );
  }
  t.equal(
    outcome(() => formatKey('npm', '', 'x')),
    'KEY_UNREADABLE',
  );
  t.equal(
    outcome(() => formatKey('npm', '\ud800', 'x')),
    'KEY_UNREADABLE',
  );
  t.equal(
    outcome(() => formatKey('npm', 'x', '')),
    'KEY_UNREADABLE',
  );
  t.end();
});

test('a person gives 1 to 512 bytes of UTF-8', (t) => {
  for (const key of [
    'k',
    'Linux-node-20-abc',
    'a/b//c/',
    'é'.repeat(256),
    'x'.repeat(512),
    'with space',
    '@%+~*?"\\',
    '..a/b..',
    '100%',
  ]) {
    t.ok(accepts(key), key);
  }
  for (const key of ['', 'x'.repeat(513), 'é'.repeat(257), '\ud800']) t.notOk(accepts(key), key);
  t.equal(genericKey('a/b'), 'generic/_/a/b');
  t.equal(
    outcome(() => genericKey('/a')),
    'KEY_UNREADABLE',
  );
  t.end();
});

test('S5 keys with dots for parts, encoded ones, NUL, CR LF, a comma or 600 bytes are refused', (t) => {
  const refused = [
    '/a',
    '.',
    '..',
    'a/./b',
    'a/../b',
    '../a',
    'a/..',
    '%2e%2e',
    'a/%2E./b',
    'a\0b',
    '%00',
    'a%0d%0ab',
    'a\r\nb',
    'a\tb',
  ];
  for (const key of [...refused, 'a\x7f', 'a\u0085b', 'a\u2028b', 'a,b', 'x'.repeat(600)]) {
    t.notOk(accepts(key), encodeURIComponent(key));
    t.equal(
      outcome(() => parseKey(`generic/_/${key}`)),
      'KEY_UNREADABLE',
    );
  }
  t.end();
});

import fc from 'fast-check';
import { test } from 'tap';
import { formatKey, genericKey } from '#protocol/format/key.ts';
import {
  detailObject,
  entryObject,
  entryPrefix,
  quarantineObject,
  refsObject,
  retiredObject,
  rootsDigest,
  segmentObject,
  uploadRefsObject,
} from '#protocol/format/object-name.ts';

const DIGEST = 'ab'.repeat(32);
const ROOTS = rootsDigest(['workspace:node_modules']);
const scope = { domain: 'local', scope: 'local' };
const entry = (key: string) => entryObject({ ...scope, key, rootsDigest: ROOTS });
const NOON = Date.UTC(2026, 10, 20, 12);

test('every object has its place', (t) => {
  t.equal(segmentObject('local', DIGEST), `segments/local/ab/${DIGEST}`);
  t.equal(detailObject('local', DIGEST), `details/local/${DIGEST}`);
  t.equal(uploadRefsObject('s-1', 3), 'uploads/s-1/3.refs');
  const name = entry('npm/@scope%2Fweb/abc');
  t.equal(name, `entries/local/local/npm/@scope%2Fweb/abc@${ROOTS.slice(0, 16)}.json`);
  t.equal(refsObject(name), name.replace('.json', '.refs'));
  t.equal(
    retiredObject(name, NOON),
    name.replace('entries/local/', 'retired/local/20261120T120000000Z/entries/'),
  );
  t.equal(
    quarantineObject(`segments/local/ab/${DIGEST}`, NOON),
    `quarantine/local/20261120T120000000Z/segments/ab/${DIGEST}`,
  );
  t.end();
});

test('domains and scopes are one part each, whatever is in them', (t) => {
  t.equal(segmentObject('../x', DIGEST), `segments/..%2Fx/ab/${DIGEST}`);
  t.equal(segmentObject('..', DIGEST), `segments/%2E%2E/ab/${DIGEST}`);
  t.equal(segmentObject('', DIGEST), `segments/~/ab/${DIGEST}`);
  const name = entryObject({
    domain: 'github:1',
    scope: 'p/refs/heads/main',
    key: 'generic/_/k',
    rootsDigest: ROOTS,
  });
  t.match(name, 'entries/github:1/p%2Frefs%2Fheads%2Fmain/generic/_/k@');
  t.end();
});

test('the digest of roots is that of their set', (t) => {
  t.equal(rootsDigest(['b', 'a', 'a']), rootsDigest(['a', 'b']));
  t.not(rootsDigest(['a', 'b']), rootsDigest(['ab']));
  t.not(rootsDigest(['a', 'b']), rootsDigest(['a']));
  t.match(rootsDigest([]), /^[0-9a-f]{64}$/);
  t.end();
});

const userKey = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 60 }),
      fc.constantFrom('', 'a.json', 'b.refs', 'x'.repeat(190), 'é'.repeat(60), '~', '%'),
    ),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((parts) => parts.join('/'))
  .filter((key) => {
    try {
      return genericKey(key) !== '';
    } catch {
      return false;
    }
  });

test('names are printable ASCII, no part is empty, dots or over 200 bytes', (t) => {
  const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 250 });
  fc.assert(
    fc.property(userKey, name, (key, name) =>
      [entry(genericKey(key)), refsObject(entry(formatKey('npm', name, key)))].every((object) =>
        object.split('/').every((part) => /^[\x21-\x7e]{1,200}$/.test(part) && part !== '.' && part !== '..'),
      ),
    ),
    { numRuns: 300 },
  );
  t.end();
});

test('two keys never share an object, nor is one a folder of the other', (t) => {
  fc.assert(
    fc.property(userKey, userKey, (a, b) => {
      fc.pre(a !== b);
      const [one, other] = [entry(genericKey(a)), entry(genericKey(b))];
      return one !== other && !one.startsWith(`${other}/`) && !other.startsWith(`${one}/`);
    }),
    { numRuns: 300 },
  );
  const long = 'x'.repeat(300);
  const shortened = entry(genericKey(long)).split('/').at(-1)?.split('@')[0] ?? '';
  t.ok(shortened.length < 200 && shortened.startsWith('x'.repeat(100)));
  t.not(entry(genericKey(shortened)), entry(genericKey(long)), 'a shortened name cannot be given as a key');
  t.not(entry(genericKey(`${long}y`)), entry(genericKey(long)));
  const file = entry(genericKey('k'));
  t.notOk(
    entry(genericKey(`${file.split('/').at(-1)}/x`)).startsWith(`${file}/`),
    'a key that is called as an object',
  );
  t.end();
});

test('a prefix of a key lists every entry whose key begins with it', (t) => {
  fc.assert(
    fc.property(userKey, fc.nat(), (key, cut) => {
      const whole = genericKey(key);
      const keyPrefix = [...whole].slice(0, cut % (whole.length + 1)).join('');
      return entry(whole).startsWith(entryPrefix({ ...scope, keyPrefix }));
    }),
    { numRuns: 500 },
  );
  t.equal(entryPrefix(scope), 'entries/local/local/');
  t.equal(
    entryPrefix({ ...scope, keyPrefix: 'npm/@scope%2Fweb/ab' }),
    'entries/local/local/npm/@scope%2Fweb/ab',
  );
  t.equal(
    entryPrefix({ ...scope, keyPrefix: 'npm/@scope%2' }),
    'entries/local/local/npm/@scope',
    'inside an escape',
  );
  t.ok(
    entry(formatKey('npm', '@scope/web', 'x')).startsWith(
      entryPrefix({ ...scope, keyPrefix: 'npm/@scope%2' }),
    ),
  );
  t.end();
});

test('S6 a prefix never reaches into a sibling scope', (t) => {
  const prefix = entryPrefix({ domain: 'd', scope: 'main', keyPrefix: '' });
  t.notOk(
    entryObject({ domain: 'd', scope: 'main-2', key: 'npm/a/x', rootsDigest: ROOTS }).startsWith(prefix),
  );
  t.notOk(
    entryObject({ domain: 'd', scope: 'main/x', key: 'npm/a/x', rootsDigest: ROOTS }).startsWith(prefix),
  );
  t.end();
});

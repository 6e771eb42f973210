import fc from 'fast-check';
import { test } from 'tap';
import { Compile } from 'typebox/compile';
import { FORMAT_VERSION, LIMITS } from '#protocol/format/limits.ts';
import type { Manifest, ManifestRoot, SegmentRef } from '#protocol/format/manifest.ts';
import { checkManifest, parseSignedManifest } from '#protocol/format/manifest-check.ts';
import { type ErrorCode, isFault } from '#protocol/wire/errors.ts';
import { ManifestSchema } from '#protocol/wire/routes.ts';
import { manifestOf } from './manifest-of.ts';

function codeOf(act: () => unknown): ErrorCode | 'accepted' {
  try {
    act();
    return 'accepted';
  } catch (error) {
    if (isFault(error)) return error.code;
    throw error;
  }
}

const check = (changes: Partial<Record<keyof Manifest, unknown>>) =>
  codeOf(() => checkManifest({ ...manifestOf(), ...changes }));

/** The first root with other segments, and totals that fit them. */
function withSegments(change: (segments: SegmentRef[]) => SegmentRef[]): ErrorCode | 'accepted' {
  const [first, ...others] = manifestOf().roots as [ManifestRoot, ...ManifestRoot[]];
  const segments = change(structuredClone(first.segments));
  const raw = segments.reduce((sum, segment) => sum + segment.raw, 0);
  return check({ roots: [{ ...first, segments, raw }, ...others], totals: { ...manifestOf().totals, raw } });
}

const stored = (manifest: unknown) =>
  Buffer.from(JSON.stringify({ manifest, signature: { key: 'k', value: 'v' } }));

test('a manifest that is right is read', (t) => {
  const manifest = manifestOf();
  t.equal(checkManifest(manifest), manifest);
  t.same(parseSignedManifest(stored(manifest)), { manifest, signature: { key: 'k', value: 'v' } });
  t.equal(
    withSegments((segments) => segments),
    'accepted',
  );
  t.equal(check({ times: 'a'.repeat(64), command: undefined }), 'accepted');
  t.equal(
    codeOf(() => checkManifest({ ...manifest, added: 'by a later release' })),
    'accepted',
  );
  t.end();
});

test('this version and the one before it are read; a later one is too new, whatever else it says', (t) => {
  t.equal(check({ format: FORMAT_VERSION }), 'accepted');
  t.equal(
    codeOf(() => checkManifest({ format: FORMAT_VERSION + 1, key: 'k' })),
    'FORMAT_TOO_NEW',
  );
  t.equal(check({ format: FORMAT_VERSION + 1 }), 'FORMAT_TOO_NEW');
  t.equal(
    codeOf(() => parseSignedManifest(stored({ format: 99 }))),
    'FORMAT_TOO_NEW',
  );
  for (const format of [FORMAT_VERSION - 2, 0, -1, 1.5, '1', undefined, null])
    t.equal(check({ format }), 'MANIFEST_UNREADABLE');
  t.end();
});

test('what is no manifest is unreadable', (t) => {
  const unreadable = (bytes: Buffer | string) => codeOf(() => parseSignedManifest(Buffer.from(bytes)));
  for (const text of [
    '',
    'null',
    '[]',
    '{}',
    '1',
    '{"manifest":{}}',
    '{"manifest":null,"signature":null}',
    'not json',
    '\ud800',
  ]) {
    t.equal(unreadable(text), 'MANIFEST_UNREADABLE', JSON.stringify(text));
  }
  t.equal(unreadable(Buffer.from('7b22ff', 'hex')), 'MANIFEST_UNREADABLE', 'not UTF-8');
  t.equal(unreadable(JSON.stringify({ manifest: manifestOf() })), 'MANIFEST_UNREADABLE', 'no signature');
  t.equal(
    unreadable(JSON.stringify({ manifest: manifestOf(), signature: { key: 1, value: '' } })),
    'MANIFEST_UNREADABLE',
  );
  t.equal(unreadable(Buffer.alloc(LIMITS.manifestBytes + 1, ' ')), 'MANIFEST_UNREADABLE', 'too large');
  t.end();
});

test('D4 sizes add up, to the byte', (t) => {
  const { totals, roots } = manifestOf();
  for (const wrong of [1, -1, 512]) {
    t.equal(check({ totals: { ...totals, raw: totals.raw + wrong } }), 'MANIFEST_UNREADABLE');
    t.equal(check({ totals: { ...totals, members: totals.members + wrong } }), 'MANIFEST_UNREADABLE');
    const [first, second] = roots as [ManifestRoot, ManifestRoot];
    const raw = first.raw + wrong;
    t.equal(check({ roots: [{ ...first, raw }, second], totals: { ...totals, raw } }), 'MANIFEST_UNREADABLE');
  }
  t.equal(check({ totals: { ...totals, files: 13 } }), 'MANIFEST_UNREADABLE', 'more files than members');
  t.equal(
    withSegments(([first, ...rest]) => [{ ...(first as SegmentRef), raw: 513 }, ...rest]),
    'MANIFEST_UNREADABLE',
    'no whole blocks',
  );
  const [first, second] = roots as [ManifestRoot, ManifestRoot];
  const empty = { ...first, members: 0 };
  t.equal(
    check({ roots: [empty, second], totals: { ...totals, members: 0, files: 0 } }),
    'MANIFEST_UNREADABLE',
    'bytes without members',
  );
  t.equal(
    check({ roots: [first, { ...second, members: 1 }], totals: { ...totals, members: 13 } }),
    'MANIFEST_UNREADABLE',
    'members without bytes',
  );
  t.end();
});

test('D4 parts follow their header and each other, and end with the file', (t) => {
  const part = (index: number, changes: Partial<NonNullable<SegmentRef['part']>>) =>
    withSegments((segments) => {
      const segment = segments[index] as SegmentRef;
      segments[index] = { ...segment, part: { path: '', offset: 0, size: 0, ...segment.part, ...changes } };
      return segments;
    });
  const raw = (index: number, by: number) =>
    withSegments((segments) => {
      segments[index] = { ...(segments[index] as SegmentRef), raw: (segments[index] as SegmentRef).raw + by };
      return segments;
    });
  const without = (index: number) => withSegments((segments) => segments.toSpliced(index, 1));
  for (const index of [2, 3, 4]) {
    t.equal(part(index, { offset: 512 }), 'MANIFEST_UNREADABLE', `part ${index} elsewhere`);
    t.equal(
      part(index, { offset: (index - 2) * 8 * 1024 * 1024 + 1 }),
      'MANIFEST_UNREADABLE',
      `part ${index} one byte off`,
    );
    t.equal(
      part(index, { path: 'node_modules/other' }),
      'MANIFEST_UNREADABLE',
      `part ${index} of another file`,
    );
    t.equal(part(index, { size: 16 * 1024 * 1024 }), 'MANIFEST_UNREADABLE', `part ${index} of another size`);
    t.equal(raw(index, -512), 'MANIFEST_UNREADABLE', `part ${index} too short`);
    t.equal(raw(index, 512), 'MANIFEST_UNREADABLE', `part ${index} too long`);
    t.equal(without(index), 'MANIFEST_UNREADABLE', `part ${index} missing`);
  }
  t.equal(
    withSegments((segments) => segments.slice(0, 5)),
    'accepted',
    'a file may be the last',
  );
  t.equal(
    withSegments((segments) => segments.slice(0, 4)),
    'MANIFEST_UNREADABLE',
    'but whole',
  );
  t.equal(
    withSegments((segments) => segments.slice(2)),
    'MANIFEST_UNREADABLE',
    'no header',
  );
  t.equal(
    withSegments((segments) => [...segments.slice(0, 5), ...segments.slice(2, 5)]),
    'MANIFEST_UNREADABLE',
    'twice, one header',
  );
  t.equal(
    withSegments((segments) => [...segments, ...segments.slice(1, 5)]),
    'accepted',
    'with a header of its own',
  );
  t.equal(
    withSegments((segments) =>
      segments.with(3, { ...(segments[3] as SegmentRef), part: undefined as never }),
    ),
    'MANIFEST_UNREADABLE',
  );
  t.end();
});

test('parts of files outside the root, or of names that lead out of it, are refused', (t) => {
  const of = (path: string) =>
    withSegments((segments) =>
      segments.map((segment) => (segment.part ? { ...segment, part: { ...segment.part, path } } : segment)),
    );
  t.equal(of('node_modules/other'), 'accepted');
  for (const path of ['node_modules-evil/x', 'other', '../x', 'node_modules/../x', '/etc/x', ''])
    t.equal(of(path), 'MANIFEST_UNREADABLE', path);
  t.end();
});

test('roots are roots, and do not nest', (t) => {
  const roots = (...texts: string[]) => {
    const [first, second] = manifestOf().roots as [ManifestRoot, ManifestRoot];
    return check({ roots: [first, ...texts.map((root) => ({ ...second, root }))] });
  };
  t.equal(roots('workspace:dist', 'abs:opt/x'), 'accepted');
  for (const root of [
    'dist',
    'workspace:../x',
    'abs:etc',
    'home:.',
    'workspace:node_modules',
    'workspace:node_modules/x',
    'workspace:.',
    'workspace:a/',
  ]) {
    t.equal(roots(root), 'MANIFEST_UNREADABLE', root);
  }
  t.equal(check({ roots: [] }), 'MANIFEST_UNREADABLE');
  t.end();
});

test('the key names the kind and the name', (t) => {
  t.equal(check({ kind: 'maven' }), 'MANIFEST_UNREADABLE');
  t.equal(check({ name: 'web' }), 'MANIFEST_UNREADABLE');
  t.equal(check({ key: 'npm/@scope/web/x' }), 'MANIFEST_UNREADABLE');
  t.equal(check({ key: 'npm/@scope%2Fweb/../x' }), 'MANIFEST_UNREADABLE');
  t.end();
});

test('limits: segments and members of an entry', (t) => {
  const [first, second] = manifestOf().roots as [ManifestRoot, ManifestRoot];
  const many = (count: number, root: string): ManifestRoot => {
    const segments = Array.from({ length: count }, () => ({ identity: 'a'.repeat(64), raw: 512 }));
    return { ...second, root, segments, raw: count * 512, members: count };
  };
  const of = (...roots: ManifestRoot[]) => {
    const raw = roots.reduce((sum, root) => sum + root.raw, 0);
    const members = roots.reduce((sum, root) => sum + root.members, 0);
    return check({ roots, totals: { members, files: 0, raw } });
  };
  t.equal(of(many(LIMITS.segmentsPerEntry, 'workspace:a')), 'accepted');
  t.equal(of(many(LIMITS.segmentsPerEntry + 1, 'workspace:a')), 'MANIFEST_UNREADABLE');
  t.equal(
    of(many(LIMITS.segmentsPerEntry, 'workspace:a'), many(1, 'workspace:b')),
    'MANIFEST_UNREADABLE',
    'over all roots',
  );
  const segments = Array.from({ length: 400 }, () => ({ identity: 'a'.repeat(64), raw: LIMITS.segmentRaw }));
  const raw = 400 * LIMITS.segmentRaw;
  t.equal(of({ ...first, segments, raw, members: LIMITS.membersPerEntry }), 'accepted');
  t.equal(of({ ...first, segments, raw, members: LIMITS.membersPerEntry + 1 }), 'MANIFEST_UNREADABLE');
  t.end();
});

test('the shape that is checked here is the shape of the wire', (t) => {
  const schema = Compile(ManifestSchema);
  const shape = (value: unknown) => {
    const code = codeOf(() => checkManifest(value));
    // Sums, keys and roots are beyond a schema: only what the two can both judge is compared.
    return code === 'accepted';
  };
  t.ok(schema.Check(manifestOf()) && shape(manifestOf()));
  const odd = fc.constantFrom<unknown>(
    undefined,
    null,
    true,
    -1,
    1.5,
    0,
    2 ** 53,
    Number.NaN,
    '',
    'x',
    'x'.repeat(5000),
    [],
    {},
    [null],
    ['x'],
    'A'.repeat(64),
  );
  const places = pathsOf(manifestOf());
  fc.assert(
    fc.property(fc.constantFrom(...places), odd, (place, value) => {
      const manifest = replaced(manifestOf(), place, value);
      // Whatever is accepted here, the wire lets through.
      return !shape(manifest) || schema.Check(manifest);
    }),
    { numRuns: 3000 },
  );
  const { format, ...shapeOnly } = manifestOf();
  for (const name of Object.keys(shapeOnly)) {
    const missing = replaced(manifestOf(), [name], undefined);
    t.equal(shape(missing), schema.Check(missing), `without ${name}`);
  }
  t.end();
});

type Place = (string | number)[];

/** Every place in a value, as a path. */
function pathsOf(value: unknown, above: Place = []): Place[] {
  if (typeof value !== 'object' || value === null) return [above];
  return [
    above,
    ...Object.entries(value).flatMap(([name, inner]) => pathsOf(inner, [...above, name])),
  ].filter((place) => place.length > 0);
}

/** A copy with one place replaced, or removed by undefined. */
function replaced(value: unknown, [name, ...rest]: Place, by: unknown): unknown {
  if (name === undefined) return by;
  const copy = structuredClone(value) as Record<string | number, unknown>;
  copy[name] = replaced(copy[name], rest, by);
  if (copy[name] === undefined && !Array.isArray(copy)) delete copy[name];
  return copy;
}

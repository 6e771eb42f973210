/**
 * What our reader accepts, GNU tar lists and tar-stream parses: the same names, types, sizes and links. Archives that two
 * readers read in two ways are how one program is made to check what another extracts (CVE-2025-62518).
 */
import { deepStrictEqual } from 'node:assert';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import fc from 'fast-check';
import { test } from 'tap';
import tarStream from 'tar-stream';
import { readMembers } from '#protocol/format/tar-reader.ts';
import { isFault } from '#protocol/wire/errors.ts';
import { need } from '../../needs.ts';
import { listWithGnuTar } from './gnu-tar.ts';
import { END } from './header-block.ts';
import { anyChange, anyMember, changed, headersOf, streamOf } from './tar-changes.ts';

interface Seen {
  type: string;
  path: string;
  size: number;
  link: string | undefined;
}

/** What our reader makes of it, or undefined if it refuses. */
function ours(stream: Buffer): Seen[] | undefined {
  try {
    return readMembers(stream).map(({ member: { type, path, size, link } }) => ({ type, path, size, link }));
  } catch (error) {
    if (isFault(error)) return undefined;
    throw error;
  }
}

/** Folders are named with a slash at their end; nothing else that we accept is. */
const withoutSlash = (path: string) => path.replace(/\/$/, '');

const LETTERS: Record<string, string> = { d: 'directory', '-': 'file', l: 'symlink', h: 'hardlink' };

function gnuTars(stream: Buffer): Seen[] | undefined {
  return listWithGnuTar(Buffer.concat([stream, END]))?.map(({ type, path, size, link }) => ({
    type: LETTERS[type] ?? type,
    path: withoutSlash(path),
    size,
    link,
  }));
}

const TYPES: Record<string, string> = {
  directory: 'directory',
  file: 'file',
  symlink: 'symlink',
  link: 'hardlink',
};

async function tarStreams(stream: Buffer): Promise<Seen[]> {
  const extract = tarStream.extract();
  const seen: Seen[] = [];
  extract.on('entry', ({ type, name, size, linkname }, content, next) => {
    const path = withoutSlash(name);
    seen.push({
      type: TYPES[type ?? ''] ?? String(type),
      path,
      size: size ?? 0,
      link: linkname ?? undefined,
    });
    content.on('end', next).resume();
  });
  Readable.from([stream, END]).pipe(extract);
  await finished(extract);
  return seen;
}

test('what is written is read back, whatever the names, and GNU tar agrees', (t) => {
  if (!need(t, 'tar')) return;
  fc.assert(
    fc.property(fc.array(anyMember, { minLength: 1, maxLength: 40 }), (members) => {
      const stream = streamOf(members);
      const written = members.map(({ type, path, size, link }) => ({ type, path, size, link }));
      deepStrictEqual(ours(stream), written);
      deepStrictEqual(gnuTars(stream), written);
    }),
    { numRuns: 60 },
  );
  t.end();
});

test('E14 what is accepted of a changed archive, GNU tar and tar-stream list alike (CVE-2025-62518)', async (t) => {
  if (!need(t, 'tar')) return;
  const runs = Number(process.env.CACHALOT_TEST_RUNS ?? 600);
  const members = fc.array(anyMember, { minLength: 1, maxLength: 4 });
  const changes = fc.array(anyChange, { minLength: 1, maxLength: 2 });
  let accepted = 0;
  await fc.assert(
    fc.asyncProperty(members, changes, async (before, each) => {
      const headers = headersOf(before);
      const stream = each.reduce((bytes, change) => changed(bytes, headers, change), streamOf(before));
      const read = ours(stream);
      if (read === undefined) return;
      accepted++;
      deepStrictEqual(gnuTars(stream), read);
      deepStrictEqual(await tarStreams(stream), read);
    }),
    { numRuns: runs },
  );
  t.ok(accepted > runs / 20, `${accepted} of ${runs} were accepted and compared`);
});

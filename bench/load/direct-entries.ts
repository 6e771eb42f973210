/**
 * Entries written into a data folder as a server would have left them there, without one: for more of them than anybody would
 * save in a benchmark. Each has one small segment of its own.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { genericKey } from '#protocol/format/key.ts';
import { FORMAT_VERSION } from '#protocol/format/limits.ts';
import { checkManifest } from '#protocol/format/manifest-check.ts';
import { entryObject, rootsDigest, segmentObject } from '#protocol/format/object-name.ts';
import { signedManifestBytes, signManifest } from '#protocol/format/signature.ts';
import { openSigningKeys } from '#server/signing/signing-keys.ts';
import { openFileSystemStore } from '#server/store/file-system.ts';
import { ROOT, readySegments } from './direct-save.ts';

const SEGMENT_BYTES = 512;
const AT_ONCE = 16;
const PIECE = 1_000;
const OWNER = { domain: 'local', scope: 'local' };

/** `data` exists and is empty. */
export async function writeEntries(data: string, count: number): Promise<void> {
  const objects = join(data, 'objects');
  await mkdir(objects, { recursive: true });
  const signing = await openSigningKeys(join(data, 'signing.pem'));
  const store = await openFileSystemStore(objects);
  const created = new Date(await store.now()).toISOString();
  const digest = rootsDigest([ROOT]);
  const write = async (n: number, { identity, raw, stored }: ReturnType<typeof readySegments>[number]) => {
    const key = genericKey(`entry-${n}`);
    const manifest = checkManifest({
      format: FORMAT_VERSION,
      kind: 'generic',
      name: '_',
      key,
      ...OWNER,
      roots: [
        { root: ROOT, restore: 'replace', modes: 'kept', members: 1, raw, segments: [{ identity, raw }] },
      ],
      inputs: [],
      platform: { os: 'linux', arch: 'x64', foldsCase: false },
      totals: { members: 1, files: 1, raw },
      writer: { program: 'bench', version: '1' },
      timings: {},
      created,
    });
    await store.put(segmentObject(OWNER.domain, identity), stored);
    const bytes = signedManifestBytes(signManifest(manifest, signing.current));
    await store.put(entryObject({ ...OWNER, key, rootsDigest: digest }), bytes);
  };
  try {
    for (let from = 0; from < count; from += PIECE) {
      const segments = readySegments(Math.min(PIECE, count - from), SEGMENT_BYTES);
      let next = 0;
      const work = async (): Promise<void> => {
        for (let at = next++; at < segments.length; at = next++) {
          const segment = segments[at];
          if (segment !== undefined) await write(from + at, segment);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, work));
    }
  } finally {
    await store.close();
  }
}

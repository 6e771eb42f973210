/**
 * A save that costs its maker nothing while it runs: segments are made before, and sent as any client sends them. So what is
 * measured beside it is the server, not the packing of a tree on the same cores.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { encodeStored } from '#protocol/format/frame.ts';
import { genericKey } from '#protocol/format/key.ts';
import { encodeBatchPart } from '#protocol/wire/batch.ts';
import type { OpenSaveAnswer, WriteAnswer } from '#protocol/wire/routes.ts';

export const ROOT = 'workspace:build';

export interface ReadySegment {
  identity: string;
  raw: number;
  stored: Buffer;
}

/** Real bytes (Node's own executable) of `raw` bytes each, no two segments equal. `raw` is a multiple of 512. */
export function readySegments(count: number, raw: number): ReadySegment[] {
  const source = readFileSync(process.execPath);
  return Array.from({ length: count }, (_, index) => {
    const from = (index * raw) % (source.length - raw);
    const bytes = Buffer.from(source.subarray(from, from + raw));
    randomBytes(16).copy(bytes);
    const stored = encodeStored(bytes);
    return { identity: stored.identity, raw, stored: stored.stored };
  });
}

/** Sends and commits an entry of these segments under `key`. Throws at the first answer that is not 200. */
export async function saveDirectly(
  port: number,
  key: string,
  segments: readonly ReadySegment[],
  headers: Record<string, string> = {},
): Promise<void> {
  const post = <T>(url: string, body: object | Buffer) => send<T>(url, body, headers);
  const api = `http://127.0.0.1:${port}/api/v1`;
  const { save } = await post<OpenSaveAnswer>(`${api}/saves`, {
    kind: 'generic',
    name: '_',
    key: genericKey(key),
    roots: [ROOT],
  });
  const identities = segments.map(({ identity }) => identity);
  const { lack } = await post<{ lack: string[] }>(`${api}/saves/${save}/lack`, { identities });
  const lacking = new Set(lack);
  for (const body of bodies(segments.filter(({ identity }) => lacking.has(identity)))) {
    const parts = body.flatMap(({ stored }) => encodeBatchPart(stored));
    const { results } = await post<WriteAnswer>(`${api}/segments/write`, Buffer.concat(parts));
    const refused = results.find(({ status }) => status === 'refused');
    if (refused) throw new Error(`a segment was refused: ${refused.code} ${refused.message}`);
  }
  const raw = segments.reduce((sum, segment) => sum + segment.raw, 0);
  await post(`${api}/saves/${save}/commit`, {
    roots: [
      {
        root: ROOT,
        restore: 'replace',
        modes: 'kept',
        members: 1,
        raw,
        segments: segments.map((segment) => ({ identity: segment.identity, raw: segment.raw })),
      },
    ],
    inputs: [],
    platform: { os: 'linux', arch: 'x64', foldsCase: false },
    totals: { members: 1, files: 1, raw },
    writer: { program: 'bench', version: '1' },
    timings: {},
  });
}

const BODY_BYTES = 8 * 1024 * 1024;

function bodies(segments: readonly ReadySegment[]): ReadySegment[][] {
  const found: ReadySegment[][] = [];
  let bytes = BODY_BYTES;
  for (const segment of segments) {
    if (bytes >= BODY_BYTES) {
      found.push([]);
      bytes = 0;
    }
    found.at(-1)?.push(segment);
    bytes += segment.stored.length;
  }
  return found;
}

async function send<T>(url: string, body: object | Buffer, headers: Record<string, string>): Promise<T> {
  const isBytes = Buffer.isBuffer(body);
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': isBytes ? 'application/octet-stream' : 'application/json', ...headers },
    body: isBytes
      ? (new Uint8Array(body.buffer, body.byteOffset, body.length) as Uint8Array<ArrayBuffer>)
      : JSON.stringify(body),
  });
  if (answer.status !== 200) throw new Error(`POST ${url}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

/**
 * The index in Redis, for any number of processes. A call is answered or fails (`INDEX_FAILED`) within two seconds.
 *
 * What it adds to the contract: rows of an interrupted change are never half there (each change is one script), and the epoch
 * counts only on the servers that it was written on.
 */

import type { Digest } from '#protocol/format/manifest.ts';
import { fault } from '#protocol/wire/errors.ts';
import type { RedisClient } from '../../redis/connect.ts';
import type { RedisLink } from '../../redis/redis-link.ts';
import { defineScripts, run, type Script } from '../../redis/script.ts';
import type { EntryIndex, EntryRow, FindQuery, SegmentRow } from '../entry-index.ts';
import { FIND_ENTRY, PUT_ENTRY, REMOVE_ENTRY } from './entry-scripts.ts';
import { SET_EPOCH } from './epoch-scripts.ts';
import { domainKeys, epochKeys, everyDomainKey } from './keys.ts';
import { newestEntries } from './newest-entries.ts';
import { rowOf, rowValue, shelf } from './row-value.ts';
import { PUT_SEGMENTS, REMOVE_SEGMENT } from './segment-scripts.ts';
import { identityField, segmentOf, segmentValue } from './segment-value.ts';

/** Segments in one command: Redis does nothing else meanwhile. */
const PIECE = 500;
/** Keys that one step of a scan looks at. */
const SCAN_COUNT = 1_000;

/** `link` is closed with the index. */
export function openRedisIndex(link: RedisLink): EntryIndex {
  return new RedisIndex(link);
}

class RedisIndex implements EntryIndex {
  readonly #link: RedisLink;
  readonly #prefix: string;

  constructor(link: RedisLink) {
    this.#link = link;
    this.#prefix = link.settings.prefix;
    defineScripts(link.client, [
      PUT_ENTRY,
      REMOVE_ENTRY,
      FIND_ENTRY,
      PUT_SEGMENTS,
      REMOVE_SEGMENT,
      SET_EPOCH,
    ]);
  }

  async find({ domain, scopes, rootsDigest, match }: FindQuery): Promise<EntryRow | undefined> {
    if (scopes.length === 0) return undefined;
    const text = 'exact' in match ? `${match.exact}\0` : match.prefix;
    const places = scopes.map((scope) => shelf(scope, rootsDigest) + text);
    const found = (await this.#runEntries(FIND_ENTRY, domain, places)) as [id: string, row: string] | null;
    return found === null ? undefined : rowOf(domain, ...found);
  }

  async byId(domain: string, id: string): Promise<EntryRow | undefined> {
    const { rows } = domainKeys(this.#prefix, domain);
    const value = await this.#ask((client) => client.hget(rows, id));
    return value === null ? undefined : rowOf(domain, id, value);
  }

  async list({
    domain,
    scopes,
    kind,
    prefix = '',
    limit,
  }: Parameters<EntryIndex['list']>[0]): Promise<EntryRow[]> {
    const text = narrower(kind === undefined ? '' : `${kind}/`, prefix);
    if (text === undefined || scopes.length === 0) return [];
    const places = [...new Set(scopes)].map((scope) => shelf(scope, undefined) + text);
    const keys = domainKeys(this.#prefix, domain);
    const found = await newestEntries((question) => this.#ask(question), keys, places, limit);
    return found.map(([id, row]) => rowOf(domain, id, row));
  }

  async put(row: EntryRow): Promise<void> {
    await this.#runEntries(PUT_ENTRY, row.domain, [row.id, rowValue(row)]);
  }

  async remove(domain: string, id: string): Promise<void> {
    await this.#runEntries(REMOVE_ENTRY, domain, [id]);
  }

  async putSegments(domain: string, rows: SegmentRow[]): Promise<void> {
    for (const piece of inPieces(rows)) {
      const values = piece.flatMap((row) => [identityField(row.identity), segmentValue(row)]);
      await this.#runSegments(PUT_SEGMENTS, domain, values);
    }
  }

  async segments(domain: string, identities: Digest[]): Promise<Map<Digest, SegmentRow>> {
    const { segments } = domainKeys(this.#prefix, domain);
    const pieces = [...inPieces(identities)];
    const values = await this.#ask((client) =>
      Promise.all(pieces.map((piece) => client.hmgetBuffer(segments, ...piece.map(identityField)))),
    );
    const found = new Map<Digest, SegmentRow>();
    for (const [at, piece] of pieces.entries()) {
      for (const [index, identity] of piece.entries()) {
        const value = values[at]?.[index];
        if (value) found.set(identity, segmentOf(identity, value));
      }
    }
    return found;
  }

  async removeSegment(domain: string, identity: Digest): Promise<void> {
    await this.#runSegments(REMOVE_SEGMENT, domain, [identityField(identity)]);
  }

  async totals(domain: string): Promise<{ entries: number; storedBytes: number }> {
    const { rows, stored } = domainKeys(this.#prefix, domain);
    return await this.#ask(async (client) => {
      const [entries, bytes] = await Promise.all([client.hlen(rows), client.get(stored)]);
      return { entries, storedBytes: Number(bytes ?? 0) };
    });
  }

  async epoch(): Promise<string | undefined> {
    const [key] = epochKeys(this.#prefix);
    const [record, servers] = await asked(
      Promise.all([this.#link.call((client) => client.get(key)), this.#link.servers()]),
    );
    return record?.startsWith(`${servers} `) ? record.slice(servers.length + 1) : undefined;
  }

  async beginEpoch(epoch: string): Promise<void> {
    const [, key] = epochKeys(this.#prefix);
    const record = await this.#record(epoch);
    await this.#ask((client) => client.set(key, record));
  }

  async setEpoch(epoch: string): Promise<boolean> {
    const record = await this.#record(epoch);
    const keys = epochKeys(this.#prefix);
    return (await this.#ask((client) => run(client, SET_EPOCH, keys, [record]))) === 1;
  }

  async doubt(): Promise<void> {
    await this.#ask((client) => client.del(...epochKeys(this.#prefix)));
  }

  async clear(): Promise<void> {
    await this.doubt();
    await asked(this.#unlinkAll(this.#link.client));
  }

  async close(): Promise<void> {
    this.#link.close();
  }

  async #unlinkAll(client: RedisClient): Promise<void> {
    const nodes = 'nodes' in client ? client.nodes('master') : [client];
    for (const node of nodes) {
      let cursor = '0';
      do {
        const [next, keys] = await this.#link.call(() =>
          node.scan(cursor, 'MATCH', everyDomainKey(this.#prefix), 'COUNT', SCAN_COUNT),
        );
        // One by one: those of other domains are in other slots.
        for (const key of keys) await this.#link.call(() => client.unlink(key));
        cursor = next;
      } while (cursor !== '0');
    }
  }

  async #record(epoch: string): Promise<string> {
    return `${await asked(this.#link.servers())} ${epoch}`;
  }

  #runEntries(script: Script, domain: string, values: (string | number)[]): Promise<unknown> {
    const { rows, order, newest } = domainKeys(this.#prefix, domain);
    return this.#ask((client) => run(client, script, [rows, order, newest], values));
  }

  #runSegments(script: Script, domain: string, values: Buffer[]): Promise<unknown> {
    const { segments, stored } = domainKeys(this.#prefix, domain);
    return this.#ask((client) => run(client, script, [segments, stored], values));
  }

  #ask<T>(question: (client: RedisClient) => Promise<T>): Promise<T> {
    return asked(this.#link.call(question));
  }
}

async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw fault('INDEX_FAILED', { why: (error as Error).message });
  }
}

/** The text that both prefixes say together; undefined where nothing begins with both. */
function narrower(one: string, other: string): string | undefined {
  if (one.startsWith(other)) return one;
  return other.startsWith(one) ? other : undefined;
}

function* inPieces<T>(items: readonly T[]): Generator<T[]> {
  for (let at = 0; at < items.length; at += PIECE) yield items.slice(at, at + PIECE);
}

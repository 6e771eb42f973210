/**
 * Five ways to break what must hold, each by a part that does less than it promises. Nothing of them is in the program: a server of the
 * tests is told by {@link BREAKAGE_VARIABLE} to put one in its place, so that it is seen whether the checker finds it.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseStored } from '#protocol/format/frame.ts';
import type { EntryParts } from '#server/entries/parts.ts';
import type { ServeOptions } from '#server/main.ts';
import type { RetentionParts } from '#server/retention/parts.ts';
import type { ObjectStore } from '#server/store/object-store.ts';

export const BREAKAGE_VARIABLE = 'CACHALOT_TEST_BREAKAGE';

/** How long segments are on their way after they were said to be there. */
const BEHIND_MS = 1_500;
/** How old a mark is when it is used. */
const OLD_MARK_MS = 4_000;

type Change = NonNullable<ServeOptions['change']>;

export const BREAKAGES = {
  /** What is sent is taken for what its trailer says. */
  'verification-skipped': { entries: (parts) => ({ ...parts, verifier: { verify: unverified } }) },
  /** Segments are said to be stored when they are not yet. */
  'commit-before-segments': { entries: (parts) => ({ ...parts, store: writingBehind(parts.store) }) },
  /** What an old mark has not found is deleted at once, whatever its age, and sessions' lists are no roots. */
  'sweep-without-grace': { retention: (parts) => withoutGrace(parts) },
  /** An entry of any scope is an answer. */
  'wrong-scope': { entries: (parts) => inEveryScope(parts) },
  /** Bytes are read in whatever version they are now. */
  'stale-layout': { entries: (parts) => ({ ...parts, store: inAnyVersion(parts.store) }) },
} satisfies Record<string, Change>;

export type Breakage = keyof typeof BREAKAGES;

async function unverified(stored: Buffer) {
  const { identity, raw, digest } = parseStored(stored);
  return { identity, raw, digest, length: stored.length };
}

/** The same store but for some calls. */
function like(store: ObjectStore, changed: Partial<ObjectStore>): ObjectStore {
  return new Proxy(store, {
    get(target, name) {
      const given = changed[name as keyof ObjectStore];
      if (given !== undefined) return given;
      const own: unknown = Reflect.get(target, name, target);
      return typeof own === 'function' ? own.bind(target) : own;
    },
  });
}

function writingBehind(store: ObjectStore): ObjectStore {
  const behind = new Map<string, { size: number; etag: string; modified: number }>();
  return like(store, {
    async head(name) {
      const pending = behind.get(name);
      return pending === undefined ? await store.head(name) : { name, ...pending };
    },
    async put(name, bytes, options) {
      if (!name.startsWith('segments/')) return await store.put(name, bytes, options);
      if (behind.has(name) || (await store.head(name)) !== undefined) return 'exists';
      const etag = createHash('md5').update(bytes).digest('hex');
      const copy = Buffer.from(bytes);
      behind.set(name, { size: bytes.length, etag, modified: await store.now() });
      void sleep(BEHIND_MS, undefined, { ref: false })
        .then(() => store.put(name, copy, options))
        .catch(() => undefined)
        .finally(() => behind.delete(name));
      return { etag };
    },
  });
}

function withoutGrace({ store, lifetimes, ...parts }: RetentionParts): RetentionParts {
  return {
    ...parts,
    lifetimes: { ...lifetimes, grace: 0, hold: 0 },
    store: like(store, {
      async *list(prefix) {
        if (prefix.startsWith('uploads/')) return;
        const then = (await store.now()) - OLD_MARK_MS;
        for await (const head of store.list(prefix))
          if (!head.name.startsWith('entries/') || head.modified < then) yield head;
      },
    }),
  };
}

/** Scopes of a test are few: whoever asks is answered from all that anybody has asked for. */
function inEveryScope(parts: EntryParts): EntryParts {
  const scopes = new Set<string>();
  const { index } = parts;
  return {
    ...parts,
    index: new Proxy(index, {
      get(target, name) {
        if (name === 'find')
          return (query: Parameters<typeof index.find>[0]) => {
            for (const scope of query.scopes) scopes.add(scope);
            return index.find({ ...query, scopes: [...scopes].sort() });
          };
        const own: unknown = Reflect.get(target, name, target);
        return typeof own === 'function' ? own.bind(target) : own;
      },
    }),
  };
}

function inAnyVersion(store: ObjectStore): ObjectStore {
  return like(store, {
    read: (name, start, end) => store.read(name, start, end),
  });
}

/**
 * What is condemned: segments and details that retention found nobody to need, and will delete unless somebody does by then. It
 * stands in lists, `condemned/<domain>/<area>/<cycle>-<n>.refs`, each of them written once.
 *
 * Condemned is a version, not a name: what was put since, or within the grace before the list was written, is not. So a save
 * that sends a condemned segment again makes it safe by that alone.
 *
 * Who asks reads the lists first and looks at the objects then, or might find an object that is being deleted and the list gone.
 */
import { LRUCache } from 'lru-cache';
import type { Digest } from '#protocol/format/manifest.ts';
import { domainPart, type SharedArea } from '#protocol/format/object-name.ts';
import { LIFETIMES } from './lifetimes.ts';
import type { EntryParts } from './parts.ts';
import { type CondemnedList, holdsVersion } from './refs.ts';

/** Bytes of lists that are kept in memory; others are read again. */
const KEPT_BYTES = 32 * 1024 * 1024;
/** Domains and areas whose lists are known at once. */
const KNOWN = 1_000;

/** Whether a version of an object, put at `modified`, is condemned. */
export type IsCondemned = (identity: Digest, modified: number) => boolean;

export class Condemned {
  readonly #parts: EntryParts;
  readonly #lists = new LRUCache<string, CondemnedList>({
    maxSize: KEPT_BYTES,
    sizeCalculation: ({ refs }) => refs.length + 200,
  });
  readonly #known = new LRUCache<string, { at: number; lists: CondemnedList[] }>({ max: KNOWN });

  constructor(parts: EntryParts) {
    this.#parts = parts;
  }

  /** `fresh` asks the store, whatever is remembered. */
  async of(domain: string, area: SharedArea, { fresh = false } = {}): Promise<IsCondemned> {
    const { clock, lifetimes = LIFETIMES } = this.#parts;
    const prefix = `condemned/${domainPart(domain)}/${area}/`;
    const now = clock();
    let known = fresh ? undefined : this.#known.get(prefix);
    if (known === undefined || now - known.at >= lifetimes.known) {
      known = { at: now, lists: await this.#read(prefix) };
      this.#known.set(prefix, known);
    }
    const { lists } = known;
    return (identity, modified) =>
      lists.some((list) => holdsVersion(list, identity, modified, lifetimes.grace));
  }

  async #read(prefix: string): Promise<CondemnedList[]> {
    const { store } = this.#parts;
    const lists: CondemnedList[] = [];
    for await (const { name, modified } of store.list(prefix)) {
      let list = this.#lists.get(name);
      if (list === undefined) {
        const found = await store.get(name);
        // Its cycle has come to its end meanwhile: what it had to delete is gone.
        if (found === undefined || found === 'changed') continue;
        list = { modified, refs: found.bytes };
        this.#lists.set(name, list);
      }
      lists.push(list);
    }
    return lists;
  }
}

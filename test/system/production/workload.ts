/** Clients that save and restore at random, from a seed, and write down what they heard. */
import { setTimeout as sleep } from 'node:timers/promises';
import { sha256 } from '#protocol/format/digest.ts';
import { verifyStored } from '#protocol/format/frame.ts';
import { ask, ROOT } from '../../server/api/open-server.ts';
import { commitRequest, damaged, type MadeSegment, someSegments } from '../../server/made-segments.ts';
import type { Content, History, Restore, Save } from './history.ts';

/** Of what many entries share; few, so that they are condemned and needed again. */
const SHARED = 24;
const SHARED_BYTES = 20_000;
const PATIENCE_MS = 8_000;
/** Segments that are met again by who meddles with them. */
const REMEMBERED = 30;
/** Before a commit. */
const LONGEST_PAUSE_MS = 2_000;

/** 0 to 1; the same for the same seed. */
export type Random = () => number;

/** Whose saves and restores they are. Keys of all projects are alike. */
export interface Project {
  name: string;
  /** Of every request. */
  headers: Record<string, string>;
}

export interface WorkloadOptions {
  projects: readonly Project[];
  /** Addresses to choose from, as they are at that moment. */
  urls: () => string[];
  random: Random;
  /** Milliseconds since the run began. */
  clock: () => number;
  keys: number;
  /** The share of saves that take their time before they commit. */
  slow: number;
  /** The share of segments that are damaged on their way. */
  harmed: number;
}

export class Workload {
  readonly history: (Save | Restore)[] = [];
  readonly #options: WorkloadOptions;
  readonly #shared = someSegments(SHARED, 'shared', SHARED_BYTES);
  readonly #contents = new Set<Content>();
  /** The last that were stored. */
  readonly #stored: MadeSegment[] = [];
  #writes = 0;

  constructor(options: WorkloadOptions) {
    this.#options = options;
  }

  /** One client, until the signal ends it. */
  async client(signal: AbortSignal): Promise<void> {
    const { random, keys } = this.#options;
    while (!signal.aborted) {
      const key = `npm/shop/${Math.floor(random() * keys)}`;
      const project = this.#project();
      const { outcome } = random() < 0.4 ? await this.save(key, project) : await this.restore(key, project);
      // As runners do: who met a fault is not back at once.
      if (/refused|lost|failed/.test(outcome)) await sleep(100, undefined, { signal }).catch(() => undefined);
    }
  }

  /** One of the segments that were stored lately, if there are any. */
  someStored(): MadeSegment | undefined {
    return this.#stored[Math.floor(this.#options.random() * this.#stored.length)];
  }

  /** Restores every key that was ever saved, once. */
  async restoreAll(): Promise<void> {
    const saved = new Set((this.history as History).map((one) => one.key));
    for (const project of this.#options.projects)
      for (let n = 0; n < this.#options.keys; n++)
        if (saved.has(keyOf(project, `npm/shop/${n}`))) await this.restore(`npm/shop/${n}`, project);
  }

  async save(key: string, project: Project): Promise<Save> {
    const { random, clock } = this.#options;
    const segments = this.#someContent(random);
    const content = nameOf(segments);
    this.#contents.add(content);
    const begun = clock();
    const outcome = await this.#trySave(key, project, segments).catch(() => 'lost' as const);
    const save: Save = { op: 'save', key: keyOf(project, key), content, begun, ended: clock(), outcome };
    this.history.push(save);
    return save;
  }

  async restore(key: string, project: Project): Promise<Restore> {
    const { clock } = this.#options;
    const begun = clock();
    const answer = await this.#tryRestore(key, project).catch(() => ({ outcome: 'failed' as const }));
    const restore: Restore = { op: 'restore', key: keyOf(project, key), begun, ended: clock(), ...answer };
    this.history.push(restore);
    return restore;
  }

  /** Some that others have too, and one that nobody has. */
  #someContent(random: Random): MadeSegment[] {
    const shared = this.#shared.filter(() => random() < 0.15);
    return [...shared, ...someSegments(1, `own-${this.#writes++}`, 2_000 + Math.floor(random() * 30_000))];
  }

  #project(): Project {
    const { projects, random } = this.#options;
    return projects[Math.floor(random() * projects.length)] as Project;
  }

  #url(): string {
    const urls = this.#options.urls();
    return urls[Math.floor(this.#options.random() * urls.length)] ?? '';
  }

  async #trySave(key: string, { headers }: Project, segments: MadeSegment[]): Promise<Save['outcome']> {
    const url = this.#url();
    const opened = await asked(url, '/saves', {
      headers,
      json: { kind: 'npm', name: 'shop', key, roots: [ROOT] },
    });
    if (opened.status !== 200 && opened.status !== 201) return 'refused';
    if (opened.json.exists !== undefined) return 'exists';
    const path = `/saves/${opened.json.save}`;
    const identities = segments.map(({ identity }) => identity);
    const lacking = await asked(url, `${path}/lack`, { headers, json: { identities } });
    if (lacking.status !== 200) return 'refused';
    const { random, slow, harmed } = this.#options;
    for (const segment of segments) {
      const { identity, stored } = segment;
      if (!lacking.json.lack.includes(identity)) continue;
      const bytes = random() < harmed ? damaged(stored) : stored;
      const put = await asked(url, `/segments/${identity}`, { headers, method: 'PUT', bytes });
      if (put.status >= 300) return 'refused';
      this.#stored.push(segment);
      if (this.#stored.length > REMEMBERED) this.#stored.shift();
    }
    if (random() < slow) await sleep(random() * LONGEST_PAUSE_MS);
    const committed = await asked(url, `${path}/commit`, {
      headers,
      json: commitRequest({ [ROOT]: segments }),
    });
    if (committed.status === 200 || committed.status === 201) return 'committed';
    if (committed.status === 409) return 'exists';
    // What failed behind the server may have been done.
    return committed.status >= 500 ? 'lost' : 'refused';
  }

  async #tryRestore(key: string, { headers }: Project): Promise<Pick<Restore, 'outcome' | 'content'>> {
    const url = this.#url();
    const looked = await asked(url, '/lookup', {
      headers,
      json: { wants: [{ keys: [key], roots: [ROOT] }] },
    });
    if (looked.status !== 200) return { outcome: 'failed' };
    const [{ hit, entry, layout }] = looked.json.results;
    if (hit === 'none') return { outcome: 'miss' };
    const { status, bytes } = await asked(url, `/entries/${entry}/archive`, { headers });
    if (status === 404) return { outcome: 'hole' };
    if (status !== 200) return { outcome: 'failed' };
    const content = contentOf(bytes, layout.segments);
    return {
      outcome: 'hit',
      content: content !== undefined && this.#contents.has(content) ? content : undefined,
    };
  }
}

/** As the history has it: one project's key is not another's. */
function keyOf({ name }: Project, key: string): string {
  return `${name}: ${key}`;
}

/** Undefined where the bytes are not what the layout says. */
function contentOf(archive: Buffer, segments: { identity: string; length: number }[]): Content | undefined {
  let at = 0;
  try {
    for (const { identity, length } of segments) {
      if (verifyStored(archive.subarray(at, at + length)).identity !== identity) return undefined;
      at += length;
    }
  } catch {
    return undefined;
  }
  return nameOf(segments);
}

function nameOf(segments: readonly { identity: string }[]): Content {
  return sha256(segments.map(({ identity }) => identity).join(' ')).slice(0, 16);
}

function asked(url: string, path: string, options: Parameters<typeof ask>[2] = {}) {
  return ask(url, path, { ...options, signal: AbortSignal.timeout(PATIENCE_MS) });
}

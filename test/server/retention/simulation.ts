/**
 * The real modules (server/entries, server/retention) on a store in memory, driven by a seed: saves, restores, sweeps, removals,
 * evictions, scrubs, damage, a flushed index, crashes, and a clock that goes on, in one order of store calls a seed. After each
 * step what must hold is checked: an entry that is there is whole, and a restore that began within the time that it is promised
 * gets exactly the bytes that were committed.
 */
import type { SignedManifest } from '#protocol/format/manifest.ts';
import { segmentObject } from '#protocol/format/object-name.ts';
import { LIFETIMES, type Lifetimes } from '#server/entries/lifetimes.ts';
import { identitiesOf } from '#server/entries/whole-entry.ts';
import { evict } from '#server/retention/evict.ts';
import { scrub } from '#server/retention/scrub.ts';
import { sweep } from '#server/retention/sweep-job.ts';
import type { Signing } from '#server/signing/signing-keys.ts';
import { remove, restore, save } from './actions.ts';
import { BrokenError, Ground, HOUR, NEVER, type Server, shown } from './ground.ts';

const ROUNDS = 50;
const STEPS_A_ROUND = 80;

export interface Outcome {
  steps: number;
  counts: Record<string, number>;
  /** What was broken, and all that led to it. */
  broken?: { what: string; trace: string[] };
}

/** One run. `lifetimes` other than the real ones are there to be found wrong. */
export async function simulate(
  seed: number,
  signing: Signing,
  lifetimes: Lifetimes = LIFETIMES,
): Promise<Outcome> {
  const ground = new Ground(seed, signing, lifetimes);
  const simulation = new Simulation(ground);
  const { counts, scheduler } = ground;
  try {
    await simulation.run();
    return { steps: simulation.steps, counts };
  } catch (error) {
    const what = error instanceof BrokenError ? error.message : String((error as Error).stack);
    return { steps: simulation.steps, counts, broken: { what, trace: scheduler.trace } };
  } finally {
    await simulation.close();
  }
}

class Simulation {
  steps = 0;
  readonly #ground: Ground;
  #servers: Server[];
  /** By version of the manifest: what it relies on. */
  readonly #needs = new Map<string, string[]>();

  constructor(ground: Ground) {
    this.#ground = ground;
    this.#servers = [ground.startServer(), ground.startServer()];
  }

  async run(): Promise<void> {
    const { scheduler } = this.#ground;
    for (let round = 0; round < ROUNDS; round++) {
      this.#begin();
      const steps = Math.floor(scheduler.random() * STEPS_A_ROUND);
      for (let step = 0; step < steps; step++) if (!(await this.#step())) break;
      if (scheduler.chance(0.7))
        this.#ground.letPass(scheduler.pick([0.01, 1, 3, 7, 13, 26]) * HOUR * scheduler.random());
    }
    this.#ground.isEnding = true;
    while (await this.#step());
    await this.#inTheEnd();
  }

  async close(): Promise<void> {
    for (const { process } of this.#servers) process.die();
    await this.#ground.index.close();
  }

  async #step(): Promise<boolean> {
    const went = await this.#ground.scheduler.step();
    if (went) {
      this.steps += 1;
      this.#check();
    }
    return went;
  }

  /** An entry that is there is whole. */
  #check(): void {
    const { bucket, harmed } = this.#ground;
    for (const [name, needs] of this.#entries()) {
      for (const identity of needs) {
        if (harmed.has(identity) || bucket.objects.has(segmentObject('local', identity))) continue;
        throw new BrokenError(`${name} is there, and its ${shown(identity)} is not`);
      }
    }
  }

  /** Every entry, and what it relies on. */
  *#entries(): Generator<[name: string, needs: string[]]> {
    const { bucket } = this.#ground;
    for (const name of bucket.names('entries/')) {
      const kept = name.endsWith('.json') ? bucket.objects.get(name) : undefined;
      if (kept === undefined) continue;
      let needs = this.#needs.get(kept.etag);
      if (needs === undefined) {
        needs = identitiesOf(JSON.parse(kept.bytes.toString()) as SignedManifest);
        this.#needs.set(kept.etag, needs);
      }
      yield [name, needs];
    }
  }

  #begin(): void {
    const ground = this.#ground;
    const { scheduler } = ground;
    const server = scheduler.pick(this.#servers);
    const { retention } = server;
    const actions: [weight: number, begin: () => void][] = [
      [8, () => save(ground, server)],
      [5, () => restore(ground, server)],
      [4, () => remove(ground, server)],
      [6, () => this.#work(server, 'sweep', () => sweep(retention, true, NEVER))],
      [1, () => this.#work(server, 'evict', () => evict(retention, NEVER))],
      [1, () => this.#work(server, 'scrub', () => scrub(retention, true, NEVER))],
      [1, () => this.#crash()],
      [0.5, () => this.#harm()],
      [0.5, () => this.#flush()],
    ];
    let at = scheduler.random() * actions.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, begin] of actions) {
      at -= weight;
      if (at >= 0) continue;
      begin();
      return;
    }
  }

  #work({ process }: Server, what: string, work: () => Promise<void>): void {
    this.#ground.count(what);
    this.#ground.scheduler.start(process, what, async () => {
      await work();
      return 'done';
    });
  }

  #crash(): void {
    const ground = this.#ground;
    const dying = ground.scheduler.pick(this.#servers);
    ground.count('crash');
    ground.scheduler.note(`${dying.process.name} dies`);
    dying.process.die();
    this.#servers = [...this.#servers.filter((server) => server !== dying), ground.startServer()];
  }

  #harm(): void {
    const { bucket, harmed, scheduler } = this.#ground;
    const names = bucket.names('segments/');
    if (names.length === 0) return;
    const name = scheduler.pick(names);
    this.#ground.count('damage');
    scheduler.note(`the disk damages ${shown(name)}`);
    bucket.rot(name);
    harmed.add(name.slice(name.lastIndexOf('/') + 1));
  }

  #flush(): void {
    this.#ground.count('flush');
    this.#ground.scheduler.note('the index is flushed');
    void this.#ground.index.clear();
  }

  /** With nobody at work, cycles delete all that no entry needs, and nothing else. */
  async #inTheEnd(): Promise<void> {
    const { bucket, lifetimes } = this.#ground;
    for (let runs = 0; runs < 8; runs++) {
      const server = this.#ground.scheduler.pick(this.#servers);
      this.#work(server, 'the last sweeps', () => sweep(server.retention, true, NEVER));
      while (await this.#step());
      this.#ground.now += lifetimes.grace + lifetimes.hold;
    }
    const needed = new Set([...this.#entries()].flatMap(([, needs]) => needs));
    for (const name of bucket.names('segments/')) {
      const identity = name.slice(name.lastIndexOf('/') + 1);
      if (!needed.has(identity)) throw new BrokenError(`${shown(identity)} is garbage for ever`);
    }
    if (bucket.names('condemned/').length > 0) throw new BrokenError('a list of the condemned is left');
  }
}

/** Clients at work on an installation, with sweeps all through and somebody who meddles with the bucket. */
import { setTimeout as sleep } from 'node:timers/promises';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { segmentObject } from '#protocol/format/object-name.ts';
import { seeded } from '../../../bench/random.ts';
import { clientOf } from '../../s3/buckets.ts';
import { ask } from '../../server/api/open-server.ts';
import { storedOtherwise } from '../../server/made-segments.ts';
import type { History } from './history.ts';
import type { Installation } from './installation.ts';
import { type Project, Workload } from './workload.ts';

const DOMAIN = 'owner';
const CLIENTS = 8;
const SLOW = 0.2;
/** So few that they are met again, so many that there are always new ones. */
const KEYS_A_SECOND = 4;
const MEDDLES_MS = 300;
/** Days in seconds; each is longer than what it has to outlast (server/entries/lifetimes.ts). */
export const LIFETIMES = { session: 6_000, grace: 14_000, hold: 1_500, known: 500, cycle: 2_000, use: 2_000 };

export interface Run<T> {
  history: History;
  /** When all was well again: then every key was restored once. */
  calm: number;
  /** What came of what happened meanwhile. */
  met: T;
}

export interface RunOptions {
  seed: number;
  /** How long it is about to take. */
  seconds: number;
  /** The share of segments that are damaged on their way. */
  harmed?: number;
}

/** Clients go on for as long as `meanwhile` takes, which sees what they write down. */
export async function run<T>(
  here: Installation,
  { seed, seconds, harmed = 0.03 }: RunOptions,
  meanwhile: (history: History) => Promise<T>,
): Promise<Run<T>> {
  const begun = performance.now();
  const clock = () => Math.round(performance.now() - begun);
  const workload = new Workload({
    projects: await Promise.all(['shop', 'till'].map((name) => projectOf(here, name))),
    urls: () => here.replicas.map(({ url }) => url),
    random: seeded(seed),
    clock,
    keys: Math.ceil(seconds * KEYS_A_SECOND),
    slow: SLOW,
    harmed,
  });
  const stop = new AbortController();
  const clients = Array.from({ length: CLIENTS }, () => workload.client(stop.signal));
  const others = [sweepAllThrough(here, stop.signal), meddle(here, workload, stop.signal)];
  const met = await meanwhile(workload.history);
  stop.abort();
  await Promise.all([...clients, ...others]);
  await settled(here);
  const calm = clock();
  await workload.restoreAll();
  return { history: workload.history, calm, met };
}

/** One of several that share their bytes, as an owner's do. */
async function projectOf({ replicas, adminToken }: Installation, name: string): Promise<Project> {
  const answer = await ask(replicas[0]?.url ?? '', '/admin/tokens', {
    headers: { authorization: `Bearer ${adminToken}` },
    json: { project: name, domain: DOMAIN, tier: 'trusted' },
  });
  const headers = { authorization: `Bearer ${answer.json.token}`, 'cachalot-ref': 'refs/heads/main' };
  return { name, headers };
}

/** Puts other frames of the same content in the place of segments, as another installation's writer would that heals them. */
async function meddle({ bucket }: Installation, workload: Workload, signal: AbortSignal): Promise<void> {
  const client = clientOf(bucket);
  while (!signal.aborted) {
    const segment = workload.someStored();
    if (segment !== undefined) {
      const Key = segmentObject(DOMAIN, segment.identity);
      await client.send(new PutObjectCommand({ Bucket: bucket.bucket, Key, Body: storedOtherwise(segment) }));
    }
    await sleep(MEDDLES_MS);
  }
  client.destroy();
}

async function sweepAllThrough({ replicas, adminToken }: Installation, signal: AbortSignal): Promise<void> {
  const headers = { authorization: `Bearer ${adminToken}` };
  while (!signal.aborted) {
    for (const { url } of replicas)
      await ask(url, '/admin/jobs', {
        json: { job: 'sweep' },
        headers,
        signal: AbortSignal.timeout(3_000),
      }).catch(() => undefined);
    await sleep(500);
  }
}

/** Every replica is ready. Throws for one that has ended by itself. */
async function settled({ replicas }: Installation): Promise<void> {
  for (const { url, child, log } of replicas) {
    for (;;) {
      if (child.exitCode !== null) throw new Error(`a replica has ended by itself: ${log().slice(-2_000)}`);
      const answer = await ask(url, '//readyz', { signal: AbortSignal.timeout(3_000) }).catch(
        () => undefined,
      );
      if (answer?.json?.status === 'ready') break;
      await sleep(100);
    }
  }
}

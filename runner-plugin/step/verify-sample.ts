/**
 * `--verify-sample P`: on that share of the hits that stood for an install, the install runs after all, on a copy of the project
 * in a scratch folder, and the trees that it fills are compared with those that were restored, as they would be saved. No other
 * judge knows whether a key names all that decides a tree. A wrong hit is said, counted by the server, and its entry removed.
 */
import { cp, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, relative, sep } from 'node:path';
import { SMALL_ENTRY_BYTES } from '#protocol/format/limits.ts';
import type { Digest, Manifest } from '#protocol/format/manifest.ts';
import { parseRoot } from '#protocol/format/root.ts';
import { fault } from '#protocol/wire/errors.ts';
import type { Packed } from '../archive/pack.ts';
import type { RootPlan } from '../fingerprint/fingerprint.ts';
import type { Plan, Watch } from '../fingerprint/plan.ts';
import type { Attempt } from './attempt.ts';
import { runCommand } from './command.ts';
import { lookUp } from './look-up.ts';
import { titleOf } from './plan-entry.ts';
import { type Session, usable } from './session.ts';

export interface SampleOptions {
  /** 0 to 1. */
  share: number;
  command: readonly string[];
  /** Finds the plans as the step did, in another folder. */
  detect: (folder: string) => Promise<Plan[]>;
}

/** Looks into each hit that chance picks. What cannot be compared is said and counts for nothing. */
export async function verifySample(
  session: Session,
  attempts: readonly Attempt[],
  options: SampleOptions,
): Promise<void> {
  const { context } = session;
  for (const attempt of attempts) {
    if ((context.random ?? Math.random)() >= options.share) continue;
    const { plan, restored } = attempt;
    if (restored === undefined) continue;
    const title = titleOf(plan);
    context.tell({ level: 'note', message: `${title}: verified by running the install in a scratch folder` });
    const verdict = await verify(session, plan, restored, options);
    if (typeof verdict === 'string') {
      context.tell({ level: 'note', message: `${title}: not verified: ${verdict}` });
      continue;
    }
    attempt.verified = verdict.differs === undefined ? 'right' : 'wrong';
    if (verdict.differs === undefined) {
      context.tell({ level: 'note', message: `${title}: the hit was right` });
      continue;
    }
    session.faults.add(fault('HIT_WRONG', { key: restored.key, root: verdict.differs }));
    await removeEntry(session, attempt);
  }
}

/** Which root differs, if any; a text where it cannot be told, with the reason. */
async function verify(
  session: Session,
  plan: Plan,
  restored: Manifest,
  { command, detect }: SampleOptions,
): Promise<{ differs: string | undefined } | string> {
  const { context, caught } = session;
  const scratch = await realpath(await mkdtemp(join(tmpdir(), 'cachalot-verify-')));
  try {
    await copyProject(plan, scratch);
    const folder = join(scratch, relative(plan.folder, context.folder));
    const here = (await detect(folder)).find((one) => one.fingerprint.kind === plan.fingerprint.kind);
    if (here === undefined || !sameInputs(here, plan)) return 'its inputs are others in another folder';
    const trees = here.roots.filter(({ place }) => place.startsWith(scratch + sep));
    const pack = () => packed(trees, here, restored, caught.signal);
    let taken: Packed | undefined;
    const take = async (): Promise<void> => {
      taken = await pack();
    };
    const watch = await here.watch?.(undefined, { saves: true, take });
    try {
      const env = { ...context.env, ...here.handOver?.env, ...watch?.handOver?.env };
      const { status } = await runCommand(command, { folder, env, caught, quiet: true });
      await watch?.ended?.();
      const refusal = status === 0 ? await here.refuseSave?.(status) : 'the install failed there';
      if (refusal !== undefined) return refusal;
      return { differs: firstDifference(taken ?? (await pack()), restored) };
    } finally {
      await closeWatch(watch);
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function closeWatch(watch: Watch | undefined): Promise<void> {
  await watch?.close?.();
}

/** Everything but what is restored and the history. */
async function copyProject({ folder, roots }: Plan, scratch: string): Promise<void> {
  const left = new Set(roots.map(({ place }) => place));
  await cp(folder, scratch, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => !left.has(path) && basename(path) !== '.git',
  });
}

function sameInputs(one: Plan, other: Plan): boolean {
  const text = ({ fingerprint: { inputs } }: Plan) =>
    inputs.map(({ name, digest }) => `${name} ${digest}`).join('\n');
  return text(one) === text(other);
}

/** Named, and neither kept nor sent. */
async function packed(
  trees: readonly RootPlan[],
  plan: Plan,
  restored: Manifest,
  signal: AbortSignal,
): Promise<Packed> {
  const { pack } = await import('../archive/pack.ts');
  return pack({
    roots: trees.map(({ root, place, restore, modes, exclude = [] }) => ({
      root: parseRoot(root),
      place,
      restore,
      modes,
      exclude,
    })),
    cut: plan.cut,
    keepTimes: false,
    // The entry may hold more than these trees, and is cut by its whole size.
    small: restored.totals.raw <= SMALL_ENTRY_BYTES,
    sink: { lack: async () => new Set<Digest>(), send: async () => undefined },
    signal,
  });
}

function firstDifference({ roots }: Packed, restored: Manifest): string | undefined {
  const namesOf = (root: { segments: { identity: Digest }[] } | undefined) =>
    root?.segments.map(({ identity }) => identity).join();
  return roots.find(
    (root) => namesOf(root) !== namesOf(restored.roots.find((known) => known.root === root.root)),
  )?.root;
}

async function removeEntry(session: Session, { want }: Attempt): Promise<void> {
  const server = usable(session);
  if (server === undefined) return;
  const [found] = await lookUp(server.client, [want], { inline: 0, signal: session.caught.signal });
  if (found?.hit === 'exact' && found.entry !== undefined) await server.client.remove(found.entry.id);
}

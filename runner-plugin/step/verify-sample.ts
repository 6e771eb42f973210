/**
 * `--verify-sample P`: on that share of the hits that stood for an install, or that an install found nothing to do on, the install
 * runs once more, on a copy of the project in a scratch folder, and the trees that it fills are compared with the entry's, which
 * is restored beside them. No other judge knows whether a key names all that decides a tree: a manager that says "up to date"
 * believes its own record. A wrong hit is said, counted by the server, and its entry removed.
 */
import { cp, mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, relative, sep } from 'node:path';
import { parseRoot } from '#protocol/format/root.ts';
import { fault } from '#protocol/wire/errors.ts';
import type { RootPlan } from '../fingerprint/fingerprint.ts';
import type { Plan, Sample } from '../fingerprint/plan.ts';
import type { Attempt } from './attempt.ts';
import { runCommand } from './command.ts';
import { type FoundEntry, lookUp } from './look-up.ts';
import { titleOf } from './plan-entry.ts';
import { restoreEntry } from './restore-entry.ts';
import { type Server, type Session, usable } from './session.ts';
import { treeDifference } from './tree-difference.ts';

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
    const { plan, restored, report } = attempt;
    if (restored === undefined || report.hit !== 'exact') continue;
    if ((context.random ?? Math.random)() >= options.share) continue;
    const tell = (message: string) =>
      context.tell({ level: 'note', message: `${titleOf(plan)}: ${message}` });
    const { sample } = plan;
    if (sample === undefined) {
      tell('not verified: nothing tells what this command would have made of it');
      continue;
    }
    tell('verified by running the command in a scratch folder');
    const verdict = await verify(session, attempt, sample, options);
    if (typeof verdict === 'string') {
      tell(`not verified: ${verdict}`);
      continue;
    }
    attempt.verified = verdict.differs === undefined ? 'right' : 'wrong';
    if (verdict.differs === undefined) {
      tell('the hit was right');
      continue;
    }
    session.faults.add(fault('HIT_WRONG', { key: restored.key, root: verdict.differs }));
    await usable(session)?.client.remove(verdict.entry.id);
  }
}

/** What differs, if anything; a text where it cannot be told, with the reason. */
interface Verdict {
  /** A path below a root: `workspace:node_modules/left/index.js`. */
  differs: string | undefined;
  entry: FoundEntry;
}

async function verify(
  session: Session,
  attempt: Attempt,
  sample: Sample,
  options: SampleOptions,
): Promise<Verdict | string> {
  const server = usable(session);
  if (server === undefined) return 'the server cannot be asked';
  const scratch = await realpath(await mkdtemp(join(tmpdir(), 'cachalot-verify-')));
  try {
    const entry = await entryInto(session, server, attempt, join(scratch, 'entry'));
    if (entry === undefined) return 'its entry cannot be restored once more';
    const made = await makeAgain(session, attempt.plan, sample, options, {
      folder: join(scratch, 'project'),
      differs: (here) => firstDifference(entry.places, here, sample),
    });
    return typeof made === 'string' ? made : { ...made, entry: entry.found };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The entry as it was saved, its roots below that folder. */
async function entryInto(
  session: Session,
  server: Server,
  { want }: Attempt,
  folder: string,
): Promise<{ found: FoundEntry; places: ReadonlyMap<string, string> } | undefined> {
  const ask = async () =>
    (await lookUp(server.client, [want], { inline: 0, signal: session.caught.signal }))[0] ?? {
      hit: 'none' as const,
    };
  const { hit, entry: found } = await ask();
  if (hit !== 'exact' || found === undefined) return undefined;
  const places = new Map(
    found.manifest.roots.map(({ root }) => {
      const { anchor, path } = parseRoot(root);
      return [root, join(folder, anchor, path)];
    }),
  );
  const restored = await restoreEntry(session, server, found, {
    places,
    verify: 'frame',
    owners: new Map(),
    again: ask,
  });
  return restored === undefined ? undefined : { found, places };
}

interface Scratch {
  folder: string;
  /** The first path of those trees that is not the entry's. */
  differs: (trees: readonly RootPlan[]) => Promise<string | undefined>;
}

/** Runs the command on a copy of the project without what was restored, and compares what it makes. */
async function makeAgain(
  session: Session,
  plan: Plan,
  sample: Sample,
  { command, detect }: SampleOptions,
  scratch: Scratch,
): Promise<{ differs: string | undefined } | string> {
  const { context, caught } = session;
  await copyProject(plan, scratch.folder);
  const folder = join(scratch.folder, relative(plan.folder, context.folder));
  const plans = await detect(folder);
  const here = plans.find((one) => one.fingerprint.kind === plan.fingerprint.kind);
  if (here === undefined || !sameInputs(here, plan, sample)) return 'its inputs are others in another folder';
  // What lies elsewhere, or is put beside what stands there, is a cache that its tool checks itself.
  const trees = here.roots.filter(
    ({ place, restore }) => restore === 'replace' && place.startsWith(scratch.folder + sep),
  );
  let taken: { differs: string | undefined } | undefined;
  const watch = await here.watch?.(undefined, {
    saves: true,
    take: async () => {
      taken = { differs: await scratch.differs(trees) };
    },
  });
  try {
    const handed = [...plans, ...(watch === undefined ? [] : [watch])].flatMap(
      ({ handOver = {} }) => handOver,
    );
    const env = Object.assign({ ...context.env }, ...handed.map((one) => one.env ?? {}));
    const words = handed.findLast((one) => one.command !== undefined)?.command ?? command;
    const { status } = await runCommand(words, { folder, env, caught, quiet: true });
    await watch?.ended?.();
    const refusal = status === 0 ? await here.refuseSave?.(status) : 'the command failed there';
    return refusal ?? taken ?? { differs: await scratch.differs(trees) };
  } finally {
    await watch?.close?.();
  }
}

/** Everything but what is restored and the history. */
async function copyProject({ folder, roots }: Plan, scratch: string): Promise<void> {
  const left = new Set(roots.map(({ place }) => place));
  await mkdir(scratch);
  await cp(folder, scratch, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => !left.has(path) && basename(path) !== '.git',
  });
}

function sameInputs(one: Plan, other: Plan, { placeInputs = [] }: Sample): boolean {
  const text = ({ fingerprint: { inputs } }: Plan) =>
    inputs
      .filter(({ name }) => !placeInputs.includes(name))
      .map(({ name, digest }) => `${name} ${digest}`)
      .join('\n');
  return text(one) === text(other);
}

async function firstDifference(
  entry: ReadonlyMap<string, string>,
  trees: readonly RootPlan[],
  { counts = () => true, madeIn }: Sample,
): Promise<string | undefined> {
  const [before, now] = await Promise.all([
    madeIn?.(entry),
    madeIn?.(new Map(trees.map(({ root, place }) => [root, place]))),
  ]);
  for (const { root, place, exclude = [] } of trees) {
    const path = await treeDifference(
      { place: entry.get(root) ?? '', ...(before === undefined ? {} : { madeIn: before }) },
      { place, ...(now === undefined ? {} : { madeIn: now }) },
      { exclude, counts },
    );
    if (path !== undefined) return path === '' ? root : `${root}/${path}`;
  }
  return undefined;
}

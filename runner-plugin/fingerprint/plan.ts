/**
 * What a kind tells the steps: a detector looks at a folder and a command and answers with plans, one for each thing that
 * can be cached there (several lockfiles: one plan each). `runner-plugin/step` does the rest: it looks all plans up in one
 * request, restores, runs the command and saves. A plan prints nothing and asks no server.
 *
 * The order in which a step calls a plan's functions, each at most once:
 * `foresee` and `finish` (before and after an exact restore) -> `replay` (in place of the command), or else `watch` (just before the command runs) -> the
 * command -> `watched.ended` -> `refuseSave` -> `watched.gained` (after an exact hit) -> each root's `select`. A
 * `standIn` has no steps of its own but `settle`, `refuseSave` and `select`. What is saved is saved under the key that a second `detect`,
 * after the command, answers with: a command may change its own inputs (`npm install` writes the lockfile), and an entry must
 * never stand under a key that its tree does not belong to.
 */
import type { CutConstants } from '#protocol/format/limits.ts';
import type { Manifest } from '#protocol/format/manifest.ts';
import type { Fingerprint, RootPlan } from './fingerprint.ts';

export interface Detection {
  /** Absolute; where the command runs. Lockfiles and POMs are looked for from here upwards. */
  folder: string;
  /** The program and its arguments as the user gave them; absent for `fingerprint` and `why` without a command. */
  command?: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  /** Absolute; what the anchor `home` stands for. */
  home: string;
  salt?: string;
  /** `--skip-install`: whether an exact hit may stand for an install command; `understood` is the default. */
  skipInstall: SkipInstall;
}

export type SkipInstall = 'understood' | 'always' | 'never';

export interface KindDetector {
  kind: string;
  /** Asked only where the user names the kind. */
  optIn?: true;
  /** Whether CMD's program is one of this kind's; then only this kind counts. Without a program: every kind is asked. */
  owns(command: readonly string[]): boolean;
  /**
   * The plans for that folder and command; none where there is nothing of this kind. Throws a CachalotError where there is
   * something that cannot be read (LOCKFILE_UNREADABLE, POM_UNREADABLE, INPUT_UNREADABLE): the build then runs without.
   */
  detect(detection: Detection): Promise<Plan[]>;
}

export interface Plan {
  fingerprint: Fingerprint;
  /** At least one. A `place` need not exist; a save leaves out roots that are not there, if one is. */
  roots: RootPlan[];
  /** What the anchor `workspace` stands for: the lockfile's folder, the reactor's root. Absolute. */
  folder: string;
  cut: CutConstants;
  /** Whether files keep their times (kinds whose tools compare them); else they get those derived from their content. */
  keepTimes: boolean;
  /** Prefixes of keys of which any entry is useful if there is no exact one, tried in order; `[]` where only exact is. */
  nearKeys: string[];
  /** Why nothing may be restored or saved here (one sentence, for a person); the command runs as without a cache. */
  refused?: string;
  /**
   * Only where the command is an install command. `skip`: after an exact hit, and when {@link finish} is done, it need not
   * run. `run`: it runs on the restored tree and finds nothing to do, or, with `deletes`, would delete that tree first (npm
   * ci), so that nothing is restored; `why` says why it is not skipped.
   */
  install?: { onHit: 'skip' } | { onHit: 'run'; why: string; deletes?: true };
  /** Told that an exact hit is about to be restored: what {@link finish} needs from elsewhere can be had meanwhile. Never throws. */
  foresee?(context: FinishContext): void;
  /**
   * What remains to be done to an exactly restored tree, command skipped or not: executable bins of links, packages to be
   * rebuilt. If it throws, the hit is taken back: the roots that are replaced are removed and the command runs as after a miss.
   */
  finish?(context: FinishContext): Promise<void>;
  /** How the command is handed our settings: variables to add, or a whole command in place of the user's. */
  handOver?: { env?: Record<string, string>; command?: string[] };
  /**
   * Asked just before the command runs, exact hit or not, by kinds whose exact hit is not the end (Maven), with what was restored
   * for this plan. It may still change that (Maven's record of which repository a file came from).
   */
  watch?(restored: Manifest | undefined, context: WatchContext): Promise<Watch>;
  /**
   * In place of a command that an exact hit stands for: what it would have done besides filling the roots. Answers with its exit
   * status, which becomes ours.
   */
  replay?(context: ReplayContext): Promise<number>;
  /**
   * Why what the command left must not be saved (one sentence); undefined if it may be. `status` is the command's exit status, or
   * undefined for a save without a command. npm: an install that failed leaves half a tree; a tree that is not the lockfile's.
   * Maven: a failed build's downloads are whole all the same. Without this function only a status of 0 is saved. It is the
   * first detection's plan that is asked, which saw the tree before the command.
   */
  refuseSave?(status: number | undefined): Promise<string | undefined>;
  /** How a hit can be judged by what the command makes in another folder (`--verify-sample`); absent: it cannot be. */
  sample?: Sample;
  /** What helps the command where there is no exact hit; also where `refused` says that the tree itself is not cached. */
  standIn?: StandIn;
  /** The command as it may stand in a manifest, without values that may be secret; absent: none is recorded. */
  recorded?: string[];
  /** For `why` and `doctor`, one line each: what keeps this from being quicker (unpinned plugins, packages rebuilt each time). */
  notes: string[];
}

/** For a command that may run twice, and fills the plan's trees from nothing. Without more they are the same in every folder. */
export interface Sample {
  /** Names of inputs that are others in another folder, and that no compared file depends on. */
  placeInputs?: readonly string[];
  /** Whether a file or folder of a tree is compared, by its path there; without it each is. */
  counts?(path: string): boolean;
  /** The folder that trees were made in, which their files name; `places` by the names of the roots. */
  madeIn?(places: ReadonlyMap<string, string>): Promise<string | undefined>;
}

/**
 * An entry beside a plan's own, with what its tool has cached (packages' contents, a store): asked for in the same look-up,
 * but restored, exact or near, only where the plan has no exact hit, and saved only then. The report calls a restored one a near
 * hit of the plan. It needs a kind or a name of its own, and roots that lie where the tool works the rule `merge`. What comes of a near
 * one is each root's to say (`wants`): what the inputs name now, and nothing else.
 */
export interface StandIn extends Pick<Plan, 'fingerprint' | 'roots' | 'cut' | 'keepTimes' | 'nearKeys'> {
  /** After it was restored, before the command. If it throws, the command is given nothing of ours. */
  settle?(): Promise<void>;
  /** Added to the command's environment, after the plan's own, where the stand-in was restored: `prefer-offline` and the like. */
  env?: Record<string, string>;
  /** As the plan's own: the first detection's is asked, and without this function only what a status of 0 left is saved. */
  refuseSave?(status: number | undefined): Promise<string | undefined>;
}

export interface WatchContext {
  /** Whether what the command leaves may be saved at all. */
  saves: boolean;
  /**
   * While the command runs: packs and sends those roots, by their names, as they are now. What is committed after the command, if it
   * may be and if the key is still the one that holds now, has them as they were taken, and the other roots as they are then. Where
   * it fails, nothing is saved.
   */
  take(roots: readonly string[]): Promise<void>;
}

export interface Watch {
  /** As a plan's own, which it follows; known only now. */
  handOver?: Plan['handOver'];
  /**
   * Asked after the command where the hit was exact: whether files came that the entry lacks, and under which generation the
   * whole is committed (`<key>/<generation>`).
   */
  gained(): Promise<Gained | undefined>;
  /** In place of the `select` of the plan's one root: which files a command that ended so leaves to be saved. */
  select?(status: number): Promise<string[]>;
  /** Told as soon as the command has ended. If it throws, nothing is saved. */
  ended?(): Promise<void>;
  /** Asked last, whatever happened. */
  close?(): Promise<void>;
}

export interface ReplayContext {
  env: Readonly<Record<string, string | undefined>>;
  /** One line for the user. */
  tell(message: string): void;
  /**
   * Runs a program to its end with exactly that environment and answers with its status. `quiet`: its output is shown, on our
   * stderr, only if it fails.
   */
  run(
    command: readonly string[],
    options: { folder: string; env: Readonly<Record<string, string | undefined>>; quiet: boolean },
  ): Promise<number>;
}

export interface Gained {
  /** One part of a key: a content digest, so that two runners that gained the same commit the same entry. */
  generation: string;
  files: number;
}

export interface FinishContext {
  /** Whether the command will not run. */
  skipping: boolean;
  signal: AbortSignal;
  env: Readonly<Record<string, string | undefined>>;
  /**
   * Runs a program to its end in the plan's folder unless another is given, its output on our stderr. Throws COMMAND_FAILED for
   * a status other than 0, or where it cannot be started.
   */
  run(
    program: string,
    args: readonly string[],
    options?: { folder?: string; env?: Record<string, string> },
  ): Promise<void>;
}

/**
 * What a kind tells the steps: a detector looks at a folder and a command and answers with plans, one for each thing that
 * can be cached there (several lockfiles: one plan each). `runner-plugin/step` does the rest: it looks all plans up in one
 * request, restores, runs the command and saves. A plan prints nothing and asks no server.
 *
 * The order in which a step calls a plan's functions, each at most once:
 * `finish` (after an exact restore) -> `watch` (just before the command runs) -> the command -> `refuseSave` -> `watched.gained`
 * (after an exact hit) -> each root's `select`. What is saved is saved under the key that a second `detect`, after the
 * command, answers with: a command may change its own inputs (`npm install` writes the lockfile), and an entry must never
 * stand under a key that its tree does not belong to.
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
  /**
   * What remains to be done to an exactly restored tree, command skipped or not: executable bins of links, packages to be
   * rebuilt. If it throws, the hit is taken back: the roots that are replaced are removed and the command runs as after a miss.
   */
  finish?(context: FinishContext): Promise<void>;
  /** How the command is handed our settings: variables to add, or a whole command in place of the user's. */
  handOver?: { env?: Record<string, string>; command?: string[] };
  /**
   * Asked just before the command runs, by kinds whose exact hit is not the end (Maven): `gained` then answers, after the
   * command, whether files came that the entry lacks, and under which generation the whole is committed
   * (`<key>/<generation>`).
   */
  watch?(restored: Manifest | undefined): Promise<Watch>;
  /**
   * Why what the command left must not be saved (one sentence); undefined if it may be. `status` is the command's exit status, or
   * undefined for a save without a command. npm: an install that failed leaves half a tree; a tree that is not the lockfile's.
   * Maven: a failed build's downloads are whole all the same. Without this function only a status of 0 is saved. It is the
   * first detection's plan that is asked, which saw the tree before the command.
   */
  refuseSave?(status: number | undefined): Promise<string | undefined>;
  /** The command as it may stand in a manifest, without values that may be secret; absent: none is recorded. */
  recorded?: string[];
  /** For `why` and `doctor`, one line each: what keeps this from being quicker (unpinned plugins, packages rebuilt each time). */
  notes: string[];
}

export interface Watch {
  gained(): Promise<Gained | undefined>;
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

/**
 * An install as it runs, seen through its scripts: which of the project's and its links' scripts npm runs, and the tree taken
 * while no script of theirs has touched it yet.
 *
 * The first script of the project finds the tree whole (npm has linked every bin and written its record), and waits until it
 * is packed. Scripts of links run before that, while npm still works on the tree; so a look before the first of them and
 * another after the last must find nothing changed. npm 12 runs the project's `preinstall` before there is a tree at all.
 */
import { realpath } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { Watch, WatchContext } from '../../plan.ts';
import { readPackageJson } from '../package-json.ts';
import { unlike } from './environment.ts';
import { PLACE_VARIABLES, type RecordedScript, writeRecord } from './record.ts';
import { Recorder, type ScriptCall } from './recorder.ts';
import { scriptText } from './script-text.ts';
import { changedBetween, type TreeState, treeState } from './tree-state.ts';

export interface WatchOptions {
  /** Of the lockfile; absolute. */
  folder: string;
  /** Folders of links, relative to that one. */
  links: readonly string[];
  /** Names of the links' bins. */
  bins: ReadonlySet<string>;
  /** Roots that npm fills: names and places. */
  trees: readonly { root: string; place: string }[];
  userShell: string | undefined;
  /** Names of variables that the command is given by us, and that are nothing to its scripts. */
  hidden: readonly string[];
  /** npm 12 and later: the project's `preinstall` runs before anything is installed. */
  preinstallIsEarly: boolean;
  /** Where the record is to lie. */
  record: string;
  /** Why the tree, as it stands, is not the lockfile's; undefined where it is. */
  differs: () => Promise<string | undefined>;
}

export class ScriptWatch {
  /** Why what is there cannot stand for another install; the first reason that was found. */
  problem: string | undefined;
  readonly scripts: RecordedScript[] = [];
  /** Folders of packages that are neither the project nor a known link, relative to the project's. */
  readonly others = new Set<string>();
  readonly #options: WatchOptions;
  #real = '';
  #before: TreeState | undefined;
  #isTaken = false;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  async start({ take }: WatchContext): Promise<Watch> {
    const { folder, userShell, hidden, record } = this.#options;
    this.#real = await realpath(folder);
    const listen = (call: ScriptCall) => this.#hear(call, take);
    let recorder: Recorder;
    try {
      recorder = await Recorder.start({ root: this.#real, userShell, hidden }, listen);
    } catch (error) {
      // The command runs as it would without us.
      this.problem = `its scripts cannot be followed: ${(error as Error).message}`;
      return { gained: async () => undefined };
    }
    return {
      handOver: { env: recorder.env },
      gained: async () => undefined,
      close: () => recorder.close(),
      ended: async () => {
        try {
          await recorder.settled();
          if (this.problem === undefined && !this.#isTaken) this.#compare();
          if (this.problem === undefined) await writeRecord(record, this.scripts);
        } catch (error) {
          this.problem ??= 'what its scripts do could not be followed';
          throw error;
        }
      },
    };
  }

  async #hear(call: ScriptCall, take: WatchContext['take']): Promise<void> {
    const { npm_package_json: path = '', npm_lifecycle_event: event = '' } = call.env;
    const folder = relative(this.#real, dirname(path));
    if (folder !== '' && !this.#options.links.includes(folder)) {
      this.others.add(folder);
      return;
    }
    this.problem ??= await this.#strange(call, folder, event);
    if (this.problem !== undefined) return;
    const place = PLACE_VARIABLES.flatMap((name): [string, string][] =>
      call.env[name] === undefined ? [] : [[name, call.env[name]]],
    );
    this.scripts.push({ folder, event, place: Object.fromEntries(place) });
    if (folder !== '') {
      this.#before ??= this.#state();
    } else if (event !== 'preinstall' || !this.#options.preinstallIsEarly) {
      await this.#take(take);
    }
  }

  /** Why that script could not be run again as npm runs it now. */
  async #strange(call: ScriptCall, folder: string, event: string): Promise<string | undefined> {
    const whole = join(this.#real, folder);
    const title = `the script ${event} of ${join(folder, 'package.json')}`;
    const fields = (await readPackageJson(join(whole, 'package.json')))?.fields ?? {};
    const text = scriptText(fields, event);
    if (call.args.length !== 2 || call.args[0] !== '-c' || call.args[1] !== text || call.folder !== whole)
      return `${title} is run in a way of which we do not know`;
    const variable = unlike(call.env, { folder: whole, fields }, text);
    if (variable !== undefined) return `${title} is given a ${variable} of which we do not know`;
    return call.env.npm_package_optional
      ? `${title} belongs to an optional package, which npm removes where it fails`
      : undefined;
  }

  async #take(take: WatchContext['take']): Promise<void> {
    if (this.#isTaken) return;
    this.#isTaken = true;
    this.#compare();
    this.problem ??= await this.#options.differs();
    if (this.problem === undefined) await take(this.#options.trees.map(({ root }) => root));
  }

  #compare(): void {
    if (this.#before === undefined) return;
    const changed = changedBetween(this.#before, this.#state(), this.#options.bins);
    if (changed === undefined) return;
    const names = [
      ...new Set(this.scripts.filter(({ folder }) => folder !== '').map(({ folder }) => folder)),
    ];
    this.problem ??= `scripts of ${names.join(', ')} changed ${relative(this.#options.folder, changed)}`;
  }

  #state(): TreeState {
    return treeState(this.#options.trees.map(({ place }) => place));
  }
}

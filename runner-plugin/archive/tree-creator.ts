/**
 * Creates what a root holds, in its staging folder: folders first, then files (opened here, written elsewhere), then
 * links, as the stream has them. Modes and times of folders come last, the deepest first: filling a folder changes its
 * time, and one that is read-only can no longer be filled.
 *
 * It runs in one thread on purpose: creating scales badly over threads, or not at all (a file system takes locks on its
 * journal and on the folder for each new name), and what this one leaves to the others keeps them busy.
 */
import fs from 'node:fs';
import type { ModeRule } from '#protocol/format/manifest.ts';
import { fault } from '#protocol/wire/errors.ts';
import { fileFault, systemCode } from './file-fault.ts';
import { timeArgument } from './file-times.ts';
import type { OpenFolder } from './open-folder.ts';
import type { Column, LinkMember } from './unpack-messages.ts';
import type { WorkingFolder } from './working-folder.ts';

const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW = 0 } = fs.constants;
const NEW_FILE = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW;

export interface CreatorOptions {
  /** The folder that the root is created in, and the name that it gets there. */
  folder: OpenFolder;
  name: string;
  /** Entered by every call; the caller leaves it. */
  working: WorkingFolder;
  /** Where it will be, for errors. */
  place: string;
  modes: ModeRule;
  /** Mode bits that creation withholds here. */
  umask: number;
  /** Seconds; see EngineOptions. */
  accessed: number;
  owner?: { uid: number; gid: number };
  /** For `merge`: what is there already, and so is not created. */
  standing?: StandingTree | undefined;
  /** For `merge`: answers, when the root begins, which of its files and links come; absent: all do. */
  wanted?: (() => (path: string) => boolean) | undefined;
}

export interface StandingTree {
  /** Whether something has this path, below the root. */
  has(path: string): boolean;
  /** Makes `at` another name of the file `path`; throws what the operating system says. */
  link(path: string, at: string): void;
}

interface Folder {
  path: string;
  mode: number;
  time: number;
}

export class TreeCreator {
  readonly #options: CreatorOptions;
  /** Of the root itself, from where this process works just now. */
  #root = '';
  readonly #folders: Folder[] = [];
  /** Where not all is wanted: what is, and the folders that nothing wanted has come to so far. */
  #wants: ((path: string) => boolean) | undefined;
  readonly #waiting = new Map<string, Folder>();
  #unwanted = 0;
  #nothingCame = true;
  /** Paths of the folders: links are made only in these. Made from #folders when the first link comes. */
  #known: Set<string> | undefined;

  constructor(options: CreatorOptions) {
    this.#options = options;
  }

  get owner(): CreatorOptions['owner'] {
    return this.#options.owner;
  }

  get place(): string {
    return this.#options.place;
  }

  /** Files that came in the archive and were left out, because nobody wants them. */
  get unwanted(): number {
    return this.#unwanted;
  }

  /** Whether nothing at all was wanted: then there is no tree, not even the root's folder. To be asked when all has come. */
  get isEmpty(): boolean {
    return this.#wants !== undefined && this.#nothingCame;
  }

  /** Whether {@link begin} has to be called first, once what precedes the root in the archive has been written. */
  get isSelective(): boolean {
    return this.#options.wanted !== undefined && this.#wants === undefined;
  }

  begin(): void {
    this.#wants = this.#options.wanted?.();
  }

  /** The mode bits that must be set again after creation. */
  get withheld(): number {
    return this.#options.modes === 'kept' ? this.#options.umask : 0;
  }

  /** `times` in seconds, where they are not those of the headers. */
  addFolders(column: Column, times: ArrayLike<number> = column.times): void {
    const kept = this.#options.modes === 'kept';
    this.#work(() => {
      for (const [index, path] of splitPaths(column).entries()) {
        const mode = kept ? (column.modes[index] as number) : 0o777;
        const folder = { path, mode, time: times[index] as number };
        // All folders come before the first file: whether one will hold anything wanted is not known yet.
        if (this.#wants === undefined) this.#makeFolder(folder);
        else this.#waiting.set(path, folder);
      }
    });
  }

  /**
   * Creates empty files, from the one at `from` on, and returns their descriptors; -1 for one that the target has already, or that
   * is not wanted. At most `most`, and fewer where this process can have no more descriptors until some are closed.
   */
  openFiles(paths: string[], modes: Uint16Array, from: number, most: number): number[] {
    const files: number[] = [];
    const to = Math.min(paths.length, from + most);
    try {
      this.#work(() => {
        for (let index = from; index < to; index++) {
          const file = this.#openFile(paths[index] as string, modes[index] as number);
          if (file === undefined) return;
          files.push(file);
        }
      });
    } catch (error) {
      for (const file of files) if (file >= 0) fs.closeSync(file);
      throw error;
    }
    return files;
  }

  /** `times` as for folders, of the links alone. */
  addLinks(links: LinkMember[], times?: ArrayLike<number>): void {
    this.#work(() => {
      for (const [index, link] of links.entries()) {
        this.#requireFolder(link.path);
        if (link.type === 'hardlink') this.#requireFolder(link.link);
        if (!this.#isWanted(link)) continue;
        this.#makeWay(link.path);
        if (link.type === 'hardlink') this.#addHardLink(link.path, link.link);
        else this.#addSymbolicLink(link, times?.[index] ?? link.mtime);
      }
    });
  }

  /** To be called when everything has been created. Contents may still be on their way into open files. */
  finish(): void {
    const { owner, accessed, umask, modes } = this.#options;
    this.#work(() => {
      for (let folder = this.#folders.pop(); folder !== undefined; folder = this.#folders.pop()) {
        const { path, mode, time } = folder;
        const asCreated = modes !== 'kept' || (mode | 0o700) === (mode & ~umask);
        this.#attempt(path, (at) => {
          if (owner !== undefined) fs.lchownSync(at, owner.uid, owner.gid);
          if (!asCreated) fs.chmodSync(at, mode);
          fs.utimesSync(at, accessed, timeArgument(time));
        });
      }
    });
  }

  #work(action: () => void): void {
    const { working, folder, name } = this.#options;
    this.#root = working.enter(folder) + name;
    action();
  }

  #makeFolder(folder: Folder): void {
    // The owner must be able to fill it, whatever it will be.
    this.#attempt(folder.path, (at) => fs.mkdirSync(at, folder.mode | 0o700));
    this.#folders.push(folder);
  }

  /**
   * Makes the folders that lead to a wanted member and have been waiting. mkdir(2) fails where a link of the archive has taken a
   * folder's name meanwhile, so nothing comes to lie behind one (E4).
   */
  #makeWay(path: string): void {
    this.#nothingCame = false;
    if (path === '' || this.#waiting.size === 0) return;
    const above = folderOf(path);
    const folder = this.#waiting.get(above);
    if (folder === undefined) return;
    this.#makeWay(above);
    this.#makeFolder(folder);
    this.#waiting.delete(above);
  }

  /** A hard link to a file that is not wanted is left out with it: what would be linked is not there. */
  #isWanted({ type, path, link }: LinkMember): boolean {
    const wants = this.#wants;
    return wants === undefined || (wants(path) && (type !== 'hardlink' || wants(link)));
  }

  /** Undefined where no descriptor is to be had. */
  #openFile(path: string, mode: number): number | undefined {
    const { modes, standing } = this.#options;
    const asked = modes === 'kept' ? mode : (mode & 0o100) === 0 ? 0o666 : 0o777;
    if (this.#wants !== undefined) {
      if (!this.#wants(path)) {
        this.#unwanted++;
        return -1;
      }
      this.#makeWay(path);
    }
    try {
      if (standing?.has(path)) return -1;
      return fs.openSync(this.#at(path), NEW_FILE, asked);
    } catch (error) {
      if (['EMFILE', 'ENFILE'].includes(systemCode(error))) return undefined;
      throw this.#faultAt(error, path);
    }
  }

  #addSymbolicLink({ path, link }: LinkMember, time: number): void {
    const { owner, accessed } = this.#options;
    this.#attempt(path, (at) => {
      fs.symlinkSync(link, at);
      if (owner !== undefined) fs.lchownSync(at, owner.uid, owner.gid);
      fs.lutimesSync(at, accessed, timeArgument(time));
    });
  }

  #addHardLink(path: string, target: string): void {
    const { standing } = this.#options;
    if (standing?.has(path)) return;
    this.#attempt(path, (at) => {
      if (standing?.has(target)) {
        standing.link(target, at);
        return;
      }
      const from = this.#at(target);
      if (fs.lstatSync(from, { throwIfNoEntry: false })?.isFile() !== true)
        throw fault('ARCHIVE_MEMBER_REFUSED', {
          path,
          why: `it is a hard link to ${target}, which is no file of this archive`,
        });
      fs.linkSync(from, at);
    });
  }

  // A path through something that is no folder of the archive would be a path through a link.
  #requireFolder(path: string): void {
    if (path === '') return;
    this.#known ??= new Set([...this.#folders.map((folder) => folder.path), ...this.#waiting.keys()]);
    if (!this.#known.has(folderOf(path)))
      throw fault('ARCHIVE_MALFORMED', { why: `${path} comes without its folder` });
  }

  #at(path: string): string {
    return path === '' ? this.#root : `${this.#root}/${path}`;
  }

  #attempt(path: string, action: (at: string) => void): void {
    try {
      action(this.#at(path));
    } catch (error) {
      throw this.#faultAt(error, path);
    }
  }

  #faultAt(error: unknown, path: string): Error {
    return fileFault(error, path === '' ? this.#options.place : `${this.#options.place}/${path}`);
  }
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

export function splitPaths(column: Column): string[] {
  return column.count === 0 ? [] : column.paths.split('\0');
}

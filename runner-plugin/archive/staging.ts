/**
 * Where a root is restored before it is taken into use: a folder that only its owner can enter, beside the target so that
 * a rename puts the tree in its place; or inside it, where the target is a mount point, the current directory, or has a
 * parent that cannot be written.
 *
 *     <parent>/.cachalot-…/new     what is being restored
 *                         /old     what stood there, until the end
 */
import fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { removeAbandoned, stagingName } from './abandoned.ts';
import { systemCode, targetFault } from './file-fault.ts';
import { isMountPoint } from './mount-points.ts';
import { OpenFolder } from './open-folder.ts';
import { removeTree } from './remove-tree.ts';

export interface Owner {
  uid: number;
  gid: number;
}

/** The name of the restored tree in the staging folder. */
export const NEW_TREE = 'new';

export class Staging {
  /** Absolute; where the root will be. */
  readonly place: string;
  /** Whether the staging folder is inside the target, whose children are then swapped one by one. */
  readonly inside: boolean;
  /** The folder that holds the staging folder: the target's parent, or the target. */
  readonly outer: OpenFolder;
  /** The staging folder. */
  readonly folder: OpenFolder;
  readonly #name: string;
  /** Folders above the target that were made for it, the innermost first. */
  readonly #made: string[];
  #kept = false;

  private constructor(place: string, inside: boolean, outer: OpenFolder, made: string[]) {
    this.place = place;
    this.inside = inside;
    this.outer = outer;
    this.#made = made;
    this.#name = stagingName();
    fs.mkdirSync(outer.at(this.#name), 0o700);
    try {
      this.folder = outer.openFolder(this.#name);
    } catch (error) {
      fs.rmdirSync(outer.at(this.#name));
      throw error;
    }
  }

  /**
   * Makes the folders above the target where there are none. Throws `TARGET_UNWRITABLE` and `DISK_FULL`; then nothing has
   * been made.
   */
  static create(place: string, owner?: Owner): Staging {
    const made: string[] = [];
    try {
      makeFolders(dirname(place), made, owner);
      return Staging.#beside(place, made) ?? Staging.#at(place, true, place, made);
    } catch (error) {
      removeFolders(made);
      throw targetFault(error, place);
    }
  }

  /** Undefined where the target's children must be swapped instead. */
  static #beside(place: string, made: string[]): Staging | undefined {
    const isFolder = fs.lstatSync(place, { throwIfNoEntry: false })?.isDirectory() === true;
    if (isFolder && (holdsCurrentDirectory(place) || isMountPoint(place))) return undefined;
    try {
      return Staging.#at(place, false, dirname(place), made);
    } catch (error) {
      if (isFolder && ['EACCES', 'EPERM', 'EROFS'].includes(systemCode(error))) return undefined;
      throw error;
    }
  }

  static #at(place: string, inside: boolean, folder: string, made: string[]): Staging {
    // The way to it is the person's own, and may lead through links.
    const outer = OpenFolder.open(fs.realpathSync(folder));
    try {
      removeAbandoned(outer);
      return new Staging(place, inside, outer, made);
    } catch (error) {
      outer.close();
      throw error;
    }
  }

  get tree(): string {
    return this.folder.at(NEW_TREE);
  }

  get old(): string {
    return this.folder.at('old');
  }

  /** The target, as it is reached from the folder that holds the staging folder. */
  get target(): string {
    return this.inside ? this.outer.at('.') : this.outer.at(basename(this.place));
  }

  /** The mode bits that the umask (or a default ACL) withholds from what is created here. */
  umask(): number {
    const probe = this.folder.at('probe');
    const file = fs.openSync(probe, 'wx', 0o777);
    try {
      return 0o777 & ~fs.fstatSync(file).mode;
    } finally {
      fs.closeSync(file);
      fs.unlinkSync(probe);
    }
  }

  /**
   * What stood in the target is in here and could not be put back: this folder stays, under a name that no later restore
   * takes for its own. Returns where that is.
   */
  keep(): string {
    this.#kept = true;
    let name = this.#name.replace(/^\.cachalot/, '.cachalot-kept');
    try {
      fs.renameSync(this.outer.at(this.#name), this.outer.at(name));
    } catch {
      name = this.#name;
    }
    return join(this.inside ? this.place : dirname(this.place), name, 'old');
  }

  /** As if there had been no restore: after a failure, or where nothing was wanted. Returns what {@link remove} does. */
  discard(): string[] {
    const left = this.remove();
    removeFolders(this.#made);
    return left;
  }

  /** Removes the staging folder with all that is in it. Returns it where that cannot be done. */
  remove(): string[] {
    try {
      if (!this.#kept) removeTree(this.outer.at(this.#name));
      return [];
    } catch {
      return [join(this.inside ? this.place : dirname(this.place), this.#name)];
    } finally {
      this.folder.close();
      this.outer.close();
    }
  }
}

/** Who stands in a folder would stand in the old one after it had been replaced. */
function holdsCurrentDirectory(place: string): boolean {
  try {
    const current = process.cwd();
    return current === place || current.startsWith(`${place}/`);
  } catch {
    // It has been removed.
    return false;
  }
}

function makeFolders(path: string, made: string[], owner: Owner | undefined): void {
  if (fs.existsSync(path)) return;
  makeFolders(dirname(path), made, owner);
  fs.mkdirSync(path);
  made.unshift(path);
  if (owner !== undefined) fs.lchownSync(path, owner.uid, owner.gid);
}

function removeFolders(made: string[]): void {
  for (const path of made) {
    try {
      fs.rmdirSync(path);
    } catch {
      // Somebody else uses it by now.
      return;
    }
  }
}

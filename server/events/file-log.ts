/**
 * The event log as files of JSON lines in a folder of its own, one a page: `000000000042.jsonl`. A line that a crash or a full
 * disk has torn ends where the next one begins, and is not read.
 */
import { type FileHandle, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { isMissing, storeFault } from '../store/system-fault.ts';
import { parseEvents } from './event-lines.ts';
import type { Cursor, EventLog, EventRun, LoggedEvent } from './event-log.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

export interface FileLogOptions {
  /** A page that has this much is closed. */
  pageBytes?: number;
  /** What all pages may have together; the oldest go first, the last one stays. */
  totalBytes?: number;
}

const PAGE_BYTES = 4 * MiB;
const TOTAL_BYTES = 64 * MiB;
const READ_BYTES = 256 * KiB;
const NEWLINE = 10;
const PAGE = /^\d{12}$/;
const SUFFIX = '.jsonl';

/** Opens the log in `folder`, which belongs to one process, and makes the folder where it is not there. */
export async function openFileLog(folder: string, options: FileLogOptions = {}): Promise<EventLog> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const last = (await pagesIn(folder)).at(-1) ?? pageName(1);
    return new FileLog(folder, last, options);
  } catch (error) {
    throw storeFault(error);
  }
}

class FileLog implements EventLog {
  readonly #folder: string;
  readonly #pageBytes: number;
  readonly #totalBytes: number;
  #page: string;
  #file: { handle: FileHandle; size: number } | undefined;
  /** The page ends in the middle of a line. */
  #torn = false;
  /** What is to be written together next, and all that is being written. */
  #gathered: LoggedEvent[] | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(folder: string, page: string, options: FileLogOptions) {
    this.#folder = folder;
    this.#page = page;
    this.#pageBytes = options.pageBytes ?? PAGE_BYTES;
    this.#totalBytes = options.totalBytes ?? TOTAL_BYTES;
  }

  append(events: readonly LoggedEvent[]): Promise<void> {
    if (this.#gathered !== undefined) {
      this.#gathered.push(...events);
      return this.#writing;
    }
    const gathered = [...events];
    this.#gathered = gathered;
    const write = () => {
      this.#gathered = undefined;
      return this.#write(gathered);
    };
    // Who comes while the last ones are being written waits for them, whatever becomes of them, and goes with the next.
    this.#writing = this.#writing.then(write, write);
    return this.#writing;
  }

  async #write(events: LoggedEvent[]): Promise<void> {
    const lines = Buffer.from(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    try {
      const file = await this.#fileFor(lines.length);
      const bytes = this.#torn ? Buffer.concat([Buffer.of(NEWLINE), lines]) : lines;
      this.#torn = true;
      await file.handle.appendFile(bytes);
      this.#torn = false;
      file.size += bytes.length;
    } catch (error) {
      throw storeFault(error);
    }
  }

  /** The open page, or a new one where this one would become too large. */
  async #fileFor(bytes: number): Promise<{ handle: FileHandle; size: number }> {
    this.#file ??= await this.#openPage();
    if (this.#file.size === 0 || this.#file.size + bytes <= this.#pageBytes) return this.#file;
    await this.#file.handle.close();
    this.#file = undefined;
    this.#page = pageName(Number(this.#page) + 1);
    this.#file = await this.#openPage();
    await this.#dropOldest();
    return this.#file;
  }

  async #openPage(): Promise<{ handle: FileHandle; size: number }> {
    const handle = await open(pathOf(this.#folder, this.#page), 'a+', 0o600);
    try {
      const { size } = await handle.stat();
      const last = Buffer.of(NEWLINE);
      if (size > 0) await handle.read(last, 0, 1, size - 1);
      this.#torn = last[0] !== NEWLINE;
      return { handle, size };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async #dropOldest(): Promise<void> {
    const pages = await pagesIn(this.#folder);
    const sizes = await Promise.all(pages.map(async (page) => (await stat(pathOf(this.#folder, page))).size));
    // The open page will have its full size.
    let total = sizes.reduce((sum, size) => sum + size, this.#pageBytes);
    for (const [index, page] of pages.entries()) {
      if (total <= this.#totalBytes || page === this.#page) return;
      await rm(pathOf(this.#folder, page), { force: true });
      total -= sizes[index] ?? 0;
    }
  }

  async *read(after?: Cursor): AsyncGenerator<EventRun> {
    const [from = '', offset = '0'] = after?.split(':') ?? [];
    try {
      for (const page of await pagesIn(this.#folder)) {
        if (page >= from) yield* this.#readPage(page, page === from ? Number(offset) : 0);
      }
    } catch (error) {
      throw storeFault(error);
    }
  }

  async *#readPage(page: string, offset: number): AsyncGenerator<EventRun> {
    const handle = await open(pathOf(this.#folder, page), 'r').catch((error: unknown) => {
      // It was the oldest, and has been dropped since.
      if (isMissing(error)) return undefined;
      throw error;
    });
    if (handle === undefined) return;
    try {
      let begun = Buffer.alloc(0);
      for (let at = offset; ; ) {
        const chunk = Buffer.allocUnsafe(READ_BYTES);
        const { bytesRead } = await handle.read(chunk, 0, READ_BYTES, at + begun.length);
        if (bytesRead === 0) return;
        const bytes = Buffer.concat([begun, chunk.subarray(0, bytesRead)]);
        const end = bytes.lastIndexOf(NEWLINE) + 1;
        at += end;
        begun = bytes.subarray(end);
        if (end > 0)
          yield { page, events: parseEvents(bytes.toString('utf8', 0, end)), next: `${page}:${at}` };
      }
    } finally {
      await handle.close();
    }
  }

  async pages(): Promise<string[]> {
    try {
      return await pagesIn(this.#folder);
    } catch (error) {
      throw storeFault(error);
    }
  }

  async close(): Promise<void> {
    await this.#writing.catch(() => undefined);
    await this.#file?.handle.close();
    this.#file = undefined;
  }
}

async function pagesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names
    .filter((name) => name.endsWith(SUFFIX))
    .map((name) => name.slice(0, -SUFFIX.length))
    .filter((name) => PAGE.test(name))
    .sort();
}

function pageName(n: number): string {
  return String(n).padStart(12, '0');
}

function pathOf(folder: string, page: string): string {
  return `${folder}/${page}${SUFFIX}`;
}

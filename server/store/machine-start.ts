/**
 * Which stored bytes a power cut may have taken. Segments are not synced to disk one by one (300 of them would be the whole
 * time of a save), so what a machine wrote last before it stopped may be gone or zero when it is back. A process that dies takes
 * nothing with it: what it wrote is in the kernel's hands.
 *
 * So the folder remembers the start of the machine that it was last used in. When that is another one, everything older than
 * now is in doubt, and stays so: how much of it has been looked at again is not recorded.
 */
import { readFileSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { isMissing } from './system-fault.ts';

const RECORD = 'machine-start.json';
const BOOT_ID = '/proc/sys/kernel/random/boot_id';

interface MachineStart {
  boot: string;
  /** Milliseconds by the store's clock. */
  doubtedBefore: number;
}

/** What the kernel calls this start of the machine; undefined where it does not say (then every open is a new start). */
export function machineStart(): string | undefined {
  try {
    return readFileSync(BOOT_ID, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/**
 * The time before which objects are in doubt, recorded in `folder`. `fresh`: nothing is stored yet. `temporary` is where the
 * record may be written before it takes its place. Errors are the system's.
 */
export async function doubtedBefore(
  folder: string,
  temporary: string,
  { boot, now, fresh }: { boot: string | undefined; now: number; fresh: boolean },
): Promise<number> {
  const file = `${folder}/${RECORD}`;
  const known = await readRecord(file);
  if (known !== undefined && known.boot === boot) return known.doubtedBefore;
  const record = { boot: boot ?? '', doubtedBefore: fresh ? 0 : now };
  await writeFile(temporary, `${JSON.stringify(record)}\n`, { flag: 'wx', mode: 0o600 });
  await rename(temporary, file);
  return record.doubtedBefore;
}

async function readRecord(file: string): Promise<MachineStart | undefined> {
  try {
    const record: unknown = JSON.parse(await readFile(file, 'utf8'));
    return isRecord(record) ? record : undefined;
  } catch (error) {
    if (isMissing(error) || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isRecord(value: unknown): value is MachineStart {
  const record = value as Partial<MachineStart> | null;
  return typeof record?.boot === 'string' && typeof record.doubtedBefore === 'number';
}

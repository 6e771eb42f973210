/** The administrator's token, as the commands below `admin` take it. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { fault } from '#protocol/wire/errors.ts';
import type { Context } from './program.ts';

export interface AdministratorFlags {
  tokenFile?: string;
}

/** A command that takes it. */
export function asAdministrator(command: Command): Command {
  return command.option(
    '--token-file <file>',
    "the administrator's token (CACHALOT_ADMIN_TOKEN, or the default data folder's)",
  );
}

/** Throws SETTING_INVALID where no file has it. */
export async function administratorsToken(
  { env }: Context,
  { tokenFile }: AdministratorFlags,
): Promise<string> {
  if (tokenFile === undefined && env.CACHALOT_ADMIN_TOKEN) return env.CACHALOT_ADMIN_TOKEN;
  const data = env.XDG_DATA_HOME || join(env.HOME || homedir(), '.local/share');
  const path = tokenFile ?? join(data, 'cachalot/admin-token');
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    const why = `${(cause as Error).message}; the server keeps it in its data folder as admin-token`;
    throw fault('SETTING_INVALID', { setting: '--token-file', value: path, why }, { cause });
  }
}

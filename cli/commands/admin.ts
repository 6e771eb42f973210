/** `cachalot admin`: what an administrator has the server do now. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { EXIT, fault } from '#protocol/wire/errors.ts';
import { ADMIN_JOBS, type AdminJob, type AdminJobAnswer } from '#protocol/wire/routes.ts';
import { withClient } from '../client.ts';
import type { Context } from '../program.ts';

const SAID: Record<AdminJobAnswer['status'], string> = {
  added: 'it is queued',
  known: 'it waits or runs already',
  full: 'the queue is full; try again later',
  unreachable: 'the queue cannot be reached; try again later',
};
const WHAT: Record<AdminJob, string> = {
  reindex: 'rebuild the index from the object store',
  sweep: 'find what nobody needs, and delete what was found before',
  evict: 'let entries go that are too old or too many',
  scrub: 'read and verify everything that is stored',
};

interface Flags {
  tokenFile?: string;
}

export function adminCommand(context: Context, end: (status: number) => void): Command {
  const admin = new Command('admin').description('have the server do a job now (administrators)');
  for (const job of ADMIN_JOBS) {
    admin
      .command(job)
      .description(WHAT[job])
      .option(
        '--token-file <file>',
        "the administrator's token (CACHALOT_ADMIN_TOKEN, or the default data folder's)",
      )
      .action(async ({ tokenFile }: Flags) => {
        const token = await readToken(context, tokenFile);
        const { status } = await withClient(context, (client) => client.adminJob(job, token));
        console.log(`${job}: ${SAID[status]}`);
        end(status === 'added' || status === 'known' ? 0 : EXIT.tryAgain);
      });
  }
  return admin;
}

async function readToken({ env }: Context, file: string | undefined): Promise<string> {
  if (file === undefined && env.CACHALOT_ADMIN_TOKEN) return env.CACHALOT_ADMIN_TOKEN;
  const data = env.XDG_DATA_HOME || join(env.HOME || homedir(), '.local/share');
  const path = file ?? join(data, 'cachalot/admin-token');
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    const why = `${(cause as Error).message}; the server keeps it in its data folder as admin-token`;
    throw fault('SETTING_INVALID', { setting: '--token-file', value: path, why }, { cause });
  }
}

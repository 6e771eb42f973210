/** `cachalot admin`: what an administrator has the server do now, and the tokens of projects. */
import { Command } from 'commander';
import { EXIT } from '#protocol/wire/errors.ts';
import { ADMIN_JOBS, type AdminJob, type AdminJobAnswer } from '#protocol/wire/routes.ts';
import { type AdministratorFlags, administratorsToken, asAdministrator } from '../administrator.ts';
import { withClient } from '../client.ts';
import type { Context } from '../program.ts';
import { adminTokenCommand } from './admin-token.ts';

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

export function adminCommand(context: Context, end: (status: number) => void): Command {
  const admin = new Command('admin').description(
    'have the server do a job now, and manage tokens (administrators)',
  );
  for (const job of ADMIN_JOBS) {
    asAdministrator(admin.command(job))
      .description(WHAT[job])
      .action(async (flags: AdministratorFlags) => {
        const token = await administratorsToken(context, flags);
        const { status } = await withClient(context, (client) => client.adminJob(job, token));
        console.log(`${job}: ${SAID[status]}`);
        end(status === 'added' || status === 'known' ? 0 : EXIT.tryAgain);
      });
  }
  admin.addCommand(adminTokenCommand(context, end));
  return admin;
}

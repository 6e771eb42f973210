/** `cachalot whoami`: what this credential may do, for the refs of this build. */
import { Command } from 'commander';
import { withClient } from '../client.ts';
import { grantText } from '../grant-text.ts';
import type { Context } from '../program.ts';

export function whoamiCommand(context: Context, end: (status: number) => void): Command {
  return new Command('whoami')
    .description('what this credential may read and write')
    .option('--json', 'as JSON')
    .action(async (flags: { json?: boolean }) => {
      const who = await withClient(context, (client) => client.whoami());
      console.log(flags.json ? JSON.stringify(who, null, 2) : grantText(who));
      end(0);
    });
}

/** `cachalot ls`: what the cache holds, newest first. */
import { Command } from 'commander';
import { forRef, withClient } from '../client.ts';
import type { Context } from '../program.ts';
import { bytesText, table } from '../units.ts';

interface Flags {
  kind?: string;
  prefix?: string;
  key?: string;
  ref?: string;
  limit: string;
  json?: boolean;
}

export function lsCommand(context: Context, end: (status: number) => void): Command {
  return new Command('ls')
    .description('list entries, newest first')
    .option('--key <key>', 'only this key')
    .option('--prefix <text>', 'only keys that begin so')
    .option('--kind <kind>', 'only this kind (npm, maven, generic)')
    .option('--ref <ref>', 'only of this ref, as refs/tags/v1, or of this branch')
    .option('--limit <number>', 'at most so many', '100')
    .option('--json', 'as JSON')
    .action(async (flags: Flags) => {
      const { selectEntries } = await import('../entry-selection.ts');
      const entries = await withClient(forRef(context, flags.ref), async (client) => {
        const ref = flags.ref === undefined ? {} : { ref: (await client.whoami()).ref ?? flags.ref };
        return await selectEntries(client, { ...flags, ...ref });
      });
      if (flags.json) console.log(JSON.stringify(entries, null, 2));
      else if (entries.length === 0) console.log('No entries.');
      else {
        const rows = entries.map((entry) => [
          entry.key,
          bytesText(entry.raw),
          bytesText(entry.stored),
          String(entry.segments),
          entry.created.slice(0, 19).replace('T', ' '),
          entry.entry.slice(0, 12),
        ]);
        console.log(table(['KEY', 'SIZE', 'STORED', 'SEGMENTS', 'CREATED', 'ENTRY'], rows, [1, 2, 3]));
      }
      end(0);
    });
}

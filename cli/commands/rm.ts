/** `cachalot rm`: forget entries, so that their keys are free again. */
import { Command } from 'commander';
import { EXIT, fault, isFault } from '#protocol/wire/errors.ts';
import type { EntrySummary } from '#protocol/wire/routes.ts';
import { withClient } from '../client.ts';
import type { Context } from '../program.ts';
import { say } from '../say.ts';

interface Flags {
  key?: string;
  prefix?: string;
  kind?: string;
  dryRun?: boolean;
}

export function rmCommand(context: Context, end: (status: number) => void): Command {
  return new Command('rm')
    .description('remove entries; what they share with others stays')
    .option('--key <key>', 'the entry of this key')
    .option('--prefix <text>', 'all keys that begin so')
    .option('--kind <kind>', 'all of this kind')
    .option('--dry-run', 'say what would go')
    .action(async (flags: Flags) => {
      if (flags.key === undefined && flags.prefix === undefined && flags.kind === undefined) {
        throw fault('USAGE', {
          why: 'rm needs --key, --prefix or --kind: it never removes everything at once.',
        });
      }
      const { selectEntries } = await import('../entry-selection.ts');
      const gone = await withClient(context, async (client) => {
        const removed: EntrySummary[] = [];
        for (;;) {
          const entries = await selectEntries(client, flags);
          removed.push(...entries);
          if (flags.dryRun || entries.length === 0) return removed;
          for (const entry of entries) {
            await client.remove(entry.entry).catch((error: unknown) => {
              // Another rm was quicker.
              if (!isFault(error, 'ENTRY_MISSING')) throw error;
            });
          }
        }
      });
      for (const entry of gone) console.log(`${flags.dryRun ? 'would remove' : 'removed'} ${entry.key}`);
      if (gone.length === 0) say('there is no such entry');
      end(gone.length === 0 && flags.key !== undefined ? EXIT.input : 0);
    });
}

/** `cachalot rm`: forget entries, so that their keys are free again. */
import { Command } from 'commander';
import { EXIT, fault, isFault } from '#protocol/wire/errors.ts';
import type { EntrySummary } from '#protocol/wire/routes.ts';
import { forRef, withClient } from '../client.ts';
import type { Context } from '../program.ts';
import { say } from '../say.ts';

interface Flags {
  key?: string;
  prefix?: string;
  kind?: string;
  ref?: string;
  dryRun?: boolean;
}

export function rmCommand(context: Context, end: (status: number) => void): Command {
  return new Command('rm')
    .description('remove entries; what they share with others stays')
    .option('--key <key>', 'the entry of this key')
    .option('--prefix <text>', 'all keys that begin so')
    .option('--kind <kind>', 'all of this kind')
    .option(
      '--ref <ref>',
      'of this ref, as refs/tags/v1, or of this branch; without it, of the ref of this build',
    )
    .option('--dry-run', 'say what would go')
    .action(async (flags: Flags) => {
      const { key, prefix, kind, ref } = flags;
      if ([key, prefix, kind, ref].every((selected) => selected === undefined)) {
        throw fault('USAGE', {
          why: 'rm needs --key, --prefix, --kind or --ref: it never removes everything at once.',
        });
      }
      const { selectEntries } = await import('../entry-selection.ts');
      const gone = await withClient(forRef(context, ref), async (client) => {
        const removed: EntrySummary[] = [];
        const who = await client.whoami();
        if (who.scope === undefined)
          throw fault('REQUEST_REFUSED', { what: 'remove entries of this ref; name another one with --ref' });
        // What may be read besides is not this one's to remove.
        const own = who.ref ?? ref;
        for (;;) {
          const found = await selectEntries(client, { ...flags, ...(own === undefined ? {} : { ref: own }) });
          const entries = found.filter(({ scope }) => scope === who.scope);
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

/** `cachalot stats`: what the cache does, from the server's log of events. */
import { Command, Option } from 'commander';
import type { Stats } from '#protocol/wire/routes.ts';
import { withClient } from '../client.ts';
import type { Context } from '../program.ts';
import { bytesText, durationText, percent, table } from '../units.ts';

interface Flags {
  json?: boolean;
  csv?: boolean;
  markdown?: boolean;
  watch?: boolean;
}

const WATCH_MS = 2000;

export function statsCommand(context: Context, end: (status: number) => void): Command {
  return new Command('stats')
    .description('hit rate, bytes moved and saved, seconds saved, the costliest misses')
    .addOption(new Option('--json', 'as JSON').conflicts(['csv', 'markdown']))
    .addOption(new Option('--csv', 'a line a kind').conflicts(['markdown']))
    .option('--markdown', "for a job's summary")
    .option('--watch', 'again every two seconds, until it is stopped')
    .action(async (flags: Flags) => {
      await withClient(context, async (client) => {
        for (;;) {
          const text = format(await client.stats(), flags);
          // Over the last one on a terminal; one after another in a pipe.
          console.log(flags.watch && process.stdout.isTTY ? `\u001b[H\u001b[2J${text}` : text);
          if (!flags.watch) return;
          await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
        }
      });
      end(0);
    });
}

function format(stats: Stats, flags: Flags): string {
  if (flags.json) return JSON.stringify(stats, null, 2);
  if (flags.csv) return csv(stats);
  return flags.markdown ? markdown(stats) : plain(stats);
}

function facts(stats: Stats): [string, string][] {
  return [
    [
      'runs',
      `${stats.runs}${stats.since === undefined ? '' : ` since ${stats.since.slice(0, 19).replace('T', ' ')}`}`,
    ],
    [
      'hits',
      `${stats.hits.exact} exact, ${stats.hits.near} near, ${stats.hits.none} none: ${percent(stats.hitRate)}`,
    ],
    ['skipped', `${stats.skipped} installs`],
    [
      'wrong hits',
      `${stats.verified.wrong} of ${stats.verified.right + stats.verified.wrong} that were looked into`,
    ],
    ['time saved', durationText(stats.secondsSaved)],
    ['restored', bytesText(stats.bytes.down)],
    ['sent', `${bytesText(stats.bytes.up)}, ${bytesText(stats.bytes.reused)} were there already`],
    ['stored', `${stats.entries} entries in ${bytesText(stats.storedBytes)}`],
  ];
}

function kindRows(stats: Stats): string[][] {
  return stats.kinds.map((kind) => [
    kind.kind,
    String(kind.runs),
    String(kind.exact),
    String(kind.near),
    String(kind.none),
    durationText(kind.secondsSaved),
  ]);
}

function missRows(stats: Stats): string[][] {
  return stats.costliestMisses.map((miss) => [
    miss.kind,
    miss.name,
    String(miss.count),
    durationText(miss.seconds),
    miss.reason,
  ]);
}

const KINDS = ['KIND', 'RUNS', 'EXACT', 'NEAR', 'NONE', 'SAVED'];
const MISSES = ['KIND', 'NAME', 'COUNT', 'COST', 'REASON'];

function plain(stats: Stats): string {
  const parts = [
    facts(stats)
      .map(([name, value]) => `${name.padEnd(10)}  ${value}`)
      .join('\n'),
  ];
  if (stats.kinds.length > 0) parts.push(table(KINDS, kindRows(stats), [1, 2, 3, 4, 5]));
  if (stats.costliestMisses.length > 0)
    parts.push(`The costliest misses\n${table(MISSES, missRows(stats), [2, 3])}`);
  return parts.join('\n\n');
}

function markdown(stats: Stats): string {
  const row = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const rows = (header: readonly string[], body: readonly string[][]) =>
    [row(header), row(header.map(() => '---')), ...body.map(row)].join('\n');
  const parts = ['### Build cache', rows(['', ''], facts(stats))];
  if (stats.kinds.length > 0) parts.push(rows(KINDS, kindRows(stats)));
  if (stats.costliestMisses.length > 0)
    parts.push(`The costliest misses\n\n${rows(MISSES, missRows(stats))}`);
  return parts.join('\n\n');
}

function csv(stats: Stats): string {
  const lines = stats.kinds.map((kind) =>
    [kind.kind, kind.runs, kind.exact, kind.near, kind.none, kind.secondsSaved].join(','),
  );
  return ['kind,runs,exact,near,none,seconds_saved', ...lines].join('\n');
}

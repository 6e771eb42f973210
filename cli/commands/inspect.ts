/** `cachalot inspect KEY`: an entry's record, and how to restore it without Cachalot. */
import { Command } from 'commander';
import { layoutBytes } from '#protocol/format/layout.ts';
import { type Anchor, parseRoot } from '#protocol/format/root.ts';
import { readScope } from '#protocol/format/scope.ts';
import { fault } from '#protocol/wire/errors.ts';
import { refHeaders } from '#protocol/wire/ref-headers.ts';
import type { EntryAnswer } from '#protocol/wire/routes.ts';
import { withClient } from '../client.ts';
import type { Context } from '../program.ts';
import { bytesText, durationText, table } from '../units.ts';

const FOLDERS: Record<Anchor, string> = { workspace: '.', home: '"$HOME"', abs: '/' };

export function inspectCommand(context: Context, end: (status: number) => void): Command {
  return new Command('inspect')
    .description("show an entry's record")
    .argument('<key>', 'a key, or an entry')
    .option('--curl', 'print the lines that restore it with curl, zstd and tar')
    .option('--json', 'the whole record as JSON')
    .action(async (key: string, flags: { curl?: boolean; json?: boolean }) => {
      const { selectEntries } = await import('../entry-selection.ts');
      const { url, answer } = await withClient(context, async (client) => {
        const [found] = /^[0-9a-f]{32}$/.test(key) ? [{ entry: key }] : await selectEntries(client, { key });
        if (found === undefined) throw fault('ENTRY_MISSING', { entry: key });
        return { url: client.url, answer: await client.entry(found.entry) };
      });
      if (flags.json) console.log(JSON.stringify(answer, null, 2));
      else console.log(flags.curl ? curlLines(url, answer, context) : describe(answer));
      end(0);
    });
}

/** One line an anchor. A tar that fails midway has left what it had made: the lines are for people, not for builds. */
function curlLines(url: string, { entry, manifest }: EntryAnswer, { env }: Context): string {
  const anchors = [...new Set(manifest.roots.map(({ root }) => parseRoot(root).anchor))];
  const ref = readScope(manifest.scope)?.ref;
  const headers = [...credentialHeader(env), ...(ref === undefined ? [] : [refHeader(ref)])].join('');
  const lines = anchors.map((anchor) => {
    const query = anchors.length === 1 ? '' : `?anchor=${anchor}`;
    return `curl -fsS ${headers}'${url}api/v1/entries/${entry}/archive${query}' | tar --zstd -x --delay-directory-restore -C ${FOLDERS[anchor]}`;
  });
  return ['set -o pipefail', ...lines].join('\n');
}

/** Where the credential is, and not what it is. */
function credentialHeader(env: Context['env']): string[] {
  if (env.CACHALOT_TOKEN_FILE) return ['-H "Authorization: Bearer $(cat "$CACHALOT_TOKEN_FILE")" '];
  return env.CACHALOT_TOKEN ? ['-H "Authorization: Bearer $CACHALOT_TOKEN" '] : [];
}

function refHeader(own: string): string {
  const [[name, value] = []] = Object.entries(refHeaders({ own }));
  return `-H '${name}: ${value?.replaceAll("'", '%27')}' `;
}

function describe({ entry, manifest, layout }: EntryAnswer): string {
  const facts: [string, string][] = [
    ['key', manifest.key],
    ['entry', entry],
    ['kind', manifest.kind],
    ['name', manifest.name],
    ['scope', `${manifest.domain} / ${manifest.scope}`],
    ['created', manifest.created],
    [
      'platform',
      [manifest.platform.os, manifest.platform.arch, manifest.platform.libc]
        .filter((part) => part !== undefined)
        .join(' '),
    ],
    ['written by', `${manifest.writer.program} ${manifest.writer.version}`],
    [
      'size',
      `${bytesText(manifest.totals.raw)} in ${manifest.totals.files} files, ${bytesText(layoutBytes(layout))} stored in ${layout.segments.length} segments`,
    ],
  ];
  if (manifest.command !== undefined) facts.push(['command', manifest.command.join(' ')]);
  if (manifest.timings.command !== undefined) facts.push(['took', durationText(manifest.timings.command)]);
  const width = Math.max(...facts.map(([name]) => name.length));
  const roots = table(
    ['ROOT', 'RESTORE', 'MEMBERS', 'SIZE'],
    manifest.roots.map((root) => [root.root, root.restore, String(root.members), bytesText(root.raw)]),
    [2, 3],
  );
  const inputs =
    manifest.inputs.length === 0
      ? ''
      : `\n\n${table(
          ['INPUT', 'DIGEST'],
          manifest.inputs.map((input) => [input.name, input.digest.slice(0, 16)]),
        )}`;
  return `${facts.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n')}\n\n${roots}${inputs}`;
}

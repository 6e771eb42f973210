/** `cachalot admin token`: static tokens for projects, made, listed and revoked. */
import { Command, Option } from 'commander';
import { fault } from '#protocol/wire/errors.ts';
import type { AdminToken, AdminTokenRequest } from '#protocol/wire/routes.ts';
import { type AdministratorFlags, administratorsToken, asAdministrator } from '../administrator.ts';
import { withClient } from '../client.ts';
import type { Context } from '../program.ts';
import { say } from '../say.ts';
import { table } from '../units.ts';

interface CreateFlags extends AdministratorFlags {
  project: string;
  tier: AdminTokenRequest['tier'];
  domain?: string;
  writeRef?: string[];
  expires?: string;
  json?: boolean;
}

const SECONDS: Record<string, number> = { m: 60, h: 3_600, d: 86_400 };

export function adminTokenCommand(context: Context, end: (status: number) => void): Command {
  const token = new Command('token').description('make, list and revoke tokens for projects');
  asAdministrator(token.command('create'))
    .description('make a token; it is printed this once')
    .requiredOption('--project <project>', 'whose entries it reads and writes')
    .addOption(
      new Option('--tier <tier>', 'what its holder is trusted with')
        .choices(['trusted', 'untrusted', 'read-only'])
        .makeOptionMandatory(),
    )
    .option('--domain <domain>', 'what it shares bytes with (a domain of the project alone)')
    .option(
      '--write-ref <pattern>',
      'a ref that it may write, or many with a * (branches and tags; an untrusted one: all, apart from trusted ones); may be repeated',
      (pattern: string, before: string[] = []) => [...before, pattern],
    )
    .option('--expires <time>', 'after so many days, hours or minutes: 90d, 12h, 30m')
    .option('--json', 'as JSON')
    .action(async (flags: CreateFlags) => {
      const request: AdminTokenRequest = {
        project: flags.project,
        tier: flags.tier,
        ...(flags.domain === undefined ? {} : { domain: flags.domain }),
        ...(flags.writeRef === undefined ? {} : { writes: flags.writeRef }),
        ...(flags.expires === undefined ? {} : { expiresIn: secondsOf(flags.expires) }),
      };
      const admin = await administratorsToken(context, flags);
      const made = await withClient(context, (client) => client.createToken(request, admin));
      if (flags.json) console.log(JSON.stringify(made, null, 2));
      else {
        console.log(made.token);
        const { id, tier, project, writes, expires } = made;
        const what = tier === 'read-only' ? 'writes nothing' : `writes ${writes.join(', ')}`;
        const until = expires === undefined ? 'does not expire' : `expires ${expires}`;
        say(`token ${id}: ${tier} in project ${project}, ${what}, ${until}; it is not shown again`);
      }
      end(0);
    });
  asAdministrator(token.command('list'))
    .description('list tokens, without their secrets')
    .option('--json', 'as JSON')
    .action(async (flags: AdministratorFlags & { json?: boolean }) => {
      const admin = await administratorsToken(context, flags);
      const tokens = await withClient(context, (client) => client.tokens(admin));
      if (flags.json) console.log(JSON.stringify(tokens, null, 2));
      else console.log(tokens.length === 0 ? 'No tokens.' : listed(tokens));
      end(0);
    });
  asAdministrator(token.command('revoke'))
    .description('revoke a token; every server refuses it within seconds')
    .argument('<id>', 'as admin token list shows it')
    .action(async (id: string, flags: AdministratorFlags) => {
      const admin = await administratorsToken(context, flags);
      await withClient(context, (client) => client.revokeToken(id, admin));
      console.log(`revoked ${id}`);
      end(0);
    });
  return token;
}

function listed(tokens: readonly AdminToken[]): string {
  return table(
    ['ID', 'PROJECT', 'DOMAIN', 'TIER', 'WRITES', 'CREATED', 'EXPIRES'],
    tokens.map(({ id, project, domain, tier, writes, created, expires }) => [
      id,
      project,
      domain,
      tier,
      writes.join(' '),
      day(created),
      expires === undefined ? 'never' : day(expires),
    ]),
  );
}

function day(time: string): string {
  return time.slice(0, 10);
}

function secondsOf(text: string): number {
  const [, count, unit = ''] = /^(\d{1,6})([dhm])$/.exec(text) ?? [];
  const seconds = Number(count) * (SECONDS[unit] ?? 0);
  if (seconds > 0) return seconds;
  throw fault('USAGE', { why: `--expires takes days, hours or minutes as 90d, 12h or 30m, not ${text}.` });
}

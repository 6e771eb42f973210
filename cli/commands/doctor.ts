/** `cachalot doctor`: is the server there, what may this credential do, what is found here, what keeps it from being quicker. */
import { Command } from 'commander';
import { isFault } from '#protocol/wire/errors.ts';
import { withClient } from '../client.ts';
import { grantText } from '../grant-text.ts';
import type { Context } from '../program.ts';

interface Finding {
  ok: boolean;
  what: string;
  says: string;
}

export function doctorCommand(context: Context, end: (status: number) => void): Command {
  return new Command('doctor')
    .description('look at server, credential and project, and say what is wrong')
    .option('--json', 'as JSON')
    .action(async (flags: { json?: boolean }) => {
      const findings = [...(await ofServer(context)), ...(await ofProject(context)), await ofState(context)];
      if (flags.json) console.log(JSON.stringify(findings, null, 2));
      else
        for (const { ok, what, says } of findings)
          console.log(`${ok ? 'ok  ' : 'BAD '}  ${what.padEnd(10)}  ${says}`);
      // A doctor that finds something has done its work; the status says so for scripts.
      end(findings.every(({ ok }) => ok) ? 0 : 1);
    });
}

async function ofServer(context: Context): Promise<Finding[]> {
  try {
    return await withClient(
      context,
      async (client) => {
        const start = performance.now();
        const who = await client.whoami();
        const took = (performance.now() - start).toFixed(0);
        return [
          {
            ok: true,
            what: 'server',
            says: `${client.url} answers in ${took} ms, version ${who.server.version}, format ${who.server.format}`,
          },
          {
            ok: true,
            what: 'grant',
            says: grantText(who),
          },
        ];
      },
      { ignoreBreaker: true },
    );
  } catch (error) {
    if (!isFault(error)) throw error;
    return [{ ok: false, what: 'server', says: `${error.message} ${error.action}` }];
  }
}

async function ofProject(context: Context): Promise<Finding[]> {
  const { detectPlans } = await import('#runner-plugin/step/detect.ts');
  const findings: Finding[] = [];
  const plans = await detectPlans(context, {}, (error) => {
    if (!isFault(error)) throw error;
    findings.push({ ok: false, what: 'project', says: `${error.message} ${error.action}` });
  });
  for (const plan of plans) {
    const { kind, key } = plan.fingerprint;
    findings.push({ ok: plan.refused === undefined, what: kind, says: plan.refused ?? key });
    findings.push(...plan.notes.map((note) => ({ ok: true, what: kind, says: `note: ${note}` })));
  }
  if (findings.length === 0)
    findings.push({
      ok: true,
      what: 'project',
      says: 'nothing here that is fingerprinted; save and restore take any paths',
    });
  return findings;
}

async function ofState(context: Context): Promise<Finding> {
  const { stateFolder } = await import('#runner-plugin/client/state-folder.ts');
  const { access, constants } = await import('node:fs/promises');
  const folder = stateFolder(context.env);
  const writable = await access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );
  return {
    ok: writable,
    what: 'state',
    says: writable ? folder : `${folder} cannot be written: digests of unchanged files are not remembered`,
  };
}

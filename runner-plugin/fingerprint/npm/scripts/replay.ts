/**
 * The scripts of a recorded install, run again after a hit: in the recorded order, in the environment that npm would give them
 * now. One that fails ends it with the status that npm would end with.
 */
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { fault } from '#protocol/wire/errors.ts';
import type { ReplayContext } from '../../plan.ts';
import { readPackageJson } from '../package-json.ts';
import { scriptEnvironment } from './environment.ts';
import { type RecordedScript, readRecord } from './record.ts';
import { scriptText } from './script-text.ts';

export interface Replay {
  /** Of the lockfile; absolute. */
  folder: string;
  /** What npm said that it gives to scripts. */
  given: Readonly<Record<string, string>>;
  userShell: string | undefined;
  /** `ci` or `install`. */
  command: string;
  /** The user wants to see what scripts of links print. */
  foreground: boolean;
  /** What npm does between links' `prepare` and their `install`. */
  linkBins: () => Promise<void>;
  scripts: readonly ReadyScript[];
}

interface ReadyScript extends RecordedScript {
  text: string;
  fields: Record<string, unknown>;
}

/** Every script with what package.json says that it is. Throws INPUT_UNREADABLE where one is recorded that is not there. */
export async function readyScripts(
  record: string,
  folder: string,
  links: readonly string[],
): Promise<ReadyScript[]> {
  const scripts = await readRecord(record);
  return Promise.all(
    scripts.map(async (script): Promise<ReadyScript> => {
      const path = join(folder, script.folder, 'package.json');
      const known = script.folder === '' || links.includes(script.folder);
      const fields = known ? (await readPackageJson(path))?.fields : undefined;
      const text = fields === undefined ? '' : scriptText(fields, script.event);
      if (fields === undefined || text === '')
        throw fault('INPUT_UNREADABLE', {
          path,
          why: `it has no script ${script.event}, which was recorded`,
        });
      return { ...script, text, fields };
    }),
  );
}

/** The exit status: 0, or that of the first script that failed. */
export async function replay(of: Replay, { run, env, tell }: ReplayContext): Promise<number> {
  const { npm_config_script_shell: _ours, ...given } = of.given;
  const base = {
    ...env,
    ...given,
    ...(of.userShell === undefined ? {} : { npm_config_script_shell: of.userShell }),
  };
  const real = await realpath(of.folder);
  const beforeBins = of.scripts.findLastIndex(
    ({ folder, event }) => folder !== '' && (event === 'preinstall' || event === 'prepare'),
  );
  if (beforeBins < 0) await of.linkBins();
  for (const [i, { folder, event, place, text, fields }] of of.scripts.entries()) {
    const whole = join(real, folder);
    const title = `the script ${event} of ${join(folder, 'package.json')}`;
    tell(`runs ${title}`);
    const status = await run([of.userShell ?? 'sh', '-c', text], {
      folder: whole,
      env: scriptEnvironment(base, { folder: whole, fields }, { event, text, command: of.command, place }),
      quiet: folder !== '' && !of.foreground,
    });
    if (status !== 0) {
      tell(`${title} failed with ${status}`);
      return status;
    }
    if (i === beforeBins) await of.linkBins();
  }
  return 0;
}

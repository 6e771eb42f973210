/** The configuration file: JSON, its values by path. */
import { resolve } from 'node:path';
import { fault } from '#protocol/wire/errors.ts';
import type { Flags, Surroundings } from './setting.ts';

const DEFAULT_FILE = '/etc/cachalot/server.json';

/**
 * Empty where none was named and the default one is not there. Throws `SETTING_INVALID`, also for a name that no setting
 * has: it would otherwise be a wish that nobody hears.
 */
export async function readSettingsFile(
  flags: Flags,
  { env, cwd, readFile }: Surroundings,
  known: readonly string[],
): Promise<Map<string, unknown>> {
  const named = flags.config ?? env.CACHALOT_SERVER_CONFIG;
  const path = named === undefined || named === '' ? DEFAULT_FILE : resolve(cwd, named);
  let content: unknown;
  try {
    content = JSON.parse(await readFile(path));
  } catch (cause) {
    const absent = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    if (absent && path === DEFAULT_FILE) return new Map();
    const why = absent ? 'it is not there' : (cause as Error).message;
    throw fault('SETTING_INVALID', { setting: 'the configuration file', value: path, why }, { cause });
  }
  const values = new Map(flatten(content, ''));
  for (const [name, value] of values) {
    if (known.includes(name)) continue;
    const why = `there is no such setting; there are ${known.join(', ')}`;
    throw fault('SETTING_INVALID', {
      setting: `${name} in ${path}`,
      value: JSON.stringify(value) ?? '',
      why,
    });
  }
  return values;
}

function flatten(value: unknown, path: string): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[path, value]];
  return Object.entries(value).flatMap(([name, inner]) =>
    flatten(inner, path === '' ? name : `${path}.${name}`),
  );
}

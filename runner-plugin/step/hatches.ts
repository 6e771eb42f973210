/** The switches of the environment that hold for every step, put together with the flags of one. */
import { fault } from '#protocol/wire/errors.ts';
import type { Environment } from '../client/state-folder.ts';
import type { Hatches } from './context.ts';

export interface Switches {
  /** CACHALOT_OFF: as if there were no cache, without a word. */
  off: boolean;
  /** Nothing is saved. */
  readOnly: boolean;
  strict: boolean;
  refresh: boolean;
  noRestore: boolean;
  noSave: boolean;
  salt: string | undefined;
}

/** Throws SETTING_INVALID for a switch that is neither on nor off. */
export function readSwitches(env: Environment, flags: Hatches): Switches {
  return {
    off: isOn(env, 'CACHALOT_OFF'),
    readOnly: isOn(env, 'CACHALOT_READ_ONLY'),
    strict: flags.strict ?? isOn(env, 'CACHALOT_STRICT'),
    refresh: flags.refresh ?? false,
    noRestore: flags.noRestore ?? false,
    noSave: flags.noSave ?? false,
    salt: flags.salt ?? (env.CACHALOT_SALT || undefined),
  };
}

/** As {@link readSwitches} where a bad value has been reported already: what cannot be read is left out. */
export function switchesWithout(env: Environment, flags: Hatches): Switches {
  const { CACHALOT_OFF: _off, CACHALOT_READ_ONLY: _readOnly, CACHALOT_STRICT: strict, ...rest } = env;
  return readSwitches(
    /^(1|true|yes|on)$/i.test(strict ?? '') ? { ...rest, CACHALOT_STRICT: '1' } : rest,
    flags,
  );
}

function isOn(env: Environment, setting: string): boolean {
  const value = env[setting] ?? '';
  if (/^(1|true|yes|on)$/i.test(value)) return true;
  if (/^(|0|false|no|off)$/i.test(value)) return false;
  throw fault('SETTING_INVALID', { setting, value, why: '1 or 0 is needed' });
}

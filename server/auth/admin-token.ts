/**
 * The administrator's token: who has it may see and change what belongs to nobody in particular, such as the job queues. It is
 * given by a setting, or made at the first start and kept in the data folder, where only the server's user reads it.
 */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { fault } from '#protocol/wire/errors.ts';

const BYTES = 32;
/** Shorter ones can be guessed. */
const SHORTEST = 16;
const MODE = 0o600;

/** Whether a request's headers carry the token. */
export type AdminCheck = (headers: { authorization?: string | undefined }) => boolean;

/**
 * `given` is the setting's value; without it the token of `file` counts, which is made if it is not there. Throws
 * `SETTING_INVALID` for a token that can be guessed.
 */
export async function openAdminToken(file: string, given?: string): Promise<AdminCheck> {
  const token = given ?? (await keptToken(file));
  if (token.length < SHORTEST) {
    const why = `it has fewer than ${SHORTEST} characters`;
    throw fault('SETTING_INVALID', { setting: 'admin.token', value: '…', why }, { field: 'admin.token' });
  }
  // Digests are of one length, which the comparison needs and which tells nothing of the token's.
  const wanted = digest(token);
  return ({ authorization }) => {
    const presented = presentedToken(authorization);
    return presented !== undefined && timingSafeEqual(digest(presented), wanted);
  };
}

async function keptToken(file: string): Promise<string> {
  const fresh = randomBytes(BYTES).toString('base64url');
  try {
    await writeFile(file, `${fresh}\n`, { flag: 'wx', mode: MODE });
    return fresh;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      throw fault('STORE_FAILED', { why: `${file}: ${(error as Error).message}` }, { cause: error });
  }
  // Whatever a copy or a restore has made of it.
  await chmod(file, MODE);
  return (await readFile(file, 'utf8')).trim();
}

/** As a bearer token, or as the password that a browser asks for, whatever the name is. */
function presentedToken(authorization: string | undefined): string | undefined {
  const [, scheme = '', value = ''] = /^(\w+) +(\S+)$/.exec(authorization ?? '') ?? [];
  if (scheme.toLowerCase() === 'bearer') return value;
  if (scheme.toLowerCase() !== 'basic') return undefined;
  const pair = Buffer.from(value, 'base64').toString();
  const colon = pair.indexOf(':');
  return colon === -1 ? undefined : pair.slice(colon + 1);
}

function digest(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}

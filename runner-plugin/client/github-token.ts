/** A token from GitHub for this job, for one audience: GET on the address that the runner was given. */
import { fault } from '#protocol/wire/errors.ts';
import type { Clock } from './clock.ts';
import { createDispatcher } from './dispatcher.ts';
import type { Identity } from './identity.ts';
import type { ClientSettings } from './settings.ts';

const ANSWER_BYTES = 64 * 1024;

/** Throws CREDENTIAL_UNAVAILABLE, and the signal's reason. */
export async function gitHubToken(
  { url, token, audience }: Extract<Identity, { kind: 'github' }>,
  settings: ClientSettings,
  clock: Clock,
  signal: AbortSignal,
): Promise<string> {
  const place = URL.parse(url);
  if (place === null) throw unavailable('ACTIONS_ID_TOKEN_REQUEST_URL is no address');
  place.searchParams.set('audience', audience);
  // GitHub's own certificates and proxies, not those of the cache.
  const dispatcher = createDispatcher({ ...settings, url: place }, clock, undefined);
  try {
    const { statusCode, body } = await dispatcher.request({
      origin: place.origin,
      method: 'GET',
      path: `${place.pathname}${place.search}`,
      headers: { authorization: `Bearer ${token}`, accept: 'application/json' },
      signal,
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > ANSWER_BYTES) throw new Error('its answer is too long');
      chunks.push(chunk);
    }
    if (statusCode !== 200) throw new Error(`it answered ${statusCode}`);
    const { value } = JSON.parse(Buffer.concat(chunks).toString()) as { value?: unknown };
    if (typeof value !== 'string' || !/^[\w.-]+$/.test(value)) throw new Error('its answer has no token');
    return value;
  } catch (error) {
    signal.throwIfAborted();
    throw unavailable((error as Error).message);
  } finally {
    await dispatcher.destroy();
  }
}

function unavailable(why: string): Error {
  return fault('CREDENTIAL_UNAVAILABLE', { source: 'GitHub', why });
}

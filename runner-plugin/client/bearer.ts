/**
 * What requests show as their credential: the token that is set, read again each time; else a session, for which a token of the CI
 * system is exchanged at the first request, because that token lives minutes and a build an hour.
 */
import { fault } from '#protocol/wire/errors.ts';
import type { Clock } from './clock.ts';
import { Deadline } from './deadline.ts';
import type { Answer, Exchange } from './exchange.ts';
import type { Identity } from './identity.ts';
import type { ClientSettings } from './settings.ts';

/** Before its end a session is left for a new one. */
const MARGIN_MS = 60_000;
const ANSWER_BYTES = 64 * 1024;

interface Session {
  text: string;
  /** By the clock, in ms. */
  until: number;
}

/** Undefined where there is none. Throws CREDENTIAL_UNAVAILABLE, and what sending throws. */
export type Bearer = () => Promise<string | undefined>;

export function createBearer(settings: ClientSettings, clock: Clock, send: Exchange): Bearer {
  let session: Session | undefined;
  let opening: Promise<Session> | undefined;
  return async () => {
    const token = await settings.token();
    const { identity } = settings;
    if (token !== undefined || identity === undefined) return token;
    if (session !== undefined && clock.now() < session.until) return session.text;
    opening ??= open(settings, identity, clock, send).finally(() => {
      opening = undefined;
    });
    session = await opening;
    return session.text;
  };
}

async function open(
  settings: ClientSettings,
  identity: Identity,
  clock: Clock,
  send: Exchange,
): Promise<Session> {
  const deadline = new Deadline(clock, settings.url.href);
  deadline.total(settings.budgets.control);
  try {
    const { signal } = deadline;
    const token =
      identity.kind === 'given'
        ? identity.token
        : await (await import('./github-token.ts')).gitHubToken(identity, settings, clock, signal);
    const asked = clock.now();
    const answer = await send({
      method: 'POST',
      path: 'sessions',
      headers: { authorization: `Bearer ${token}` },
      body: { type: 'application/json', bytes: [Buffer.from('{}')] },
      control: true,
      signal,
    });
    const { session, seconds } = await read(answer, settings.url.href);
    return { text: session, until: asked + seconds * 1000 - MARGIN_MS };
  } finally {
    deadline.end();
  }
}

async function read(answer: Answer, url: string): Promise<{ session: string; seconds: number }> {
  const text = (await answer.bytes(ANSWER_BYTES)).toString();
  try {
    const { session, seconds } = JSON.parse(text) as { session?: unknown; seconds?: unknown };
    if (typeof session === 'string' && /^[\x21-\x7e]+$/.test(session) && typeof seconds === 'number')
      return { session, seconds };
  } catch {
    // Said below.
  }
  throw fault('CLIENT_ANSWER_UNREADABLE', { url, why: 'it is no session' });
}

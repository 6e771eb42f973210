/**
 * Where a token of the CI system comes from, if no token of ours is set: GitHub hands one out on request, others set it as
 * CACHALOT_ID_TOKEN. A server on this machine is not told of GitHub's unless CACHALOT_AUDIENCE says that it wants to be: most have
 * no issuers, and take those who ask for their own.
 */
import { isLoopback } from './loopback.ts';
import type { Environment } from './state-folder.ts';

export type Identity =
  /** To be asked for, with this audience. */
  { kind: 'github'; url: string; token: string; audience: string } | { kind: 'given'; token: string };

/** `named` is false where nobody named a server. */
export function readIdentity(env: Environment, url: URL, named: boolean): Identity | undefined {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: ask, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token } = env;
  const audience = env.CACHALOT_AUDIENCE || (named && !isLoopback(url) ? url.origin : undefined);
  if (ask && token && audience !== undefined) return { kind: 'github', url: ask, token, audience };
  return env.CACHALOT_ID_TOKEN ? { kind: 'given', token: env.CACHALOT_ID_TOKEN } : undefined;
}

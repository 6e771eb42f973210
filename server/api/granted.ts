/** The grant of each request: made from its credential and the refs that it names before anything else of it is looked at. */
import type { FastifyRequest } from 'fastify';
import { readRefHeaders } from '#protocol/wire/ref-headers.ts';
import { grantWithin } from '../auth/allowance.ts';
import type { Credentials } from '../auth/credentials.ts';
import { type Grant, localGrant } from '../auth/grant.ts';
import type { App } from './app-type.ts';

/** To be called before the routes of `app` are made; answers with what these ask. */
export function grantRequests(app: App, credentials: Credentials): (request: FastifyRequest) => Grant {
  const grants = new WeakMap<FastifyRequest, Grant>();
  app.addHook('onRequest', async (request) => {
    const allowance = await credentials(request.headers);
    grants.set(
      request,
      allowance === undefined ? localGrant : grantWithin(allowance, readRefHeaders(request.headers)),
    );
  });
  return (request) => {
    const grant = grants.get(request);
    if (grant === undefined) throw new Error('a route outside of those whose requests are granted');
    return grant;
  };
}

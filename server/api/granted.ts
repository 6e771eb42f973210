/** The grant of each request: made from its credential and the refs that it names before anything else of it is looked at. */
import type { FastifyRequest } from 'fastify';
import { readRefHeaders } from '#protocol/wire/ref-headers.ts';
import { type Allowance, grantWithin } from '../auth/allowance.ts';
import type { Credentials } from '../auth/credentials.ts';
import { type Grant, localGrant } from '../auth/grant.ts';
import type { App } from './app-type.ts';

export interface Granted {
  grantOf(request: FastifyRequest): Grant;
  /** What its credential allows, whatever it names; undefined where it has none and needs none. */
  allowanceOf(request: FastifyRequest): Allowance | undefined;
}

/** To be called before the routes of `app` are made; answers with what these ask. */
export function grantRequests(app: App, credentials: Credentials): Granted {
  const granted = new WeakMap<FastifyRequest, { grant: Grant; allowance: Allowance | undefined }>();
  app.addHook('onRequest', async (request) => {
    const allowance = await credentials(request.headers);
    const grant =
      allowance === undefined ? localGrant : grantWithin(allowance, readRefHeaders(request.headers));
    granted.set(request, { grant, allowance });
  });
  const of = (request: FastifyRequest) => {
    const found = granted.get(request);
    if (found === undefined) throw new Error('a route outside of those whose requests are granted');
    return found;
  };
  return { grantOf: (request) => of(request).grant, allowanceOf: (request) => of(request).allowance };
}

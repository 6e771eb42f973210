/** Holders of tokens, as an administrator makes them, and what each says with a request. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AdminTokenAnswer, AdminTokenRequest } from '#protocol/wire/routes.ts';
import { ask } from './open-server.ts';

export interface Running {
  url: string;
  data: string;
}

export function administrator({ data }: Pick<Running, 'data'>): Record<string, string> {
  return { authorization: `Bearer ${readFileSync(join(data, 'admin-token'), 'utf8').trim()}` };
}

export async function makeToken(server: Running, request: AdminTokenRequest): Promise<AdminTokenAnswer> {
  const { status, json } = await ask(server.url, '/admin/tokens', {
    json: request,
    headers: administrator(server),
  });
  if (status !== 200) throw new Error(`no token: ${JSON.stringify(json)}`);
  return json;
}

/** The headers of a request with that token, for that ref. */
export function holding(token: string, ref?: string): Record<string, string> {
  return { authorization: `Bearer ${token}`, ...(ref === undefined ? {} : { 'cachalot-ref': ref }) };
}

/** What operators and other machines ask: is it alive, is it ready, its figures, its public keys. */
import { Type } from 'typebox';
import { type PublishedKeys, publishedKeys, type Signing } from '../signing/signing-keys.ts';
import type { App } from './app-type.ts';

export interface ServiceParts {
  signing: Signing;
  /** Why it is not ready; undefined if it is. */
  unready(): Promise<string | undefined>;
  /** Why it answers more slowly or does less than it might, though it is ready; undefined if it does all. */
  degraded?(): string | undefined;
  metrics: { contentType: string; metrics(): Promise<string> };
}

const StatusSchema = Type.Object({ status: Type.String(), why: Type.Optional(Type.String()) });

export function serviceRoutes(
  app: App,
  { signing, unready, degraded = () => undefined, metrics }: ServiceParts,
): void {
  const tags = ['service'];
  app.get(
    '/healthz',
    { schema: { summary: 'The process is alive', tags, response: { 200: StatusSchema } } },
    () => ({ status: 'alive' }),
  );
  app.get(
    '/readyz',
    {
      schema: { summary: 'It can answer requests', tags, response: { 200: StatusSchema, 503: StatusSchema } },
    },
    async (_, reply) => {
      const why = await unready();
      if (why !== undefined) return reply.code(503).send({ status: 'not ready', why });
      // Whoever balances loads must not take it away for that: the others miss the same.
      const less = degraded();
      return less === undefined ? { status: 'ready' } : { status: 'degraded', why: less };
    },
  );
  app.get('/metrics', { schema: { summary: 'Figures for Prometheus', tags } }, async (_, reply) => {
    return reply.type(metrics.contentType).send(await metrics.metrics());
  });
  app.get(
    '/.well-known/cachalot-keys.json',
    { schema: { summary: 'Public keys that manifests are signed with, as a JWK set', tags } },
    (): PublishedKeys => publishedKeys(signing),
  );
}

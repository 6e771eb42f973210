import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify from 'fastify';
import { type Test, test } from 'tap';
import { type ServiceParts, serviceRoutes } from '#server/api/service.ts';

/** What a server answers that is asked whether it is ready. */
async function readiness(t: Test, given: Partial<ServiceParts>) {
  const app = fastify().withTypeProvider<TypeBoxTypeProvider>();
  t.teardown(() => app.close());
  serviceRoutes(app, {
    signing: { trusted: new Map() } as unknown as ServiceParts['signing'],
    unready: async () => undefined,
    metrics: { contentType: 'text/plain', metrics: async () => '' },
    ...given,
  });
  const { statusCode, body } = await app.inject('/readyz');
  return [statusCode, JSON.parse(body)];
}

test('a server that answers is ready', async (t) => {
  t.same(await readiness(t, {}), [200, { status: 'ready' }]);
});

test('fault "Redis down": degraded, and ready all the same, or no replica would be asked for anything', async (t) => {
  const degraded = () => 'Redis is away';
  t.same(await readiness(t, { degraded }), [200, { status: 'degraded', why: 'Redis is away' }]);
});

test('what it cannot do without makes it unready, whatever else there is', async (t) => {
  const parts = { unready: async () => 'the store failed', degraded: () => 'Redis is away' };
  t.same(await readiness(t, parts), [503, { status: 'not ready', why: 'the store failed' }]);
});

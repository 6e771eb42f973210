/** What runners did: POST events, and the figures that are derived from it, GET stats. */
import { EventsAnswerSchema, EventsRequestSchema, StatsSchema } from '#protocol/wire/routes.ts';
import type { App, RouteParts } from './app-type.ts';

/** A hundred events with keys and reasons of the greatest length. */
const BODY_LIMIT = 1024 * 1024;

export function eventRoutes(app: App, { events, stats, grantOf, now }: RouteParts): void {
  app.post(
    '/events',
    {
      bodyLimit: BODY_LIMIT,
      schema: {
        summary: 'What runners did; their own claims',
        tags: ['events'],
        body: EventsRequestSchema,
        response: { 200: EventsAnswerSchema },
      },
    },
    async (request) => {
      const { domain, project } = grantOf(request);
      const at = now();
      const logged = request.body.events.map((event) => ({ at, domain, project, event }));
      await events.append(logged);
      return { accepted: logged.length };
    },
  );
  app.get(
    '/stats',
    {
      schema: {
        summary: 'Hit rate, bytes, seconds saved, the costliest misses',
        tags: ['events'],
        response: { 200: StatsSchema },
      },
    },
    (request) => {
      const { domain, project } = grantOf(request);
      return stats.of(domain, project);
    },
  );
}

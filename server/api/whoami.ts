/** GET whoami: the grant of the credential that asked. */
import { FORMAT_VERSION } from '#protocol/format/limits.ts';
import { WhoamiSchema } from '#protocol/wire/routes.ts';
import type { App, RouteParts } from './app-type.ts';

export function whoamiRoutes(app: App, { grantOf }: RouteParts, version: string): void {
  app.get(
    '/whoami',
    {
      schema: {
        summary: 'What the credential that asks may do',
        tags: ['service'],
        response: { 200: WhoamiSchema },
      },
    },
    (request) => ({ ...grantOf(request), server: { version, format: FORMAT_VERSION } }),
  );
}

/** Events for the tests. */
import type { CacheEvent } from '#protocol/wire/routes.ts';
import type { LoggedEvent } from '#server/events/event-log.ts';

export function cacheEvent(given: Partial<CacheEvent> = {}): CacheEvent {
  return {
    command: 'run',
    kind: 'npm',
    key: 'npm/web/0011',
    hit: 'exact',
    skipped: false,
    bytes: { down: 0, up: 0, reused: 0 },
    seconds: { lookup: 0, restore: 0, command: 0, save: 0, saved: 0 },
    ...given,
  };
}

export function logged({
  at = 0,
  domain = 'local',
  project = 'local',
  ...event
}: Partial<CacheEvent> & { at?: number; domain?: string; project?: string }): LoggedEvent {
  return { at, domain, project, event: cacheEvent(event) };
}

/** Events as lines of JSON. What is not an event as this version knows it (torn, or another version's) is left out. */
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { EventSchema } from '#protocol/wire/routes.ts';
import type { LoggedEvent } from './event-log.ts';

const LoggedEventSchema = Type.Object({
  at: Type.Number(),
  domain: Type.String(),
  project: Type.String(),
  event: EventSchema,
});

const validator = Compile(LoggedEventSchema);

export function parseEvents(lines: string): LoggedEvent[] {
  return lines.split('\n').flatMap((line): Static<typeof LoggedEventSchema>[] => {
    try {
      const value: unknown = JSON.parse(line);
      return validator.Check(value) ? [value] : [];
    } catch {
      return [];
    }
  });
}

/** What a route group is given. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyRequest,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { Grant } from '../auth/grant.ts';
import type { ByteBudget } from '../entries/byte-budget.ts';
import type { Entries } from '../entries/entries.ts';
import type { UploadMemory } from '../entries/upload-memory.ts';
import type { EventLog } from '../events/event-log.ts';
import type { StatsReader } from '../events/stats.ts';

export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

export interface RouteParts {
  entries: Entries;
  /** What the request's credential allows; throws where it is none that counts. */
  grantOf(request: FastifyRequest): Grant;
  events: Pick<EventLog, 'append'>;
  stats: StatsReader;
  /** Milliseconds since 1970 by this machine's clock: for events, never for what is stored. */
  now(): number;
  /** Where uploads are received, for all requests together. */
  memory: UploadMemory;
  /** Bytes of inline answers that may be in memory at once, for all requests together. */
  inline: ByteBudget;
  /** A body that brings nothing for this long is given up; milliseconds. */
  bodyIdle: number;
  traffic: Traffic;
  /** Absolute path of what a web server in front of us may hand out. */
  files: string;
}

/** Bytes of content that came in and went out, for the metrics. */
export interface Traffic {
  received(bytes: number): void;
  sent(bytes: number): void;
  /** A segment that went another way than through this process. */
  passed(way: 'redirect' | 'accel'): void;
}

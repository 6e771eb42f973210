/**
 * Builds the server's app from its parts: routes, errors, documentation, figures, logs. Nothing here listens and nothing is found
 * by looking around: what is served is what is registered below.
 */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, {
  type FastifyBaseLogger,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { Logger } from 'pino';
import { fault } from '#protocol/wire/errors.ts';
import { API } from '#protocol/wire/routes.ts';
import { type AdminParts, adminRoutes } from './api/admin.ts';
import { adminTokenRoutes } from './api/admin-tokens.ts';
import type { App, RouteParts } from './api/app-type.ts';
import { archiveRoutes } from './api/archive.ts';
import { detailRoutes } from './api/details.ts';
import { entryRoutes } from './api/entries.ts';
import { answerError, answerUnknownRoute, malformedAnswer } from './api/error-answer.ts';
import { eventRoutes } from './api/events.ts';
import { grantRequests } from './api/granted.ts';
import { lookupRoutes } from './api/lookup.ts';
import { saveRoutes } from './api/saves.ts';
import { segmentRoutes } from './api/segments.ts';
import { type ServiceParts, serviceRoutes } from './api/service.ts';
import { sessionRoutes } from './api/sessions.ts';
import { compileValidator } from './api/validation.ts';
import { whoamiRoutes } from './api/whoami.ts';
import type { Credentials } from './auth/credentials.ts';
import type { Sessions } from './auth/sessions.ts';
import type { Tokens } from './auth/tokens.ts';
import type { Drain } from './drain.ts';
import { loggedUrl } from './logging.ts';
import type { Metrics } from './metrics.ts';
import type { QueueBoardParts } from './web/queue-board.ts';

/** A connection on which nothing moves for this long is closed: a reader that has stopped reading holds a file open. */
const CONNECTION_IDLE_MS = 120_000;
/** JSON bodies of routes that do not say otherwise. */
const JSON_BODY_LIMIT = 256 * 1024;

export interface AppParts {
  version: string;
  /** Undefined for a process that does the queue's jobs only. */
  routes:
    | (Omit<RouteParts, 'traffic' | 'grantOf'> & {
        credentials: Credentials;
        sessions: Pick<Sessions, 'open'>;
      })
    | undefined;
  /** Undefined where the queue is the process's own. */
  board: QueueBoardParts | undefined;
  admin: AdminParts;
  tokens: Pick<Tokens, 'create' | 'list' | 'revoke'>;
  service: Omit<ServiceParts, 'metrics'>;
  drain: Drain;
  metrics: Metrics;
  log: Logger;
  /** Names under which it answers without a credential, without port: the loopback's. Undefined for any, where one is required. */
  hosts: ReadonlySet<string> | undefined;
}

export async function buildApp(parts: AppParts): Promise<App> {
  const { version, drain, metrics, log } = parts;
  const app: App = fastify({
    loggerInstance: log as FastifyBaseLogger,
    // One line of our own for each answer; see observe().
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestIds(),
    // Each line that is about a request names it; a logger for each request would cost more than the line.
    childLoggerFactory: (logger) => logger,
    bodyLimit: JSON_BODY_LIMIT,
    connectionTimeout: CONNECTION_IDLE_MS,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    forceCloseConnections: true,
    clientErrorHandler(error: Error & { code?: string }, socket: Socket) {
      if (error.code === 'ECONNRESET' || !socket.writable) return;
      socket.end(malformedAnswer(error.code));
    },
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.removeContentTypeParser('text/plain');
  // Bytes are read by the routes that take them, which count them; for the others there is then no body.
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  app.setValidatorCompiler(compileValidator);
  // Answers are made by our own code in the shapes of protocol/wire, which the tests hold them against.
  app.setSerializerCompiler(() => JSON.stringify);
  app.setErrorHandler(answerError);
  app.setNotFoundHandler(answerUnknownRoute);
  app.addHook('onRequest', async (request, reply) => {
    reply.raw.setHeader('x-request-id', request.id);
    observe(request, reply, parts);
    if (parts.hosts !== undefined && !presentsCredential(request)) refuseStrangePages(request, parts.hosts);
    if (drain.draining && request.url.startsWith(API)) throw fault('SERVER_DRAINING');
    requireLength(request);
  });

  await app.register(swagger, {
    exposeHeadRoutes: true,
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Cachalot', version, description: 'The native interface of the Cachalot build cache.' },
    },
  });
  await app.register(swaggerUi, { routePrefix: '/docs' });
  const traffic = {
    received: (bytes: number) => metrics.received.inc(bytes),
    sent: (bytes: number) => metrics.sent.inc(bytes),
    passed: (way: 'redirect' | 'accel') => metrics.passed.inc({ way }),
  };
  const { routes, admin, tokens, board } = parts;
  await app.register(
    async (api) => {
      const json: App = api.withTypeProvider<TypeBoxTypeProvider>();
      adminRoutes(json, admin);
      adminTokenRoutes(json, admin, tokens);
    },
    { prefix: API },
  );
  if (routes !== undefined) {
    await app.register(
      async (api) => {
        const json: App = api.withTypeProvider<TypeBoxTypeProvider>();
        const { grantOf, allowanceOf } = grantRequests(json, routes.credentials);
        nativeRoutes(json, { ...routes, traffic, grantOf }, version);
        sessionRoutes(json, routes.sessions, allowanceOf);
      },
      { prefix: API },
    );
  }
  if (board !== undefined) {
    const { QUEUE_BOARD_PATH, queueBoard } = await import('./web/queue-board.ts');
    await app.register(
      queueBoard(board, ({ headers }) => admin.isAdmin(headers)),
      { prefix: QUEUE_BOARD_PATH },
    );
  }
  serviceRoutes(app, { ...parts.service, metrics: metrics.registry });
  return app;
}

function nativeRoutes(json: App, routes: RouteParts, version: string): void {
  lookupRoutes(json, routes);
  saveRoutes(json, routes);
  entryRoutes(json, routes);
  archiveRoutes(json, routes);
  whoamiRoutes(json, routes, version);
  segmentRoutes(json, routes);
  detailRoutes(json, routes);
  eventRoutes(json, routes);
}

// 'close' comes for every answer, also one whose reader has gone; Fastify's own hook does not.
function observe(request: FastifyRequest, reply: FastifyReply, { drain, metrics, log }: AppParts): void {
  const since = performance.now();
  drain.enter();
  reply.raw.once('close', () => {
    drain.leave();
    const milliseconds = performance.now() - since;
    const route = request.routeOptions.url ?? 'unknown';
    const { method } = request;
    const status = reply.raw.writableFinished ? String(reply.statusCode) : 'aborted';
    metrics.answered(method, route, status, milliseconds / 1000);
    const level = reply.statusCode >= 500 ? 'warn' : 'debug';
    if (!log.isLevelEnabled(level)) return;
    log[level](
      { request: request.id, method, url: loggedUrl(request.url), status, milliseconds },
      'answered',
    );
  });
}

/** Told apart from those of other processes, and cheap. */
function requestIds(): () => string {
  const process = randomBytes(6).toString('base64url');
  let count = 0;
  return () => `${process}-${(++count).toString(36)}`;
}

/** A body whose end nobody announces would be read as none at all. */
function requireLength({ method, headers }: FastifyRequest): void {
  if (method !== 'PUT' && method !== 'POST') return;
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) {
    throw fault('REQUEST_LENGTH_REQUIRED');
  }
}

/** Below the API a credential counts or is refused, and no page has one: a name is then no danger. */
function presentsCredential({ url, headers }: FastifyRequest): boolean {
  return url.startsWith(API) && headers.authorization !== undefined;
}

/**
 * Without credentials a page in the user's browser must not reach the cache: neither under a name of its own that it has made to
 * mean 127.0.0.1, nor across origins.
 */
function refuseStrangePages({ headers }: FastifyRequest, hosts: ReadonlySet<string>): void {
  const { host = '', origin } = headers;
  const name = host.replace(/:\d*$/, '').toLowerCase();
  if (!hosts.has(name)) throw fault('REQUEST_HOST_REFUSED', { host });
  if (origin !== undefined && origin !== `http://${host}`)
    throw fault('REQUEST_HOST_REFUSED', { host: origin });
}

/** Every error leaves as the body that the catalogue promises, whoever threw it. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { CachalotError, fault } from '#protocol/wire/errors.ts';
import { CommitConflictError } from '../entries/commit.ts';

/** After these the rest of the request, if there is one, is not worth reading. */
const CLOSING = new Set([408, 411, 413, 431]);
const RETRY_AFTER_SECONDS = 1;

export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = asFault(error, request);
  if (known.status >= 500) request.log.error({ err: error, request: request.id }, known.message);
  if (CLOSING.has(known.status) || known.code === 'SERVER_DRAINING') reply.header('connection', 'close');
  if (known.status === 401) reply.header('www-authenticate', 'Bearer realm="Cachalot"');
  if (known.status === 503) reply.header('retry-after', RETRY_AFTER_SECONDS);
  return reply
    .code(known.status)
    .type('application/json; charset=utf-8')
    .send(JSON.stringify(bodyOf(known)));
}

export function answerUnknownRoute(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const path = request.url.split('?', 1)[0] ?? '';
  return answerError(fault('REQUEST_UNKNOWN_ROUTE', { method: request.method, path }), request, reply);
}

/** What the HTTP parser refuses never becomes a request; the answer is written as it is. */
export function malformedAnswer(code: string | undefined): string {
  const error =
    code === 'HPE_HEADER_OVERFLOW'
      ? fault('REQUEST_HEADERS_TOO_LARGE')
      : code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? fault('REQUEST_TIMEOUT', { what: 'its headers or body took too long' })
        : fault('REQUEST_INVALID', { why: 'it is no HTTP/1.1 request' });
  const body = JSON.stringify(error.toBody());
  return [
    `HTTP/1.1 ${error.status} ${error.code}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}

function bodyOf(error: CachalotError): object {
  if (!(error instanceof CommitConflictError)) return error.toBody();
  const { entry, signed } = error.winner;
  return { ...error.toBody(), winner: { entry, ...signed } };
}

function asFault(error: unknown, request: FastifyRequest): CachalotError {
  if (error instanceof CachalotError) return error;
  const { code, statusCode, message } = error as FastifyError;
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return fault('REQUEST_TOO_LARGE', { limit: request.routeOptions.bodyLimit ?? 0 });
  }
  if (code === 'ECONNRESET') return fault('REQUEST_INVALID', { why: 'the sender has gone' });
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return fault('REQUEST_INVALID', { why: message });
  // What went wrong inside is for the log: it may name files, and hosts, and worse.
  return fault(
    'SERVER_INTERNAL',
    { why: 'something that it did not foresee', request: request.id },
    { cause: error },
  );
}

/**
 * Logs: one JSON line each, on standard error. Secrets never reach them: of a request only method, path and the names of its
 * query's parameters are written, and whatever else could carry a credential is struck out should somebody log it.
 */
import { type DestinationStream, type Logger, pino, stdSerializers } from 'pino';

const SECRET = [
  'authorization',
  'cookie',
  'set-cookie',
  'proxy-authorization',
  'token',
  'signature',
  'privateKey',
  'password',
];

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
export const LOG_LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

export function createLog(level: LogLevel, destination: DestinationStream = pino.destination(2)): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: {
        paths: ['headers', '*.headers', ...SECRET.flatMap((name) => [`["${name}"]`, `*["${name}"]`])],
        censor: '[redacted]',
      },
      serializers: { req: describeRequest, err: stdSerializers.err },
    },
    destination,
  );
}

/** Path and parameters' names; values of a query may be signatures. */
export function loggedUrl(url: string): string {
  const [path = '', query] = url.split('?', 2);
  if (query === undefined) return path;
  const names = query.split('&').map((pair) => pair.split('=', 1)[0]);
  return `${path}?${names.map((name) => `${name}=…`).join('&')}`;
}

function describeRequest(request: { method?: string; url?: string }): object {
  return { method: request.method, url: loggedUrl(request.url ?? '') };
}

/**
 * Segments that reach a runner past this process: by a redirection to the bucket, or by nginx, which is told by `X-Accel-Redirect` which file
 * to hand out. That nginx can do it, and under which of its own paths it has our files, it says itself in each request
 * (`X-Cachalot-Accel`); somebody else who says so gets no file by it, only the name of one that he may read anyway.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply } from 'fastify';
import { accelPath, type Direct } from '../entries/delivery.ts';

const HEADER = 'x-cachalot-accel';
/** One plain folder of nginx's own. */
const PREFIX = /^\/[A-Za-z0-9][A-Za-z0-9._-]{0,63}\/$/;
const TYPE = 'application/octet-stream';

/** nginx's path of our files; undefined where none is in front of us that hands them out. */
export function accelFrom(headers: IncomingHttpHeaders): string | undefined {
  const given = headers[HEADER];
  return typeof given === 'string' && PREFIX.test(given) ? given : undefined;
}

/** False where it cannot be sent that way. */
export function sendPast(
  reply: FastifyReply,
  direct: Direct,
  { accel, files }: { accel: string | undefined; files: string },
): boolean {
  if (direct.way === 'redirect') {
    const { url, etag } = direct;
    const version = etag === undefined ? {} : { etag: `"${etag}"` };
    reply.code(307).headers({ location: url, 'cache-control': 'no-store', ...version });
    reply.send();
    return true;
  }
  const path = accel === undefined ? undefined : accelPath(accel, files, direct.file);
  if (path === undefined) return false;
  reply.headers({ 'x-accel-redirect': path, 'content-type': TYPE, 'cache-control': 'no-store' });
  reply.send();
  return true;
}

/**
 * What can go wrong between two programs, as errors of the catalogue: connections that are refused, cut or swallowed,
 * proxies that refuse, certificates that nobody signed, answers that are none of ours. Also whether asking once more has a
 * point.
 */
import { CATALOGUE, type CachalotError, type ErrorCode, fault, isFault } from '#protocol/wire/errors.ts';

/** One attempt that failed. Stays inside the client: callers get its `fault`. */
export class Failure extends Error {
  readonly fault: CachalotError;
  /** Whether the same request may succeed if it is sent once more. */
  readonly transient: boolean;
  /** Milliseconds that the server asks to wait. */
  readonly retryAfter: number;
  /** Of the answer, if there was one. */
  readonly status: number | undefined;

  constructor(
    fault: CachalotError,
    options: { transient?: boolean; retryAfter?: number; status?: number } = {},
  ) {
    super(fault.message, { cause: fault });
    this.fault = fault;
    this.status = options.status;
    this.transient = options.transient ?? false;
    this.retryAfter = options.retryAfter ?? 0;
  }
}

const CUT = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'ECONNABORTED']);
const REASONS: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'its name is not known',
  EAI_AGAIN: 'its name cannot be looked up now',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'there is no route to it',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'its certificate is signed by nobody known here; name the authority in CACHALOT_CA_FILE',
  SELF_SIGNED_CERT_IN_CHAIN:
    'its certificate is signed by nobody known here; name the authority in CACHALOT_CA_FILE',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'its certificate is signed by nobody known here; name the authority in CACHALOT_CA_FILE',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'its certificate is signed by nobody known here; name the authority in CACHALOT_CA_FILE',
};

/** The failure that an error of the transport stands for. An aborted caller's own reason is thrown on as it is. */
export function failureOf(error: unknown, url: string, caller?: AbortSignal): Failure {
  if (error instanceof Failure) return error;
  if (caller?.aborted) throw caller.reason;
  if (isFault(error)) return new Failure(error);
  const inner = error instanceof AggregateError ? error.errors[0] : error;
  const code = codeOf(inner);
  const said = inner instanceof Error ? inner.message : String(inner);
  if (isNotHttp(inner, code)) {
    return new Failure(fault('CLIENT_ANSWER_UNREADABLE', { url, why: 'it is not HTTP' }, { cause: error }));
  }
  if (CUT.has(code)) {
    const why = 'the connection was cut';
    return new Failure(fault('CLIENT_UNAVAILABLE', { url, why }, { cause: error }), { transient: true });
  }
  const proxied = /^Proxy response \((\d+)\)/.exec(said)?.[1];
  const why = proxied === undefined ? (REASONS[code] ?? said) : `the proxy answered ${proxied}`;
  return new Failure(fault('CLIENT_UNAVAILABLE', { url, why }, { cause: error }));
}

function isNotHttp(error: unknown, code: string): boolean {
  const parser = error instanceof Error && error.name === 'HTTPParserError';
  return parser || code === 'UND_ERR_HEADERS_OVERFLOW' || code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH';
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

const ASK_AGAIN = new Set([408, 425, 429, 502, 503, 504]);

/** The failure that an answer's status and body stand for, where the status is not one of success. */
export function refusalOf(
  status: number,
  body: string,
  retryAfter: string | undefined,
  url: string,
): Failure {
  const options = { transient: ASK_AGAIN.has(status), retryAfter: secondsOf(retryAfter) * 1000, status };
  const said = errorBody(body);
  if (said !== undefined) {
    const fallback: ErrorCode = status >= 500 ? 'SERVER_INTERNAL' : 'REQUEST_INVALID';
    const code = said.code in CATALOGUE ? (said.code as ErrorCode) : fallback;
    return new Failure(
      fault(code, {}, { said: said.message, ...(said.field ? { field: said.field } : {}) }),
      options,
    );
  }
  if (status >= 500 || ASK_AGAIN.has(status)) {
    return new Failure(fault('CLIENT_UNAVAILABLE', { url, why: `it answered ${status}` }), options);
  }
  const why =
    status >= 300 && status < 400
      ? `it redirects (${status})`
      : `it answered ${status} without an error of ours`;
  return new Failure(fault('CLIENT_ANSWER_UNREADABLE', { url, why }), { status });
}

function errorBody(body: string): { code: string; message: string; field?: string } | undefined {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value !== 'object' || value === null || !('code' in value) || !('message' in value))
      return undefined;
    if (
      typeof value.code !== 'string' ||
      !/^[A-Z]+(_[A-Z0-9]+)+$/.test(value.code) ||
      typeof value.message !== 'string'
    )
      return undefined;
    const field = 'field' in value && typeof value.field === 'string' ? value.field : undefined;
    return { code: value.code, message: value.message, ...(field === undefined ? {} : { field }) };
  } catch {
    return undefined;
  }
}

function secondsOf(header: string | undefined): number {
  const seconds = Number(header ?? 0);
  return Number.isFinite(seconds) && seconds > 0 ? seconds : 0;
}

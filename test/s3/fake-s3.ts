/**
 * A small S3 for what a real one does not do on demand: errors of every kind, and servers that do not hold to conditions. It keeps
 * objects in memory, verifies no signature, and judges nothing: what S3 really does is asked of real servers.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface Asked {
  /** `PUT`, `GET`, `HEAD`, `DELETE`, `POST`, and `LIST` for a GET of the bucket. */
  what: string;
  /** Without the bucket. */
  key: string;
  headers: IncomingMessage['headers'];
  query: URLSearchParams;
}

/** An answer of the test's own: an error where there is a code. */
export interface Refusal {
  status: number;
  body?: string;
  /** S3's word for it. */
  code?: string;
  message?: string;
  headers?: Record<string, string>;
}

/** `hang up`: the request is done, and its answer never comes. */
export type Meddling = Refusal | 'hang up' | undefined;

export interface FakeS3 {
  endpoint: string;
  /** By key: the bytes. */
  objects: Map<string, Buffer>;
  /** What was asked since the start. */
  asked: Asked[];
  /** Called for each request, before it is done; undefined lets it pass. */
  meddle: (asked: Asked) => Meddling;
  /** Whether If-None-Match and If-Match are looked at, or passed over. */
  conditions: boolean;
  close(): Promise<void>;
}

export async function startFakeS3(bucket = 'cachalot'): Promise<FakeS3> {
  const server = createServer((request, answer) => {
    respond(request, answer).catch((error: Error) => answer.destroy(error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const fake: FakeS3 = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    objects: new Map(),
    asked: [],
    meddle: () => undefined,
    conditions: true,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  const { objects } = fake;

  async function respond(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '', fake.endpoint);
    const [, named = '', ...rest] = decodeURIComponent(pathname).split('/');
    const key = rest.join('/');
    const what = request.method === 'GET' && key === '' ? 'LIST' : (request.method ?? '');
    const body = await buffer(request);
    const asked = { what, key, headers: request.headers, query: searchParams };
    fake.asked.push(asked);
    const meddling = fake.meddle(asked);
    if (meddling !== undefined && meddling !== 'hang up') return refuse(answer, what, meddling);
    if (named !== bucket) return refuse(answer, what, { status: 404, code: 'NoSuchBucket' });
    if (meddling === 'hang up') answer = new DeafAnswer(answer) as unknown as ServerResponse;
    if (what === 'LIST') return list(answer, searchParams.get('prefix') ?? '');
    const there = objects.get(key);
    const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = request.headers;
    const mismatch =
      (ifNoneMatch === '*' && there !== undefined) || (ifMatch !== undefined && ifMatch !== etagOf(there));
    if (fake.conditions && mismatch && (there !== undefined || what !== 'GET'))
      return refuse(answer, what, { status: 412, code: 'PreconditionFailed' });
    if (what === 'PUT') {
      objects.set(key, body);
      answer.writeHead(200, { etag: etagOf(body) }).end();
    } else if (what === 'DELETE') {
      objects.delete(key);
      answer.writeHead(204).end();
    } else if (there === undefined) refuse(answer, what, { status: 404, code: 'NoSuchKey' });
    else {
      const headers = {
        etag: etagOf(there),
        'last-modified': new Date().toUTCString(),
        'content-length': there.length,
      };
      answer.writeHead(200, headers).end(what === 'HEAD' ? undefined : there);
    }
  }

  function list(answer: ServerResponse, prefix: string): void {
    const keys = [...objects.keys()].filter((key) => key.startsWith(prefix)).sort();
    const contents = keys.map((key) => {
      const bytes = objects.get(key) ?? Buffer.alloc(0);
      return `<Contents><Key>${key}</Key><Size>${bytes.length}</Size><ETag>${etagOf(bytes)}</ETag><LastModified>${new Date().toISOString()}</LastModified></Contents>`;
    });
    const xml = `<ListBucketResult><IsTruncated>false</IsTruncated>${contents.join('')}</ListBucketResult>`;
    answer.writeHead(200, { 'content-type': 'application/xml' }).end(xml);
  }

  return fake;
}

/** Nothing that is written to it arrives; the connection is cut in its place. */
class DeafAnswer {
  readonly #answer: ServerResponse;

  constructor(answer: ServerResponse) {
    this.#answer = answer;
  }

  writeHead(): this {
    return this;
  }

  end(): void {
    this.#answer.destroy();
  }
}

function refuse(
  answer: ServerResponse,
  what: string,
  { status, code, message = '', headers, body }: Refusal,
): void {
  const error =
    code === undefined ? body : `<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  answer.writeHead(status, { 'content-type': 'application/xml', ...headers });
  answer.end(what === 'HEAD' ? undefined : error);
}

function etagOf(bytes: Buffer | undefined): string {
  return bytes === undefined ? '' : `"${createHash('md5').update(bytes).digest('hex')}"`;
}

/**
 * A package registry on the loopback, of packages that a test makes up: it serves packuments and tarballs as a real one
 * does, and records what it was asked for. Once closed it is gone, which is how a test cuts the network.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';

export interface FixturePackage {
  name: string;
  version: string;
  /** What else stands in its package.json. */
  fields?: Record<string, unknown>;
  /** By path; `index.js` is made where there is none. A file that begins with `#!` is executable. */
  files?: Record<string, string>;
}

export interface FixtureRegistry {
  url: string;
  /** Adds packages, or versions of those that are there. */
  publish(packages: readonly FixturePackage[]): Promise<void>;
  /** Paths asked for since the last call, in order; of `METHOD /path` where it is not GET. */
  taken(): string[];
  close(): Promise<void>;
}

interface Published {
  manifest: Record<string, unknown>;
  tarball: Buffer;
}

/** Every version was published that day: some managers refuse what is newer than a day. */
const PUBLISHED = '2020-01-02T03:04:05.678Z';

export async function startFixtureRegistry(packages: readonly FixturePackage[]): Promise<FixtureRegistry> {
  const versions = new Map<string, Map<string, Published>>();
  let asked: string[] = [];
  const server = createServer((request, answer) => {
    const path = decodeURIComponent(request.url ?? '/').replace(/\?.*/, '');
    asked.push(request.method === 'GET' ? path : `${request.method} ${path}`);
    request.resume();
    respond(request, answer, path.slice(1));
  });
  const respond = (request: IncomingMessage, answer: ServerResponse, path: string): void => {
    const [name = '', file] = path.split('/-/');
    const known = versions.get(name);
    const tarball = [...(known ?? [])].find(([version]) => file?.endsWith(`-${version}.tgz`))?.[1].tarball;
    if (request.method !== 'GET') answerJson(answer, {});
    else if (tarball !== undefined)
      answer.writeHead(200, { 'content-type': 'application/octet-stream' }).end(tarball);
    else if (known !== undefined && file === undefined) answerJson(answer, packument(name, known));
    else answerJson(answer, {}, 404);
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const publish: FixtureRegistry['publish'] = async (more) => {
    for (const one of more) {
      const known = versions.get(one.name) ?? new Map<string, Published>();
      known.set(one.version, await published(url, one));
      versions.set(one.name, known);
    }
  };
  await publish(packages);
  return {
    url,
    publish,
    taken() {
      const taken = asked;
      asked = [];
      return taken;
    },
    async close() {
      if (!server.listening) return;
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function answerJson(answer: ServerResponse, value: unknown, status = 200): void {
  answer.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

function packument(name: string, known: ReadonlyMap<string, Published>): unknown {
  return {
    _id: name,
    name,
    'dist-tags': { latest: [...known.keys()].at(-1) },
    versions: Object.fromEntries([...known].map(([version, { manifest }]) => [version, manifest])),
    time: Object.fromEntries(['created', 'modified', ...known.keys()].map((version) => [version, PUBLISHED])),
  };
}

async function published(url: string, { name, version, fields, files }: FixturePackage): Promise<Published> {
  const packageJson: Record<string, unknown> = { name, version, ...fields };
  const tarball = await tarballOf({
    'package.json': JSON.stringify(packageJson, null, 2),
    'index.js': `module.exports = ${JSON.stringify(`${name} ${version}`)};\n`,
    ...files,
  });
  const scripts = Object.keys((fields?.scripts as Record<string, string> | undefined) ?? {});
  const digest = (algorithm: string, encoding: 'base64' | 'hex') =>
    createHash(algorithm).update(tarball).digest(encoding);
  return {
    tarball,
    manifest: {
      ...packageJson,
      _id: `${name}@${version}`,
      ...(scripts.some((event) => /^(pre|post)?install$/.test(event)) ? { hasInstallScript: true } : {}),
      dist: {
        tarball: `${url}/${name}/-/${name.replace(/^.*\//, '')}-${version}.tgz`,
        shasum: digest('sha1', 'hex'),
        integrity: `sha512-${digest('sha512', 'base64')}`,
      },
    },
  };
}

async function tarballOf(files: Record<string, string>): Promise<Buffer> {
  const stream = pack();
  for (const [path, content] of Object.entries(files)) {
    const mode = content.startsWith('#!') ? 0o755 : 0o644;
    stream.entry({ name: `package/${path}`, mode, mtime: new Date(PUBLISHED) }, content);
  }
  stream.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return gzipSync(Buffer.concat(chunks));
}

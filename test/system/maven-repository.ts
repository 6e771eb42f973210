/**
 * Maven repositories on the loopback: artifacts that a test makes up, and for the id `central` what the real one has, kept in a
 * folder from run to run. Every request is recorded. Once closed they are gone, which is how a test cuts the network.
 */
import { hash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { keptFolder } from './maven-tools.ts';

export interface FixtureArtifact {
  /** `group:artifact:version` */
  gav: string;
  /** Of a jar; without it there is the POM alone. A text is as good as a jar where nobody opens it. */
  jar?: Buffer | string;
  /** What else stands in its POM. */
  more?: string;
  /** `group:artifact:version` each; a range is a version too. */
  dependencies?: string[];
}

export interface MavenRepository {
  /** Of the repository of that id. */
  url(id: string): string;
  publish(id: string, artifact: FixtureArtifact): void;
  /** Paths asked for since the last call, in order: `/<id>/…`, of `METHOD /…` where it is not GET. */
  taken(): string[];
  close(): Promise<void>;
}

/** `central`: where what no test has published comes from; without it that id has fixtures alone. */
export async function startMavenRepository(central?: string): Promise<MavenRepository> {
  const files = new Map<string, Buffer>();
  const versions = new Map<string, string[]>();
  let asked: string[] = [];
  const find = async (path: string): Promise<Buffer | undefined> => {
    const summed = path.endsWith('.sha1') ? path.slice(0, -'.sha1'.length) : undefined;
    const found =
      files.get(summed ?? path) ??
      (central !== undefined && path.startsWith('/central/')
        ? await kept(central, (summed ?? path).slice('/central/'.length))
        : undefined);
    return found && summed !== undefined ? Buffer.from(hash('sha1', found)) : found;
  };
  const server = createServer(async (request, answer) => {
    const path = decodeURIComponent(request.url ?? '/').replaceAll(/\/{2,}/g, '/');
    asked.push(request.method === 'GET' ? path : `${request.method} ${path}`);
    request.resume();
    try {
      const found = await find(path);
      answer.writeHead(found === undefined ? 404 : 200, found && { 'content-length': found.length });
      answer.end(request.method === 'HEAD' ? undefined : found);
    } catch {
      answer.writeHead(502).end();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: (id) => `http://127.0.0.1:${port}/${id}`,
    publish(id, { gav, jar, more = '', dependencies = [] }) {
      const [group = '', artifact = '', version = ''] = gav.split(':');
      const folder = `/${id}/${group.replaceAll('.', '/')}/${artifact}`;
      const known = [...(versions.get(folder) ?? []).filter((one) => one !== version), version];
      versions.set(folder, known);
      files.set(`${folder}/maven-metadata.xml`, metadataOf(group, artifact, known));
      let file = `${folder}/${version}/${artifact}-${version}`;
      if (version.endsWith('-SNAPSHOT')) {
        const base = `${folder}/${version}`;
        const build = [...files.keys()].filter(
          (path) => path.startsWith(`${base}/`) && path.endsWith('.pom'),
        );
        const stamp = `20260102.0304${String(build.length).padStart(2, '0')}`;
        const dated = `${version.replace(/-SNAPSHOT$/, '')}-${stamp}-${build.length + 1}`;
        file = `${base}/${artifact}-${dated}`;
        files.set(`${base}/maven-metadata.xml`, snapshotMetadataOf(gav, dated, stamp, build.length + 1, jar));
      }
      files.set(`${file}.pom`, pomOf(gav, jar === undefined ? 'pom' : 'jar', dependencies, more));
      if (jar !== undefined) files.set(`${file}.jar`, Buffer.from(jar));
    },
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

/** The file at `path` below `central`, from the kept folder where it is there. Undefined where there is none. */
async function kept(central: string, path: string): Promise<Buffer | undefined> {
  const place = join(keptFolder(), 'central', path);
  if (existsSync(place)) return readFileSync(place);
  const answer = await fetch(`${central}/${path}`);
  // Some answer so for what they have not.
  if (answer.status === 404 || answer.status === 403) return undefined;
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  const bytes = Buffer.from(await answer.arrayBuffer());
  mkdirSync(dirname(place), { recursive: true });
  // Two test files may want the same one at once.
  const fresh = `${place}.${process.pid}`;
  writeFileSync(fresh, bytes);
  renameSync(fresh, place);
  return bytes;
}

function pomOf(gav: string, packaging: string, dependencies: readonly string[], more: string): Buffer {
  const inside = dependencies.map((one) => `<dependency>${coordinates(one)}</dependency>`).join('');
  return Buffer.from(
    `<project><modelVersion>4.0.0</modelVersion>${coordinates(gav)}<packaging>${packaging}</packaging>${more}<dependencies>${inside}</dependencies></project>`,
  );
}

export function coordinates(gav: string): string {
  const [group, artifact, version] = gav.split(':');
  return `<groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>`;
}

function metadataOf(group: string, artifact: string, versions: readonly string[]): Buffer {
  const newest = versions.at(-1);
  const list = versions.map((version) => `<version>${version}</version>`).join('');
  return Buffer.from(
    `<metadata><groupId>${group}</groupId><artifactId>${artifact}</artifactId><versioning><latest>${newest}</latest><release>${newest}</release><versions>${list}</versions><lastUpdated>20260102030405</lastUpdated></versioning></metadata>`,
  );
}

function snapshotMetadataOf(gav: string, dated: string, stamp: string, build: number, jar: unknown): Buffer {
  const ends = jar === undefined ? ['pom'] : ['jar', 'pom'];
  const list = ends.map(
    (end) =>
      `<snapshotVersion><extension>${end}</extension><value>${dated}</value><updated>20260102030405</updated></snapshotVersion>`,
  );
  return Buffer.from(
    `<metadata modelVersion="1.1.0">${coordinates(gav)}<versioning><snapshot><timestamp>${stamp}</timestamp><buildNumber>${build}</buildNumber></snapshot><lastUpdated>20260102030405</lastUpdated><snapshotVersions>${list.join('')}</snapshotVersions></versioning></metadata>`,
  );
}

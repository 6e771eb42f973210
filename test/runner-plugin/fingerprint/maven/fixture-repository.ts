/** Local repositories, as Maven leaves them. */
import type { Files } from './fixture.ts';

/** A released artifact of two files, tracked under these ids. */
export function released(path: string, ...ids: string[]): Files {
  const [artifact = '', version = ''] = path.split('/').slice(-2);
  const file = `${artifact}-${version}`;
  const lines = ids.flatMap((id) => [`${file}.jar>${id}=`, `${file}.pom>${id}=`]);
  return inRepository({
    [`${path}/${file}.jar`]: 'jar',
    [`${path}/${file}.pom`]: 'pom',
    [`${path}/${file}.jar.sha1`]: 'sum',
    [`${path}/_remote.repositories`]: `#NOTE\n${lines.join('\n')}\n`,
  });
}

/** Builds of a snapshot, of which the last is copied, as Maven does with what it uses. */
export function snapshot(path: string, builds: readonly number[], used = true): Files {
  const artifact = path.split('/').at(-1) ?? '';
  const names = builds.map((build) => `${artifact}-1-20260102.030405-${build}.jar`);
  return inRepository({
    ...Object.fromEntries(names.map((name) => [`${path}/1-SNAPSHOT/${name}`, 'jar'])),
    ...(used ? { [`${path}/1-SNAPSHOT/${artifact}-1-SNAPSHOT.jar`]: 'copy' } : {}),
    [`${path}/1-SNAPSHOT/_remote.repositories`]: names.map((name) => `${name}>snaps=\n`).join(''),
    [`${path}/1-SNAPSHOT/maven-metadata-snaps.xml`]: 'metadata',
  });
}

export function inRepository(files: Files): Files {
  return Object.fromEntries(
    Object.entries(files).map(([path, content]) => [`~/.m2/repository/${path}`, content]),
  );
}

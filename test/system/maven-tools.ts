/**
 * The Mavens that the tests are judged by: the machine's own, and others from the repository that it names itself, unpacked once
 * into a folder that is kept; and a plugin of a few lines that resolves what a project depends on and does nothing else.
 */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readJarEntry } from '#runner-plugin/fingerprint/maven/jar.ts';
import { need, needThat, programPath } from '../needs.ts';

/** `system`: the one on PATH. */
export const MAVENS = ['system', '3.9.16', '3.10.0', '4.0.0-rc-4'] as const;
export type MavenName = (typeof MAVENS)[number];

/**
 * By these is judged in each test run what depends on how a Maven records what it used; by one, what all of them do alike; the others are
 * asked what differs (maven-versions.test.ts). By all of them, where CACHALOT_TEST_JUDGES says `all` (`npm run judge`): that takes a
 * quarter of an hour.
 */
export const JUDGES = judges('system', '3.9.16');
export const ONE_JUDGE = judges('3.9.16');

function judges(...usual: MavenName[]): readonly MavenName[] {
  return process.env.CACHALOT_TEST_JUDGES === 'all' ? MAVENS : usual;
}

/** What tests have fetched and will want again. */
export function keptFolder(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'cachalot-tests', 'maven');
}

/** The repository that Maven asks where nobody says another: its own super POM names it. */
export async function centralUrl(): Promise<string> {
  const lib = join(systemHome(), 'lib');
  for (const name of readdirSync(lib)) {
    if (!/^maven-model-builder-.*\.jar$/.test(name)) continue;
    const pom = await readJarEntry(join(lib, name), 'org/apache/maven/model/pom-4.0.0.xml');
    const url = pom === undefined ? undefined : /<url>(.*?)<\/url>/.exec(pom)?.[1];
    if (url !== undefined) return url;
  }
  throw new Error(`${lib}: no super POM names a repository`);
}

/** Whether a test can have that Maven, and what makes a plugin for it; else it is skipped and must return at once. */
export async function needMaven(t: Parameters<typeof need>[0], name: MavenName): Promise<boolean> {
  if (!need(t, 'mvn', 'java', 'javac', 'jar')) return false;
  try {
    return (await mavenHome(name)) !== '';
  } catch (error) {
    return needThat(t, false, `Maven ${name} is not to be had: ${(error as Error).message}`);
  }
}

/** Maven's home folder. Throws where it is not to be had. */
export async function mavenHome(name: MavenName): Promise<string> {
  if (name === 'system') return systemHome();
  const home = join(keptFolder(), `apache-maven-${name}`);
  if (existsSync(home)) return home;
  const file = `apache-maven-${name}-bin.tar.gz`;
  const answer = await fetch(`${await centralUrl()}/org/apache/maven/apache-maven/${name}/${file}`);
  if (!answer.ok) throw new Error(`${file}: ${answer.status}`);
  mkdirSync(keptFolder(), { recursive: true });
  const fresh = mkdtempSync(join(keptFolder(), 'fresh-'));
  try {
    writeFileSync(join(fresh, file), Buffer.from(await answer.arrayBuffer()));
    execFileSync('tar', ['xzf', file], { cwd: fresh });
    renameSync(join(fresh, `apache-maven-${name}`), home);
  } catch (error) {
    // Another test file may have been first; then its folder stands, and is as good.
    if (!existsSync(home)) throw error;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return home;
}

function systemHome(): string {
  return dirname(dirname(realpathSync(programPath('mvn') ?? '/usr/bin/mvn')));
}

const MOJO = `package tiny;
public class ResolveMojo extends org.apache.maven.plugin.AbstractMojo {
  public void execute() { getLog().info("resolved"); }
}`;
const DESCRIPTOR = `<plugin><groupId>tiny</groupId><artifactId>tiny-maven-plugin</artifactId><version>1</version>
  <goalPrefix>tiny</goalPrefix><isolatedRealm>false</isolatedRealm><inheritedByDefault>true</inheritedByDefault><mojos><mojo><goal>resolve</goal><phase>compile</phase>
  <requiresDependencyResolution>test</requiresDependencyResolution><requiresProject>true</requiresProject>
  <implementation>tiny.ResolveMojo</implementation><language>java</language>
  <instantiationStrategy>per-lookup</instantiationStrategy><executionStrategy>once-per-session</executionStrategy></mojo></mojos></plugin>`;

/** The jar of `tiny:tiny-maven-plugin`, whose goal `resolve` asks Maven for the project's dependencies and is done. */
export function tinyPlugin(): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'cachalot-plugin-'));
  try {
    mkdirSync(join(folder, 'out/META-INF/maven'), { recursive: true });
    writeFileSync(join(folder, 'ResolveMojo.java'), MOJO);
    writeFileSync(join(folder, 'out/META-INF/maven/plugin.xml'), DESCRIPTOR);
    const api = readdirSync(join(systemHome(), 'lib')).find((name) => name.startsWith('maven-plugin-api-'));
    execFileSync(
      'javac',
      [
        '-nowarn',
        '--release',
        '8',
        '-cp',
        join(systemHome(), 'lib', api ?? ''),
        '-d',
        'out',
        'ResolveMojo.java',
      ],
      { cwd: folder, stdio: 'pipe' },
    );
    execFileSync('jar', ['cf', 'tiny.jar', '-C', 'out', '.'], { cwd: folder });
    return readFileSync(join(folder, 'tiny.jar'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

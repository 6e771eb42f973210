/**
 * Tools whose download cache is worth keeping and that check it themselves, so that a few lines say all: which programs are
 * meant, which files show a project, which ones decide what it downloads, and where the tool keeps that. Paths and key files
 * are those that the tools' own documentation names and that setup-go, setup-java, rust-cache, setup-python, setup-uv, the
 * composer documentation and setup-ruby use.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export interface Surroundings {
  /** Absolute: where the project's mark was found. */
  folder: string;
  home: string;
  env: Readonly<Record<string, string | undefined>>;
}

export interface Preset {
  programs: readonly string[];
  /** Any of these in a folder makes it a project of this kind; looked for from the command's folder upwards. */
  marks: readonly string[];
  /** Paths below the project's folder, '/'-separated, whose content decides what is downloaded. */
  keyFiles: RegExp;
  /** How the project calls itself: a file and what stands around the name in it. */
  name?: { file: string; pattern: RegExp };
  /** A JVM has its own word on which folder is the user's home. */
  java?: true;
  /** Where downloads are kept; absolute. */
  places(surroundings: Surroundings): string[];
}

export const PRESETS: Readonly<Record<string, Preset>> = {
  gradle: {
    programs: ['gradle', 'gradlew'],
    marks: ['settings.gradle', 'settings.gradle.kts', 'build.gradle', 'build.gradle.kts'],
    keyFiles:
      /(^|\/)([^/]+\.gradle(\.kts)?|gradle\.properties|gradle\.lockfile|gradle-wrapper\.properties|[^/]+\.versions\.toml)$|^buildSrc\/.*\.(kt|java|groovy)$/,
    name: { file: 'settings.gradle', pattern: /^\s*rootProject\.name\s*=\s*['"]([^'"]+)['"]/m },
    java: true,
    places: ({ home, env }) =>
      ['caches', 'wrapper'].map((part) => join(env.GRADLE_USER_HOME || join(home, '.gradle'), part)),
  },
  go: {
    programs: ['go'],
    marks: ['go.work', 'go.mod'],
    keyFiles: /(^|\/)(go\.sum|go\.work\.sum|go\.mod|go\.work)$/,
    name: { file: 'go.mod', pattern: /^module\s+"?([^\s"]+)/m },
    places: ({ home, env }) => [
      env.GOMODCACHE || join((env.GOPATH || join(home, 'go')).split(':')[0] as string, 'pkg/mod'),
      env.GOCACHE || join(env.XDG_CACHE_HOME || join(home, '.cache'), 'go-build'),
    ],
  },
  cargo: {
    programs: ['cargo', 'cross'],
    marks: ['Cargo.lock'],
    keyFiles: /^(Cargo\.lock|rust-toolchain(\.toml)?|\.cargo\/config(\.toml)?)$/,
    name: { file: 'Cargo.toml', pattern: /^name\s*=\s*"([^"]+)"/m },
    places: ({ home, env }) =>
      ['registry/index', 'registry/cache', 'git/db'].map((part) =>
        join(env.CARGO_HOME || join(home, '.cargo'), part),
      ),
  },
  pip: {
    programs: ['pip', 'pip3'],
    marks: ['requirements.txt', 'pyproject.toml', 'setup.py', 'setup.cfg'],
    keyFiles:
      /(^|\/)((requirements|constraints)[^/]*\.(txt|in)|requirements\/[^/]+\.txt|pyproject\.toml|setup\.py|setup\.cfg)$/,
    name: { file: 'pyproject.toml', pattern: /^name\s*=\s*["']([^"']+)["']/m },
    places: ({ home, env }) => [env.PIP_CACHE_DIR || join(env.XDG_CACHE_HOME || join(home, '.cache'), 'pip')],
  },
  uv: {
    programs: ['uv', 'uvx'],
    marks: ['uv.lock'],
    keyFiles: /^(uv\.lock|uv\.toml|\.python-version)$/,
    name: { file: 'pyproject.toml', pattern: /^name\s*=\s*["']([^"']+)["']/m },
    places: ({ home, env }) => [env.UV_CACHE_DIR || join(env.XDG_CACHE_HOME || join(home, '.cache'), 'uv')],
  },
  composer: {
    programs: ['composer'],
    marks: ['composer.lock'],
    keyFiles: /^composer\.lock$/,
    name: { file: 'composer.json', pattern: /"name"\s*:\s*"([^"]+)"/ },
    places: ({ home, env }) => [env.COMPOSER_CACHE_DIR || composerCache(home, env)],
  },
  bundler: {
    programs: ['bundle', 'bundler'],
    marks: ['Gemfile.lock'],
    keyFiles: /^(Gemfile\.lock|\.ruby-version)$/,
    places: ({ folder, home, env }) => [
      resolve(folder, env.BUNDLE_PATH || bundlePath(folder, home, env) || 'vendor/bundle'),
    ],
  },
};

/** As Composer's Factory has it: the XDG folder only where anything speaks for XDG, or nothing else is there. */
function composerCache(home: string, env: Surroundings['env']): string {
  if (env.COMPOSER_HOME) return join(env.COMPOSER_HOME, 'cache');
  if (process.platform === 'darwin') return join(home, 'Library/Caches/composer');
  const own = join(home, '.composer/cache');
  const usesXdg = Object.keys(env).some((name) => name.startsWith('XDG_')) || existsSync('/etc/xdg');
  return usesXdg && !existsSync(own) ? join(env.XDG_CACHE_HOME || join(home, '.cache'), 'composer') : own;
}

/** What `bundle config set path` wrote: the project's own settings go before the user's. */
function bundlePath(folder: string, home: string, env: Surroundings['env']): string | undefined {
  const files = [
    join(resolve(folder, env.BUNDLE_APP_CONFIG || '.bundle'), 'config'),
    env.BUNDLE_USER_CONFIG || join(home, '.bundle/config'),
  ];
  for (const file of files) {
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    const path = /^BUNDLE_PATH:\s*"?([^"\n]+?)"?\s*$/m.exec(text)?.[1];
    if (path !== undefined) return path;
  }
  return undefined;
}

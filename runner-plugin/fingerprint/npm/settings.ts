/**
 * npm's effective settings, as far as they change the tree, in one canonical form: `--omit=dev`, `--production` and
 * NODE_ENV=production are one. Which setting changes what was tried one by one (docs/design.md, "Fingerprint inputs").
 */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Input, valueInput } from '../fingerprint.ts';
import { type ReferenceForms, withVariables } from '../node-project/references.ts';

/** Everything that was set, by name; later layers have replaced earlier ones. Lists keep every value. */
export type Settings = ReadonlyMap<string, readonly string[]>;

/** Settings that are lists in npm: every value counts. */
const LISTS = new Set(['omit', 'include', 'workspace', 'allow-scripts']);

/** Settings that leave the tree as it is, whatever their value. Everything else that is set becomes an input. */
const HARMLESS = new Set(
  `access all audit audit-level auth-type before-script browser ca cache cache-lock-retries cache-lock-stale cache-lock-wait
   cache-max cache-min cafile call cert cert-file color commit-hooks cidr depth description diff editor expect-result-count
   expect-results fetch-retries fetch-retry-factor fetch-retry-maxtimeout fetch-retry-mintimeout fetch-timeout
   foreground-scripts fund git git-tag-version globalconfig global-prefix heading https-proxy http-proxy if-present init-author-email
   init-author-name init-author-url init-license init-module init-private init-type init-version json key key-file
   lockfile-version local-address local-prefix location loglevel logs-dir logs-max long maxsockets message
   name-license node-gyp node-options node-version noproxy npm-version offline otp pack-destination package package-lock
   parseable prefer-offline prefer-online prefix preid progress provenance proxy read-only rebuild-bundle registry
   replace-registry-host save save-bundle save-dev save-exact save-optional save-peer save-prefix save-prod script-shell
   searchexclude searchlimit searchopts searchstaleness send-metrics shell sign-git-commit sign-git-tag store-dir
   strict-ssl tag tag-version-prefix timing tmp unicode update-notifier usage user-agent userconfig
   versions viewer which yes omit-lockfile-registry-resolved workspaces-update noproxy cli npm-cli init-module nodedir`.split(
    /\s+/,
  ),
);

// Settings that npm 7 and later folded into others, and those whose value needs reading; handled below, never as they stand.
const FOLDED = new Set([
  'omit',
  'include',
  'production',
  'only',
  'also',
  'dev',
  'optional',
  'install-strategy',
  'global-style',
  'legacy-bundling',
]);

/** The default of settings that are often written out; a value equal to it is no input. */
const DEFAULTS: Record<string, string> = {
  'ignore-scripts': 'false',
  'legacy-peer-deps': 'false',
  // These two decide whether npm installs at all where peers do not agree.
  force: 'false',
  'strict-peer-deps': 'false',
  'install-links': 'false',
  'bin-links': 'true',
  'engine-strict': 'false',
  'include-workspace-root': 'false',
  'prefer-dedupe': 'false',
  'build-from-source': 'false',
  'dry-run': 'false',
  'package-lock-only': 'false',
  'strict-allow-scripts': 'false',
  global: 'false',
  umask: '0',
};

/**
 * Reads an .npmrc: `name = value`, `name[] = value`, `;` and `#` comments, also behind a value, references to variables. What is no
 * setting is left out, and so is all that follows a `[section]`, which npm reads as settings of that section.
 */
export function parseNpmrc(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
  forms: ReferenceForms = 'optional',
): [string, string][] {
  const [settings = ''] = text.replace(/^\uFEFF/, '').split(/^\s*\[[^\]]*\]\s*$/m);
  return settings.split(/\r?\n/).flatMap((line): [string, string][] => {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith(';') || trimmed.startsWith('#')) return [];
    const equals = trimmed.indexOf('=');
    const name = withoutComment(equals < 0 ? trimmed : trimmed.slice(0, equals));
    const value = equals < 0 ? 'true' : withoutComment(trimmed.slice(equals + 1));
    return [[name, withVariables(value, env, forms)]];
  });
}

/** A value in quotes is all of it; of others a comment sign ends it that no backslash precedes. */
function withoutComment(text: string): string {
  const [, , quoted] = /^(["'])(.*)\1$/.exec(text.trim()) ?? [];
  if (quoted !== undefined) return quoted;
  return text
    .replace(/(?<!\\)[;#].*$/, '')
    .replace(/\\([;#\\])/g, '$1')
    .trim();
}

export interface SettingSources {
  /** The folder of package.json. */
  folder: string;
  /** Where npm is started. */
  started: string;
  home: string;
  env: Readonly<Record<string, string | undefined>>;
  flags: readonly [string, string][];
  /** npm's own folder, where npm was found: whoever packs npm may leave an npmrc there. */
  npmFolder?: string;
  /** What npm takes for its prefix where nothing else is said: the folder above Node's own `bin`. */
  prefix: string;
}

/** All layers in npm's order: built in, global, user, project, environment, command. */
export async function readSettings(sources: SettingSources): Promise<Settings> {
  const { env, folder, home } = sources;
  const fromEnv = Object.entries(env).flatMap(([name, value]): [string, string][] => {
    const match = /^npm_config_(?!_)(.+)$/i.exec(name);
    // An empty variable is false for a switch and nothing for the rest; npm hands its own settings down in that form.
    return match?.[1] === undefined || value === undefined || value === ''
      ? []
      : [[match[1].toLowerCase(), value]];
  });
  const named = (name: string) => {
    const [, file] = [...fromEnv, ...sources.flags].findLast(([key]) => key === name) ?? [];
    return file === undefined ? undefined : resolve(sources.started, file.replace(/^~(?=\/)/, home));
  };
  const read = async (file: string) => parseNpmrc(await textOf(file), env);
  const builtIn = sources.npmFolder === undefined ? [] : await read(join(sources.npmFolder, 'npmrc'));
  const user = await read(named('userconfig') ?? join(home, '.npmrc'));
  const project = await read(join(folder, '.npmrc'));
  // The global file lies below the prefix, which every other layer may set.
  const [, prefix] = [...builtIn, ...user, ...project].findLast(([key]) => key === 'prefix') ?? [];
  const place = named('prefix') ?? (prefix && resolve(folder, prefix.replace(/^~(?=\/)/, home)));
  const global = await read(
    named('globalconfig') ?? join(place ?? (env.PREFIX || sources.prefix), 'etc', 'npmrc'),
  );
  const settings = new Map<string, string[]>();
  for (const layer of [builtIn, global, user, project, fromEnv, sources.flags]) {
    const fresh = new Set<string>();
    for (const [rawName, value] of layer) {
      const name = rawName.replace(/\[\]$/, '').replaceAll('_', '-').toLowerCase();
      const list = LISTS.has(name) && fresh.has(name) ? (settings.get(name) ?? []) : [];
      settings.set(name, [
        ...list,
        ...(LISTS.has(name) ? value.split(/[\s,]+/).filter((one) => one !== '') : [value]),
      ]);
      fresh.add(name);
    }
  }
  return settings;
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    // npm goes on without a file that it cannot read, and so do we: the tree is what it is without those settings.
    return '';
  }
}

/** The last value of a setting. */
export function settingOf(settings: Settings, name: string): string | undefined {
  return settings.get(name)?.at(-1);
}

export function isOn(settings: Settings, name: string): boolean {
  const value = settingOf(settings, name);
  return value !== undefined && value !== 'false' && value !== 'null' && value !== '0' && value !== '';
}

/** Types of dependencies that are left out, sorted: npm's own reading of omit, include, production, only, also, dev, optional. */
export function omitted(settings: Settings, env: Readonly<Record<string, string | undefined>>): string[] {
  const omit = new Set(settings.get('omit') ?? []);
  const only = settingOf(settings, 'only');
  const production = settingOf(settings, 'production');
  if ((production !== undefined && production !== 'false') || only === 'prod' || only === 'production')
    omit.add('dev');
  if (settingOf(settings, 'optional') === 'false') omit.add('optional');
  // NODE_ENV is only the default of omit.
  if (env.NODE_ENV === 'production' && !settings.has('omit') && production !== 'false') omit.add('dev');
  const include = new Set(settings.get('include') ?? []);
  if (isOn(settings, 'dev') || /^dev/.test(settingOf(settings, 'also') ?? '')) include.add('dev');
  if (settingOf(settings, 'optional') === 'true') include.add('optional');
  return [...omit].filter((type) => !include.has(type)).sort();
}

/** Credentials, and where packages come from; neither changes what a lockfile's integrities stand for. */
function isSecretOrSource(name: string): boolean {
  return (
    name.startsWith('//') ||
    name.startsWith('@') ||
    /(^|[:_-])(auth|authtoken|password|username|email|token)$/i.test(name) ||
    name.includes('_auth') ||
    name.startsWith('-auth')
  );
}

/**
 * One input for each setting that changes the tree and differs from npm's default, by name and digest. A setting that we do
 * not know counts: better a miss than another tree.
 */
export function settingInputs(
  settings: Settings,
  env: Readonly<Record<string, string | undefined>>,
): Input[] {
  const inputs: Input[] = [];
  const omit = omitted(settings, env);
  if (omit.length > 0) inputs.push(valueInput('setting omit', omit.join(',')));
  // The lockfile says where packages go; of the strategies only `linked` lays out another tree.
  if (settingOf(settings, 'install-strategy') === 'linked')
    inputs.push(valueInput('setting install-strategy', 'linked'));
  for (const [name, values] of [...settings].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (HARMLESS.has(name) || FOLDED.has(name) || isSecretOrSource(name)) continue;
    const value = [...values].sort().join(',');
    if (
      DEFAULTS[name] === value ||
      (DEFAULTS[name] === 'true' && value === '') ||
      (DEFAULTS[name] === 'false' && (value === '' || value === 'null'))
    )
      continue;
    inputs.push(valueInput(`setting ${name}`, value));
  }
  return inputs;
}

/** Why with these settings nothing is cached; undefined where it is. `verb`: npm's own name of the install, if it is one. */
export function settingsRefuse(settings: Settings, verb: 'ci' | 'install' | undefined): string | undefined {
  if (
    verb === 'install' &&
    ['package-lock', 'shrinkwrap'].some((name) => settingOf(settings, name) === 'false')
  )
    return 'npm is told package-lock=false, with which an install does not look at the lockfile';
  if (settingOf(settings, 'location') === 'global')
    return 'npm is told location=global, which does not fill node_modules';
  for (const name of ['global', 'dry-run', 'package-lock-only']) {
    if (isOn(settings, name)) return `npm is told ${name}, which does not fill node_modules`;
  }
  return undefined;
}

/**
 * yarn's settings: `.yarnrc` and `.npmrc` for yarn 1, `.yarnrc.yml` for yarn 2 and later, in the project, above it and in the
 * user's folder; the environment; the command.
 */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fault } from '#protocol/wire/errors.ts';
import { type Input, valueInput } from '../fingerprint.ts';
import { withVariables } from '../node-project/references.ts';
import {
  isOn,
  type ManagerSettings,
  NPMS_OWN,
  settingInputs,
  settingName,
  settingsOfEnv,
} from '../node-project/settings.ts';
import { isMap, parseYaml } from '../node-project/yaml.ts';
import { parseNpmrc } from '../npm/settings.ts';

/** Settings that leave the tree as it is, whatever their value. */
const HARMLESS = new Set([
  ...NPMS_OWN,
  ...`access approved-git-repositories audit audit-level bin-version ca ca-file-path cache cache-folder
    cache-migration-mode cafile cert check-cache check-files check-resolutions child-concurrency
    clone-concurrency color cwd defer-version-folder disable-self-update-check emoji enable-colors
    enable-constraints-checks enable-global-cache enable-hardened-mode enable-hyperlinks
    enable-immutable-cache enable-immutable-installs enable-inline-builds enable-inline-hunks
    enable-message-names enable-meta-folder enable-mirror enable-network enable-offline-mode
    enable-progress-bars enable-strict-ssl enable-telemetry enable-timers engine-strict env-file fetch-retries
    fetch-retry-factor fetch-retry-maxtimeout fetch-retry-mintimeout fetch-timeout frozen-lockfile fund git
    global-folder globalconfig har http-header http-headers http-proxy http-retry http-timeout
    https-ca-file-path https-cert-file-path https-key-file-path https-proxy ignore-cwd ignore-path immutable
    immutable-cache init-fields init-scope init-version inject-environment-files inline-builds json key
    local-prefix log-filters loglevel mutex network-concurrency network-settings network-timeout
    non-interactive noproxy npm-audit-exclude-packages npm-audit-ignore-advisories npm-audit-registry
    npm-minimal-age-gate npm-preapproved-packages npm-publish-access npm-publish-provenance
    npm-publish-registry npm-registries npm-registry-server npm-scopes offline
    optional-peer-dependencies-notice package-lock prefer-deferred-versions prefer-interactive prefer-offline
    prefer-truncated-lines preferred-cache-folder prefix progress proxy pure-lockfile rc-filename
    refresh-lockfile registry save-exact save-prefix script-shell scripts-prepend-node-path silent
    strict-semver strict-ssl task-pool-concurrency task-pool-mode telemetry-interval telemetry-user-id
    unsafe-http-whitelist unsafe-perm user-agent userconfig verbose version-commit-hooks version-git-message
    version-git-sign version-git-tag version-sign-git-tag version-tag-prefix workspaces-experimental
    wrap-output yarn-offline-mirror yarn-offline-mirror-pruning yarn-path`.split(/\s+/),
]);

/** Handled by {@link isProduction}. */
const FOLDED = new Set(['production', 'prod']);

const DEFAULTS: Readonly<Record<string, string>> = {
  'ignore-scripts': 'false',
  'ignore-optional': 'false',
  'ignore-engines': 'false',
  'ignore-platform': 'false',
  'bin-links': 'true',
  flat: 'false',
  'node-linker': 'pnp',
  'nm-mode': 'classic',
  'nm-hoisting-limits': 'none',
  'compression-level': '0',
  'pnp-mode': 'strict',
  'pnp-fallback-mode': 'dependencies-only',
};

export interface YarnSettingSources {
  /** The lockfile's folder. */
  folder: string;
  home: string;
  env: Readonly<Record<string, string | undefined>>;
  flags: readonly [string, string][];
  form: 'classic' | 'berry';
}

/** All layers, later ones replacing earlier ones. Throws INPUT_UNREADABLE for a `.yarnrc.yml` that cannot be read. */
export async function readYarnSettings({
  folder,
  home,
  env,
  flags,
  form,
}: YarnSettingSources): Promise<ManagerSettings> {
  const folders = [home, ...above(folder).reverse()];
  const layers: Iterable<[string, unknown]>[] = [];
  for (const one of folders) {
    if (form === 'berry')
      layers.push(await yamlSettings(join(one, env.YARN_RC_FILENAME ?? '.yarnrc.yml'), env));
    else
      layers.push(
        parseNpmrc(await textOf(join(one, '.npmrc')), env),
        parseYarnrc(await textOf(join(one, '.yarnrc'))),
      );
  }
  layers.push(settingsOfEnv(env, form === 'berry' ? /^yarn_/i : /^(yarn|npm_config)_/i), flags);
  const settings: ManagerSettings = new Map();
  for (const layer of layers) {
    for (const [name, value] of layer) settings.set(settingName(name.replace(/\[\]$/, '')), value);
  }
  return settings;
}

function above(folder: string): string[] {
  const up = dirname(folder);
  return up === folder ? [folder] : [folder, ...above(up)];
}

/** `key value`, quoted or not; `--install.production true` gives a flag to a sub-command. */
function parseYarnrc(text: string): [string, string][] {
  return text.split(/\r?\n/).flatMap((line): [string, string][] => {
    const match = /^\s*"?([^\s"#]+)"?\s+"?(.*?)"?\s*$/.exec(line);
    const name = match?.[1]?.replace(/^--(install\.|\*\.)?/, '');
    return name === undefined || match?.[2] === undefined ? [] : [[name, match[2]]];
  });
}

async function yamlSettings(path: string, env: YarnSettingSources['env']): Promise<[string, unknown][]> {
  const text = await textOf(path);
  try {
    return parseYaml(text, 100)
      .flatMap((document) => (isMap(document) ? Object.entries(document) : []))
      .map(([name, value]): [string, unknown] => [name, referred(value, env)]);
  } catch (error) {
    const why = (error as Error).message.split('\n', 1)[0] ?? '';
    throw fault('INPUT_UNREADABLE', { path, why }, { cause: error });
  }
}

/** A value of any form with the variables that it refers to. */
function referred(value: unknown, env: YarnSettingSources['env']): unknown {
  if (typeof value === 'string') return withVariables(value, env, 'fallback');
  if (Array.isArray(value)) return value.map((one) => referred(one, env));
  return isMap(value)
    ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, referred(one, env)]))
    : value;
}

function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

/** Whether development dependencies are left out: yarn 1's reading of the flag and of NODE_ENV. */
function isProduction(settings: ManagerSettings, env: YarnSettingSources['env']): boolean {
  if (settings.has('production')) return isOn(settings, 'production');
  return settings.has('prod') ? isOn(settings, 'prod') : env.NODE_ENV === 'production';
}

export function yarnSettingInputs(
  settings: ManagerSettings,
  { env, form }: Pick<YarnSettingSources, 'env' | 'form'>,
): Input[] {
  const counted: ManagerSettings = new Map([...settings].filter(([name]) => !FOLDED.has(name)));
  return [
    ...(form === 'classic' && isProduction(settings, env) ? [valueInput('setting omit', 'dev')] : []),
    ...settingInputs(counted, HARMLESS, DEFAULTS),
  ];
}

const REFUSED_WHEN_ON = ['force', 'focus', 'pnp', 'enable-pnp', 'update-checksums', 'skip-integrity-check'];
const REFUSED_WHEN_SET = ['modules-folder', 'virtual-folder', 'pnp-unplugged-folder', 'install-state-path'];

/** Why with these settings the tree is not cached; undefined where it is. */
export function settingsRefuse(settings: ManagerSettings): string | undefined {
  const name =
    REFUSED_WHEN_ON.find((one) => isOn(settings, one)) ??
    (String(settings.get('lockfile')) === 'false' ? 'lockfile' : undefined) ??
    REFUSED_WHEN_SET.find((one) => settings.has(one));
  if (name !== undefined) return `yarn's setting ${name} is ${settings.get(name)}`;
  const linker = settings.get('node-linker');
  if (linker === 'pnpm') return "yarn's setting nodeLinker is pnpm";
  return settings.get('mode') === 'update-lockfile' ? 'yarn is told to write the lockfile only' : undefined;
}

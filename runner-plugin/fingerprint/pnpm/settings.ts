/**
 * pnpm's settings, from everywhere that pnpm 10 or 11 reads them: `.npmrc` (the user's and the project's), pnpm's own files in
 * the user's folder, `pnpm` in package.json, pnpm-workspace.yaml, the environment, the command. Where only one of the two
 * versions reads a place it counts all the same: that costs a miss at worst.
 */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fault } from '#protocol/wire/errors.ts';
import type { Input } from '../fingerprint.ts';
import { valueInput } from '../fingerprint.ts';
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
  // By `nodeVersion` pnpm decides which optional packages suit.
  ...NPMS_OWN.filter((name) => name !== 'node-version'),
  ...`access aggregate-output audit audit-config audit-level bail ca cache cache-dir cafile call catalog
    catalogs cert child-concurrency ci color confirm-modules-purge depth diff dir disallow-workspace-cycles
    dlx-cache-max-age embed-readme fail-if-no-match fetch-min-speed-ki-bps fetch-retries fetch-retry-factor
    fetch-retry-maxtimeout fetch-retry-mintimeout fetch-timeout fetch-warn-timeout-ms frozen-lockfile fund
    git-checks git-shallow-hosts git-tag-version global-bin-dir global-config global-dir global-prefix
    globalconfig heading http-proxy https-proxy if-present ignore-workspace-cycles ignore-workspace-root-check
    include-workspace-root init-module init-package-manager init-type json key local-address local-prefix
    location loglevel logs-dir long maxsockets message minimum-release-age minimum-release-age-exclude
    minimum-release-age-ignore-missing-time minimum-release-age-strict modules-cache-max-age
    network-concurrency no-proxy noproxy npm-globalconfig offline optimistic-repeat-install otp
    package-import-method package-lock parallel parseable pnpm-home prefer-frozen-lockfile prefer-offline
    prefix progress provenance proxy publish-branch recursive registries registry reporter
    reporter-hide-prefix resolution-mode save save-catalog save-catalog-name save-dev save-exact save-optional
    save-peer save-prefix save-prod save-workspace-protocol script-shell shell-emulator silent sort state-dir
    store-dir stream strict-peer-dependencies strict-ssl strict-store-pkg-content-check tag timing
    trust-policy trust-policy-exclude trust-policy-ignore-after unicode unsafe-perm update-config usage
    use-beta-cli use-running-store-server use-stderr user-agent userconfig verify-deps-before-run
    verify-store-integrity workspace-concurrency workspace-root yes`.split(/\s+/),
]);

/** What is handled by {@link omitted}, or named elsewhere. */
const FOLDED = new Set(['prod', 'production', 'dev', 'optional', 'only', 'shamefully-hoist']);

/** Written out at its default a setting is no input. */
const DEFAULTS: Readonly<Record<string, string>> = {
  'ignore-scripts': 'false',
  'node-linker': 'isolated',
  hoist: 'true',
  'auto-install-peers': 'true',
  'engine-strict': 'false',
  symlink: 'true',
  'dedupe-peer-dependents': 'true',
  'side-effects-cache': 'true',
  'recursive-install': 'true',
  'shared-workspace-lockfile': 'true',
  lockfile: 'true',
  'link-workspace-packages': 'false',
  'inject-workspace-packages': 'false',
  'manage-package-manager-versions': 'true',
  'virtual-store-dir-max-length': '120',
  'enable-global-virtual-store': 'false',
  'hoist-workspace-packages': 'true',
};

export interface PnpmSettingSources {
  /** The lockfile's folder. */
  folder: string;
  /** Where the command was started. */
  startedIn: string;
  home: string;
  env: Readonly<Record<string, string | undefined>>;
  /** `pnpm` of package.json. */
  field: unknown;
  flags: readonly [string, string][];
  /** The program `node`, beside which npm's global settings are. */
  node: string | undefined;
}

/** All layers, later ones replacing earlier ones. Throws INPUT_UNREADABLE for YAML that cannot be read. */
export async function readPnpmSettings(sources: PnpmSettingSources): Promise<ManagerSettings> {
  const { env, home, folder } = sources;
  const config = join(env.XDG_CONFIG_HOME ?? join(home, '.config'), 'pnpm');
  const fromEnv = settingsOfEnv(env, /^p?npm_config_/i);
  const named = (name: string) => fromEnv.find(([key]) => key === name)?.[1];
  const npmrc = async (path: string) => parseNpmrc(await textOf(path), env, 'fallback');
  const layers: Iterable<[string, unknown]>[] = [
    sources.node === undefined ? [] : await npmrc(join(dirname(dirname(sources.node)), 'etc', 'npmrc')),
    await npmrc(join(config, 'rc')),
    await yamlSettings(join(config, 'config.yaml')),
    await npmrc(named('userconfig') ?? join(home, '.npmrc')),
    await npmrc(join(folder, '.npmrc')),
    sources.startedIn === folder ? [] : await npmrc(join(sources.startedIn, '.npmrc')),
    isMap(sources.field) ? Object.entries(sources.field) : [],
    await yamlSettings(join(folder, 'pnpm-workspace.yaml')),
    fromEnv,
    sources.flags,
  ];
  const settings: ManagerSettings = new Map();
  for (const layer of layers) {
    const lists = new Map<string, unknown[]>();
    for (const [rawName, value] of layer) {
      const name = settingName(rawName.replace(/\[\]$/, ''));
      // Flags that are given twice, and `name[]` in .npmrc, are lists.
      const values = [...(lists.get(name) ?? []), value];
      lists.set(name, values);
      settings.set(name, values.length === 1 ? value : values);
    }
  }
  return settings;
}

async function yamlSettings(path: string): Promise<[string, unknown][]> {
  const text = await textOf(path);
  try {
    return parseYaml(text, 100).flatMap((document) => (isMap(document) ? Object.entries(document) : []));
  } catch (error) {
    throw fault(
      'INPUT_UNREADABLE',
      { path, why: (error as Error).message.split('\n', 1)[0] ?? '' },
      { cause: error },
    );
  }
}

function textOf(path: string): Promise<string> {
  // pnpm goes on without a file that it cannot read, and so do we.
  return readFile(path, 'utf8').catch(() => '');
}

/** Types of dependencies that are left out, sorted. NODE_ENV is not asked: pnpm 10 and 11 do not (tried). */
export function omitted(settings: ManagerSettings): string[] {
  const only = String(settings.get('only') ?? '');
  const omit = new Set<string>();
  if (isOn(settings, 'prod') || isOn(settings, 'production') || /^prod/.test(only)) omit.add('dev');
  if (isOn(settings, 'dev') || /^dev/.test(only)) omit.add('prod');
  if (String(settings.get('optional')) === 'false') omit.add('optional');
  return [...omit].sort();
}

export function pnpmSettingInputs(settings: ManagerSettings): Input[] {
  const omit = omitted(settings);
  const counted: ManagerSettings = new Map([...settings].filter(([name]) => !FOLDED.has(name)));
  if (isOn(settings, 'shamefully-hoist')) counted.set('public-hoist-pattern', '*');
  return [
    ...(omit.length === 0 ? [] : [valueInput('setting omit', omit.join(','))]),
    ...settingInputs(counted, HARMLESS, DEFAULTS),
  ];
}

/** Settings under which the tree lies elsewhere, is not filled, or is filled anew each time. */
const REFUSED_WHEN_ON = [
  'global',
  'lockfile-only',
  'resolution-only',
  'dry-run',
  'force',
  'ignore-workspace',
  'enable-global-virtual-store',
  'virtual-store-only',
  'git-branch-lockfile',
  'merge-git-branch-lockfiles',
];
const REFUSED_WHEN_OFF = ['lockfile', 'shared-workspace-lockfile', 'enable-modules-dir', 'symlink'];
const REFUSED_WHEN_SET = ['modules-dir', 'virtual-store-dir', 'lockfile-dir', 'only-built-dependencies-file'];

/** Why with these settings the tree is not cached; undefined where it is. */
export function settingsRefuse(settings: ManagerSettings): string | undefined {
  const name =
    REFUSED_WHEN_ON.find((one) => isOn(settings, one)) ??
    REFUSED_WHEN_OFF.find((one) => String(settings.get(one)) === 'false') ??
    REFUSED_WHEN_SET.find((one) => settings.has(one));
  if (name !== undefined) return `pnpm's setting ${name} is ${settings.get(name)}`;
  return settings.get('node-linker') === 'pnp' ? "pnpm's setting node-linker is pnp" : undefined;
}

/**
 * Packages that may run install scripts: `undefined` where all may. pnpm 10 and 11 run none that are not named
 * (`onlyBuiltDependencies`, `allowBuilds`).
 */
export function mayBuild(settings: ManagerSettings): readonly string[] | undefined {
  if (isOn(settings, 'ignore-scripts')) return [];
  if (isOn(settings, 'dangerously-allow-all-builds') || settings.has('never-built-dependencies'))
    return undefined;
  const listed = settings.get('only-built-dependencies');
  const allowed = settings.get('allow-builds');
  return [
    ...(Array.isArray(listed) ? listed.map(String) : typeof listed === 'string' ? [listed] : []),
    ...(isMap(allowed) ? Object.keys(allowed).filter((name) => String(allowed[name]) === 'true') : []),
  ];
}

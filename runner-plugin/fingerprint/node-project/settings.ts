/** Settings of a package manager, gathered from many places, as far as they change the tree: one input each. */
import { canonicalBytes } from '#protocol/format/canonical-json.ts';
import { type Input, valueInput } from '../fingerprint.ts';

/** By name, in the manager's own spelling with `-`; later places have replaced earlier ones. Values are as written. */
export type ManagerSettings = Map<string, unknown>;

/** npm's settings that neither pnpm nor yarn has, or that change no tree; `.npmrc` and npm's variables are read by all three. */
export const NPMS_OWN: readonly string[] =
  `all allow-scripts auth-type before before-script browser cache-lock-retries cache-max cache-min commit-hooks
  description editor expect-result-count expect-results foreground-scripts global-style include init-author-email
  init-author-name init-author-url init-license init-version install-links install-strategy legacy-bundling legacy-peer-deps
  lockfile-version logs-max name nodedir node-gyp node-options node-version npm-version omit-lockfile-registry-resolved
  package prefer-dedupe prefer-online preid read-only rebuild-bundle replace-registry-host save-bundle save-prod scope
  searchexclude searchlimit searchopts searchstaleness send-metrics shell sign-git-commit sign-git-tag strict-allow-scripts
  strict-peer-deps tag-version-prefix tmp update-notifier versions viewer workspaces-update`.split(/\s+/);

/** `nodeLinker`, `node_linker` and `node-linker` are one. */
export function settingName(name: string): string {
  if (name.startsWith('//') || name.startsWith('@')) return name;
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replaceAll('_', '-')
    .toLowerCase();
}

/** Variables `<prefix>name` of the environment, by their settings' names. An empty one is not set. */
export function settingsOfEnv(
  env: Readonly<Record<string, string | undefined>>,
  prefix: RegExp,
): [string, string][] {
  return Object.entries(env).flatMap(([variable, value]): [string, string][] => {
    const match = prefix.exec(variable);
    const name = match === null ? '' : variable.slice(match[0].length);
    // npm_config__auth and the like are credentials of a registry.
    return name === '' || name.startsWith('_') || value === undefined || value === ''
      ? []
      : [[settingName(name), value]];
  });
}

/** Credentials, and where packages come from; neither changes what a lockfile's integrities stand for. */
export function isSecretOrSource(name: string): boolean {
  return (
    name.startsWith('//') ||
    name.startsWith('@') ||
    /(^|[:.-])(auth|authtoken|auth-token|auth-ident|password|username|email|token|otp)$/i.test(name) ||
    name.includes('auth-')
  );
}

export function isOn(settings: ManagerSettings, name: string): boolean {
  const value = settings.get(name);
  return value !== undefined && value !== false && !/^(false|null|0|)$/.test(String(value));
}

/**
 * One input for each setting that is not known to leave the tree as it is and is not written out at its default, by name and
 * digest: values stay out, they may be secret. A setting that nobody knows counts: better a miss than another tree.
 */
export function settingInputs(
  settings: ManagerSettings,
  harmless: ReadonlySet<string>,
  defaults: Readonly<Record<string, string>>,
): Input[] {
  return [...settings]
    .filter(([name, value]) => {
      if (harmless.has(name) || isSecretOrSource(name)) return false;
      return value !== undefined && value !== null && textOf(value) !== defaults[name];
    })
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => valueInput(`setting ${name}`, textOf(value)));
}

function textOf(value: unknown): string {
  return typeof value === 'object' ? canonicalBytes(value).toString('utf8') : String(value);
}

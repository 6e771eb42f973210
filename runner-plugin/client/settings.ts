/** Everything that the client is told from outside, read from the environment once. Bad values throw SETTING_INVALID. */
import { readFile } from 'node:fs/promises';
import { fault } from '#protocol/wire/errors.ts';
import type { NamedRefs } from '#protocol/wire/ref-headers.ts';
import { type Budgets, readBudgets } from './budgets.ts';
import { type Identity, readIdentity } from './identity.ts';
import { readRefs } from './refs.ts';
import { type Environment, stateFolder } from './state-folder.ts';

export const DEFAULT_PORT = 3779;

export interface ClientSettings {
  /** With a trailing slash; neither query nor credentials. */
  url: URL;
  /** False where nobody named a server: the one on this machine is used if there is one. */
  named: boolean;
  /** Asked before every request: a token file may be renewed while a build runs. */
  token: () => Promise<string | undefined>;
  /** Whence a token of the CI system comes, to be exchanged where no other is set. */
  identity: Identity | undefined;
  /** Of this build; read once. */
  refs: () => Promise<NamedRefs>;
  /** Files in PEM. */
  caFile?: string;
  clientCert?: string;
  clientKey?: string;
  /** Ids of the signing keys that manifests must be signed with; empty: the server's word is taken. */
  trust: ReadonlySet<string>;
  proxies: { http: string; https: string; none: string };
  budgets: Budgets;
  stateFolder: string;
  /** Of this program, for the User-Agent. */
  version: string;
}

export function readClientSettings(env: Environment, version: string): ClientSettings {
  const named = env.CACHALOT_URL !== undefined && env.CACHALOT_URL !== '';
  const caFile = env.CACHALOT_CA_FILE || undefined;
  const clientCert = env.CACHALOT_CLIENT_CERT || undefined;
  const clientKey = env.CACHALOT_CLIENT_KEY || undefined;
  if ((clientCert === undefined) !== (clientKey === undefined)) {
    const setting = clientCert === undefined ? 'CACHALOT_CLIENT_CERT' : 'CACHALOT_CLIENT_KEY';
    throw fault('SETTING_INVALID', {
      setting,
      value: '',
      why: 'certificate and key are needed both, or neither',
    });
  }
  const url = readUrl(env.CACHALOT_URL || `http://127.0.0.1:${DEFAULT_PORT}`);
  return {
    url,
    named,
    token: () => readToken(env),
    identity: readIdentity(env, url, named),
    refs: readOnce(() => readRefs(env)),
    ...(caFile === undefined ? {} : { caFile }),
    ...(clientCert === undefined ? {} : { clientCert }),
    ...(clientKey === undefined ? {} : { clientKey }),
    trust: readTrust(env),
    proxies: {
      http: readProxy(env, 'http_proxy'),
      https: readProxy(env, 'https_proxy'),
      none: env.no_proxy ?? env.NO_PROXY ?? '',
    },
    budgets: readBudgets(env),
    stateFolder: stateFolder(env),
    version,
  };
}

function readOnce<T>(read: () => Promise<T>): () => Promise<T> {
  let reading: Promise<T> | undefined;
  return () => {
    reading ??= read();
    return reading;
  };
}

function readUrl(value: string): URL {
  const refuse = (shown: string, why: string) =>
    fault('SETTING_INVALID', { setting: 'CACHALOT_URL', value: shown, why });
  const url = URL.parse(value);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw refuse(value, 'an http or https address is needed');
  if (url.username !== '' || url.password !== '') {
    throw refuse(
      `${url.protocol}//…@${url.host}`,
      'credentials do not belong into the address; set CACHALOT_TOKEN',
    );
  }
  if (url.search !== '' || url.hash !== '')
    throw refuse(value, 'an address without query and fragment is needed');
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

/** curl takes a proxy without a scheme for http, and so do we. '' is none: undici would look at the environment itself. */
function readProxy(env: Environment, name: string): string {
  const upper = name.toUpperCase();
  const value = (env[name] ?? env[upper] ?? '').trim();
  if (value === '') return '';
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    // It may hold a password, so its value is not repeated.
    throw fault('SETTING_INVALID', {
      setting: upper,
      value: '…',
      why: 'the address of an http proxy is needed',
    });
  }
  return url.href;
}

function readTrust(env: Environment): Set<string> {
  const value = env.CACHALOT_TRUST ?? '';
  const ids = value
    .split(',')
    .map((id) => id.trim())
    .filter((id) => id !== '');
  if (value.trim() !== '' && (ids.length === 0 || !ids.every((id) => /^[0-9a-f]{32}$/.test(id)))) {
    const why = 'key ids of 32 hexadecimal digits are needed, with commas between them';
    throw fault('SETTING_INVALID', { setting: 'CACHALOT_TRUST', value, why });
  }
  return new Set(ids);
}

async function readToken(env: Environment): Promise<string | undefined> {
  const file = env.CACHALOT_TOKEN_FILE;
  if (file !== undefined && file !== '') {
    const text = await readFile(file, 'utf8').catch((cause: unknown) => {
      const why = cause instanceof Error && 'code' in cause ? `${cause.code}` : 'it cannot be read';
      throw fault('SETTING_INVALID', { setting: 'CACHALOT_TOKEN_FILE', value: file, why }, { cause });
    });
    return headerToken('CACHALOT_TOKEN_FILE', text);
  }
  return env.CACHALOT_TOKEN === undefined ? undefined : headerToken('CACHALOT_TOKEN', env.CACHALOT_TOKEN);
}

function headerToken(setting: string, text: string): string | undefined {
  const token = text.trim();
  if (/[^\x21-\x7e]/.test(token)) {
    throw fault('SETTING_INVALID', { setting, value: '…', why: 'a token is one word of printable ASCII' });
  }
  return token === '' ? undefined : token;
}

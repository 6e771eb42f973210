/**
 * Where Redis is and how to speak to it, from what was set. One server, a master that sentinels name, or the nodes of a
 * cluster; in the clear (`redis://`) or over TLS (`rediss://`), with the system's authorities or one of one's own.
 */
import { fault } from '#protocol/wire/errors.ts';

/** As it was set, as text; empty counts as absent. Names are those of the configuration file below `redis`. */
export interface RedisWords {
  /** `redis://[user:password@]host[:port][/database]` or `rediss://…`; several, separated by commas, for sentinels and nodes. */
  url: string;
  /** `single` (the default), `sentinel`, `cluster`. */
  mode?: string | undefined;
  /** The master's name, where the addresses are those of sentinels. */
  master?: string | undefined;
  username?: string | undefined;
  password?: string | undefined;
  passwordFile?: string | undefined;
  sentinelPassword?: string | undefined;
  sentinelPasswordFile?: string | undefined;
  /** File of certificates in PEM that may vouch for Redis. */
  caFile?: string | undefined;
  /** What the names of all keys begin with; several installations may share one Redis. */
  prefix?: string | undefined;
}

export interface RedisSettings {
  mode: 'single' | 'sentinel' | 'cluster';
  /** Of the server, the sentinels or the nodes. */
  addresses: { host: string; port: number }[];
  master: string | undefined;
  database: number;
  username: string | undefined;
  password: string | undefined;
  sentinelPassword: string | undefined;
  /** Undefined without TLS; `ca` undefined for the system's authorities. */
  tls: { ca: string | undefined } | undefined;
  prefix: string;
}

const PORTS = { single: 6379, cluster: 6379, sentinel: 26_379 } as const;
const LARGEST_DATABASE = 1_000_000;

/** Throws `SETTING_INVALID` that names the setting; no password is in it. */
export async function readRedisSettings(
  words: RedisWords,
  readFile: (path: string) => Promise<string>,
): Promise<RedisSettings> {
  const mode = readMode(words.mode);
  const urls = words.url.split(',').map((text) => readUrl(text.trim(), words.url));
  const [first = new URL('redis://localhost')] = urls;
  if (mode === 'single' && urls.length > 1) {
    throw refused(
      'redis.url',
      shown(words.url),
      'several addresses are sentinels or nodes of a cluster: set redis.mode',
    );
  }
  if (urls.some(({ protocol }) => protocol !== first.protocol)) {
    throw refused('redis.url', shown(words.url), 'all addresses are redis:// or all are rediss://');
  }
  if (mode === 'sentinel' && !words.master) {
    throw refused('redis.master', '', 'sentinels are asked for a master by its name');
  }
  const isSecure = first.protocol === 'rediss:';
  if (words.caFile && !isSecure) {
    throw refused('redis.caFile', words.caFile, 'only rediss:// is spoken over TLS');
  }
  return {
    mode,
    addresses: urls.map(({ hostname, port }) => ({
      host: decodeURIComponent(hostname).replace(/^\[(.*)\]$/, '$1'),
      port: port === '' ? PORTS[mode] : Number(port),
    })),
    master: mode === 'sentinel' ? words.master : undefined,
    database: readDatabase(first, mode),
    username: words.username || decodeURIComponent(first.username) || undefined,
    password:
      (await readSecret('redis.password', words.password, words.passwordFile, readFile)) ??
      (decodeURIComponent(first.password) || undefined),
    sentinelPassword: await readSecret(
      'redis.sentinelPassword',
      words.sentinelPassword,
      words.sentinelPasswordFile,
      readFile,
    ),
    tls: isSecure ? { ca: await readCa(words.caFile, readFile) } : undefined,
    prefix: readPrefix(words.prefix || 'cachalot'),
  };
}

/** For messages: without credentials. */
export function describeAddresses({ mode, addresses, master }: RedisSettings): string {
  const list = addresses.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`);
  return `${list.join(',')}${mode === 'single' ? '' : ` (${mode}${master === undefined ? '' : ` ${master}`})`}`;
}

function readMode(word: string | undefined): RedisSettings['mode'] {
  if (!word) return 'single';
  if (word === 'single' || word === 'sentinel' || word === 'cluster') return word;
  throw refused('redis.mode', word, 'it is none of single, sentinel, cluster');
}

function readUrl(text: string, all: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw refused('redis.url', shown(all), 'it is no URL like redis://host:6379');
  }
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') {
    throw refused('redis.url', shown(all), `it begins with ${url.protocol}, not with redis: or rediss:`);
  }
  if (url.hostname === '') throw refused('redis.url', shown(all), 'it names no host');
  if (url.search !== '' || url.hash !== '') {
    throw refused('redis.url', shown(all), 'what stands behind ? or # would be ignored');
  }
  return url;
}

function readDatabase({ pathname }: URL, mode: RedisSettings['mode']): number {
  const text = pathname.replace(/^\//, '');
  if (text === '') return 0;
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(number <= LARGEST_DATABASE)) throw refused('redis.url', `…/${text}`, 'a database is a number');
  if (mode === 'cluster' && number !== 0)
    throw refused('redis.url', `…/${text}`, 'a cluster has database 0 only');
  return number;
}

async function readSecret(
  setting: string,
  secret: string | undefined,
  file: string | undefined,
  readFile: (path: string) => Promise<string>,
): Promise<string | undefined> {
  if (!file) return secret || undefined;
  if (secret) throw refused(`${setting}File`, file, `${setting} is set too; one of them is enough`);
  const content = (await readNamed(`${setting}File`, file, readFile)).replace(/\r?\n$/, '');
  if (content === '') throw refused(`${setting}File`, file, 'it is empty');
  return content;
}

async function readCa(
  file: string | undefined,
  readFile: (path: string) => Promise<string>,
): Promise<string | undefined> {
  if (!file) return undefined;
  const content = await readNamed('redis.caFile', file, readFile);
  if (!content.includes('-----BEGIN CERTIFICATE-----')) {
    throw refused('redis.caFile', file, 'it holds no certificate in PEM');
  }
  return content;
}

async function readNamed(
  setting: string,
  file: string,
  readFile: (path: string) => Promise<string>,
): Promise<string> {
  try {
    return await readFile(file);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw refused(setting, file, code === 'ENOENT' ? 'it is not there' : message);
  }
}

// Braces would move the hash tag, and the others have a meaning where keys are looked for by pattern.
function readPrefix(prefix: string): string {
  if (/^[A-Za-z0-9_.-]{1,64}$/.test(prefix)) return prefix;
  throw refused('redis.prefix', prefix, 'it is at most 64 letters, digits, dots, dashes and underscores');
}

function shown(urls: string): string {
  return urls.replace(/\/\/[^/,]*@/g, '//…@');
}

function refused(setting: string, value: string, why: string): Error {
  return fault('SETTING_INVALID', { setting, value: JSON.stringify(value), why }, { field: setting });
}

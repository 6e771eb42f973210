/**
 * Whom a TLS connection trusts: what Node trusts (its own list and NODE_EXTRA_CA_CERTS), the system's authorities, and
 * CACHALOT_CA_FILE; and the certificate that we show, where the server asks for one.
 *
 * Reading the system's list takes about 100 ms, so this is done for https only, and once a process: a context is shared by all
 * connections.
 */
import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import { fault } from '#protocol/wire/errors.ts';
import type { ClientSettings } from './settings.ts';

/** Throws SETTING_INVALID for a file that cannot be read or holds no certificate or key. */
export function secureContext(
  settings: Pick<ClientSettings, 'caFile' | 'clientCert' | 'clientKey'>,
): tls.SecureContext {
  const { caFile, clientCert, clientKey } = settings;
  const own = caFile === undefined ? [] : [readPem('CACHALOT_CA_FILE', caFile, 'CERTIFICATE')];
  const ca = [...new Set([...tls.getCACertificates('default'), ...tls.getCACertificates('system'), ...own])];
  const shown =
    clientCert === undefined || clientKey === undefined
      ? {}
      : {
          cert: readPem('CACHALOT_CLIENT_CERT', clientCert, 'CERTIFICATE'),
          key: readPem('CACHALOT_CLIENT_KEY', clientKey, 'PRIVATE KEY'),
        };
  try {
    return tls.createSecureContext({ ca, ...shown });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const [setting, value] =
      clientCert === undefined ? ['CACHALOT_CA_FILE', caFile] : ['CACHALOT_CLIENT_CERT', clientCert];
    throw fault('SETTING_INVALID', { setting, value: value ?? '', why }, { cause });
  }
}

function readPem(setting: string, file: string, what: 'CERTIFICATE' | 'PRIVATE KEY'): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error && 'code' in cause ? `${cause.code}` : 'it cannot be read';
    throw fault('SETTING_INVALID', { setting, value: file, why }, { cause });
  }
  // OpenSSL takes a file without any for an empty list, and the connection would fail with a riddle.
  if (!new RegExp(`-----BEGIN [A-Z ]*${what}-----`).test(text)) {
    throw fault('SETTING_INVALID', { setting, value: file, why: `it holds no ${what} in PEM` });
  }
  return text;
}

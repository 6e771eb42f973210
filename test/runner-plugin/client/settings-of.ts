/** Settings as the client reads them from an environment that holds nothing but what the test says. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClientSettings, readClientSettings } from '#runner-plugin/client/settings.ts';
import type { Teardown } from './servers.ts';

export function settingsOf(
  t: Teardown,
  url: string | undefined,
  env: Record<string, string> = {},
): ClientSettings {
  const home = mkdtempSync(join(tmpdir(), 'cachalot-client-'));
  t.teardown(() => rmSync(home, { recursive: true, force: true }));
  const address = url === undefined ? {} : { CACHALOT_URL: url };
  return readClientSettings({ CACHALOT_HOME: home, ...address, ...env }, '0.0.0-test');
}

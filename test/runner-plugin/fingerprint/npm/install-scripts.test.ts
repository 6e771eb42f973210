/** Packages whose install scripts are understood: each with its reason, for users too. */
import { readFileSync } from 'node:fs';
import { test } from 'tap';
import { UNDERSTOOD } from '#runner-plugin/fingerprint/npm/install-scripts.ts';

test('the docs have the same list, with the same reasons', async (t) => {
  const docs = readFileSync(new URL('../../../../docs/package-managers.md', import.meta.url), 'utf8');
  const rows = new Map(
    [...docs.matchAll(/^\| `([^`]+)` +\| (.*?) +\|$/gm)].map(([, name = '', why = '']) => [name, why]),
  );
  for (const [name, why] of Object.entries(UNDERSTOOD)) t.equal(rows.get(name), why, name);
});

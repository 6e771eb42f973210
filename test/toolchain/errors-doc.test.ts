import { readFileSync } from 'node:fs';
import { test } from 'tap';
import { errorsDocument } from '../../toolchain/errors-doc.ts';

test('docs/errors.md is what the catalogue says: node toolchain/errors-doc.ts makes it', (t) => {
  const written = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  t.equal(written, errorsDocument());
  t.end();
});

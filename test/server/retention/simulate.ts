/** Many seeds of the simulation: `node test/server/retention/simulate.ts [how many] [the first]`. Prints the first that fails. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSigningKeys } from '#server/signing/signing-keys.ts';
import { simulate } from './simulation.ts';

const [many = '100', first = '1'] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'cachalot-simulate-'));
const signing = await openSigningKeys(join(folder, 'signing.pem'));
rmSync(folder, { recursive: true });
const counts: Record<string, number> = {};
for (let seed = Number(first); seed < Number(first) + Number(many); seed++) {
  const outcome = await simulate(seed, signing);
  for (const [what, count] of Object.entries(outcome.counts)) counts[what] = (counts[what] ?? 0) + count;
  counts.steps = (counts.steps ?? 0) + outcome.steps;
  if (outcome.broken === undefined) continue;
  console.error(`${outcome.broken.trace.join('\n')}\nseed ${seed}: ${outcome.broken.what}`);
  process.exitCode = 1;
  break;
}
console.log(JSON.stringify(counts));

/**
 * `npm run bench -- [--quick] [--runs N] [--json FILE] [NAME...]`: asks the questions of bench/rows, prints a table with its conditions,
 * and undoes all that it set up, also when it is interrupted or fails.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { machine } from './machine.ts';
import type { Row } from './question.ts';
import { QUESTIONS, ROWS } from './questions.ts';
import { details, table } from './report.ts';
import { Stage } from './stage/stage.ts';

const USAGE = 64;
const INTERRUPTED = 130;

const chosen = readArguments();
if (chosen === undefined) process.exitCode = USAGE;
else process.exitCode = await run(chosen);

interface Arguments {
  quick: boolean;
  json: string | undefined;
  runs: number | undefined;
  names: string[];
}

function readArguments(): Arguments | undefined {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { json: { type: 'string' }, quick: { type: 'boolean' }, runs: { type: 'string' } },
    });
    const unknown = positionals.filter((name) => !ROWS.includes(name));
    if (unknown.length > 0) throw new Error(`no such row: ${unknown.join(', ')}`);
    const runs = values.runs === undefined ? undefined : Number(values.runs);
    if (runs !== undefined && !(Number.isInteger(runs) && runs % 2 === 1))
      throw new Error('--runs takes an odd number, so that the median is one of the runs');
    return { quick: values.quick ?? false, json: values.json, runs, names: positionals };
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    console.error(
      `usage: npm run bench -- [--quick] [--runs N] [--json FILE] [NAME...]\nrows: ${ROWS.join(', ')}`,
    );
    return undefined;
  }
}

async function run({ quick, json, runs, names }: Arguments): Promise<number> {
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => interrupt.abort(new Error(`interrupted by ${signal}`)));
  const rows: Row[] = [];
  const failed: string[] = [];
  const options = { quick, runs, signal: interrupt.signal, say: (line: string) => console.error(line) };
  for (const question of QUESTIONS) {
    const wanted = question.rows.filter((name) => names.length === 0 || names.includes(name));
    if (wanted.length === 0) continue;
    console.error(question.rows.join(', '));
    try {
      rows.push(...(await Stage.with(options, (stage) => question.ask(stage))));
    } catch (error) {
      if (interrupt.signal.aborted) break;
      failed.push(...wanted);
      console.error(`!! ${wanted.join(', ')}:`, error);
    }
  }
  const conditions = machine({ quick });
  const whole = rows.map((row) => ({ ...row, conditions: { ...conditions, ...row.conditions } }));
  console.log(table(whole));
  console.log(
    `\n${Object.entries(conditions)
      .map(([name, value]) => `${name}: ${value}`)
      .join('\n')}\n`,
  );
  for (const row of whole) console.log(details(row, conditions));
  if (json !== undefined) await writeFile(json, `${JSON.stringify(whole, undefined, 2)}\n`);
  if (interrupt.signal.aborted) return INTERRUPTED;
  if (failed.length > 0) console.error(`Not measured: ${failed.join(', ')}`);
  return failed.length > 0 ? 1 : 0;
}

// `npm test`: installs what the tests need, runs the checks and every test, and ends with one line
// `N passed, N failed, N skipped` that counts test cases and checks. Arguments go to tap, and then the checks are left out:
// `npm test -- test/house`.

import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ensureSystemPrograms } from './system-programs.mjs';
import { countCases } from './tap-count.mjs';

const project = dirname(dirname(fileURLToPath(import.meta.url)));
const inCi = /^(1|true)$/.test(process.env.CI ?? '');
const args = process.argv.slice(2);
// The program is started hundreds of times from its sources: stripping types and compiling takes a third of such a start.
process.env.NODE_COMPILE_CACHE = join(project, '.tap', 'compile-cache');
process.env.PATH = `${join(project, 'node_modules/.bin')}${delimiter}${process.env.PATH ?? ''}`;

/** @param {string[]} command */
function run(command) {
  const [program = '', ...rest] = command;
  const child = spawn(program, rest, { cwd: project, stdio: 'inherit' });
  return /** @type {Promise<number>} */ (
    new Promise((resolve) => {
      child.on('error', (error) => {
        console.error(`${program}: ${error.message}`);
        resolve(127);
      });
      child.on('exit', (code, signal) => resolve(code ?? (signal ? 128 : 1)));
    })
  );
}

/** tap draws its progress itself; what it counted is read from its record. */
async function tapOnTerminal() {
  const record = join(project, '.tap', 'record.tap');
  mkdirSync(dirname(record), { recursive: true });
  rmSync(record, { force: true });
  const status = await run(['tap', `--output-file=${record}`, ...args]);
  let text = '';
  try {
    text = readFileSync(record, 'utf8');
  } catch {
    // tap did not come so far; its status says so.
  }
  return { text, status };
}

/** In a log: a line for each file, and all that a file said if it failed. */
async function tapInLog() {
  const child = spawn('tap', ['--reporter=tap', '--no-color', ...args], {
    cwd: project,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => {
    child.on('error', () => resolve(127));
    child.on('close', (code) => resolve(code ?? 1));
  });
  const lines = [];
  let file = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    file.push(line);
    const verdict = /^(not )?ok \d+ - (.*?)( \{)?$/.exec(line);
    if (!verdict) continue;
    console.log(verdict[1] ? file.join('\n') : `ok ${verdict[2]}`);
    file = [];
  }
  return { text: lines.join('\n'), status: /** @type {number} */ (await ended) };
}

ensureSystemPrograms();

let passed = 0;
let failed = 0;
let skipped = 0;

if (args.length === 0) {
  for (const check of [['tsc'], ['biome', 'check', '--error-on-warnings'], ['knip']]) {
    console.log(`> ${check.join(' ')}`);
    if ((await run(check)) === 0) passed += 1;
    else failed += 1;
  }
}

console.log('> tap');
const { text, status } = process.stdout.isTTY ? await tapOnTerminal() : await tapInLog();
const cases = countCases(text);
passed += cases.passed;
failed += cases.failed;
skipped += cases.skipped;
if (status !== 0 && cases.failed === 0) failed += 1;
for (const name of cases.failures) console.log(`FAILED  ${name}`);
for (const name of cases.skips) console.log(`SKIPPED ${name}`);
if (inCi && skipped > 0) console.log('In CI nothing may be skipped: this run has failed.');

console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed > 0 || (inCi && skipped > 0) ? 1 : 0;

/**
 * Makes docs/errors.md of the error catalogue: `node toolchain/errors-doc.ts`. A test holds the file to it.
 */
import { writeFileSync } from 'node:fs';
import { CATALOGUE, EXIT } from '../protocol/wire/errors.ts';

const FILE = new URL('../docs/errors.md', import.meta.url);

const EXITS: Record<number, string> = {
  [EXIT.usage]: 'usage',
  [EXIT.input]: 'unreadable input',
  [EXIT.unavailable]: 'server unavailable',
  [EXIT.io]: 'input/output or damaged data',
  [EXIT.tryAgain]: 'try again',
  [EXIT.refused]: 'refused',
};

const INTRODUCTION = `# Errors

Every error has a code, which never changes its meaning, a message that says what happened and to what, and what to do about
it. A server answers with \`{code, message, action, field?}\` and the status below. On the runner a fault of the cache is one
line on stderr and the build goes on; with \`--strict\`, and where the command's own input is bad, the exit status is the one
below.

This file is made from \`protocol/wire/errors.ts\` by \`node toolchain/errors-doc.ts\`.
`;

/** The text of docs/errors.md. */
export function errorsDocument(): string {
  const sections = Object.entries(CATALOGUE).map(([code, { status, exit, message, action }]) => {
    const sentence = message.replace(/\{\w+\}/g, (name) => `\`${name}\``);
    return `## ${code}\n\n${sentence} ${action}\n\nHTTP ${status}, exit status ${exit} (${EXITS[exit]}).\n`;
  });
  return [INTRODUCTION, ...sections].join('\n');
}

if (import.meta.main) writeFileSync(FILE, errorsDocument());

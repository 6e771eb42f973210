import { posix } from 'node:path';
import { init, parse } from 'es-module-lexer';

await init;

/** The floors, and which of them each may reach. Inside a floor anything goes, but for the rooms below. */
const MAY_REACH: Record<string, readonly string[]> = {
  protocol: [],
  'runner-plugin': ['protocol'],
  server: ['protocol'],
  cli: ['protocol', 'runner-plugin', 'server'],
};

/** Rooms of the server that translate, and rooms where commit order and retirement are none of their business. */
const TRANSLATORS = ['api', 'compat', 'registry'];
const BEHIND_ENTRIES = ['store', 'index'];

/** `server/` is loaded by these commands alone, when they run. */
const SERVER_COMMANDS = ['serve', 'admin'];

const FOLDERS_THAT_SAY_NOTHING = /^(utils?|helpers?|managers?|misc|common)$/;
/** As a file's name, `manager` is npm's or pnpm's own word. */
const FILES_THAT_SAY_NOTHING = /^(utils?|helpers?|misc|common)\.[^.]+$/;

interface Reach {
  specifier: string;
  dynamic: boolean;
}

/** What a TypeScript source imports, types too, and what it starts as a worker. */
export function reaches(source: string): Reach[] {
  const found: Reach[] = [];
  for (const each of parse(source)[0]) {
    if (each.type === 'static' || each.type === 'reexport-star')
      found.push({ specifier: each.specifier, dynamic: false });
    else if (each.type === 'dynamic' && each.specifier !== undefined)
      found.push({ specifier: each.specifier, dynamic: true });
  }
  for (const [, , specifier = ''] of source.matchAll(/new URL\(\s*(['"`])(.*?)\1\s*,\s*import\.meta\.url/g))
    if (/\.[cm]?[jt]s$/.test(specifier)) found.push({ specifier, dynamic: true });
  return found;
}

/**
 * Says in a sentence each what is wrong with the imports of `file`, a path from the project's root with forward
 * slashes.
 */
export function wrongArrows(file: string, source: string): string[] {
  const [floor = '', room = ''] = file.split('/');
  const allowed = MAY_REACH[floor];
  if (allowed === undefined) return [];
  const wrong: string[] = [];
  for (const { specifier, dynamic } of reaches(source)) {
    const target = resolve(file, specifier);
    if (target === undefined) continue;
    const [toFloor = '', toRoom = ''] = target.split('/');
    const say = (why: string) => wrong.push(`${file} imports ${specifier}: ${why}`);
    if (target === 'package.json' || target === 'dist/cachalot.mjs') continue;
    if (toFloor !== floor) {
      if (!allowed.includes(toFloor)) say(`${floor} may not reach ${toFloor}`);
      else if (!specifier.startsWith('#')) say(`another floor is imported by its name, #${target}`);
      else if (toFloor === 'server' && !dynamic)
        say('the server is imported dynamically, so that nobody else loads it');
      else if (toFloor === 'server' && !isServerCommand(file))
        say(`only the commands ${SERVER_COMMANDS.join(' and ')} reach the server`);
    } else if (floor === 'server' && TRANSLATORS.includes(room) && BEHIND_ENTRIES.includes(toRoom)) {
      say(`server/${room} reaches ${toRoom} through entries and blobs only`);
    }
  }
  return wrong;
}

/** Names in a path that say nothing about what is there. */
export function emptyNames(file: string): string[] {
  const folders = file.split('/');
  const name = folders.pop() ?? '';
  return [
    ...folders.filter((folder) => FOLDERS_THAT_SAY_NOTHING.test(folder)),
    ...(FILES_THAT_SAY_NOTHING.test(name) ? [name] : []),
  ];
}

function isServerCommand(file: string): boolean {
  return file
    .split('/')
    .slice(1)
    .some((part) => SERVER_COMMANDS.includes(part.replace(/\.[^.]+$/, '')));
}

/** The file of the project that a specifier means; undefined for packages and Node's own modules. */
function resolve(file: string, specifier: string): string | undefined {
  if (specifier.startsWith('#')) return specifier.slice(1);
  if (specifier.startsWith('.')) return posix.join(posix.dirname(file), specifier);
  return undefined;
}

/**
 * The shell that npm is told to use (`npm_config_script_shell`): it tells the recorder of each script of the project and of its
 * links, waits for its word, and becomes the shell that the user has. A script, and what it starts, sees nothing of it: no
 * variable is left behind, and an npm that a script starts has the user's own shell again.
 *
 * It lies in a folder of its own among the temporary files, made for one run and removed after it, with all that it needs written
 * into it; the shell itself in the project where nothing among the temporary files may be started.
 */
import { access, constants, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Wrapper {
  /** What `npm_config_script_shell` is set to. */
  shell: string;
  /** Path of the unix socket that it connects to. */
  socket: string;
  /** Where {@link dumpingShell} leaves the environment, as JSON. */
  dump: string;
  remove(): Promise<void>;
}

export interface WrapperOptions {
  /** Real path of the project: packages below a node_modules folder of it are nobody's business. */
  root: string;
  /** The user's own `script-shell`, where one is set. */
  userShell: string | undefined;
  /** Names of further variables of ours that no script is to see. */
  hidden: readonly string[];
}

export async function recordingShell({ root, userShell, hidden }: WrapperOptions): Promise<Wrapper> {
  const ownShell =
    userShell === undefined
      ? 'unset npm_config_script_shell'
      : `npm_config_script_shell=${quoted(userShell)}; export npm_config_script_shell`;
  return makeWrapper(root, ({ program, socket }) => ({
    program: tellText(socket),
    shell: `#!/bin/sh
${passNpx(userShell)}
below=\${npm_package_json#${quoted(root)}/}
case $below in
  node_modules/*|*/node_modules/*) ;;
  *) NODE_OPTIONS= ${quoted(process.execPath)} ${quoted(program)} "$@" </dev/null >/dev/null || : ;;
esac
unset ${['below', ...hidden].join(' ')}
${ownShell}
exec ${quoted(userShell ?? 'sh')} "$@"
`,
  }));
}

/** A shell that runs nothing and leaves its environment: by it npm tells the one that it would give to a script. */
export function dumpingShell(root: string): Promise<Wrapper> {
  return makeWrapper(root, ({ program, dump }) => ({
    program: `require('node:fs').writeFileSync(${JSON.stringify(dump)}, JSON.stringify(process.env))`,
    // NODE_OPTIONS is part of what is asked for, so it stays: the user's own Node would have it too.
    shell: `#!/bin/sh\n${passNpx(undefined)}\nexec ${quoted(process.execPath)} ${quoted(program)}\n`,
  }));
}

// `npx npm@10 ci` starts the npm that it is about by a shell too; that one is to have ours again.
function passNpx(userShell: string | undefined): string {
  return `[ "$npm_lifecycle_event" = npx ] && exec ${quoted(userShell ?? 'sh')} "$@"`;
}

const PREFIX = 'cachalot-scripts-';

interface Files {
  program: string;
  socket: string;
  dump: string;
}

/** `texts`: what the shell's program is, and the shell itself. Throws where nothing can be started anywhere. */
async function makeWrapper(
  root: string,
  texts: (files: Files) => { program: string; shell: string },
): Promise<Wrapper> {
  const folder = await mkdtemp(join(tmpdir(), PREFIX));
  const folders = [folder];
  const remove = async (): Promise<void> => {
    for (const one of folders) await rm(one, { recursive: true, force: true });
  };
  const files = {
    program: join(folder, 'tell.cjs'),
    socket: join(folder, 'recorder'),
    dump: join(folder, 'environment.json'),
  };
  try {
    const { program, shell } = texts(files);
    await writeFile(files.program, program, { mode: 0o600 });
    return { shell: await placeShell(folder, shell), socket: files.socket, dump: files.dump, remove };
  } catch (error) {
    await remove();
    throw error;
  }

  async function placeShell(first: string, text: string): Promise<string> {
    try {
      return await startable(first, text);
    } catch (error) {
      // Temporary folders are often mounted so that nothing in them may be started. Where packages' bins are to run, it may.
      for (const above of [join(root, '.git'), root]) {
        const other = await mkdtemp(join(above, `.${PREFIX}`)).catch(() => undefined);
        if (other === undefined) continue;
        folders.push(other);
        const shell = await startable(other, text).catch(() => undefined);
        if (shell !== undefined) return shell;
      }
      throw error;
    }
  }
}

/** Writes the shell into that folder. Throws where it may not be started there. */
async function startable(folder: string, text: string): Promise<string> {
  const shell = join(folder, 'shell');
  await writeFile(shell, text, { mode: 0o700 });
  await access(shell, constants.X_OK);
  return shell;
}

// Values of settings may be secret, and are not needed: npm itself is asked for them where a script is run again.
function tellText(socket: string): string {
  return `const { connect } = require('node:net');
const told = Object.entries(process.env).filter(([name]) => name === 'PATH' || /^npm_(package|lifecycle)_/.test(name));
const connection = connect(${JSON.stringify(socket)});
connection.on('connect', () => {
  const call = { args: process.argv.slice(2), folder: process.cwd(), env: Object.fromEntries(told) };
  connection.write(JSON.stringify(call) + '\\n');
});
connection.on('error', () => process.exit(0));
connection.on('close', () => process.exit(0));
connection.resume();
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

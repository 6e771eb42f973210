/**
 * The shell that npm is told to use (`npm_config_script_shell`): it tells the recorder of each script of the project and of its
 * links, waits for its word, and becomes the shell that the user has. A script, and what it starts, sees nothing of it: no
 * variable is left behind, and an npm that a script starts has the user's own shell again.
 *
 * It lies in a folder of its own, made for one run and removed after it, with all that it needs written into it.
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
  const wrapper = await emptyWrapper();
  const tell = join(wrapper.shell, '..', 'tell.cjs');
  await writeFile(tell, tellText(wrapper.socket), { mode: 0o600 });
  const ownShell =
    userShell === undefined
      ? 'unset npm_config_script_shell'
      : `npm_config_script_shell=${quoted(userShell)}; export npm_config_script_shell`;
  const text = `#!/bin/sh
${passNpx(userShell)}
below=\${npm_package_json#${quoted(root)}/}
case $below in
  node_modules/*|*/node_modules/*) ;;
  *) NODE_OPTIONS= ${quoted(process.execPath)} ${quoted(tell)} "$@" </dev/null >/dev/null || : ;;
esac
unset ${['below', ...hidden].join(' ')}
${ownShell}
exec ${quoted(userShell ?? 'sh')} "$@"
`;
  await place(wrapper, text);
  return wrapper;
}

/** A shell that runs nothing and leaves its environment: by it npm tells the one that it would give to a script. */
export async function dumpingShell(): Promise<Wrapper> {
  const wrapper = await emptyWrapper();
  const program = `require('node:fs').writeFileSync(${JSON.stringify(wrapper.dump)}, JSON.stringify(process.env))`;
  const file = join(wrapper.shell, '..', 'dump.cjs');
  await writeFile(file, program, { mode: 0o600 });
  // NODE_OPTIONS is part of what is asked for, so it stays: the user's own Node would have it too.
  await place(
    wrapper,
    `#!/bin/sh\n${passNpx(undefined)}\nexec ${quoted(process.execPath)} ${quoted(file)}\n`,
  );
  return wrapper;
}

// `npx npm@10 ci` starts the npm that it is about by a shell too; that one is to have ours again.
function passNpx(userShell: string | undefined): string {
  return `[ "$npm_lifecycle_event" = npx ] && exec ${quoted(userShell ?? 'sh')} "$@"`;
}

/** Throws where nothing in that folder may be started: a temporary folder that is mounted so. */
async function place(wrapper: Wrapper, text: string): Promise<void> {
  await writeFile(wrapper.shell, text, { mode: 0o700 });
  try {
    await access(wrapper.shell, constants.X_OK);
  } catch (error) {
    await wrapper.remove();
    throw error;
  }
}

async function emptyWrapper(): Promise<Wrapper> {
  const folder = await mkdtemp(join(tmpdir(), 'cachalot-scripts-'));
  return {
    shell: join(folder, 'shell'),
    socket: join(folder, 'recorder'),
    dump: join(folder, 'environment.json'),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
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

/** The program: its commands, what they have in common, and the exit status of each outcome (interfaces: "Exit codes"). */
import { Command, CommanderError } from 'commander';
import { EXIT, isFault } from '#protocol/wire/errors.ts';
import { adminCommand } from './commands/admin.ts';
import { completionCommand } from './commands/completion.ts';
import { doctorCommand } from './commands/doctor.ts';
import { fingerprintCommand } from './commands/fingerprint.ts';
import { inspectCommand } from './commands/inspect.ts';
import { lsCommand } from './commands/ls.ts';
import { restoreCommand } from './commands/restore.ts';
import { rmCommand } from './commands/rm.ts';
import { runCommand } from './commands/run.ts';
import { saveCommand } from './commands/save.ts';
import { serveCommand } from './commands/serve.ts';
import { statsCommand } from './commands/stats.ts';
import { whoamiCommand } from './commands/whoami.ts';
import { whyCommand } from './commands/why.ts';
import { sayFault } from './say.ts';

/** What every command is given. */
export interface Context {
  version: string;
  env: Readonly<Record<string, string | undefined>>;
  /** Absolute: where the program was started. */
  folder: string;
}

/** Runs one command to its end; its exit status, undefined for one that goes on (serve). */
export async function main(args: readonly string[], version: string): Promise<number | undefined> {
  const context: Context = { version, env: process.env, folder: process.cwd() };
  let status: number | undefined;
  const program = new Command('cachalot')
    .description('Skips what a build would do again: dependencies, build outputs, images')
    .version(version, '-V, --version')
    .enablePositionalOptions()
    .showHelpAfterError('(cachalot --help shows the commands)')
    .exitOverride()
    .configureHelp({ showGlobalOptions: false });
  const end = (code: number) => {
    status = code;
  };
  for (const define of [
    serveCommand,
    runCommand,
    saveCommand,
    restoreCommand,
    fingerprintCommand,
    whyCommand,
    lsCommand,
    rmCommand,
    inspectCommand,
    statsCommand,
    whoamiCommand,
    doctorCommand,
    adminCommand,
    completionCommand,
  ]) {
    const command = define(context, end);
    for (const one of [command, ...command.commands, ...command.commands.flatMap(({ commands }) => commands)])
      one.exitOverride().showHelpAfterError(`(cachalot ${command.name()} --help shows the options)`);
    program.addCommand(command);
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) {
      // Help and version were asked for; everything else is a word that nobody understands.
      return error.exitCode === 0 ? 0 : EXIT.usage;
    }
    if (isFault(error)) {
      sayFault(error);
      return error.exit;
    }
    throw error;
  }
}

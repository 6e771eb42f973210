/** `cachalot completion SHELL`: a script that completes commands and options, made from the commands themselves. */
import { Argument, Command } from 'commander';
import type { Context } from '../program.ts';

export function completionCommand(_context: Context, end: (status: number) => void): Command {
  const command = new Command('completion')
    .description('print a completion script')
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh', 'fish']))
    .action((shell: string) => {
      const commands = (command.parent?.commands ?? []).map((one) => ({
        name: one.name(),
        about: one.description(),
        options: one.options.flatMap((option) => (option.long === undefined ? [] : [option.long])),
      }));
      console.log(SCRIPTS[shell as keyof typeof SCRIPTS](commands));
      end(0);
    });
  return command;
}

interface Completable {
  name: string;
  about: string;
  options: string[];
}

function bash(commands: readonly Completable[]): string {
  const cases = commands.map(({ name, options }) => `    ${name}) words='${options.join(' ')}' ;;`);
  return `_cachalot() {
  local words
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
    *) words='' ;;
  esac
  [ "$COMP_CWORD" -eq 1 ] && words='${commands.map(({ name }) => name).join(' ')}'
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}")
  [ \${#COMPREPLY[@]} -gt 0 ] || mapfile -t COMPREPLY < <(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}")
}
complete -F _cachalot cachalot`;
}

function zsh(commands: readonly Completable[]): string {
  return `#compdef cachalot
autoload -U +X bashcompinit && bashcompinit
${bash(commands)}`;
}

function fish(commands: readonly Completable[]): string {
  const quoted = (text: string) => `'${text.replaceAll("'", "\\'")}'`;
  return commands
    .flatMap(({ name, about, options }) => [
      `complete -c cachalot -n __fish_use_subcommand -f -a ${name} -d ${quoted(about)}`,
      ...options.map(
        (option) => `complete -c cachalot -n '__fish_seen_subcommand_from ${name}' -l ${option.slice(2)}`,
      ),
    ])
    .join('\n');
}

const SCRIPTS = { bash, zsh, fish };

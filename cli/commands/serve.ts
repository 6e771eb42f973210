/** `cachalot serve`: the server, with nothing to configure. */
import { Command } from 'commander';

export function serveCommand(): Command {
  return new Command('serve')
    .description('start the cache server; without options on the loopback, with a folder of its own')
    .option('--host <address>', 'where to listen (127.0.0.1)')
    .option('--port <number>', 'port, 0 for a free one (3779)')
    .option('--data <folder>', 'where everything is kept ($XDG_DATA_HOME/cachalot)')
    .option('--role <roles>', 'what this process does (api,worker)')
    .option('--config <file>', 'settings as JSON (/etc/cachalot/server.json)')
    .action(async (flags: Record<string, string>) => {
      const { serve } = await import('#server/main.ts');
      // It goes on until a signal ends it.
      await serve({ flags, ownsProcess: true });
    });
}

/**
 * The entry of the runner's bundle: `--version` is answered before anything is loaded; else the program is read and one
 * command's module runs.
 */
import manifest from '../package.json' with { type: 'json' };

if (process.argv.length === 3 && ['--version', '-V'].includes(process.argv[2] ?? '')) {
  console.log(manifest.version);
} else {
  const { main } = await import('./program.ts');
  const status = await main(process.argv.slice(2), manifest.version);
  // Not left to the event loop: a name that is still being looked up would hold the process past its budget.
  if (status !== undefined) process.exit(status);
}

// Stands at the top of the runner's bundle, before anything that an older Node lacks is touched. It must itself run
// on every Node that knows ES modules.
{
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const knowsZstd = major > 23 || (major === 23 && minor >= 8) || (major === 22 && minor >= 15);
  if (!knowsZstd) {
    console.error(
      `cachalot: Node ${process.versions.node} is too old: 22.15 or later is needed, or 23.8 or later.`,
    );
    // A cache that cannot work must not keep a build from running.
    const [command, ...rest] = process.argv.slice(2);
    const dashes = rest.indexOf('--');
    const [program, ...args] = dashes === -1 ? [] : rest.slice(dashes + 1);
    const strict =
      rest.slice(0, Math.max(dashes, 0)).includes('--strict') ||
      /^(1|true)$/.test(process.env.CACHALOT_STRICT ?? '');
    if (command !== 'run' || program === undefined || strict) process.exit(69);
    const { spawn } = await import('node:child_process');
    const { constants } = await import('node:os');
    const child = spawn(program, args, { stdio: 'inherit' });
    for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
      process.on(signal, () => child.kill(signal));
    const status = await new Promise((resolve) => {
      child.on('error', (error) => {
        console.error(`cachalot: ${error.message}`);
        resolve(127);
      });
      child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGTERM']));
    });
    process.exit(status);
  }
}

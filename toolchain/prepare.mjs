// npm runs this after `npm ci`, before `npm pack`, and the first time that `npx cachalot` is called in a clone. It leaves
// working bundles in `dist/`, and says nothing when all is well.

import { existsSync } from 'node:fs';

// A package that was installed from its archive holds its bundles, and no source.
if (!existsSync(new URL('../cli/main.ts', import.meta.url))) process.exit(0);
try {
  await import('esbuild');
} catch {
  // Installed without development dependencies: there is nothing to bundle with.
  process.exit(0);
}

const { bundle } = await import('./bundle.mjs');
try {
  const made = await bundle();
  if (process.argv.includes('--verbose'))
    for (const { file, bytes, modules } of made)
      console.log(`dist/${file}: ${(bytes / 1024).toFixed(0)} KiB from ${modules.length} modules`);
} catch (error) {
  console.error(`Cachalot could not be bundled: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}

/** The kinds that are found by looking at a folder, each loaded when it is asked. */
import type { KindDetector } from './plan.ts';

/** By presets/table.ts, which is read when one of them is asked. */
const PRESET_KINDS = ['gradle', 'go', 'cargo', 'pip', 'uv', 'composer', 'bundler'];

/** A kind by which others are asked too: `--kind npm` means whichever of the three the project uses. */
export const KINDS_MEANT: Readonly<Record<string, readonly string[]>> = { npm: ['npm', 'pnpm', 'yarn'] };

export const KINDS: Readonly<Record<string, () => Promise<KindDetector>>> = {
  npm: async () => (await import('./npm/detect.ts')).npmKind,
  pnpm: async () => (await import('./pnpm/detect.ts')).pnpmKind,
  yarn: async () => (await import('./yarn/detect.ts')).yarnKind,
  maven: async () => (await import('./maven/detect.ts')).mavenKind,
  'maven-target': async () => (await import('./maven-target/detect.ts')).mavenTargetKind,
  ...Object.fromEntries(
    PRESET_KINDS.map((kind) => [kind, async () => (await import('./presets/detect.ts')).presetKind(kind)]),
  ),
};

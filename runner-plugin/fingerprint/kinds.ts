/** The kinds that are found by looking at a folder, each loaded when it is asked. */
import type { KindDetector } from './plan.ts';

export const KINDS: Readonly<Record<string, () => Promise<KindDetector>>> = {
  npm: async () => (await import('./npm/detect.ts')).npmKind,
  maven: async () => (await import('./maven/detect.ts')).mavenKind,
};

/** One line on a terminal that says how far a restore or a save is; nothing where nobody looks. */
import type { Progress } from '#runner-plugin/step/context.ts';
import { bytesText } from './units.ts';

export interface ProgressLine {
  show(progress: Progress): void;
  /** Takes the line away, so that something else can be written. */
  clear(): void;
}

const EVERY_MS = 100;
const WIDTH = 24;

export function createProgress(stream: NodeJS.WriteStream, off: boolean): ProgressLine {
  if (off || !stream.isTTY) return { show: () => undefined, clear: () => undefined };
  let last = 0;
  let shown = false;
  return {
    show({ phase, done, total }) {
      const now = performance.now();
      if (now - last < EVERY_MS) return;
      last = now;
      shown = true;
      const share = total === 0 ? 0 : Math.min(1, done / total);
      const full = Math.round(share * WIDTH);
      const line = `${phase === 'restore' ? 'restoring' : 'saving'} ${'█'.repeat(full)}${'░'.repeat(WIDTH - full)} ${bytesText(done)} of ${bytesText(total)}`;
      stream.write(`\r\u001b[2K${line.slice(0, Math.max(0, (stream.columns ?? 80) - 1))}`);
    },
    clear() {
      if (!shown) return;
      shown = false;
      stream.write('\r\u001b[2K');
    },
  };
}

/**
 * A program that saves, started with IPC as `node save-process.ts PORT SAVES SEGMENTS RAW`: it makes the segments, says that it is
 * ready, and at a word runs all saves at once; then it says how long they took.
 */
import { readySegments, saveDirectly } from './direct-save.ts';

export interface SaveReport {
  seconds: number;
  raw: number;
  stored: number;
}

const [port = 0, saves = 0, perSave = 0, raw = 0] = process.argv.slice(2).map(Number);
const segments = readySegments(saves * perSave, raw);

process.on('message', async () => {
  const started = performance.now();
  try {
    await Promise.all(
      Array.from({ length: saves }, (_, index) =>
        saveDirectly(port, `save-${index}`, segments.slice(index * perSave, (index + 1) * perSave)),
      ),
    );
  } catch (error) {
    console.error(error);
    process.exit(1);
  }
  const report: SaveReport = {
    seconds: (performance.now() - started) / 1000,
    raw: segments.length * raw,
    stored: segments.reduce((sum, { stored }) => sum + stored.length, 0),
  };
  process.send?.(report);
});
process.on('disconnect', () => process.exit());
process.send?.({ ready: true });

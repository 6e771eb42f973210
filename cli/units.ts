/** Figures and tables as people read them, beyond what notices need (step/units.ts). */
import { bytesText, secondsText } from '#runner-plugin/step/units.ts';

export { bytesText };

/** From a minute on in hours and minutes: what is summed over many runs is long. */
export function durationText(seconds: number): string {
  if (seconds < 60) return secondsText(seconds);
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${rest} s`;
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** Columns of text under a header; the named ones to the right. */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  const cells = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? '').length)));
  return cells
    .map((row) =>
      header
        .map((_, column) => {
          const cell = row[column] ?? '';
          const width = widths[column] ?? 0;
          return right.includes(column) ? cell.padStart(width) : cell.padEnd(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

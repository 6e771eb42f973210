/** Sizes and times as they stand in a line. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function bytesText(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ${UNITS[unit]}`;
}

export function secondsText(seconds: number): string {
  return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
}

export function filesText(files: number): string {
  return files === 1 ? '1 file' : `${files} files`;
}

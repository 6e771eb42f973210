/** The demo's table: one row a phase. */

export interface Row {
  project: string;
  phase: string;
  command: string;
  seconds: number;
  /** Bytes that came from the cache server. */
  down: number;
  outcome: string;
}

export function formatTable(rows: readonly Row[]): string {
  const cells = [
    ['project', 'phase', 'command', 'seconds', 'from cache', 'what happened'],
    ...rows.map((row) => [
      row.project,
      row.phase,
      row.command,
      row.seconds.toFixed(1),
      formatBytes(row.down),
      row.outcome,
    ]),
  ];
  const widths = (cells[0] ?? []).map((_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0)),
  );
  const lines = cells.map((row) =>
    row
      .map((cell, column) =>
        column === 3 || column === 4 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
  lines.splice(1, 0, widths.map((width) => '-'.repeat(width)).join('  '));
  return lines.join('\n');
}

function formatBytes(bytes: number): string {
  if (bytes === 0) return '-';
  return bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(0)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

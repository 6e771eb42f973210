/** What a person sees: a table of rows, and below it what each was measured on. */
import { short } from './interleave.ts';
import type { Row } from './question.ts';

/** A Markdown table, aligned, as docs/bench.md shows it. */
export function table(rows: readonly Row[]): string {
  const cells = [
    ['row', 'value', 'unit', 'ratio', 'better', 'runs', 'against'],
    ...rows.map((row) => [
      row.name,
      short(row.value),
      row.unit,
      row.ratio === null ? '' : row.ratio.toFixed(3),
      row.better,
      String(row.runs),
      row.against ?? '',
    ]),
  ];
  const widths =
    cells[0]?.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0))) ?? [];
  const lines = cells.map(
    (line) => `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`,
  );
  return [lines[0], `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...lines.slice(1)].join(
    '\n',
  );
}

/** A row's own conditions, a line each. */
export function details(row: Row, machine: Row['conditions']): string {
  const own = Object.entries(row.conditions).filter(([name]) => !(name in machine));
  return [row.name, ...own.map(([name, value]) => `  ${name}: ${value}`)].join('\n');
}

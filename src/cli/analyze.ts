/** `assay analyze`: one analysis, as a table for people or as the stored object for programs. */
import type { Analysis, Comparison } from '../domain/analysis.ts';

export function describeAnalysis(analysis: Analysis): string {
  const { recommendation } = analysis;
  const lines = [
    `${analysis.experiment}, version ${analysis.version}, as of ${analysis.asOf}`,
    `units  ${Object.entries(analysis.units)
      .map(([variant, units]) => `${variant} ${units}`)
      .join('  ')}`,
    '',
    `${recommendation.action}${recommendation.variant === null ? '' : ` (${recommendation.variant})`}`,
    ...recommendation.reasons.map((reason) => `  ${reason}`),
    '',
    ...analysis.checks
      .filter((check) => check.status !== 'pass')
      .map((check) => `${check.status.padEnd(8)}${check.says}`),
  ];
  const rows = analysis.metrics.flatMap(({ metric, role, comparisons }) =>
    comparisons.map((comparison) => [metric, role, comparison.variant, ...rowOf(comparison)]),
  );
  return [
    ...lines,
    table([['metric', 'role', 'variant', 'change', 'interval', 'p', 'verdict'], ...rows]),
  ]
    .filter((line, index, all) => line !== '' || all[index - 1] !== '')
    .join('\n');
}

function rowOf(comparison: Comparison): string[] {
  const { absolute, relative, p, verdict, status } = comparison;
  if (absolute === undefined) return [status.replaceAll('_', ' '), '', '', verdict];
  if (relative === undefined) {
    return [
      signed(absolute.estimate),
      `${signed(absolute.lower)} to ${signed(absolute.upper)}`,
      probability(p),
      verdict,
    ];
  }
  return [
    percent(relative.estimate),
    `${percent(relative.lower)} to ${percent(relative.upper)}`,
    probability(p),
    verdict,
  ];
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_cell, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function percent(share: number): string {
  return `${signed(Number((share * 100).toFixed(2)))}%`;
}

function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${Number(value.toPrecision(5))}`;
}

function probability(p: number | undefined): string {
  if (p === undefined) return '';
  return p < 0.0001 ? '< 0.0001' : p.toFixed(4);
}

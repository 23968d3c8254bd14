/** The scorecard: every metric by its role, in the order of the plan, with what stands behind each number. */
import type {
  Analysis,
  AnalysisDetail,
  Comparison,
  MetricResult,
  MetricRole,
} from '../../domain/analysis.ts';
import type { Experiment } from '../../domain/experiment.ts';
import type { Metric } from '../../domain/metric.ts';
import { type Axis, GUARDRAIL_AXIS, type Interval, liftAxis } from './charts.ts';
import {
  type Bound,
  boundWords,
  changeOf,
  decidingOf,
  type EffectCell,
  effectCell,
  markOf,
  reasonOf,
} from './effect.ts';
import {
  formatCount,
  formatDifference,
  formatMeasure,
  formatMicros,
  formatP,
  formatPlainShare,
  formatRange,
  listWords,
  measureDecimals,
  shorten,
} from './format.ts';
import { type CodeBlock, codeBlocks, statementsOf } from './sql.ts';
import { desireOf, metricKindWords, metricName, unitsNoun, variantLabels } from './words.ts';

export type ScorecardRow = EffectCell & {
  readonly label: string;
  readonly baselineMean: string;
  readonly mean: string;
};

export type MetricBlock = {
  readonly key: string;
  readonly name: string;
  readonly kind: string;
  readonly rows: readonly ScorecardRow[];
  readonly measured: {
    readonly total: boolean;
    readonly rows: readonly {
      readonly label: string;
      readonly n: string;
      readonly total: string;
      readonly mean: string;
    }[];
  };
  readonly comparedLabel: string;
  readonly compared: readonly ComparedRow[];
  readonly limits: readonly {
    readonly label: string;
    readonly limit: string;
    readonly worst: string;
    readonly p: string;
    readonly state: string;
  }[];
  readonly method: string;
  readonly sql: readonly CodeBlock[];
};

type ComparedRow = {
  readonly label: string;
  /** Why there are no numbers; null when there are. */
  readonly none: string | null;
  readonly difference: string;
  readonly interval: string;
  readonly se: string;
  readonly p: string;
  readonly pAdjusted: string;
  readonly deciding: string;
  readonly decidingP: string;
};

export type Scorecard = {
  readonly caption: string;
  readonly grouped: boolean;
  readonly baselineLabel: string;
  readonly variantLabel: string;
  readonly changeLabel: string;
  readonly hasReach: boolean;
  readonly decidingMethod: string | null;
  readonly populationNote: string;
  readonly alphaNote: string;
  readonly groups: readonly {
    readonly role: MetricRole;
    readonly title: string;
    readonly note: string;
    readonly axis: Axis;
    readonly metrics: readonly MetricBlock[];
  }[];
};

const LABEL_LENGTH = 24;
const METHOD_WORDS = {
  'group-sequential': 'group-sequential',
  'always-valid': 'always-valid',
  fixed: 'fixed',
} as const;

type Context = {
  readonly experiment: Experiment;
  readonly metrics: ReadonlyMap<string, Metric>;
  readonly analysis: Analysis;
  readonly detail: AnalysisDetail | undefined;
  readonly labels: ReadonlyMap<string, string>;
  readonly blocks: readonly CodeBlock[];
};

export function scorecardOf(input: Omit<Context, 'labels' | 'blocks'>): Scorecard {
  const { experiment, analysis, detail } = input;
  const labels = variantLabels(experiment);
  const blocks = detail === undefined ? [] : codeBlocks(experiment.key, detail);
  const context: Context = { ...input, labels, blocks };
  const all = analysis.metrics.flatMap(({ comparisons }) => comparisons);
  const treatments = new Set(all.map(({ variant }) => variant));
  const first = all[0];
  const grouped = treatments.size > 1;
  const baselineLabel = labelOf(labels, first?.baseline ?? 'control');
  const variantLabel = grouped ? 'Variant' : labelOf(labels, first?.variant ?? 'treatment');
  const levels = levelsOf(all);
  const deciding = all.map(decidingOf).find((found) => found !== undefined);
  return {
    caption: `Scorecard: ${grouped ? 'each variant' : variantLabel} against ${baselineLabel}`,
    grouped,
    baselineLabel: shorten(baselineLabel, LABEL_LENGTH),
    variantLabel: shorten(variantLabel, LABEL_LENGTH),
    changeLabel: levels.length === 1 ? `Change, ${levels[0]}` : 'Change',
    hasReach: deciding !== undefined,
    decidingMethod: deciding === undefined ? null : METHOD_WORDS[deciding.method],
    populationNote: populationNote(all, experiment.unit),
    alphaNote: alphaNote(experiment, treatments.size),
    groups: (['goal', 'guardrail', 'secondary'] as const).flatMap((role) =>
      groupOf(context, role, levels.length > 1),
    ),
  };
}

/** The gain a goal plans for, or what a guardrail may lose. */
export function boundOf(experiment: Experiment, role: MetricRole, metric: string): Bound | null {
  if (role === 'goal') {
    const goal = experiment.metrics.goals.find((entry) => entry.metric === metric);
    return boundFrom(goal?.mde, goal?.mdeAbsolute);
  }
  if (role === 'guardrail') {
    const rail = experiment.metrics.guardrails.find((entry) => entry.metric === metric);
    return boundFrom(rail?.margin, rail?.marginAbsolute);
  }
  return null;
}

function boundFrom(relative: number | undefined, absolute: number | undefined): Bound | null {
  if (relative !== undefined) return { scale: 'relative', size: relative };
  return absolute === undefined ? null : { scale: 'absolute', size: absolute };
}

function groupOf(context: Context, role: MetricRole, withLevel: boolean): Scorecard['groups'] {
  const results = context.analysis.metrics.filter((result) => result.role === role);
  if (results.length === 0) return [];
  const comparisons = results.flatMap((result) => result.comparisons);
  const axis =
    role === 'guardrail' ? GUARDRAIL_AXIS : liftAxis(comparisons.flatMap(relativeInterval));
  const level = withLevel ? listWords(levelsOf(comparisons)) : '';
  const notes = [groupNote(context, role, results), level === '' ? '' : `${level} intervals`];
  return [
    {
      role,
      title: groupTitle(role, results.length),
      note: notes.filter((note) => note !== '').join('; '),
      axis,
      metrics: results.map((result) => metricBlock(context, result, axis)),
    },
  ];
}

function groupTitle(role: MetricRole, count: number): string {
  if (role === 'goal') return count === 1 ? 'Goal' : 'Goals';
  if (role === 'guardrail') return count === 1 ? 'Guardrail' : 'Guardrails';
  return 'Secondary';
}

function groupNote(context: Context, role: MetricRole, results: readonly MetricResult[]): string {
  if (role === 'guardrail') return 'drawn in units of its own limit, harm to the left';
  if (role === 'secondary') return 'for understanding; they decide nothing';
  const bounds = results.map(({ metric }) => ({
    metric: context.metrics.get(metric),
    bound: boundOf(context.experiment, role, metric),
  }));
  const drawn = bounds.filter(({ bound }) => bound?.scale === 'relative');
  const [only] = bounds;
  if (drawn.length === 0) return '';
  if (bounds.length > 1 || only?.bound === null || only === undefined) {
    return 'dashed: the gain planned for';
  }
  return `dashed: the gain planned for, ${boundWords(only.bound, only.metric, desireOf(only.metric))}`;
}

function metricBlock(context: Context, result: MetricResult, axis: Axis): MetricBlock {
  const { experiment, metrics, labels, blocks } = context;
  const metric = metrics.get(result.metric);
  const name = metricName(metric, result.metric);
  const bound = boundOf(experiment, result.role, result.metric);
  const decimals = measureDecimals(
    result.comparisons.flatMap(({ mean, baselineMean }) => [mean ?? 0, baselineMean ?? 0]),
  );
  const grouped =
    new Set(context.analysis.metrics.flatMap((m) => m.comparisons.map((c) => c.variant))).size > 1;
  return {
    key: result.metric,
    name,
    kind: metricKindWords(metric),
    rows: result.comparisons.map((comparison) => {
      const label = labelOf(labels, comparison.variant);
      return {
        ...effectCell({
          name: grouped ? `${name}, ${label}` : name,
          comparison,
          metric,
          role: result.role,
          bound,
          axis,
          monitoring: experiment.plan.monitoring,
        }),
        label,
        baselineMean: meanWords(comparison.baselineMean, decimals),
        mean: meanWords(comparison.mean, decimals),
      };
    }),
    measured: measuredOf(context, result, metric, decimals),
    comparedLabel: `Interval, ${listWords(levelsOf(result.comparisons)) || 'fixed'}`,
    compared: result.comparisons.map((comparison) => comparedRow(comparison, metric, labels)),
    limits: limitsOf(result, bound, metric, labels),
    method: methodWords(result, experiment.unit),
    sql: statementsOf(blocks, result.metric),
  };
}

function measuredOf(
  context: Context,
  result: MetricResult,
  metric: Metric | undefined,
  decimals: number,
): MetricBlock['measured'] {
  const unit = metric?.unitLabel ?? '';
  const sums = new Map(
    (context.detail?.moments ?? [])
      .filter((moment) => moment.metric === result.metric)
      .map((moment) => [moment.variant, moment.sum]),
  );
  const [first] = result.comparisons;
  const arms = [
    ...(first === undefined
      ? []
      : [{ key: first.baseline, n: first.baselineN, mean: first.baselineMean }]),
    ...result.comparisons.map(({ variant, n, mean }) => ({ key: variant, n, mean })),
  ];
  return {
    total: sums.size > 0,
    rows: arms.map(({ key, n, mean }) => ({
      label: labelOf(context.labels, key),
      n: formatCount(n),
      total: totalWords(sums.get(key), unit),
      mean: mean === undefined ? 'not given' : formatMeasure(mean, Math.min(8, decimals + 2), unit),
    })),
  };
}

function totalWords(sum: string | undefined, unit: string): string {
  if (sum === undefined) return 'not kept';
  const total = formatMicros(sum);
  return unit === '' ? total : `${total} ${unit}`;
}

function comparedRow(
  comparison: Comparison,
  metric: Metric | undefined,
  labels: ReadonlyMap<string, string>,
): ComparedRow {
  const label = labelOf(labels, comparison.variant);
  const { absolute, p, pAdjusted, sequential } = comparison;
  const blank = {
    difference: '',
    interval: '',
    se: '',
    p: '',
    pAdjusted: '',
    deciding: '',
    decidingP: '',
  };
  if (absolute === undefined) return { label, none: reasonOf(comparison) ?? 'not given', ...blank };
  const decimals = measureDecimals([absolute.lower, absolute.upper, absolute.estimate]);
  const unit = metric?.unitLabel ?? '';
  const range = ({ lower, upper }: { lower: number; upper: number }) =>
    formatRange(formatDifference(lower, decimals), formatDifference(upper, decimals, unit));
  return {
    label,
    none: null,
    difference: formatDifference(absolute.estimate, decimals, unit),
    interval: range(absolute),
    se: formatMeasure(absolute.se, measureDecimals([absolute.se])),
    p: p === undefined ? 'not given' : formatP(p),
    pAdjusted: pAdjusted === undefined ? 'not given' : formatP(pAdjusted),
    deciding: sequential?.decides === true ? range(sequential) : 'none yet',
    decidingP: sequential?.decides === true ? formatP(sequential.p) : 'none yet',
  };
}

function limitsOf(
  result: MetricResult,
  bound: Bound | null,
  metric: Metric | undefined,
  labels: ReadonlyMap<string, string>,
): MetricBlock['limits'] {
  const desire = desireOf(metric);
  return result.comparisons.flatMap((comparison) => {
    const { nonInferiority } = comparison;
    if (nonInferiority === undefined) return [];
    const { margin, lower, p } = nonInferiority;
    const scale = bound?.scale ?? 'relative';
    const away = desire === 1 ? -1 : 1;
    return [
      {
        label: labelOf(labels, comparison.variant),
        limit: boundWords({ scale, size: margin }, metric, away),
        worst:
          lower === null ? 'unbounded yet' : boundWords({ scale, size: lower }, metric, desire),
        p: formatP(p),
        state: markOf(comparison).word,
      },
    ];
  });
}

function methodWords(result: MetricResult, unit: string): string {
  const adjustments = [...new Set(result.comparisons.flatMap((c) => c.adjustments))];
  const populations = [...new Set(result.comparisons.map(({ population }) => population))];
  const adjusted =
    adjustments.length === 0 ? 'not adjusted' : `adjusted by ${listWords(adjustments)}`;
  const deciding = result.comparisons
    .map(({ sequential }) => sequential)
    .find((s) => s?.decides === true);
  const decides =
    deciding === undefined
      ? 'No interval decides yet.'
      : `What decides is the ${METHOD_WORDS[deciding.method]} interval.`;
  const role = result.role === 'secondary' ? 'Secondary metrics decide nothing.' : decides;
  return `Welch’s t on ${unitsNoun(unit)} (${listWords(populations)}), ${adjusted}; relative interval by Fieller’s method. ${role}`;
}

/** Every comparison's verdict in the order of the page, for sentences that count them. */
export function guardrailTally(
  analysis: Analysis,
  variant: string,
): { within: number; all: number } {
  const rails = analysis.metrics
    .filter(({ role }) => role === 'guardrail')
    .flatMap(({ comparisons }) => comparisons.filter((c) => c.variant === variant));
  return {
    within: rails.filter((rail) => markOf(rail).word === 'Within limit').length,
    all: rails.length,
  };
}

export function relativeInterval(comparison: Comparison): Interval[] {
  const change = changeOf(comparison);
  return change?.scale === 'relative' ? [change] : [];
}

export function labelOf(labels: ReadonlyMap<string, string>, variant: string): string {
  return labels.get(variant) ?? variant;
}

function levelsOf(comparisons: readonly Comparison[]): string[] {
  return [
    ...new Set(
      comparisons.flatMap(({ absolute }) =>
        absolute === undefined ? [] : [formatPlainShare(absolute.level)],
      ),
    ),
  ];
}

function meanWords(mean: number | undefined, decimals: number): string {
  return mean === undefined ? 'no mean' : formatMeasure(mean, decimals);
}

function populationNote(comparisons: readonly Comparison[], unit: string): string {
  const populations = new Set(comparisons.map(({ population }) => population));
  const nouns = unitsNoun(unit);
  const subject = nouns.slice(0, 1).toUpperCase() + nouns.slice(1);
  if (populations.has('triggered')) return `${subject} from their first trigger on.`;
  if (populations.has('site')) return `All ${nouns}, exposed or not.`;
  return `${subject} from their first exposure on.`;
}

function alphaNote(experiment: Experiment, treatments: number): string {
  const goals = experiment.metrics.goals.length;
  const alpha = formatPlainShare(experiment.plan.alpha);
  const tests = goals * Math.max(1, treatments);
  if (tests === 1) return `One goal at α ${alpha}, so no correction.`;
  return `α ${alpha} is split evenly over ${goals} ${goals === 1 ? 'goal' : 'goals'} and ${treatments} ${
    treatments === 1 ? 'variant' : 'variants'
  }.`;
}

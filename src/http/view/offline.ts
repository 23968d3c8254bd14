/**
 * What the model promised offline beside what it did to the business. The offline side is one division
 * of two stored numbers; the business side is the stored estimate. No rule reads the first.
 */
import type { Analysis, Comparison } from '../../domain/analysis.ts';
import { controlOf, type Experiment } from '../../domain/experiment.ts';
import type { Metric } from '../../domain/metric.ts';
import type { ModelVersion, OfflineEvaluation } from '../../domain/model.ts';
import { type Interval, type MeasureChart, type MeasureRow, measureChart } from './charts.ts';
import { type Change, changeOf, changeWords, reasonOf, statedInterval } from './effect.ts';
import {
  formatCount,
  formatLift,
  formatLiftSize,
  formatMeasure,
  formatPlain,
  formatRange,
  isolate,
  liftDecimals,
  measureDecimals,
} from './format.ts';
import { isTrusted } from './health.ts';
import { desireOf, metricName, type Tone } from './words.ts';

export type OfflineFigure = {
  /** Distinct on the page: the SVG parts are named by it. */
  readonly id: string;
  readonly title: string;
  readonly subject: string;
  readonly description: string;
  readonly wide: MeasureChart | null;
  readonly narrow: MeasureChart | null;
  readonly rows: readonly {
    readonly measure: string;
    readonly where: string;
    readonly values: string;
    readonly change: string;
    readonly interval: string;
    readonly reading: string;
  }[];
  /** Said instead of a chart when there is nothing to compare. */
  readonly missing: string | null;
};

type Figure = Omit<OfflineFigure, 'id'>;
type Row = MeasureRow & OfflineFigure['rows'][number] & { readonly finding: string };

const ROWS_DRAWN = 12;
const WITHHELD = 'withheld: the data cannot be trusted';

/** One figure for each treatment that serves a model; none when no variant names a model. */
export function offlineFigures(input: {
  experiment: Experiment;
  metrics: ReadonlyMap<string, Metric>;
  modelVersions: ReadonlyMap<string, ModelVersion>;
  analysis: Analysis;
}): OfflineFigure[] {
  const { experiment, modelVersions } = input;
  const control = controlOf(experiment.variants);
  const figures = experiment.variants.flatMap((variant): Figure[] => {
    if (variant.role === 'control' || variant.model === undefined) return [];
    const { model } = variant;
    if (control.model === undefined) {
      return [
        nothing(
          `${model} against ${control.key}`,
          `${control.key} names no model, so there is no offline number to compare with.`,
        ),
      ];
    }
    const subject = `${model} against ${control.model}`;
    const candidate = modelVersions.get(model);
    const base = modelVersions.get(control.model);
    const unregistered = [
      candidate === undefined ? model : null,
      base === undefined ? control.model : null,
    ].filter((name) => name !== null);
    if (candidate === undefined || base === undefined) {
      return [
        nothing(
          subject,
          `${unregistered.join(' and ')} ${unregistered.length === 1 ? 'is' : 'are'} not in the model registry.`,
        ),
      ];
    }
    return [figureOf(input, { subject, variant: variant.key, candidate, base })];
  });
  return figures.map((figure, index) => ({ ...figure, id: `o${index}` }));
}

function figureOf(
  input: { experiment: Experiment; metrics: ReadonlyMap<string, Metric>; analysis: Analysis },
  pair: { subject: string; variant: string; candidate: ModelVersion; base: ModelVersion },
): Figure {
  const { subject, variant, candidate, base } = pair;
  const offline = offlineRows(candidate, base);
  const business = businessRows(input, variant);
  if (offline.length === 0) {
    return nothing(
      subject,
      `${candidate.model}@${candidate.version} and ${base.model}@${base.version} have no offline metric in common.`,
    );
  }
  const rows = [...offline, ...business];
  const drawn = [
    ...offline.filter(({ desired }) => desired !== null).slice(0, ROWS_DRAWN),
    ...business,
  ];
  const findings = [
    (offline.find(({ desired }) => desired !== null) ?? offline[0])?.finding,
    business[0]?.finding,
  ];
  return {
    title: findings.filter((finding) => finding !== undefined).join(' '),
    subject,
    description: rows
      .map(({ measure, change, interval }) => `${isolate(measure)}: ${change} (${interval})`)
      .join('; '),
    wide: measureChart(drawn, 900),
    narrow: measureChart(drawn, 360),
    rows,
    missing: null,
  };
}

function offlineRows(candidate: ModelVersion, base: ModelVersion): Row[] {
  const latest = latestByMetric(candidate.offlineEvaluations);
  const baseline = latestByMetric(base.offlineEvaluations);
  return [...latest.values()].flatMap((evaluation): Row[] => {
    const before = baseline.get(evaluation.metric);
    return before === undefined ? [] : [offlineRow(evaluation, before)];
  });
}

function offlineRow(after: OfflineEvaluation, before: OfflineEvaluation): Row {
  const decimals = measureDecimals([after.value, before.value]);
  const values = `${valueWords(before, decimals)} → ${valueWords(after, decimals)}`;
  const where = [
    'offline',
    ...(after.n === undefined ? [] : [`${formatCount(after.n)} cases`]),
  ].join(', ');
  const reason = incomparable(after, before);
  const common = {
    measure: after.metric,
    label: after.metric,
    where,
    note: where,
    values,
    group: 'offline' as const,
    interval: 'none given',
  };
  if (reason !== null) {
    return {
      ...common,
      desired: null,
      tone: 'neutral',
      valueWords: 'not comparable',
      valueNote: reason,
      change: `not comparable: ${reason}`,
      reading: 'not comparable',
      finding: `${isolate(after.metric)} cannot be compared: ${reason}.`,
    };
  }
  const change = (after.value - before.value) / Math.abs(before.value);
  const desired = after.higherIsBetter ? change : -change;
  const tone: Tone = desired > 0 ? 'better' : desired < 0 ? 'worse' : 'neutral';
  const digits = liftDecimals([change]);
  const reading = tone === 'neutral' ? 'the same' : tone;
  return {
    ...common,
    desired: { estimate: desired, lower: desired, upper: desired },
    tone,
    valueWords: `${formatLift(change, digits)}, ${reading}`,
    valueNote: `${formatMeasure(before.value, decimals)} → ${formatMeasure(after.value, decimals)}`,
    change: formatLift(change, digits),
    reading,
    finding:
      tone === 'neutral'
        ? `${isolate(after.metric)} is the same.`
        : `${isolate(after.metric)} ${tone === 'better' ? 'improved' : 'worsened'} ${formatLiftSize(change, digits)}.`,
  };
}

function businessRows(
  input: { experiment: Experiment; metrics: ReadonlyMap<string, Metric>; analysis: Analysis },
  variant: string,
): Row[] {
  const { metrics, analysis } = input;
  const trusted = isTrusted(analysis);
  return analysis.metrics
    .filter(({ role }) => role === 'goal')
    .flatMap((result) => {
      const comparison = result.comparisons.find((entry) => entry.variant === variant);
      if (comparison === undefined) return [];
      return [businessRow(result.metric, metrics.get(result.metric), comparison, trusted)];
    });
}

function businessRow(
  key: string,
  metric: Metric | undefined,
  comparison: Comparison,
  trusted: boolean,
): Row {
  const name = metricName(metric, key);
  const where = 'this experiment, goal';
  const common = { measure: name, label: name, where, note: where, group: 'business' as const };
  if (!trusted)
    return {
      ...common,
      ...WITHHELD_ROW,
      finding: `The effect on ${isolate(name)} is ${WITHHELD}.`,
    };
  const change = changeOf(comparison);
  return {
    ...common,
    ...(change === null
      ? unknownEffect(name, comparison)
      : knownEffect(name, comparison, change, metric)),
  };
}

type Effect = Omit<Row, 'measure' | 'label' | 'where' | 'note' | 'group'>;

const NO_EFFECT_ROW = {
  desired: null,
  tone: 'neutral',
  interval: 'none',
  reading: 'none',
} as const;
const WITHHELD_ROW = {
  ...NO_EFFECT_ROW,
  valueWords: 'withheld',
  valueNote: 'data cannot be trusted',
  values: 'withheld',
  change: WITHHELD,
} as const;

function unknownEffect(name: string, comparison: Comparison): Effect {
  const reason = reasonOf(comparison) ?? 'not given';
  return {
    ...NO_EFFECT_ROW,
    valueWords: 'cannot say yet',
    valueNote: reason,
    values: meansWords(comparison),
    change: reason,
    finding: `${isolate(name)}: no effect can be given yet.`,
  };
}

function knownEffect(
  name: string,
  comparison: Comparison,
  change: Change,
  metric: Metric | undefined,
): Effect {
  const words = changeWords(change, metric);
  const stated = statedInterval(comparison, change, metric);
  const { verdict } = comparison;
  const tone: Tone = verdict === 'better' || verdict === 'worse' ? verdict : 'neutral';
  const shown = verdict === 'not_enough_data' ? 'not decided yet' : 'no difference shown';
  const moved = change.estimate === 0 ? 'changed' : change.estimate > 0 ? 'rose' : 'fell';
  return {
    desired: change.scale === 'relative' ? desiredOf(change, stated, desireOf(metric)) : null,
    tone,
    valueWords: tone === 'neutral' ? words.estimate : `${words.estimate}, ${tone}`,
    valueNote: stated.words,
    values: meansWords(comparison),
    change: words.estimate,
    interval: `${stated.words} at ${words.level}${stated.suffix}`,
    reading: tone === 'neutral' ? shown : tone,
    finding: `${isolate(name)} ${moved} ${words.size} (${stated.words}${stated.suffix})${
      tone === 'neutral' ? `, ${shown}` : ''
    }.`,
  };
}

function desiredOf(
  { estimate }: Change,
  { lower, upper }: { lower: number; upper: number },
  desire: 1 | -1,
): Interval {
  const ends = [lower * desire, upper * desire];
  return { estimate: estimate * desire, lower: Math.min(...ends), upper: Math.max(...ends) };
}

/** Numbers are compared only when both say the same of direction and test set. */
function incomparable(after: OfflineEvaluation, before: OfflineEvaluation): string | null {
  if (after.higherIsBetter !== before.higherIsBetter) return 'they disagree on what is better';
  if (before.value === 0) return 'the baseline value is 0';
  const ours = after.testSet;
  const theirs = before.testSet;
  if (ours === undefined || theirs === undefined) return null;
  const same =
    ours.sha256 !== undefined && theirs.sha256 !== undefined
      ? ours.sha256 === theirs.sha256
      : ours.reference === theirs.reference;
  return same ? null : 'different test sets';
}

function latestByMetric(evaluations: readonly OfflineEvaluation[]): Map<string, OfflineEvaluation> {
  const latest = new Map<string, OfflineEvaluation>();
  for (const evaluation of evaluations) {
    const held = latest.get(evaluation.metric);
    if (held === undefined || timeOf(evaluation) >= timeOf(held)) {
      latest.set(evaluation.metric, evaluation);
    }
  }
  return latest;
}

function timeOf({ evaluatedAt, createdAt }: OfflineEvaluation): number {
  return evaluatedAt ?? createdAt;
}

function valueWords({ value, standardError }: OfflineEvaluation, decimals: number): string {
  const text = formatMeasure(value, decimals);
  return standardError === undefined
    ? text
    : `${text} (standard error ${formatPlain(Number(standardError.toPrecision(2)))})`;
}

function meansWords({ mean, baselineMean }: Comparison): string {
  if (mean === undefined || baselineMean === undefined) return 'not given';
  const decimals = measureDecimals([mean, baselineMean]);
  return formatRange(formatMeasure(baselineMean, decimals), formatMeasure(mean, decimals)).replace(
    ' to ',
    ' → ',
  );
}

function nothing(subject: string, missing: string): Figure {
  return {
    title: `No offline comparison for ${subject}`,
    subject,
    description: missing,
    wide: null,
    narrow: null,
    rows: [],
    missing,
  };
}

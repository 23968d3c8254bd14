/** One comparison as it is shown in a row: the change, its interval, its bar and its word. */
import type { Analysis, AnalysisDetail, Comparison, MetricRole } from '../../domain/analysis.ts';
import type { Plan } from '../../domain/experiment.ts';
import type { Metric } from '../../domain/metric.ts';
import { type Axis, type Interval, type IntervalBar, intervalBar } from './charts.ts';
import {
  formatDifference,
  formatLift,
  formatLiftSize,
  formatPlainShare,
  formatRange,
  isolate,
  liftDecimals,
  measureDecimals,
} from './format.ts';
import {
  desireOf,
  GUARDRAIL_MARKS,
  type Mark,
  STATUS_WORDS,
  UNDECIDED_MARK,
  VERDICT_MARKS,
} from './words.ts';

/** The change a row shows: relative where it can be given, else in the metric's own unit. */
export type Change = Interval & {
  readonly scale: 'relative' | 'absolute';
  readonly level: number;
};

/** What a goal plans to gain or a guardrail may lose, on its scale; null when none is stated. */
export type Bound = { readonly scale: 'relative' | 'absolute'; readonly size: number };

/** A comparison with its deciding interval as a relative change, which is kept beside the analysis. */
export type ShownComparison = Comparison & {
  readonly decidingRelative?: { readonly lower: number; readonly upper: number };
};

/** The analysis with what is kept beside it for pages, so that one comparison carries all it shows. */
export function shownAnalysis(analysis: Analysis, detail: AnalysisDetail): Analysis {
  const metrics = analysis.metrics.map((result) => ({
    ...result,
    comparisons: result.comparisons.map((comparison): ShownComparison => {
      const found = detail.deciding.find(
        ({ metric, variant }) => metric === result.metric && variant === comparison.variant,
      );
      if (found === undefined) return comparison;
      return { ...comparison, decidingRelative: { lower: found.lower, upper: found.upper } };
    }),
  }));
  return { ...analysis, metrics };
}

export type EffectCell = {
  readonly estimate: string | null;
  readonly interval: string | null;
  /** The words in place of the numbers when there are none. */
  readonly none: string | null;
  readonly bar: IntervalBar;
  readonly barTitle: string;
  readonly mark: Mark;
  readonly note: string | null;
};

type EffectInput = {
  /** What the row is about, for the sentence that stands for its bar. */
  readonly name: string;
  readonly comparison: Comparison;
  readonly metric: Metric | undefined;
  readonly role: MetricRole;
  readonly bound: Bound | null;
  readonly axis: Axis;
  readonly monitoring: Plan['monitoring'];
};

export function changeOf(comparison: Comparison): Change | null {
  const { status, absolute, relative } = comparison;
  if (status !== 'ok' || absolute === undefined) return null;
  const { level } = absolute;
  return relative === undefined
    ? { scale: 'absolute', ...ends(absolute), level }
    : { scale: 'relative', ...ends(relative), level };
}

export function changeWords(
  change: Change,
  metric: Metric | undefined,
): { estimate: string; size: string; interval: string; level: string } {
  const { estimate, lower, upper } = change;
  const level = formatPlainShare(change.level);
  if (change.scale === 'relative') {
    const decimals = liftDecimals([lower, upper]);
    return {
      estimate: formatLift(estimate, decimals),
      size: formatLiftSize(estimate, decimals),
      interval: formatRange(formatLift(lower, decimals), formatLift(upper, decimals)),
      level,
    };
  }
  const decimals = measureDecimals([lower, upper]);
  const unit = metric?.unitLabel ?? '';
  return {
    estimate: formatDifference(estimate, decimals, unit),
    size: formatDifference(Math.abs(estimate), decimals, unit).replace('+', ''),
    interval: formatRange(
      formatDifference(lower, decimals),
      formatDifference(upper, decimals, unit),
    ),
    level,
  };
}

/** Why a comparison, or its relative change, has no number; null when it has one. */
export function reasonOf(comparison: Comparison): string | null {
  if (comparison.status !== 'ok') return STATUS_WORDS[comparison.status].reason;
  if (comparison.absolute === undefined) return 'no estimate is stored';
  if (comparison.relative !== undefined) return null;
  const { relativeStatus } = comparison;
  const reason =
    relativeStatus === undefined || relativeStatus === 'ok'
      ? 'no relative change is stored'
      : STATUS_WORDS[relativeStatus].reason;
  return reason;
}

export function markOf(comparison: Comparison): Mark {
  const { status, nonInferiority, verdict } = comparison;
  if (status !== 'ok') {
    const { icon, word } = STATUS_WORDS[status];
    return { tone: 'neutral', icon, word };
  }
  if (verdict === 'not_enough_data') return UNDECIDED_MARK;
  return nonInferiority === undefined
    ? VERDICT_MARKS[verdict]
    : GUARDRAIL_MARKS[nonInferiority.state];
}

/** The interval the verdict rests on, where it is not the one that is drawn as the band. */
export function decidingOf(comparison: Comparison): Comparison['sequential'] | undefined {
  const { sequential } = comparison;
  return sequential?.decides === true && sequential.method !== 'fixed' ? sequential : undefined;
}

/** The interval a sentence states: the one that decides, where that is not the fixed one of the row. */
export function statedInterval(
  comparison: Comparison,
  change: Change,
  metric: Metric | undefined,
): { lower: number; upper: number; words: string; suffix: string } {
  const deciding = decidingOf(comparison);
  const reach = change.scale === 'relative' ? relativeReach(comparison) : deciding;
  const { lower, upper } = reach ?? change;
  const { interval } = changeWords({ ...change, lower, upper }, metric);
  return { lower, upper, words: interval, suffix: reach == null ? '' : ' over all looks' };
}

/** Guardrails with a limit are drawn in units of it; all else on the axis of its section. */
export function effectCell(input: EffectInput): EffectCell {
  const { comparison, metric, role, bound, axis } = input;
  const name = isolate(input.name);
  const change = changeOf(comparison);
  const mark = markOf(comparison);
  if (change === null) {
    const words = comparison.status === 'ok' ? null : STATUS_WORDS[comparison.status];
    const none = words?.cell ?? 'cannot say';
    const note = reasonOf(comparison);
    return {
      estimate: null,
      interval: null,
      none,
      bar: intervalBar(axis, null, { limit: role === 'guardrail' && bound !== null ? -1 : null }),
      barTitle: `${name}: ${none}, ${note ?? ''}`,
      mark,
      note,
    };
  }
  const words = changeWords(change, metric);
  const note = noteOf(input, change);
  const title = `${name}: ${words.estimate}, ${words.level} interval ${words.interval}. ${mark.word}${
    note === null ? '' : `, ${note}`
  }.`;
  return {
    estimate: words.estimate,
    interval: words.interval,
    none: null,
    bar: barOf(input, change),
    barTitle: title,
    mark,
    note,
  };
}

function barOf(input: EffectInput, change: Change): IntervalBar {
  const { comparison, metric, bound, axis, role } = input;
  const desire = desireOf(metric);
  if (role === 'guardrail') {
    if (bound === null) return intervalBar(axis, null);
    const own = bound.scale === 'relative' ? comparison.relative : comparison.absolute;
    if (own === undefined) return intervalBar(axis, null, { limit: -1 });
    const scaled = oriented(own, desire / bound.size);
    const worst = comparison.nonInferiority?.lower;
    const reach =
      typeof worst === 'number' ? { lower: worst / bound.size, upper: scaled.upper } : null;
    return intervalBar(axis, scaled, { limit: -1, reach });
  }
  if (change.scale !== 'relative') return intervalBar(axis, null);
  const limit = bound?.scale === 'relative' ? desire * bound.size : null;
  return intervalBar(axis, change, { limit, reach: relativeReach(comparison) });
}

function relativeReach(comparison: ShownComparison): { lower: number; upper: number } | null {
  return decidingOf(comparison) === undefined ? null : (comparison.decidingRelative ?? null);
}

function noteOf(input: EffectInput, change: Change): string | null {
  const { comparison, metric, bound, monitoring } = input;
  const { nonInferiority, verdict } = comparison;
  const desire = desireOf(metric);
  if (verdict === 'not_enough_data') return WAITING_NOTES[monitoring];
  if (nonInferiority !== undefined) {
    const { lower, margin } = nonInferiority;
    const scale = bound?.scale ?? 'relative';
    const limit = -desire * margin;
    if (lower === null)
      return `no worst case yet, limit ${boundWriter(scale, metric, margin)(limit)}`;
    const worst = desire * lower;
    const said = [0, 1, 2].map((more) => {
      const say = boundWriter(scale, metric, margin, more);
      return { worst: say(worst), limit: say(limit) };
    });
    // Two numbers on different sides of a verdict must not read alike.
    const apart = said.find((pair) => worst === limit || pair.worst !== pair.limit) ?? said[2];
    return `${apart?.worst} at worst, limit ${apart?.limit}`;
  }
  if (change.scale === 'absolute') return `no relative change: ${reasonOf(comparison) ?? ''}`;
  if (decidingOf(comparison) !== undefined) {
    const { words, suffix } = statedInterval(comparison, change, metric);
    return words + suffix;
  }
  if (verdict !== 'inconclusive') return null;
  const best = desire === 1 ? change.upper : -change.lower;
  if (bound?.scale === 'relative' && best < bound.size) {
    return `the planned ${formatLift(desire * bound.size, liftDecimals([bound.size]))} is ruled out`;
  }
  const end = Math.max(Math.abs(change.lower), Math.abs(change.upper));
  return `beyond ±${formatLiftSize(end, liftDecimals([change.lower, change.upper]))} is ruled out`;
}

/** Why a number that is there may not be decided on yet. */
const WAITING_NOTES: Readonly<Record<Plan['monitoring'], string>> = {
  group_sequential: 'before its first look',
  always_valid: 'too early for an always-valid interval',
  fixed: 'decided once, at the end',
};

/** Writes values on the scale of a bound, with the digits the bound itself needs, or `more`. */
function boundWriter(scale: Bound['scale'], metric: Metric | undefined, size: number, more = 0) {
  if (scale === 'relative') {
    const decimals = liftDecimals([size]) + more;
    return (value: number) => formatLift(value, decimals);
  }
  const decimals = Math.min(8, measureDecimals([size]) + more);
  return (value: number) => formatDifference(value, decimals, metric?.unitLabel ?? '');
}

/** '+1.0%' or '+0.5 EUR': a planned gain or a limit, signed as a change of the metric. */
export function boundWords(bound: Bound, metric: Metric | undefined, sign: 1 | -1): string {
  return boundWriter(bound.scale, metric, bound.size)(sign * bound.size);
}

function oriented(interval: Interval, factor: number): Interval {
  const a = interval.lower * factor;
  const b = interval.upper * factor;
  return { estimate: interval.estimate * factor, lower: Math.min(a, b), upper: Math.max(a, b) };
}

function ends({ estimate, lower, upper }: Interval): Interval {
  return { estimate, lower, upper };
}

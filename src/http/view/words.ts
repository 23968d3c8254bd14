/** The words of the domain as a person reads them, each with its mark. */
import type {
  Action,
  Check,
  ComparisonStatus,
  ComparisonVerdict,
  Rule,
} from '../../domain/analysis.ts';
import type { Experiment, ExperimentState } from '../../domain/experiment.ts';
import type { Metric } from '../../domain/metric.ts';
import { formatDecimal, formatPEquation, formatPlain, formatShare, plural } from './format.ts';

/** The shapes that `partials/icon.ejs` can draw. */
export type Icon =
  | 'better'
  | 'worse'
  | 'neutral'
  | 'ok'
  | 'cross'
  | 'clock'
  | 'open'
  | 'warn'
  | 'fail'
  | 'running'
  | 'diamond'
  | 'ship'
  | 'stop'
  | 'info';

export type Tone = 'better' | 'worse' | 'neutral';

/** A word of desirability with its shape and colour. */
export type Mark = { readonly tone: Tone; readonly icon: Icon; readonly word: string };

export const ACTION_WORDS: Readonly<Record<Action, { icon: Icon; word: string; brief: string }>> = {
  invalid: { icon: 'fail', word: 'Cannot be trusted', brief: 'cannot be trusted' },
  stop_harm: { icon: 'stop', word: 'Stop, harm', brief: 'stop for harm' },
  continue: { icon: 'clock', word: 'Continue', brief: 'continue' },
  ship: { icon: 'ship', word: 'Ship', brief: 'ship' },
  ship_parity: { icon: 'ship', word: 'Ship, at parity', brief: 'ship at parity' },
  optimise: { icon: 'diamond', word: 'Optimise first', brief: 'optimise first' },
  stop_futile: { icon: 'stop', word: 'Stop, no use', brief: 'stop, no use' },
  review: { icon: 'diamond', word: 'A person is needed', brief: 'a person is needed' },
};

export const STATE_WORDS: Readonly<Record<ExperimentState, { icon: Icon; word: string }>> = {
  draft: { icon: 'open', word: 'Draft' },
  running: { icon: 'running', word: 'Running' },
  stopped: { icon: 'stop', word: 'Stopped' },
  shipped: { icon: 'ship', word: 'Shipped' },
  archived: { icon: 'stop', word: 'Archived' },
};

export const VERDICT_MARKS: Readonly<Record<ComparisonVerdict, Mark>> = {
  better: { tone: 'better', icon: 'better', word: 'Better' },
  worse: { tone: 'worse', icon: 'worse', word: 'Worse' },
  inconclusive: { tone: 'neutral', icon: 'neutral', word: 'No difference shown' },
  not_enough_data: { tone: 'neutral', icon: 'clock', word: 'Not enough data' },
};

/** An estimate that may not be decided on yet. */
export const UNDECIDED_MARK: Mark = { tone: 'neutral', icon: 'clock', word: 'Not decided yet' };

export const GUARDRAIL_MARKS: Readonly<Record<'protected' | 'harmed' | 'unproven', Mark>> = {
  protected: { tone: 'neutral', icon: 'ok', word: 'Within limit' },
  harmed: { tone: 'worse', icon: 'worse', word: 'Limit crossed' },
  unproven: { tone: 'neutral', icon: 'open', word: 'Cannot rule out' },
};

/** Why a comparison has no number: the word for its cell, the mark, and the reason in a few words. */
export const STATUS_WORDS: Readonly<
  Record<
    Exclude<ComparisonStatus, 'ok'>,
    { cell: string; word: string; icon: Icon; reason: string }
  >
> = {
  insufficient_data: {
    cell: 'not yet',
    word: 'Not enough data',
    icon: 'clock',
    reason: 'too few units for an interval',
  },
  zero_variance: {
    cell: 'cannot say',
    word: 'No spread',
    icon: 'open',
    reason: 'all values are alike, so there is no interval',
  },
  zero_baseline: {
    cell: 'cannot say',
    word: 'No relative change',
    icon: 'open',
    reason: 'the baseline mean is 0',
  },
  baseline_too_noisy: {
    cell: 'cannot say',
    word: 'No relative change',
    icon: 'open',
    reason: 'the baseline mean cannot be told from 0',
  },
  no_data: {
    cell: 'no data',
    word: 'No data',
    icon: 'open',
    reason: 'no unit has arrived in one of the variants',
  },
  metric_missing: {
    cell: 'not defined',
    word: 'Metric not defined',
    icon: 'open',
    reason: 'the metric is not stored under this key',
  },
};

export const CHECK_STATES: Readonly<Record<Check['status'], { icon: Icon; word: string }>> = {
  pass: { icon: 'ok', word: 'Pass' },
  warn: { icon: 'warn', word: 'Warning' },
  fail: { icon: 'fail', word: 'Fail' },
  unknown: { icon: 'open', word: 'Unknown' },
};

export const RULE_STATES: Readonly<Record<Rule['state'], { icon: Icon; word: string }>> = {
  passed: { icon: 'ok', word: 'holds' },
  failed: { icon: 'cross', word: 'does not hold' },
  waiting: { icon: 'clock', word: 'waits' },
  not_applicable: { icon: 'open', word: 'does not apply' },
};

type CheckScale = 'p' | 'share' | 'count' | 'silent' | 'waiting' | 'plain';
type CheckWords = {
  readonly name: string;
  readonly scale: CheckScale;
  readonly sql: string | null;
};
/** `sql` is the id of the statement that found the number. */
const CHECKS: Readonly<Record<string, CheckWords>> = {
  srm: { name: 'Counts as planned', scale: 'p', sql: 'units' },
  arms: { name: 'Units in every variant', scale: 'count', sql: 'units' },
  crossover: { name: 'One unit, one variant', scale: 'share', sql: 'units' },
  unknown_variant: { name: 'Known variants only', scale: 'share', sql: 'outside_trial' },
  outside_trial: { name: 'Exposures inside the trial', scale: 'share', sql: 'outside_trial' },
  metric_events: { name: 'Metrics receive events', scale: 'silent', sql: null },
  complete: { name: 'All events are in', scale: 'waiting', sql: null },
};

export function checkName(id: string): string {
  const name = CHECKS[id]?.name;
  if (name !== undefined) return name;
  const words = id.replace(/[._-]+/g, ' ').trim();
  return words === '' ? 'Unnamed check' : words.slice(0, 1).toUpperCase() + words.slice(1);
}

/** The id of the statement behind a check, null when it is not one statement. */
export function checkStatement(id: string): string | null {
  return CHECKS[id]?.sql ?? null;
}

/** What a check found and what it allows, on the scale of the check. */
export function checkNumbers(check: Check): { found: string; threshold: string } {
  const scale = CHECKS[check.id]?.scale ?? 'plain';
  return {
    found: check.value === null ? 'not measured' : checkValue(check.value, scale),
    threshold: check.threshold === null ? 'none' : checkThreshold(check.threshold, scale),
  };
}

function checkValue(value: number, scale: CheckScale): string {
  if (scale === 'p') return formatPEquation(value);
  if (scale === 'share') return formatShare(value, value !== 0 && Math.abs(value) < 0.001 ? 3 : 2);
  if (scale === 'count') return value === 0 ? 'none empty' : `${formatDecimal(value, 0)} empty`;
  if (scale === 'silent') return value === 0 ? 'none silent' : `${formatDecimal(value, 0)} silent`;
  if (scale === 'waiting')
    return value === 0 ? 'none waiting' : `${formatDecimal(value, 0)} waiting`;
  return Number.isInteger(value)
    ? formatDecimal(value, 0)
    : formatPlain(Number(value.toPrecision(3)));
}

function checkThreshold(value: number, scale: CheckScale): string {
  if (scale === 'p') return `alarm below ${formatPlain(value)}`;
  if (scale === 'share') return `at most ${formatPlain(value * 100)}%`;
  if (scale !== 'plain') return value === 0 ? 'none' : `at most ${formatPlain(value)}`;
  return formatPlain(value);
}

/** 1 when more is better, −1 when less is. */
export function desireOf(metric: Metric | undefined): 1 | -1 {
  return metric?.direction === 'decrease' ? -1 : 1;
}

export function metricName(metric: Metric | undefined, key: string): string {
  return metric?.name ?? key;
}

/** 'count, EUR, more is better'. */
export function metricKindWords(metric: Metric | undefined): string {
  if (metric === undefined) return 'definition not found';
  const unit = metric.unitLabel === undefined ? [] : [metric.unitLabel];
  return [metric.kind, ...unit, desireWords(metric)].join(', ');
}

export function desireWords(metric: Metric): string {
  return metric.direction === 'decrease' ? 'less is better' : 'more is better';
}

/** What each variant is called: by its model where that tells all variants apart, else its name or key. */
export function variantLabels(
  experiment: Pick<Experiment, 'variants'>,
): ReadonlyMap<string, string> {
  const models = experiment.variants.map(({ model }) => model);
  const byModel = !models.includes(undefined) && new Set(models).size === models.length;
  return new Map(
    experiment.variants.map((variant) => [
      variant.key,
      (byModel ? variant.model : variant.name) ?? variant.key,
    ]),
  );
}

/** 'ranker@7 against ranker@6', or how many when there are more than three. */
export function comparesWords(experiment: Pick<Experiment, 'variants'>): string {
  const labels = variantLabels(experiment);
  const control = experiment.variants.find(({ role }) => role === 'control');
  const treatments = experiment.variants.filter(({ role }) => role !== 'control');
  const against = control === undefined ? 'no control' : (labels.get(control.key) ?? control.key);
  const first = treatments.map(({ key }) => labels.get(key) ?? key);
  if (first.length > 3) return `${first.length} variants against ${against}`;
  const names =
    first.length < 2 ? first.join('') : `${first.slice(0, -1).join(', ')} and ${first.at(-1)}`;
  return `${names} against ${against}`;
}

/** 'users', 'sessions': the things an experiment randomises, as a noun. */
export function unitsNoun(unit: string): string {
  return plural(unit);
}

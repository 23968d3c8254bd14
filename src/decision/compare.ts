/** One variant against control on one metric: every estimate, and the row's verdict. */
import type { Comparison, ComparisonVerdict, MetricRole } from '../domain/analysis.ts';
import {
  boundaries,
  confidenceSequence,
  confidenceSequenceOneSided,
  fieller,
  type Moments,
  nonInferiority,
  normalUpperQuantile,
  relative,
  repeatedP,
  type Spending,
  tUpperQuantile,
  welch,
} from '../stats/index.ts';
import type { ReachedLook } from './looks.ts';

export const SPENDING: Spending = { kind: 'obrien_fleming' };

/** Below this many units in an arm, no always-valid statement is made: it holds for large samples. */
export const ALWAYS_VALID_UNITS_MIN = 100;

export type Arms = { readonly control: Moments; readonly treatment: Moments };

export type Question = {
  readonly role: MetricRole;
  readonly variant: string;
  readonly baseline: string;
  readonly direction: 'increase' | 'decrease';
  /** Two-sided error rate of this comparison: alpha split over goals and arms for goals. */
  readonly alpha: number;
  /** One-sided error rate of the harm alarm. */
  readonly harmAlpha: number;
  readonly margin: { readonly size: number; readonly scale: 'relative' | 'absolute' } | null;
  readonly monitoring: Monitoring;
  /** Planned units of these two arms together: what always-valid intervals are tuned to. */
  readonly plannedUnits: number;
  readonly now: Arms;
};

export type Monitoring =
  /** The latest reached look with its own data, or null before the first. */
  | {
      readonly kind: 'group_sequential';
      readonly looks: readonly ReachedLook[];
      readonly atLook: Arms | null;
    }
  | { readonly kind: 'always_valid'; readonly ready: boolean }
  /** One look at the end. */
  | { readonly kind: 'fixed'; readonly ended: boolean };

/** Evidence that the variant is worse, valid at every look; null when it cannot be asked yet. */
export type HarmAlarm = { readonly p: number; readonly threshold: number; readonly fired: boolean };

export type Compared = {
  readonly comparison: Comparison;
  readonly direction: Question['direction'];
  readonly harm: HarmAlarm | null;
  /** The deciding interval of the relative change, turned so that more is better; null when there is none. */
  readonly deciding: { readonly lower: number; readonly upper: number } | null;
  /** The same in the metric's own unit. */
  readonly decidingAbsolute: { readonly lower: number; readonly upper: number } | null;
};

/**
 * Compares two arms.
 *
 * Absolute difference by Welch; relative by Fieller with the same quantile; p is Welch's. Goals and guardrails
 * carry the interval their monitoring allows: repeated (group-sequential, at the latest look), always-valid,
 * or fixed at the end. The row's verdict follows the interval that decides.
 *
 * @param question the arms, error rates and monitoring.
 * @returns the comparison, its harm alarm and its deciding intervals.
 * @source STATISTICS 1, 2, 8, 13; DESIGN part 10.
 */
export function compare(question: Question): Compared {
  const { control, treatment } = question.now;
  const absolute = welch(control, treatment, { alpha: question.alpha });
  const shell = {
    population: 'exposed' as const,
    variant: question.variant,
    baseline: question.baseline,
    n: treatment.n,
    baselineN: control.n,
    ...(treatment.n > 0 && { mean: treatment.mean }),
    ...(control.n > 0 && { baselineMean: control.mean }),
    method: 'welch' as const,
    adjustments: [],
  };
  if (absolute.status !== 'ok') {
    return {
      comparison: { ...shell, status: absolute.status, verdict: 'not_enough_data' },
      direction: question.direction,
      harm: null,
      deciding: null,
      decidingAbsolute: null,
    };
  }
  const decision = decide(question);
  const guarded = guard(question);
  const comparison: Comparison = {
    ...shell,
    status: 'ok',
    absolute: {
      estimate: absolute.estimate,
      se: absolute.se,
      lower: absolute.lower,
      upper: absolute.upper,
      level: absolute.level,
    },
    ...relativeOf(question.now, question.alpha),
    ...(decision.sequential === null ? {} : { sequential: decision.sequential }),
    ...(guarded === null ? {} : { nonInferiority: guarded }),
    p: absolute.p,
    verdict: decision.verdict,
  };
  return {
    comparison,
    direction: question.direction,
    harm: harmAlarm(question, absolute),
    deciding: decision.relative,
    decidingAbsolute: decision.absolute,
  };
}

type Bounds = { readonly lower: number; readonly upper: number };
type Decision = {
  readonly sequential: NonNullable<Comparison['sequential']> | null;
  readonly verdict: ComparisonVerdict;
  readonly relative: Bounds | null;
  readonly absolute: Bounds | null;
};

const UNDECIDED: Decision = {
  sequential: null,
  verdict: 'not_enough_data',
  relative: null,
  absolute: null,
};

function decide(question: Question): Decision {
  const { monitoring } = question;
  if (question.role === 'secondary') return decideFixed(question, true);
  switch (monitoring.kind) {
    case 'group_sequential':
      return decideAtLook(question, monitoring.looks, monitoring.atLook);
    case 'always_valid':
      return monitoring.ready ? decideAlways(question) : UNDECIDED;
    case 'fixed':
      return decideFixed(question, monitoring.ended);
  }
}

/** The repeated interval of the latest look: estimate -+ c_k se, on the look's own data. */
function decideAtLook(
  question: Question,
  looks: readonly ReachedLook[],
  atLook: Arms | null,
): Decision {
  const last = looks.at(-1);
  if (last === undefined || atLook === null) return UNDECIDED;
  const test = welch(atLook.control, atLook.treatment, { alpha: question.alpha });
  if (test.status !== 'ok') return UNDECIDED;
  const plan = {
    information: looks.map((look) => look.information),
    spending: SPENDING,
    final: last.final,
  };
  const { criticalValues } = boundaries({ ...plan, alpha: question.alpha });
  const reach = (criticalValues.at(-1) ?? Number.POSITIVE_INFINITY) * test.se;
  const bounds = { lower: test.estimate - reach, upper: test.estimate + reach };
  return conclude(question, bounds, atLook, reach / test.se, {
    ...bounds,
    p: repeatedP({ ...plan, z: test.t }),
    method: 'group-sequential',
    decides: true,
  });
}

function decideAlways(question: Question): Decision {
  const { control, treatment } = question.now;
  if (Math.min(control.n, treatment.n) < ALWAYS_VALID_UNITS_MIN) return UNDECIDED;
  const test = welch(control, treatment, { alpha: question.alpha });
  if (test.status !== 'ok') return UNDECIDED;
  const sequence = confidenceSequence({
    estimate: test.estimate,
    se: test.se,
    n: control.n + treatment.n,
    plannedN: question.plannedUnits,
    alpha: question.alpha,
  });
  if (sequence.status !== 'ok') return UNDECIDED;
  const bounds = { lower: sequence.lower, upper: sequence.upper };
  return conclude(question, bounds, question.now, sequence.halfWidth / test.se, {
    ...bounds,
    p: sequence.p,
    method: 'always-valid',
    decides: true,
  });
}

function decideFixed(question: Question, ended: boolean): Decision {
  const { control, treatment } = question.now;
  const test = welch(control, treatment, { alpha: question.alpha });
  if (test.status !== 'ok') return UNDECIDED;
  const bounds = { lower: test.lower, upper: test.upper };
  const sequential = {
    ...bounds,
    p: test.p,
    method: 'fixed' as const,
    decides: ended && question.role !== 'secondary',
  };
  if (!ended) return { ...UNDECIDED, sequential };
  const criticalValue = tUpperQuantile(question.alpha / 2, test.degreesOfFreedom);
  const decision = conclude(question, bounds, question.now, criticalValue, sequential);
  return question.role === 'secondary' ? { ...decision, sequential: null } : decision;
}

function conclude(
  question: Question,
  absolute: Bounds,
  arms: Arms,
  criticalValue: number,
  sequential: NonNullable<Comparison['sequential']>,
): Decision {
  const turned = (bounds: Bounds): Bounds =>
    question.direction === 'increase'
      ? { lower: bounds.lower, upper: bounds.upper }
      : { lower: -bounds.upper, upper: -bounds.lower };
  const difference = turned(absolute);
  const lift = fieller(arms.control, arms.treatment, { criticalValue });
  return {
    sequential,
    verdict: difference.lower > 0 ? 'better' : difference.upper < 0 ? 'worse' : 'inconclusive',
    absolute: difference,
    relative: lift.status === 'ok' ? turned(lift) : null,
  };
}

function relativeOf(arms: Arms, alpha: number): Pick<Comparison, 'relative' | 'relativeStatus'> {
  const result = relative(arms.control, arms.treatment, { alpha });
  if (result.status === 'ok' && !result.baselineNoisy) {
    const { estimate, lower, upper } = result;
    return { relative: { estimate, lower, upper, method: 'fieller' } };
  }
  if (result.status === 'zero_baseline') return { relativeStatus: 'zero_baseline' };
  return { relativeStatus: 'baseline_too_noisy' };
}

/** A guardrail passes by non-inferiority only, asked where its monitoring may decide. */
function guard(question: Question): Comparison['nonInferiority'] | null {
  const { margin, monitoring } = question;
  if (question.role !== 'guardrail' || margin === null) return null;
  const asked = askedOf(question);
  if (asked === null) {
    const now = nonInferiority(question.now.control, question.now.treatment, {
      ...marginOptions(question, margin),
    });
    if (now.status !== 'ok') return null;
    return { margin: margin.size, lower: now.lower, p: now.p, state: 'unproven' };
  }
  const result = nonInferiority(asked.arms.control, asked.arms.treatment, {
    ...marginOptions(question, margin),
    ...(asked.criticalValue === undefined ? {} : { criticalValue: asked.criticalValue }),
  });
  if (result.status !== 'ok') return null;
  const p =
    monitoring.kind === 'group_sequential'
      ? repeatedP({ ...onePlan(monitoring.looks), z: result.statistic })
      : result.p;
  return { margin: margin.size, lower: result.lower, p, state: result.state };
}

/** The data and the critical value with which non-inferiority may be asked now; null: not yet. */
function askedOf(question: Question): { arms: Arms; criticalValue: number | undefined } | null {
  const { monitoring } = question;
  switch (monitoring.kind) {
    case 'group_sequential': {
      if (monitoring.atLook === null) return null;
      const plan = onePlan(monitoring.looks);
      const { criticalValues } = boundaries({ ...plan, alpha: question.alpha });
      return { arms: monitoring.atLook, criticalValue: criticalValues.at(-1) };
    }
    case 'always_valid': {
      const { control, treatment } = question.now;
      if (!monitoring.ready || Math.min(control.n, treatment.n) < ALWAYS_VALID_UNITS_MIN)
        return null;
      const bound = confidenceSequenceOneSided({
        estimate: 0,
        se: 1,
        n: control.n + treatment.n,
        plannedN: question.plannedUnits,
        alpha: question.alpha,
        side: 'lower',
      });
      return bound.status === 'ok' ? { arms: question.now, criticalValue: bound.width } : null;
    }
    case 'fixed':
      return monitoring.ended
        ? { arms: question.now, criticalValue: normalUpperQuantile(question.alpha) }
        : null;
  }
}

function onePlan(looks: readonly ReachedLook[]) {
  return {
    information: looks.map((look) => look.information),
    spending: SPENDING,
    final: looks.at(-1)?.final === true,
    sides: 1 as const,
  };
}

function marginOptions(question: Question, margin: NonNullable<Question['margin']>) {
  return {
    margin: margin.size,
    marginScale: margin.scale,
    direction: question.direction,
    alpha: question.alpha,
  };
}

function harmAlarm(
  question: Question,
  test: { readonly estimate: number; readonly se: number },
): HarmAlarm | null {
  if (question.role === 'secondary') return null;
  const { control, treatment } = question.now;
  if (Math.min(control.n, treatment.n) < ALWAYS_VALID_UNITS_MIN) return null;
  const worse = confidenceSequenceOneSided({
    estimate: question.direction === 'increase' ? -test.estimate : test.estimate,
    se: test.se,
    n: control.n + treatment.n,
    plannedN: question.plannedUnits,
    alpha: question.harmAlpha,
    side: 'lower',
  });
  if (worse.status !== 'ok') return null;
  return { p: worse.p, threshold: question.harmAlpha, fired: worse.p < question.harmAlpha };
}

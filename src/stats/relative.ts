import { requireFinite, requireNonNegative, requireProbability, requireSize } from './checks.ts';
import {
  normalUpperQuantile,
  normalUpperTail,
  tUpperQuantile,
  tUpperTail,
} from './distributions.ts';
import { agree, type Interval, isNumericallyZero, type NoEstimate } from './estimate.ts';
import type { Moments } from './moments.ts';
import { type StandardError, standardError, welch } from './welch.ts';

/** Below this many standard errors from 0, a baseline is too noisy to divide by. */
const BASELINE_STRENGTH_MIN = 5;

/**
 * What a relative effect is relative to, where that is not the mean of the control arm as given:
 * the unadjusted mean beside an adjusted difference, the whole site beside triggered units.
 */
export type Baseline = {
  /** In the metric's own unit; may be negative. */
  readonly mean: number;
  /** Its squared standard error; 0 takes it as known. */
  readonly variance: number;
  /** Covariance of this mean with the control arm's mean as given, less that with treatment's. */
  readonly covariance: number;
};

export type FiellerInterval = {
  readonly status: 'ok';
  /** The lift: (treatment - control) / |control|; 0.02 means 2% more. */
  readonly estimate: number;
  readonly lower: number;
  readonly upper: number;
  /** Squared ratio of the baseline's margin of error to the baseline; < 1 here. */
  readonly g: number;
  /** The control mean is under 5 of its standard errors from 0: do not show a relative view. */
  readonly baselineNoisy: boolean;
};

/** The control mean cannot be told from 0 at this level: every relative effect is possible. */
export type UnboundedInterval = {
  readonly status: 'unbounded';
  readonly estimate: number;
  /** >= 1; capped at the largest double. */
  readonly g: number;
  readonly baselineNoisy: true;
};

export type NoLift = NoEstimate<'insufficient_data' | 'zero_variance' | 'zero_baseline'>;

export type RelativeEstimate = FiellerInterval & {
  /** The p-value of Welch's test of the absolute difference: the one p-value of a comparison. */
  readonly p: number;
  readonly level: number;
};

/**
 * How large is the effect relative to control, and how sure are we?
 *
 * The lift with Fieller's interval at Welch's own quantile and degrees of freedom. Absolute and
 * relative views are then one test: 0 lies in this interval exactly when Welch's p >= alpha.
 * When `baselineNoisy`, show the absolute difference only.
 *
 *   L = (m_t - m_c) / |m_c|
 *
 * @param control           Moments of the control arm; a negative mean is fine.
 * @param treatment         Moments of the treatment arm; same unit as control.
 * @param options.alpha     In (0, 1), two-sided; 0.05 means a 95% interval.
 * @param options.baseline  What the lift is relative to [the control mean].
 * @returns The lift as a proportion; 'unbounded' when control is not told apart from 0; or
 *          NoEstimate: 'insufficient_data' | 'zero_variance' | 'zero_baseline', in this order, with
 *          the lift as `estimate` where it exists.
 * @throws RangeError when an argument breaks its stated range.
 * @source Fieller (1954), JRSS B 16. Checked against R 4.2.2 and mpmath in
 *         test/golden/vectors/welch_relative.json.
 */
export function relative(
  control: Moments,
  treatment: Moments,
  options: { readonly alpha: number; readonly baseline?: Baseline },
): RelativeEstimate | UnboundedInterval | NoLift {
  const { alpha, ...base } = options;
  const absolute = welch(control, treatment, { alpha });
  if (absolute.status !== 'ok') {
    return withLift(absolute.status, control, treatment, base.baseline);
  }
  const criticalValue = tUpperQuantile(alpha / 2, absolute.degreesOfFreedom);
  const interval = fieller(control, treatment, { criticalValue, ...base });
  if (interval.status !== 'ok') return interval;
  return {
    ...interval,
    ...agree(interval, absolute.p < alpha, interval.estimate),
    p: absolute.p,
    level: absolute.level,
  };
}

/**
 * Which relative effects are compatible with the data, at a given critical value?
 *
 * Fieller's exact inversion of |m_t - R m_c| <= q sqrt(v_t + R^2 v_c), for any critical value: a t
 * or normal quantile, or the boundary of a group-sequential look. Solved for L, not for R, so that
 * a tiny lift keeps its digits.
 *
 *   g = q^2 v_c / m_c^2,  h = q^2 (v_c + v_t) / m_c^2,  l = (m_t - m_c) / m_c,
 *   (1 - g) L^2 - 2 (l + g) L + (l^2 - h) = 0;  mirrored when m_c < 0
 *   with another baseline b of variance v and covariance c:  l, g, h over b,  g = q^2 v / b^2,
 *   (1 - g) L^2 - 2 (l + q^2 c / b^2) L + (l^2 - h) = 0
 *
 * @param control                Moments of the control arm; a negative mean is fine.
 * @param treatment              Moments of the treatment arm; same unit as control.
 * @param options.criticalValue  q >= 0, finite.
 * @param options.baseline       What the lift is relative to [the control mean].
 * @returns As `relative`, without p. 0 is inside exactly when |m_t - m_c| <= q se, up to rounding.
 * @throws RangeError when an argument breaks its stated range.
 * @source Fieller (1954), JRSS B 16. Checked in test/golden/vectors/welch_relative.json.
 */
export function fieller(
  control: Moments,
  treatment: Moments,
  options: { readonly criticalValue: number; readonly baseline?: Baseline },
): FiellerInterval | UnboundedInterval | NoLift {
  const q = options.criticalValue;
  requireNonNegative('criticalValue', q);
  const error = standardError(control, treatment);
  if (error === undefined) {
    return withLift('insufficient_data', control, treatment, options.baseline);
  }
  const difference = treatment.mean - control.mean;
  if (isNumericallyZero(error.se, difference)) {
    return withLift('zero_variance', control, treatment, options.baseline);
  }
  const lift = liftOf(control, treatment, options.baseline);
  if (lift === undefined) return { status: 'zero_baseline' };

  const parts = partsOf(control, treatment, error, options.baseline);
  const baselineError = Math.sqrt(parts.variance);
  const g = ((q * baselineError) / parts.base) ** 2;
  if (!(g < 1)) {
    const bounded = Math.min(g, Number.MAX_VALUE);
    return { status: 'unbounded', estimate: lift, g: bounded, baselineNoisy: true };
  }
  const roots = fiellerRoots(parts, difference, error.se, q);
  if (!Number.isFinite(roots.lower) || !Number.isFinite(roots.upper)) {
    return { status: 'zero_baseline' };
  }
  return {
    status: 'ok',
    estimate: lift,
    ...(parts.base > 0 ? roots : { lower: -roots.upper, upper: -roots.lower }),
    g,
    baselineNoisy: Math.abs(parts.base) < BASELINE_STRENGTH_MIN * baselineError,
  };
}

/**
 * The variance of d - L b, as a sum of squares: rest + variance (L + slope)^2 per unit of
 * baseline.
 */
type Parts = {
  readonly base: number;
  readonly variance: number;
  /** Part of Var(d) that has nothing to do with the baseline. */
  readonly rest: number;
  /** d / b + c / v: how much the baseline's error moves the lift. */
  readonly slope: number;
  /** c / v. */
  readonly share: number;
};

function partsOf(
  control: Moments,
  treatment: Moments,
  error: StandardError,
  baseline: Baseline | undefined,
): Parts {
  if (baseline === undefined) {
    const ratio = treatment.mean / control.mean;
    return {
      base: control.mean,
      variance: error.control,
      rest: error.treatment,
      slope: ratio,
      share: 1,
    };
  }
  requireBaseline(baseline, error);
  const { mean, variance, covariance } = baseline;
  const share = variance > 0 ? covariance / variance : 0;
  const slope = (treatment.mean - control.mean) / mean + share;
  const rest = Math.max(0, error.control - share * covariance + error.treatment);
  return { base: mean, variance, rest, slope, share };
}

/** @throws RangeError unless this baseline can stand beside a difference with this error. */
export function requireBaseline(
  { mean, variance, covariance }: Baseline,
  error: StandardError,
): void {
  requireSize('baseline.mean', mean);
  requireNonNegative('baseline.variance', variance);
  requireFinite('baseline.covariance', covariance);
  const bound = Math.sqrt(variance) * error.se;
  if (Math.abs(covariance) > bound * (1 + 1e-6)) {
    throw new RangeError(
      `baseline.covariance = ${covariance}: must be at most ${bound} in size, as the variances allow`,
    );
  }
}

/** The two roots of Fieller's quadratic in d / b, neither of them by subtraction. */
function fiellerRoots(
  { base, variance, rest, slope, share }: Parts,
  difference: number,
  se: number,
  q: number,
): Interval {
  const l = difference / base;
  const baseMargin = (q * Math.sqrt(variance)) / base;
  const restMargin = (q * Math.sqrt(rest)) / base;
  const margin = Math.abs((q * se) / base);
  const g = baseMargin * baseMargin;
  const half = l + share * g;
  const root = Math.hypot(Math.sqrt(1 - g) * restMargin, slope * baseMargin);
  const far = half >= 0 ? half + root : half - root;
  const product = (Math.abs(l) - margin) * (Math.abs(l) + margin);
  const outer = far / (1 - g);
  const inner = far === 0 ? 0 : product / far;
  return { lower: Math.min(outer, inner), upper: Math.max(outer, inner) };
}

export type RatioEstimate = {
  readonly status: 'ok';
  readonly estimate: number;
  readonly se: number;
  readonly degreesOfFreedom: number;
  readonly lower: number;
  readonly upper: number;
  readonly p: number;
};

/**
 * How large is the lift, by the delta method?
 *
 * A first-order approximation, good when the control mean is over 30 standard errors from 0;
 * offered for comparison with other platforms. Its p-value may disagree with Welch's.
 *
 *   Var(L) = v_t / m_c^2 + v_c m_t^2 / m_c^4
 *   with another baseline b of variance v and covariance c:
 *   Var(L) = (v_t + v_c + l^2 v + 2 l c) / b^2,  l = (m_t - m_c) / b
 *
 * @param control           Moments of the control arm.
 * @param treatment         Moments of the treatment arm; same unit as control.
 * @param options.alpha     In (0, 1), two-sided.
 * @param options.baseline  What the lift is relative to [the control mean].
 * @param options.quantile  't' with Welch's degrees of freedom of the difference ['t'] | 'normal'.
 * @returns The lift, or NoEstimate as `relative`.
 * @throws RangeError when an argument breaks its stated range.
 * @source Deng, Knoblich, Lu (2018), KDD. Checked in test/golden/vectors/.
 */
export function relativeDelta(
  control: Moments,
  treatment: Moments,
  options: {
    readonly alpha: number;
    readonly quantile?: 't' | 'normal';
    readonly baseline?: Baseline;
  },
): RatioEstimate | NoLift {
  const { alpha, baseline } = options;
  requireProbability('alpha', alpha);
  const error = standardError(control, treatment);
  if (error === undefined) return withLift('insufficient_data', control, treatment, baseline);
  if (isNumericallyZero(error.se, treatment.mean - control.mean)) {
    return withLift('zero_variance', control, treatment, baseline);
  }
  const lift = liftOf(control, treatment, baseline);
  if (lift === undefined) return { status: 'zero_baseline' };
  const { base, variance, rest, slope } = partsOf(control, treatment, error, baseline);
  const se = Math.hypot(Math.sqrt(rest) / base, (Math.sqrt(variance) / base) * slope);
  return interval(lift, se, error.degreesOfFreedom, options, (bound) => bound);
}

/**
 * How large is the lift, by the logarithm of the ratio of means?
 *
 * Keeps the lower bound above -100%; needs both means > 0.
 *
 *   l = log(m_t / m_c),  se^2 = v_c / m_c^2 + v_t / m_t^2,  interval exp(l -+ q se) - 1
 *
 * @param control        Moments of the control arm; mean > 0.
 * @param treatment      Moments of the treatment arm; mean > 0, same unit as control.
 * @param options.alpha  In (0, 1), two-sided.
 * @returns The lift with bounds as lifts, `se` and `degreesOfFreedom` on the log scale; or
 *          NoEstimate as `relative`, and 'nonpositive_mean'.
 * @throws RangeError when an argument breaks its stated range.
 * @source tea-tasting 90306f1, metrics/mean.py (relative effect). Checked in test/golden/vectors/.
 */
export function relativeLogRatio(
  control: Moments,
  treatment: Moments,
  options: { readonly alpha: number },
): RatioEstimate | NoLift | NoEstimate<'nonpositive_mean'> {
  requireProbability('alpha', options.alpha);
  const error = standardError(control, treatment);
  if (error === undefined) return withLift('insufficient_data', control, treatment, undefined);
  if (isNumericallyZero(error.se, treatment.mean - control.mean)) {
    return withLift('zero_variance', control, treatment, undefined);
  }
  const lift = liftOf(control, treatment, undefined);
  if (lift === undefined) return { status: 'zero_baseline' };
  if (control.mean <= 0 || treatment.mean <= 0) {
    return { status: 'nonpositive_mean', estimate: lift };
  }
  const controlPart = Math.sqrt(error.control) / control.mean;
  const treatmentPart = Math.sqrt(error.treatment) / treatment.mean;
  const se = Math.hypot(controlPart, treatmentPart);
  if (!Number.isFinite(se)) return { status: 'zero_baseline' };
  if (isNumericallyZero(se, lift)) return { status: 'zero_variance', estimate: lift };
  const share = (controlPart / se) ** 2;
  const rest = (treatmentPart / se) ** 2;
  const degreesOfFreedom =
    1 / ((share * share) / (control.n - 1) + (rest * rest) / (treatment.n - 1));
  const ratio = treatment.mean / control.mean;
  const logRatio = Math.abs(lift) < 0.5 ? Math.log1p(lift) : Math.log(ratio);
  if (!Number.isFinite(logRatio)) return { status: 'zero_baseline' };
  const result = interval(logRatio, se, degreesOfFreedom, options, Math.expm1);
  return result.status === 'ok' ? { ...result, estimate: lift } : result;
}

/** A symmetric interval around a point, mapped to the scale it is shown on. */
function interval(
  point: number,
  se: number,
  degreesOfFreedom: number,
  options: { readonly alpha: number; readonly quantile?: 't' | 'normal' },
  show: (bound: number) => number,
): RatioEstimate | NoLift {
  const { alpha, quantile = 't' } = options;
  const size = Math.abs(point) / se;
  // Means so close to 0 that the quotient leaves the doubles.
  if (!Number.isFinite(se)) return { status: 'zero_baseline' };
  if (isNumericallyZero(se, point)) return { status: 'zero_variance', estimate: show(point) };
  const p = 2 * (quantile === 't' ? tUpperTail(size, degreesOfFreedom) : normalUpperTail(size));
  const q =
    quantile === 't' ? tUpperQuantile(alpha / 2, degreesOfFreedom) : normalUpperQuantile(alpha / 2);
  const bounds = { lower: show(point - q * se), upper: show(point + q * se) };
  if (!Number.isFinite(bounds.lower) || !Number.isFinite(bounds.upper)) {
    return { status: 'zero_baseline' };
  }
  const agreed = agree(bounds, p < alpha, point);
  return { status: 'ok', estimate: point, se, degreesOfFreedom, ...agreed, p };
}

/** (m_t - m_c) / |baseline|, or undefined when that is 0 or too near to divide by. */
function liftOf(
  control: Moments,
  treatment: Moments,
  baseline: Baseline | undefined,
): number | undefined {
  const base = baseline === undefined ? control.mean : baseline.mean;
  const lift = (treatment.mean - control.mean) / Math.abs(base);
  return Number.isFinite(lift) ? lift : undefined;
}

function withLift(
  status: 'insufficient_data' | 'zero_variance',
  control: Moments,
  treatment: Moments,
  baseline: Baseline | undefined,
): NoLift {
  const known = control.n > 0 && treatment.n > 0;
  const lift = known ? liftOf(control, treatment, baseline) : undefined;
  return lift === undefined ? { status } : { status, estimate: lift };
}

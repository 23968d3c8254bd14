import { requireBetween, requireNonNegative } from './checks.ts';
import { normalUpperTail, tUpperQuantile, tUpperTail } from './distributions.ts';
import { isNumericallyZero, type NoEstimate } from './estimate.ts';
import type { Moments } from './moments.ts';
import { type Baseline, fieller, requireBaseline } from './relative.ts';
import { errorOf, type StandardError, standardError, tooFew } from './welch.ts';

export type NonInferiorityOptions = {
  /**
   * Largest tolerated loss, >= 0: a share of |control mean| (at most 10), or in the metric's own
   * unit.
   */
  readonly margin: number;
  readonly marginScale: 'relative' | 'absolute';
  /** Which way is good: 'increase' (bookings) or 'decrease' (latency). */
  readonly direction: 'increase' | 'decrease';
  /** One-sided, in (0, 0.5). */
  readonly alpha: number;
  /**
   * Replaces the t quantile of alpha: the one-sided boundary of a group-sequential look. The
   * p-value is then the nominal normal one.
   */
  readonly criticalValue?: number;
  /** What a relative margin is a share of [the control mean]. */
  readonly baseline?: Baseline;
};

export type NonInferiority = {
  readonly status: 'ok';
  /**
   * Lower confidence bound of the effect in the good direction, on the margin's scale: positive
   * means better. Null when a relative bound does not exist (baseline not told apart from 0).
   */
  readonly lower: number | null;
  /** One-sided p of "at least as bad as the margin". */
  readonly p: number;
  /** One-sided p of "not worse than control": small means measurable harm. */
  readonly harmP: number;
  readonly margin: number;
  /** Statistic against the margin; what repeatedP takes (sides 1). */
  readonly statistic: number;
  /** What is tested to be > 0, in the metric's own unit, and its standard error. */
  readonly contrast: number;
  readonly se: number;
  readonly degreesOfFreedom: number;
  /** p < alpha: not worse than the margin allows. */
  readonly nonInferior: boolean;
  /** harmP < alpha: worse than control, by however little. */
  readonly deteriorated: boolean;
  /** 'harmed' when deteriorated, else 'protected' when non-inferior, else 'unproven'. */
  readonly state: 'protected' | 'harmed' | 'unproven';
  /** 1 - alpha, one-sided. */
  readonly level: number;
};

/**
 * Can a loss beyond the margin be ruled out?
 *
 * The null hypothesis is harm, so missing data never passes. A relative margin is tested by the
 * exact contrast, without dividing by the baseline, and its bound is Fieller's at the same
 * critical value: the bound exceeds -margin exactly when p < alpha.
 *
 *   absolute:  T = (g d + margin) / se(d),  g = 1 ('increase') or -1 ('decrease')
 *   relative:  T = g (m_t - r m_c) / sqrt(v_t + r^2 v_c),  r = 1 - g margin sign(m_c)
 *   with another baseline b of variance v and covariance c:
 *             T = (g d + margin |b|) / sqrt(v_t + v_c + margin^2 v - 2 g margin sign(b) c)
 *   p = P(T_df > T), Satterthwaite's df of the contrast
 *
 * @param control    Moments of the control arm.
 * @param treatment  Moments of the treatment arm; same unit as control.
 * @param options    Margin, its scale, direction, and alpha or a critical value.
 * @returns Bound, p and state; or NoEstimate: 'insufficient_data' | 'zero_variance' |
 *          'zero_baseline' (relative margin only).
 * @throws RangeError when an argument breaks its stated range.
 * @source Schuirmann (1987); Laster and Johnson (2003) for the relative contrast. Checked against
 *         R 4.2.2 and mpmath in test/golden/vectors/tost_noninferiority.json.
 */
export function nonInferiority(
  control: Moments,
  treatment: Moments,
  options: NonInferiorityOptions,
): NonInferiority | NoEstimate<'insufficient_data' | 'zero_variance' | 'zero_baseline'> {
  requireOptions(options);
  const { margin, marginScale, direction, alpha, baseline } = options;
  const good = direction === 'increase' ? 1 : -1;
  const isRelative = marginScale === 'relative';
  const plain = standardError(control, treatment);
  if (plain === undefined) return tooFew(control, treatment);
  const base = baseline === undefined ? control.mean : baseline.mean;
  if (isRelative && base === 0) return { status: 'zero_baseline' };
  const estimate = treatment.mean - control.mean;
  const { contrast, error } = isRelative
    ? relativeContrast(control, treatment, plain, { good, margin, baseline })
    : { contrast: good * estimate + margin, error: plain };
  if (isNumericallyZero(plain.se, estimate) || isNumericallyZero(error.se, contrast)) {
    return { status: 'zero_variance', estimate };
  }

  const against = judge(contrast, error, options);
  const harm = judge(-good * estimate, plain, options);
  const raw = isRelative
    ? relativeLower(control, treatment, { good, baseline, criticalValue: against.criticalValue })
    : good * estimate - against.criticalValue * error.se;
  return {
    status: 'ok',
    lower: raw === null ? null : withMargin(raw, margin, against.passes),
    p: against.p,
    harmP: harm.p,
    margin,
    statistic: against.statistic,
    contrast,
    se: error.se,
    degreesOfFreedom: error.degreesOfFreedom,
    nonInferior: against.passes,
    deteriorated: harm.passes,
    state: harm.passes ? 'harmed' : against.passes ? 'protected' : 'unproven',
    level: 1 - alpha,
  };
}

/** The distance of the effect from a margin that is a share of the baseline, and its error. */
function relativeContrast(
  control: Moments,
  treatment: Moments,
  plain: StandardError,
  options: {
    readonly good: 1 | -1;
    readonly margin: number;
    readonly baseline?: Baseline | undefined;
  },
): { readonly contrast: number; readonly error: StandardError } {
  const { good, margin, baseline } = options;
  if (baseline === undefined) {
    const ratio = 1 - good * margin * Math.sign(control.mean);
    const error = standardError(control, treatment, ratio) ?? plain;
    return { contrast: good * (treatment.mean - ratio * control.mean), error };
  }
  requireBaseline(baseline, plain);
  const { mean, variance, covariance } = baseline;
  // As a sum of squares, so that nothing cancels.
  const share = variance > 0 ? covariance / variance : 0;
  const slope = share - good * margin * Math.sign(mean);
  const own = Math.max(0, plain.control - share * covariance);
  return {
    contrast: good * (treatment.mean - control.mean) + margin * Math.abs(mean),
    error: errorOf(own + variance * slope * slope, plain.treatment, control, treatment),
  };
}

function requireOptions(options: NonInferiorityOptions): void {
  const { margin, marginScale, alpha, criticalValue } = options;
  requireBetween('margin', margin, 0, marginScale === 'relative' ? 10 : 1e140);
  requireOneSided(alpha);
  if (criticalValue !== undefined) requireNonNegative('criticalValue', criticalValue);
}

function requireOneSided(alpha: number): void {
  if (!(alpha > 0 && alpha < 0.5)) {
    throw new RangeError(`alpha = ${alpha}: must be in (0, 0.5), it is one-sided`);
  }
}

type Judgement = {
  readonly statistic: number;
  readonly criticalValue: number;
  readonly p: number;
  readonly passes: boolean;
};

/** Is a contrast above 0: by Student's t at alpha, or by the critical value that replaces it? */
function judge(
  contrast: number,
  error: StandardError,
  { alpha, criticalValue }: NonInferiorityOptions,
): Judgement {
  const statistic = contrast / error.se;
  if (criticalValue !== undefined) {
    const passes = statistic > criticalValue;
    return { statistic, criticalValue, p: normalUpperTail(statistic), passes };
  }
  const p = tUpperTail(statistic, error.degreesOfFreedom);
  const quantile = tUpperQuantile(alpha, error.degreesOfFreedom);
  return { statistic, criticalValue: quantile, p, passes: p < alpha };
}

/** Fieller's bound of the lift in the good direction; null when there is none. */
function relativeLower(
  control: Moments,
  treatment: Moments,
  options: {
    readonly criticalValue: number;
    readonly good: 1 | -1;
    readonly baseline?: Baseline | undefined;
  },
): number | null {
  const { criticalValue, good, baseline } = options;
  const interval = fieller(control, treatment, {
    criticalValue,
    ...(baseline !== undefined && { baseline }),
  });
  if (interval.status !== 'ok') return null;
  return good === 1 ? interval.lower : -interval.upper;
}

/** Bound and verdict meet within a rounding error: the verdict decides. */
function withMargin(lower: number, margin: number, nonInferior: boolean): number {
  if (!nonInferior) return Math.min(lower, -margin);
  const justAbove = -margin + Math.max(Number.MIN_VALUE, margin * 2 ** -52);
  return Math.max(lower, justAbove);
}

export type Equivalence = {
  readonly status: 'ok';
  readonly estimate: number;
  readonly se: number;
  readonly degreesOfFreedom: number;
  /** Statistic and p against "lower by the margin or more". */
  readonly tLower: number;
  readonly pLower: number;
  /** Statistic and p against "higher by the margin or more". */
  readonly tUpper: number;
  readonly pUpper: number;
  /** The larger of the two. */
  readonly p: number;
  readonly equivalent: boolean;
  /** Interval of level 1 - 2 alpha: inside (-margin, margin) exactly when equivalent. */
  readonly lower: number;
  readonly upper: number;
};

/**
 * Are two arms equal for practical purposes?
 *
 * Two one-sided Welch tests.
 *
 *   t_lower = (d + margin) / se,  t_upper = (d - margin) / se,
 *   p = max(P(T > t_lower), P(T < t_upper))
 *
 * @param control         Moments of the control arm.
 * @param treatment       Moments of the treatment arm; same unit as control.
 * @param options.margin  >= 0, in the metric's own unit.
 * @param options.alpha   One-sided, in (0, 0.5).
 * @returns Both tests and the interval; or NoEstimate: 'insufficient_data' | 'zero_variance'.
 * @throws RangeError when an argument breaks its stated range.
 * @source Schuirmann (1987). Checked in test/golden/vectors/tost_noninferiority.json.
 */
export function equivalence(
  control: Moments,
  treatment: Moments,
  options: { readonly margin: number; readonly alpha: number },
): Equivalence | NoEstimate<'insufficient_data' | 'zero_variance'> {
  const { margin, alpha } = options;
  requireBetween('margin', margin, 0, 1e140);
  requireOneSided(alpha);
  const error = standardError(control, treatment);
  const estimate = treatment.mean - control.mean;
  if (error === undefined) return tooFew(control, treatment);
  const { se, degreesOfFreedom } = error;
  if (isNumericallyZero(se, Math.abs(estimate) + margin)) {
    return { status: 'zero_variance', estimate };
  }
  const tLower = (estimate + margin) / se;
  const tUpper = (estimate - margin) / se;
  const pLower = tUpperTail(tLower, degreesOfFreedom);
  const pUpper = tUpperTail(-tUpper, degreesOfFreedom);
  const p = Math.max(pLower, pUpper);
  const reach = tUpperQuantile(alpha, degreesOfFreedom) * se;
  return {
    status: 'ok',
    estimate,
    se,
    degreesOfFreedom,
    tLower,
    pLower,
    tUpper,
    pUpper,
    p,
    equivalent: p < alpha,
    lower: estimate - reach,
    upper: estimate + reach,
  };
}

import { requireProbability } from './checks.ts';
import { logTUpperTail, tUpperQuantile, tUpperTail } from './distributions.ts';
import { agree, isNumericallyZero, type NoEstimate } from './estimate.ts';
import { type Moments, requireMoments, variance } from './moments.ts';

/** Under this a double is, or may soon be, subnormal. */
const TINY = 1e-290;

export type WelchEstimate = {
  readonly status: 'ok';
  /** Treatment - control, in the metric's own unit. */
  readonly estimate: number;
  readonly se: number;
  readonly degreesOfFreedom: number;
  readonly t: number;
  /** Two-sided; 0 only when it underflows: then logP carries it. */
  readonly p: number;
  readonly logP: number;
  readonly lower: number;
  readonly upper: number;
  /** 1 - alpha. */
  readonly level: number;
};

/** Squared standard errors of the two means, and what Welch's test makes of them. */
export type StandardError = {
  readonly control: number;
  readonly treatment: number;
  readonly se: number;
  readonly degreesOfFreedom: number;
};

/**
 * Do the means of two arms differ, and by how much?
 *
 * Welch's t test: the variances may differ, units are independent, and the unit of analysis is
 * the unit of randomization. Right for means of any metric once the sum is nearly normal: about
 * 355 * skewness^2 units an arm. Zero variance in one arm is fine, in both it is not.
 *
 *   d = m_t - m_c,  se = sqrt(v_c + v_t) with v = s^2 / n,  t = d / se,
 *   df = 1 / (a^2 / (n_c - 1) + (1 - a)^2 / (n_t - 1)) with a = v_c / (v_c + v_t),
 *   p = 2 P(T_df > |t|),  interval d -+ t_{alpha/2, df} se
 *
 * @param control        Moments of the control arm.
 * @param treatment      Moments of the treatment arm; same unit as control.
 * @param options.alpha  In (0, 1), two-sided; 0.05 means a 95% interval.
 * @returns The difference treatment - control with p and interval from one statistic: 0 lies in
 *          the interval exactly when p >= alpha. Or NoEstimate: 'insufficient_data' (n < 2 in an
 *          arm; `estimate` if both have a unit) | 'zero_variance' (in both; with `estimate`).
 * @throws RangeError when an argument breaks its stated range.
 * @source Welch (1947), Biometrika 34. Checked against R 4.2.2 and mpmath in
 *         test/golden/vectors/welch_t.json.
 */
export function welch(
  control: Moments,
  treatment: Moments,
  options: { readonly alpha: number },
): WelchEstimate | NoEstimate<'insufficient_data' | 'zero_variance'> {
  const { alpha } = options;
  requireProbability('alpha', alpha);
  const error = standardError(control, treatment);
  const estimate = treatment.mean - control.mean;
  if (error === undefined) return tooFew(control, treatment);
  const { se, degreesOfFreedom } = error;
  if (isNumericallyZero(se, estimate)) return { status: 'zero_variance', estimate };

  const t = estimate / se;
  const { p, logP } = twoSided(t, degreesOfFreedom);
  const reach = tUpperQuantile(alpha / 2, degreesOfFreedom) * se;
  const bounds = { lower: estimate - reach, upper: estimate + reach };
  return {
    status: 'ok',
    estimate,
    se,
    degreesOfFreedom,
    t,
    p,
    logP,
    ...agree(bounds, p < alpha, estimate),
    level: 1 - alpha,
  };
}

/**
 * Standard error of a difference of means with Satterthwaite's degrees of freedom, in the form
 * that neither overflows nor underflows. `scale` multiplies the control arm (1 for a difference).
 *
 * @returns undefined when an arm has fewer than two units.
 */
export function standardError(
  control: Moments,
  treatment: Moments,
  scale = 1,
): StandardError | undefined {
  requireMoments('control', control);
  requireMoments('treatment', treatment);
  if (control.n < 2 || treatment.n < 2) return undefined;
  return errorOf(
    (scale * scale * variance(control)) / control.n,
    variance(treatment) / treatment.n,
    control,
    treatment,
  );
}

/** The standard error of a sum of two independent parts, one from each arm. */
export function errorOf(
  controlPart: number,
  treatmentPart: number,
  control: { readonly n: number },
  treatment: { readonly n: number },
): StandardError {
  const sum = controlPart + treatmentPart;
  const share = sum > 0 ? controlPart / sum : 0.5;
  const rest = 1 - share;
  return {
    control: controlPart,
    treatment: treatmentPart,
    se: Math.sqrt(sum),
    degreesOfFreedom: 1 / ((share * share) / (control.n - 1) + (rest * rest) / (treatment.n - 1)),
  };
}

/** The two-sided p-value of a t statistic, and its logarithm for when p underflows. */
export function twoSided(
  t: number,
  degreesOfFreedom: number,
): { readonly p: number; readonly logP: number } {
  const size = Math.abs(t);
  const tail = tUpperTail(size, degreesOfFreedom);
  // The logarithm of a tail that is not about to underflow has all its digits.
  const logTail = tail > TINY ? Math.log(tail) : logTUpperTail(size, degreesOfFreedom);
  return { p: Math.min(1, 2 * tail), logP: Math.min(0, Math.LN2 + logTail) };
}

/** 'insufficient_data', with the difference of means where both arms have a unit. */
export function tooFew(control: Moments, treatment: Moments): NoEstimate<'insufficient_data'> {
  return control.n > 0 && treatment.n > 0
    ? { status: 'insufficient_data', estimate: treatment.mean - control.mean }
    : { status: 'insufficient_data' };
}

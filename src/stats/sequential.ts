import { requireBetween, requireCount, requireProbability, requireSize } from './checks.ts';
import { agree, isNumericallyZero, type NoEstimate } from './estimate.ts';

export type SequentialInterval = {
  readonly status: 'ok';
  readonly lower: number;
  readonly upper: number;
  /** Always-valid, of this look alone; keep the smallest over the looks. */
  readonly p: number;
  /** Logarithm of the e-value behind p. */
  readonly logE: number;
  readonly halfWidth: number;
};

export type SequentialBound = {
  readonly status: 'ok';
  /** The confidence bound: lower for side 'lower', upper for side 'upper'. */
  readonly bound: number;
  /** Always-valid and one-sided, of this look alone; keep the smallest over the looks. */
  readonly p: number;
  /** Distance from the estimate to the bound. */
  readonly width: number;
};

export type NoSequence = NoEstimate<'insufficient_data' | 'zero_variance'>;

/** What a confidence sequence needs of one look. */
export type Look = {
  /** Treatment - control, in the metric's own unit. */
  readonly estimate: number;
  /** Its standard error now; >= 0. */
  readonly se: number;
  /** Units of both arms now; an integer. */
  readonly n: number;
  /** Units of both arms planned for the end, >= 1; fixed before data are seen. */
  readonly plannedN: number;
  /** In (0, 1). */
  readonly alpha: number;
};

/**
 * Which effects are compatible with the data, however often we look?
 *
 * Robbins' normal mixture, asymptotic: start at about 100 units an arm and a full day (355 *
 * skewness^2 for skewed metrics). Narrowest near plannedN, where it is 1.55 times the fixed
 * interval at alpha 0.05. plannedN must not be tuned on the data.
 *
 *   rho^2 = (log(1 - 2 log alpha) - 2 log alpha) / plannedN,  k = n rho^2,
 *   halfWidth = se sqrt((k + 1) / k * log((k + 1) / alpha^2)),
 *   log e = z^2 / 2 * k / (k + 1) - log(k + 1) / 2 with z = estimate / se,  p = min(1, 1 / e)
 *
 * @param look  One look: estimate, se, n, plannedN, alpha two-sided.
 * @returns Interval and p from one statistic: 0 lies in the interval exactly when p >= alpha. Or
 *          NoEstimate: 'insufficient_data' (n < 2) | 'zero_variance' (se is 0; with `estimate`).
 * @throws RangeError when an argument breaks its stated range.
 * @source Waudby-Smith et al. (2021), Time-uniform central limit theory, eq 9; equal to Howard et
 *         al. (2021) and to GAVI. Checked in test/golden/vectors/confidence_sequence.json.
 */
export function confidenceSequence(look: Look): SequentialInterval | NoSequence {
  const k = mixture(look, look.alpha);
  const { estimate, se, n, alpha } = look;
  if (n < 2) return { status: 'insufficient_data', estimate };
  if (isNumericallyZero(se, estimate)) return { status: 'zero_variance', estimate };
  const halfWidth = se * Math.sqrt(((k + 1) / k) * (Math.log1p(k) - 2 * Math.log(alpha)));
  const z = estimate / se;
  const logE = Math.min(((z * z) / 2) * (k / (k + 1)) - Math.log1p(k) / 2, Number.MAX_VALUE);
  const p = Math.min(1, Math.exp(-logE));
  const bounds = { lower: estimate - halfWidth, upper: estimate + halfWidth };
  return { status: 'ok', ...agree(bounds, p < alpha, estimate), p, logE, halfWidth };
}

/**
 * Is the effect on the far side of zero, however often we look?
 *
 * The one-sided form for harm alarms: side 'upper' bounds the effect from above (alarm: a
 * goal got worse when the bound is < 0), side 'lower' from below (alarm: a cost rose when > 0).
 *
 *   rho^2 as in confidenceSequence at 2 alpha,  k = n rho^2,
 *   width = se sqrt(2 (k + 1) / k * log(1 + sqrt(k + 1) / (2 alpha))),
 *   p = min(1, sqrt(k + 1) / (2 (exp(z^2 k / (2 (k + 1))) - 1))) for z on the alarming side, else 1
 *
 * @param look  One look as in confidenceSequence; alpha is one-sided, in (0, 0.5). `side` is the
 *              bound asked for.
 * @returns Bound and p from one statistic: the bound is beyond zero exactly when p < alpha. Or
 *          NoEstimate as confidenceSequence.
 * @throws RangeError when an argument breaks its stated range.
 * @source Waudby-Smith et al. (2021), one-sided form; GrowthBook 8f1db44, gbstats (eq 134 there).
 *         Checked in test/golden/vectors/confidence_sequence.json.
 */
export function confidenceSequenceOneSided(
  look: Look & { readonly side: 'lower' | 'upper' },
): SequentialBound | NoSequence {
  const { estimate, se, n, alpha, side } = look;
  if (alpha >= 0.5) throw new RangeError(`alpha = ${alpha}: must be in (0, 0.5) when one-sided`);
  const k = mixture(look, 2 * alpha);
  if (n < 2) return { status: 'insufficient_data', estimate };
  if (isNumericallyZero(se, estimate)) return { status: 'zero_variance', estimate };
  const width = se * Math.sqrt(((2 * (k + 1)) / k) * Math.log1p(Math.sqrt(k + 1) / (2 * alpha)));
  // Mirror, so that one formula serves both sides.
  const sign = side === 'lower' ? 1 : -1;
  const z = (sign * estimate) / se;
  const growth = ((z * z) / 2) * (k / (k + 1));
  const p = z > 0 ? Math.min(1, oneSidedP(growth, k)) : 1;
  const raw = sign * estimate - width;
  const bound = p < alpha ? Math.max(raw, Number.MIN_VALUE) : Math.min(raw, 0);
  return { status: 'ok', bound: bound === 0 ? 0 : sign * bound, p, width };
}

/** sqrt(k + 1) / (2 expm1(growth)), also where expm1 overflows. */
function oneSidedP(growth: number, k: number): number {
  const half = Math.sqrt(k + 1) / 2;
  return growth > 700 ? half * Math.exp(-growth) : half / Math.expm1(growth);
}

/** n rho^2: information now, in units of the mixture's spread. */
function mixture(look: Look, alpha: number): number {
  requireProbability('alpha', look.alpha);
  requireSize('estimate', look.estimate);
  requireBetween('se', look.se, 0, 1e150);
  requireCount('n', look.n);
  return look.n * mixingPrecision({ plannedN: look.plannedN, alpha });
}

/**
 * Where is a confidence sequence tuned to be narrowest?
 *
 * The parameter of confidenceSequence, at alpha, and of its one-sided form, at 2 alpha. Its
 * inverse is GAVI's nu and Howard's rho.
 *
 *   rho^2 = (log(1 - 2 log alpha) - 2 log alpha) / plannedN
 *
 * @param options.plannedN  Units of both arms planned for the end, >= 1.
 * @param options.alpha     In (0, 1).
 * @returns rho^2 > 0.
 * @throws RangeError when an argument breaks its stated range.
 * @source As confidenceSequence.
 */
export function mixingPrecision(options: {
  readonly plannedN: number;
  readonly alpha: number;
}): number {
  const { plannedN, alpha } = options;
  requireBetween('plannedN', plannedN, 1, Number.MAX_SAFE_INTEGER);
  requireProbability('alpha', alpha);
  const logAlpha = Math.log(alpha);
  return (Math.log1p(-2 * logAlpha) - 2 * logAlpha) / plannedN;
}

/**
 * Is there an effect, by the mixture sequential probability ratio test with a fixed mixture?
 *
 * The same family as confidenceSequence, spelled with the variance of the mixture over effects, as
 * other platforms print it.
 *
 *   log L = log(V / (V + tau^2)) / 2 + tau^2 d^2 / (2 V (V + tau^2)),  p = min(1, 1 / L),
 *   halfWidth = sqrt(V (V + tau^2) / tau^2 * log((V + tau^2) / (V alpha^2)))
 *
 * @param options.estimate         d, at most 1e150 in size.
 * @param options.variance         V, the squared standard error of d, in [1e-150, 1e150].
 * @param options.mixingVariance   tau^2 in [1e-150, 1e150], fixed before data are seen.
 * @param options.alpha            In (0, 1), two-sided.
 * @returns Interval and always-valid p of this look.
 * @throws RangeError when an argument breaks its stated range.
 * @source Johari, Pekelis, Walsh (2015), Always valid inference. Checked as above.
 */
export function mixtureSequentialTest(options: {
  readonly estimate: number;
  readonly variance: number;
  readonly mixingVariance: number;
  readonly alpha: number;
}): SequentialInterval {
  const { estimate, variance, mixingVariance, alpha } = options;
  requireSize('estimate', estimate);
  requireBetween('variance', variance, 1e-150, 1e150);
  requireBetween('mixingVariance', mixingVariance, 1e-150, 1e150);
  requireProbability('alpha', alpha);
  const k = mixingVariance / variance;
  const growth = ((estimate / variance) * estimate * (k / (k + 1))) / 2;
  const logE = Math.min(growth - Math.log1p(k) / 2, Number.MAX_VALUE);
  const p = Math.min(1, Math.exp(-logE));
  const halfWidth = Math.sqrt(((variance * (k + 1)) / k) * (Math.log1p(k) - 2 * Math.log(alpha)));
  const bounds = { lower: estimate - halfWidth, upper: estimate + halfWidth };
  return { status: 'ok', ...agree(bounds, p < alpha, estimate), p, logE, halfWidth };
}

/** Effects of segments: whether they differ at all, and what each one probably is. */
import { requireBetween, requireProbability, requireSize } from './checks.ts';
import { chiSquareUpperTail, logChiSquareUpperTail, normalUpperQuantile } from './distributions.ts';
import type { NoEstimate } from './estimate.ts';
import { findFall } from './special.ts';

/** The effect in one segment, by any method with a nearly normal estimate. */
export type SegmentEffect = {
  /** Treatment - control, at most 1e150 in size. */
  readonly estimate: number;
  /** Standard error, in [1e-150, 1e150]. */
  readonly se: number;
};

export type ShrunkEffect = {
  readonly raw: number;
  /** Interval of the raw effect: what a harm alarm or a fairness guardrail must look at. */
  readonly rawLower: number;
  readonly rawUpper: number;
  /** Pulled towards the common mean by its noise: for reading, never for guarding. */
  readonly shrunk: number;
  readonly shrunkLower: number;
  readonly shrunkUpper: number;
  /** Share of the raw effect's distance to the mean that is kept, in [0, 1]. */
  readonly kept: number;
};

export type SegmentEffects = {
  readonly status: 'ok';
  /** Cochran's Q: are the effects more different than their errors explain? */
  readonly q: number;
  readonly degreesOfFreedom: number;
  readonly p: number;
  readonly logP: number;
  /** Share of the effects' variation that is not error, max(0, (Q - df) / Q). */
  readonly iSquared: number;
  /** Variance of the true effects between segments. */
  readonly tauSquared: number;
  /** Mean effect of the segments, weighted by 1 / (se^2 + tauSquared). */
  readonly mean: number;
  readonly meanSe: number;
  readonly meanLower: number;
  readonly meanUpper: number;
  readonly segments: readonly ShrunkEffect[];
};

/**
 * Do segments react differently, and what is each one's effect likely to be?
 *
 * First the test that all effects are equal; a random-effects model then says how far the true
 * effects scatter, and shrinks each estimate towards the mean as much as its noise deserves.
 * Shrinking hides harm in small groups: alarms look at the raw intervals. Segments must be known
 * before exposure; families of them go through benjaminiHochberg.
 *
 *   w_s = 1 / se_s^2,  Q = sum w_s (d_s - mean)^2 ~ chi-square(S - 1),
 *   dersimonian_laird: tau^2 = max(0, (Q - df) / (sum w - sum w^2 / sum w)),
 *   paule_mandel: tau^2 solves sum (d_s - mean)^2 / (se_s^2 + tau^2) = S - 1,
 *   kept = tau^2 / (tau^2 + se^2),  shrunk = mean + kept (d_s - mean),
 *   its variance = kept se^2 + (1 - kept)^2 meanSe^2
 *
 * @param effects         One a segment.
 * @param options.alpha   In (0, 1), two-sided, of the intervals.
 * @param options.method  Of tau^2 ['paule_mandel'] | 'dersimonian_laird'.
 * @returns Test, scatter and effects; or NoEstimate 'insufficient_data' (fewer than two segments).
 * @throws RangeError when an argument breaks its stated range.
 * @source Cochran (1954); DerSimonian and Laird (1986); Paule and Mandel (1982). Checked against
 *         mpmath in test/golden/vectors/heterogeneity.json.
 */
export function segmentEffects(
  effects: readonly SegmentEffect[],
  options: {
    readonly alpha: number;
    readonly method?: 'paule_mandel' | 'dersimonian_laird';
  },
): SegmentEffects | NoEstimate<'insufficient_data'> {
  const { alpha, method = 'paule_mandel' } = options;
  requireProbability('alpha', alpha);
  effects.forEach(({ estimate, se }, i) => {
    requireSize(`effects[${i}].estimate`, estimate);
    requireBetween(`effects[${i}].se`, se, 1e-150, 1e150);
  });
  if (effects.length < 2) return { status: 'insufficient_data' };
  // In units of the most precise segment's error, so that no square leaves the doubles.
  const unit = Math.min(...effects.map(({ se }) => se));
  const scaled = effects.map(({ estimate, se }) => ({ estimate: estimate / unit, se: se / unit }));
  const spread = Math.max(...scaled.map(({ estimate }) => Math.abs(estimate)));
  requireBetween('largest estimate / smallest se', spread, 0, 1e140);

  const degreesOfFreedom = effects.length - 1;
  const q = pooled(scaled, 0).q;
  const tauSquared =
    method === 'paule_mandel' ? pauleMandel(scaled, q) : dersimonianLaird(scaled, q);
  const { mean, precision } = pooled(scaled, tauSquared);
  const z = normalUpperQuantile(alpha / 2);
  const meanSe = 1 / Math.sqrt(precision);
  return {
    status: 'ok',
    q,
    degreesOfFreedom,
    p: chiSquareUpperTail(q, degreesOfFreedom),
    logP: logChiSquareUpperTail(q, degreesOfFreedom),
    iSquared: q > 0 ? Math.max(0, (q - degreesOfFreedom) / q) : 0,
    tauSquared: tauSquared * unit * unit,
    mean: mean * unit,
    meanSe: meanSe * unit,
    meanLower: (mean - z * meanSe) * unit,
    meanUpper: (mean + z * meanSe) * unit,
    segments: scaled.map((effect) => shrink(effect, { mean, meanSe, tauSquared, z, unit })),
  };
}

/** The weighted mean at a given tau^2, its precision, and the weighted squares around it. */
function pooled(
  effects: readonly SegmentEffect[],
  tauSquared: number,
): { readonly mean: number; readonly precision: number; readonly q: number } {
  const weights = effects.map(({ se }) => 1 / (se * se + tauSquared));
  const precision = sum(weights);
  const mean = sum(effects.map(({ estimate }, i) => (weights[i] as number) * estimate)) / precision;
  const q = sum(effects.map(({ estimate }, i) => (weights[i] as number) * (estimate - mean) ** 2));
  return { mean, precision, q };
}

function dersimonianLaird(effects: readonly SegmentEffect[], q: number): number {
  const weights = effects.map(({ se }) => 1 / (se * se));
  const total = sum(weights);
  // sum w - sum w^2 / sum w as a sum over pairs, 2 w_i w_j / sum w: one segment may outweigh all.
  let before = 0;
  let pairs = 0;
  for (const weight of weights) {
    pairs += (weight / total) * before;
    before += weight;
  }
  return Math.max(0, (q - (effects.length - 1)) / (2 * pairs));
}

function pauleMandel(effects: readonly SegmentEffect[], q: number): number {
  const wanted = effects.length - 1;
  if (q <= wanted) return 0;
  const excess = (tauSquared: number): number => pooled(effects, tauSquared).q - wanted;
  let enough = 1;
  while (excess(enough) > 0) enough *= 4;
  let low = enough / 4;
  for (let k = 0; k < 100 && excess(low) <= 0; k += 1) low /= 4;
  return findFall(excess, low, Math.min(enough, 4 * low), 1e-15 * low);
}

function shrink(
  { estimate, se }: SegmentEffect,
  common: {
    readonly mean: number;
    readonly meanSe: number;
    readonly tauSquared: number;
    readonly z: number;
    readonly unit: number;
  },
): ShrunkEffect {
  const { mean, meanSe, tauSquared, z, unit } = common;
  const kept = tauSquared / (tauSquared + se * se);
  const shrunk = mean + kept * (estimate - mean);
  const shrunkSe = Math.hypot(Math.sqrt(kept) * se, (1 - kept) * meanSe);
  return {
    raw: estimate * unit,
    rawLower: (estimate - z * se) * unit,
    rawUpper: (estimate + z * se) * unit,
    shrunk: shrunk * unit,
    shrunkLower: (shrunk - z * shrunkSe) * unit,
    shrunkUpper: (shrunk + z * shrunkSe) * unit,
    kept,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

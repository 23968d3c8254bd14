/** How strongly two quantities go together, over a handful of pairs: models, experiments. */
import { bcaInterval } from './bootstrap.ts';
import { requireBetween, requireProbability } from './checks.ts';
import { coMomentsOf } from './co-moments.ts';
import { normalUpperQuantile, normalUpperTail } from './distributions.ts';
import { agree, type Interval, type NoEstimate } from './estimate.ts';
import { momentsOf, variance } from './moments.ts';
import { createRandom } from './variates.ts';

export type Correlation = {
  readonly status: 'ok';
  /** In (-1, 1). */
  readonly estimate: number;
  readonly lower: number;
  readonly upper: number;
  /** Two-sided, of no correlation, by the same statistic as the interval. */
  readonly p: number;
  /** Pairs. */
  readonly n: number;
};

type Options = {
  /** In (0, 1), two-sided. */
  readonly alpha: number;
  /** 'pearson' (linear) ['pearson'] | 'spearman' (of ranks, ties averaged). */
  readonly method?: 'pearson' | 'spearman';
};

/**
 * How strongly do two quantities go together?
 *
 * Fisher's transform, which covers well from ten pairs or so; for Spearman with Bonett and
 * Wright's larger error. Under 8 pairs say nothing. A correlation of noisy estimates is too small:
 * see disattenuated.
 *
 *   z = atanh r,  se = 1 / sqrt(n - 3) (pearson) or sqrt((1 + r^2 / 2) / (n - 3)) (spearman),
 *   p = 2 (1 - Phi(|z| / se)),  interval tanh(z -+ z_{alpha/2} se)
 *
 * @param x        One number a pair, as in momentsOf.
 * @param y        The other one of each pair, same length.
 * @param options  alpha and method.
 * @returns r with p and interval from one statistic: 0 lies inside exactly when p >= alpha. Or
 *          NoEstimate: 'insufficient_data' (fewer than 4 pairs) | 'zero_variance' (x or y does not
 *          vary, or r is -1 or 1: then `estimate` says which).
 * @throws RangeError when lengths differ or an argument is out of range.
 * @source Fisher (1915); Bonett and Wright (2000), Psychometrika 65. Checked against scipy in
 *         test/golden/vectors/correlation.json.
 */
export function correlation(
  x: readonly number[],
  y: readonly number[],
  options: Options,
): Correlation | NoEstimate<'insufficient_data' | 'zero_variance'> {
  const { alpha, method = 'pearson' } = options;
  requireProbability('alpha', alpha);
  requirePairs(x, y);
  const n = x.length;
  if (n < 4) return { status: 'insufficient_data' };
  const estimate = coefficient(x, y, method);
  if (estimate === undefined) return { status: 'zero_variance' };
  if (isPerfect(estimate)) return { status: 'zero_variance', estimate: Math.sign(estimate) };
  const inflation = method === 'spearman' ? 1 + (estimate * estimate) / 2 : 1;
  const se = Math.sqrt(inflation / (n - 3));
  const z = Math.atanh(estimate);
  const p = Math.min(1, 2 * normalUpperTail(Math.abs(z) / se));
  const reach = normalUpperQuantile(alpha / 2) * se;
  const bounds = { lower: Math.tanh(z - reach), upper: Math.tanh(z + reach) };
  return { status: 'ok', estimate, ...agree(bounds, p < alpha, estimate), p, n };
}

/**
 * Which correlations are compatible with the pairs, without a model of them?
 *
 * BCa bootstrap of pairs. (The plain percentile interval covers 88% where 90% is promised, at 23
 * pairs.)
 *
 * @param x              As in correlation.
 * @param y              As in correlation.
 * @param options        alpha and method.
 * @param options.seed   A safe integer.
 * @param options.draws  Resamples, from 100 to 1,000,000 [2000].
 * @returns r and its interval; or NoEstimate: 'insufficient_data' (fewer than 8 pairs) |
 *          'zero_variance' (no variation, or r is -1 or 1).
 * @throws RangeError when lengths differ or an argument is out of range.
 * @source Efron (1987), JASA 82.
 */
export function correlationBca(
  x: readonly number[],
  y: readonly number[],
  options: Options & { readonly seed: number; readonly draws?: number },
):
  | (Interval & { readonly status: 'ok'; readonly estimate: number; readonly n: number })
  | NoEstimate<'insufficient_data' | 'zero_variance'> {
  const { alpha, method = 'pearson', draws = 2000 } = options;
  requireProbability('alpha', alpha);
  requirePairs(x, y);
  requireBetween('draws', draws, 100, 1_000_000);
  const random = createRandom(options.seed);
  const n = x.length;
  if (n < 8) return { status: 'insufficient_data' };
  const estimate = coefficient(x, y, method);
  if (estimate === undefined) return { status: 'zero_variance' };
  if (isPerfect(estimate)) return { status: 'zero_variance', estimate: Math.sign(estimate) };
  const of = (rows: readonly number[]): number | undefined =>
    coefficient(
      rows.map((i) => x[i] as number),
      rows.map((i) => y[i] as number),
      method,
    );
  const all = x.map((_, i) => i);
  const replicates: number[] = [];
  while (replicates.length < draws) {
    const r = of(all.map(() => random.integer(0, n - 1)));
    // A resample of one pair alone has no correlation: as good as never with 8 pairs.
    replicates.push(r ?? estimate);
  }
  const jackknife = all.map((left) => of(all.filter((i) => i !== left)) ?? estimate);
  const interval = bcaInterval({ estimate, replicates, jackknife, alpha });
  if (interval.status !== 'ok') return { status: 'zero_variance', estimate };
  return { ...interval, estimate, n };
}

export type Disattenuated =
  | {
      readonly status: 'ok';
      /** r / sqrt(reliability), at most 1 in size; the interval likewise. */
      readonly estimate: number;
      readonly lower: number;
      readonly upper: number;
      /** Share of the estimates' variance that is not their own error, in [0, 1]. */
      readonly reliability: number;
    }
  /** Mostly noise (reliability under 0.3), or too few pairs to know the reliability. */
  | { readonly status: 'unreliable'; readonly reliability: number };

/**
 * How strong would the correlation be if the effects were known without error?
 *
 * Estimated effects scatter more than true ones, which weakens every correlation with them.
 *
 *   reliability = max(0, 1 - mean(se^2) / Var(estimates)),  r / sqrt(reliability)
 *
 * @param observed   The correlation of the estimates with something else.
 * @param estimates  The noisy one of the two, one a pair.
 * @param ses        Their standard errors, >= 0.
 * @returns The corrected correlation and its interval; 'unreliable' under 15 pairs or at a
 *          reliability under 0.3, where the correction is mostly noise itself.
 * @throws RangeError when lengths differ or an argument is out of range.
 * @source Spearman (1904), American Journal of Psychology 15.
 */
export function disattenuated(
  observed: Correlation,
  estimates: readonly number[],
  ses: readonly number[],
): Disattenuated {
  requirePairs(estimates, ses);
  if (estimates.length !== observed.n) {
    throw new RangeError(`estimates has ${estimates.length} values: must be ${observed.n} pairs`);
  }
  const noise =
    ses.reduce((sum, se, i) => {
      requireBetween(`ses[${i}]`, se, 0, 1e70);
      return sum + se * se;
    }, 0) / ses.length;
  const spread = variance(momentsOf(estimates));
  const reliability = spread > 0 ? Math.max(0, 1 - noise / spread) : 0;
  if (estimates.length < 15 || reliability < 0.3) return { status: 'unreliable', reliability };
  const corrected = (r: number): number => Math.min(1, Math.max(-1, r / Math.sqrt(reliability)));
  return {
    status: 'ok',
    estimate: corrected(observed.estimate),
    lower: corrected(observed.lower),
    upper: corrected(observed.upper),
    reliability,
  };
}

/** On a line, up to rounding: nothing is left to estimate an error from. */
function isPerfect(r: number): boolean {
  return Math.abs(r) > 1 - 1e-14;
}

/** Pearson's r of values or of ranks; undefined when one of them does not vary. */
function coefficient(
  x: readonly number[],
  y: readonly number[],
  method: 'pearson' | 'spearman',
): number | undefined {
  const [a, b] = method === 'spearman' ? [ranks(x), ranks(y)] : [x, y];
  // On a common scale, so that products of the smallest and the largest values exist.
  const units = [a, b].map((values) =>
    values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0),
  );
  if (units.some((unit) => unit === 0)) return undefined;
  const { cross } = coMomentsOf([a, b], { units });
  const [[xx, xy], [, yy]] = cross as unknown as [[number, number], [number, number]];
  if (xx === 0 || yy === 0) return undefined;
  return Math.min(1, Math.max(-1, xy / Math.sqrt(xx) / Math.sqrt(yy)));
}

/** Ranks from 1, ties averaged. */
function ranks(values: readonly number[]): number[] {
  const order = values
    .map((_, i) => i)
    .sort((i, j) => (values[i] as number) - (values[j] as number));
  const result = new Array<number>(values.length).fill(0);
  for (let from = 0; from < order.length; ) {
    let to = from;
    const value = values[order[from] as number];
    while (to < order.length && values[order[to] as number] === value) to += 1;
    for (let k = from; k < to; k += 1) result[order[k] as number] = (from + 1 + to) / 2;
    from = to;
  }
  return result;
}

function requirePairs(x: readonly number[], y: readonly number[]): void {
  if (x.length !== y.length) {
    throw new RangeError(`y has ${y.length} values: must be ${x.length}, as x`);
  }
  x.forEach((value, i) => {
    requireBetween(`x[${i}]`, value, -1e140, 1e140);
    requireBetween(`y[${i}]`, y[i] as number, -1e140, 1e140);
  });
}

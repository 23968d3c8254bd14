/**
 * Resampling, for statistics without a formula for their error. Seeded by an argument: the same
 * seed gives the same interval on every machine.
 */
import { requireBetween, requireFinite, requireProbability } from './checks.ts';
import { normalCdf, normalQuantile, tUpperQuantile } from './distributions.ts';
import type { NoEstimate } from './estimate.ts';
import { momentsOf, variance } from './moments.ts';
import { createRandom, type Random } from './variates.ts';

/** A resample: item i counts counts[i] times. */
export type Resample<Item> = {
  readonly items: readonly Item[];
  readonly counts: ArrayLike<number>;
};

export type BootstrapEstimate = {
  readonly status: 'ok';
  /** The statistic of the data as they are. */
  readonly estimate: number;
  /** Standard deviation of the statistic over the resamples. */
  readonly se: number;
  readonly lower: number;
  readonly upper: number;
  /** 1 - alpha. */
  readonly level: number;
};

/** Compares the arms' statistics [treatment - control]; not finite where there is no effect. */
type Effect = (control: number, treatment: number) => number;

type Settings = {
  /** A safe integer. */
  readonly seed: number;
  /** In (0, 1), two-sided. */
  readonly alpha: number;
  /** Resamples, from 100 to 1,000,000 [1000]. */
  readonly draws?: number;
  readonly effect?: Effect;
};

/**
 * What is the error of any statistic of two arms, by resampling units?
 *
 * Each unit counts a Poisson(1) number of times, independently, so that a resample needs no second
 * pass and parts can be resampled apart. Percentile interval: good from some hundreds of units an
 * arm. The statistic must be a smooth function of the sample (means, ratios, quantiles inside the
 * data; not a maximum).
 *
 * @param options.control    Units of the control arm.
 * @param options.treatment  Units of the treatment arm.
 * @param options.statistic  Of one arm; undefined where there is none. See resampledMean and
 *                           resampledQuantile.
 * @param options            seed, alpha, draws, and the effect of the two statistics.
 * @returns Estimate, error and interval; or NoEstimate: 'no_data' (an arm is empty) |
 *          'insufficient_data' (there is no effect of the data or of some resample) |
 *          'zero_variance'.
 * @throws RangeError when an argument breaks its stated range.
 * @source Chamandy, Muralidharan, Najmi, Naidu (2012), Estimating uncertainty for massive data
 *         streams; Efron (1979).
 */
export function poissonBootstrap<Item>(
  options: Settings & {
    readonly control: readonly Item[];
    readonly treatment: readonly Item[];
    readonly statistic: (arm: Resample<Item>) => number | undefined;
  },
): BootstrapEstimate | NoEstimate<'no_data' | 'insufficient_data' | 'zero_variance'> {
  const { control, treatment, statistic, alpha } = options;
  const { random, draws, effect } = settings(options);
  if (control.length === 0 || treatment.length === 0) return { status: 'no_data' };
  const [c, t] = [new Uint8Array(control.length), new Uint8Array(treatment.length)];
  const current = (): number =>
    between(
      effect,
      statistic({ items: control, counts: c }),
      statistic({ items: treatment, counts: t }),
    );
  c.fill(1);
  t.fill(1);
  const estimate = current();
  const replicates: number[] = [];
  for (let draw = 0; draw < draws; draw += 1) {
    fillPoisson(c, random);
    fillPoisson(t, random);
    replicates.push(current());
  }
  const error = errorOf(estimate, replicates);
  if (typeof error !== 'number') return error;
  const sorted = replicates.sort((a, b) => a - b);
  return {
    status: 'ok',
    estimate,
    se: error,
    lower: sortedQuantile(sorted, alpha / 2),
    upper: sortedQuantile(sorted, 1 - alpha / 2),
    level: 1 - alpha,
  };
}

/**
 * What is the error of any statistic of two arms, by resampling buckets of units?
 *
 * Units are hashed into some 50 to 1000 buckets an arm, each kept as sufficient statistics; whole
 * buckets are drawn with replacement and merged. Costs the same for a thousand units or a billion,
 * and takes any dependence inside a bucket (a household, a seller) into account.
 *
 *   se = standard deviation over resamples * sqrt(B / (B - 1)),  estimate -+ t_{alpha/2, B - 1} se,
 *   B the smaller number of buckets
 *
 * @param options.control    Buckets of the control arm: units by a hash, not in order of time.
 * @param options.treatment  Buckets of the treatment arm.
 * @param options.merge      Joins two buckets: `merge` of moments, `mergeCoMoments`, addition.
 * @param options.statistic  Of one merged arm; undefined where there is none.
 * @param options            seed, alpha, draws, and the effect of the two statistics.
 * @returns As poissonBootstrap; 'insufficient_data' also with fewer than 10 buckets in an arm.
 * @throws RangeError when an argument breaks its stated range.
 * @source Efron and Tibshirani (1993), An Introduction to the Bootstrap; Kohavi et al. (2020), ch. 18.
 */
export function bucketBootstrap<Bucket>(
  options: Settings & {
    readonly control: readonly Bucket[];
    readonly treatment: readonly Bucket[];
    readonly merge: (a: Bucket, b: Bucket) => Bucket;
    readonly statistic: (arm: Bucket) => number | undefined;
  },
): BootstrapEstimate | NoEstimate<'no_data' | 'insufficient_data' | 'zero_variance'> {
  const { control, treatment, merge, statistic, alpha } = options;
  const { random, draws, effect } = settings(options);
  const fewest = Math.min(control.length, treatment.length);
  if (fewest === 0) return { status: 'no_data' };
  const of = (c: Bucket, t: Bucket): number => between(effect, statistic(c), statistic(t));
  const estimate = of(control.reduce(merge), treatment.reduce(merge));
  if (fewest < 10) return { status: 'insufficient_data', ...(finite(estimate) && { estimate }) };
  const resampled = (buckets: readonly Bucket[]): Bucket => {
    let total = random.pick(buckets);
    for (let i = 1; i < buckets.length; i += 1) total = merge(total, random.pick(buckets));
    return total;
  };
  const replicates: number[] = [];
  for (let draw = 0; draw < draws; draw += 1) {
    replicates.push(of(resampled(control), resampled(treatment)));
  }
  const error = errorOf(estimate, replicates);
  if (typeof error !== 'number') return error;
  const se = error * Math.sqrt(fewest / (fewest - 1));
  const reach = tUpperQuantile(alpha / 2, fewest - 1) * se;
  return {
    status: 'ok',
    estimate,
    se,
    lower: estimate - reach,
    upper: estimate + reach,
    level: 1 - alpha,
  };
}

/** @returns The mean of a resample of numbers; undefined when every count is 0. */
export function resampledMean({ items, counts }: Resample<number>): number | undefined {
  let sum = 0;
  let n = 0;
  for (let i = 0; i < items.length; i += 1) {
    sum += (items[i] as number) * (counts[i] as number);
    n += counts[i] as number;
  }
  return n === 0 ? undefined : sum / n;
}

/**
 * A quantile of a resample of numbers: the smallest item that has at least this share at or below.
 *
 * @param resample     Items in ascending order.
 * @param probability  In (0, 1).
 * @returns The quantile; undefined when every count is 0.
 * @throws RangeError when probability is out of range.
 */
export function resampledQuantile(
  { items, counts }: Resample<number>,
  probability: number,
): number | undefined {
  requireProbability('probability', probability);
  let n = 0;
  for (let i = 0; i < items.length; i += 1) n += counts[i] as number;
  const rank = Math.ceil(n * probability);
  let below = 0;
  for (let i = 0; i < items.length; i += 1) {
    below += counts[i] as number;
    if (below >= rank && below > 0) return items[i] as number;
  }
  return undefined;
}

/**
 * Which values are compatible with these resamples, corrected for bias and skewness?
 *
 * Efron's BCa interval: second-order accurate where the percentile interval is first-order.
 *
 *   z0 = Phi^-1(share of replicates below the estimate),
 *   a = sum d_i^3 / (6 (sum d_i^2)^1.5) with d_i = mean(jackknife) - jackknife_i,
 *   percentiles Phi(z0 + (z0 + z) / (1 - a (z0 + z))) at z = -+ z_{alpha/2}
 *
 * @param options.estimate    The statistic of the data.
 * @param options.replicates  The statistic of each resample, at least 100.
 * @param options.jackknife   The statistic with each unit left out, at least 3.
 * @param options.alpha       In (0, 1), two-sided.
 * @returns Bounds; or NoEstimate: 'zero_variance' (all replicates are equal, or none lies on one
 *          side of the estimate).
 * @throws RangeError when an argument breaks its stated range or is not finite.
 * @source Efron (1987), JASA 82. Checked against numpy in test/golden/vectors/correlation.json.
 */
export function bcaInterval(options: {
  readonly estimate: number;
  readonly replicates: readonly number[];
  readonly jackknife: readonly number[];
  readonly alpha: number;
}):
  | { readonly status: 'ok'; readonly lower: number; readonly upper: number }
  | NoEstimate<'zero_variance'> {
  const { estimate, replicates, jackknife, alpha } = options;
  requireProbability('alpha', alpha);
  requireFinite('estimate', estimate);
  requireBetween('replicates.length', replicates.length, 100, 1e7);
  requireBetween('jackknife.length', jackknife.length, 3, 1e7);
  const sorted = [...replicates].sort((a, b) => a - b);
  requireFinite('smallest replicate', sorted[0] as number);
  requireFinite('largest replicate', sorted.at(-1) as number);
  // A tie with the estimate lies half on either side.
  const below = sorted.reduce((n, x) => n + (x < estimate ? 1 : x === estimate ? 0.5 : 0), 0);
  if (below === 0 || below === sorted.length || sorted[0] === sorted.at(-1)) {
    return { status: 'zero_variance', estimate };
  }
  const bias = normalQuantile(below / sorted.length);
  const acceleration = accelerationOf(jackknife);
  const bound = (p: number): number => {
    const z = bias + normalQuantile(p);
    const share = normalCdf(bias + z / Math.max(1 - acceleration * z, 1e-6));
    return sortedQuantile(sorted, share);
  };
  return { status: 'ok', lower: bound(alpha / 2), upper: bound(1 - alpha / 2) };
}

/** Skewness of the influence of single units, over 6. */
function accelerationOf(jackknife: readonly number[]): number {
  const { mean, m2 } = momentsOf(jackknife);
  if (m2 === 0) return 0;
  const scale = Math.sqrt(m2);
  return jackknife.reduce((sum, value) => sum + ((mean - value) / scale) ** 3, 0) / 6;
}

/** The type 7 quantile of sorted values. */
function sortedQuantile(sorted: readonly number[], p: number): number {
  const position = p * (sorted.length - 1);
  const i = Math.min(Math.floor(position), sorted.length - 2);
  const [low, high] = [sorted[i] as number, sorted[i + 1] as number];
  return low + (position - i) * (high - low);
}

function settings({
  seed,
  alpha,
  draws = 1000,
  effect = (control, treatment) => treatment - control,
}: Settings): { random: Random; draws: number; effect: Effect } {
  requireProbability('alpha', alpha);
  if (!Number.isSafeInteger(draws)) throw new RangeError(`draws = ${draws}: must be an integer`);
  requireBetween('draws', draws, 100, 1_000_000);
  return { random: createRandom(seed), draws, effect };
}

/** The effect of two statistics; not finite where there is none. */
function between(
  effect: Effect,
  control: number | undefined,
  treatment: number | undefined,
): number {
  return control === undefined || treatment === undefined ? Infinity : effect(control, treatment);
}

/** P(Poisson(1) <= k). */
const POISSON_ONE = [1, 1, 2, 6, 24, 120, 720, 5040, 40320, 362880].reduce<number[]>(
  (cumulated, factorial) => [...cumulated, (cumulated.at(-1) ?? 0) + Math.exp(-1) / factorial],
  [],
);

function fillPoisson(counts: Uint8Array, random: Random): void {
  for (let i = 0; i < counts.length; i += 1) {
    const u = random.uniform();
    let k = 0;
    while (k < POISSON_ONE.length && u > (POISSON_ONE[k] as number)) k += 1;
    counts[i] = k;
  }
}

/** Standard deviation of the replicates, or why there is none. */
function errorOf(
  estimate: number,
  replicates: readonly number[],
): number | NoEstimate<'insufficient_data' | 'zero_variance'> {
  if (!finite(estimate)) return { status: 'insufficient_data' };
  if (!replicates.every(finite)) return { status: 'insufficient_data', estimate };
  const se = Math.sqrt(variance(momentsOf(replicates)));
  return se > 0 ? se : { status: 'zero_variance', estimate };
}

function finite(value: number): boolean {
  return Math.abs(value) <= 1e140;
}

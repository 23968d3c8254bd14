/**
 * Quantiles: how slow the slowest twentieth is, how much the biggest buyers buy. Errors come from
 * order statistics around the quantile, so no density is estimated.
 */
import { requireBetween, requireCount, requirePositive, requireProbability } from './checks.ts';
import { coMomentsOf } from './co-moments.ts';
import { logChiSquareUpperTail, normalUpperQuantile, normalUpperTail } from './distributions.ts';
import { agree, isNumericallyZero, type NoEstimate } from './estimate.ts';
import { MAGNITUDE_MAX, type Moments } from './moments.ts';
import { ratioMoments } from './ratio.ts';
import { groupsOf } from './regression.ts';
import { type FiellerInterval, fieller, type NoLift, type UnboundedInterval } from './relative.ts';

/** With fewer units beyond the quantile than this, its order statistics say little. */
const BEYOND_MIN = 10;

export type QuantileRanks = {
  /** Ranks, from 1, of the two order statistics that bound the quantile. */
  readonly lower: number;
  readonly upper: number;
  /** A rank lay outside 1..n. */
  readonly clamped: boolean;
};

/**
 * Between which order statistics does a quantile lie?
 *
 *   floor(n (p - z seShare))  to  ceil(n (p + z seShare)),  kept in 1..n;  z = z_{alpha/2}
 *
 * @param options.n        Number of values, >= 1.
 * @param options.p        Which quantile, in (0, 1).
 * @param options.seShare  Standard error of the share of values below the quantile
 *                         [sqrt(p (1 - p) / n), of independent values].
 * @param options.alpha    In (0, 0.5], two-sided.
 * @returns The ranks; a warehouse that can look up order statistics needs no more.
 * @throws RangeError when an argument breaks its stated range.
 * @source Woodruff (1952), JASA 47; Deng, Knoblich, Lu (2018), KDD.
 */
export function quantileRanks(options: {
  readonly n: number;
  readonly p: number;
  readonly seShare?: number;
  readonly alpha: number;
}): QuantileRanks {
  const { n, p, alpha } = options;
  requireCount('n', n);
  requirePositive('n', n);
  requireProbability('p', p);
  requireAlpha(alpha);
  const { seShare = Math.sqrt((p * (1 - p)) / n) } = options;
  requireBetween('seShare', seShare, 0, 1e9);
  const reach = normalUpperQuantile(alpha / 2) * seShare;
  const lower = Math.floor(n * (p - reach));
  const upper = Math.ceil(n * (p + reach));
  return {
    lower: Math.min(Math.max(lower, 1), n),
    upper: Math.max(Math.min(upper, n), 1),
    clamped: lower < 1 || upper > n,
  };
}

function requireAlpha(alpha: number): void {
  if (!(alpha > 0 && alpha <= 0.5)) throw new RangeError(`alpha = ${alpha}: must be in (0, 0.5]`);
}

export type QuantileArm = {
  /** Number of values. */
  readonly n: number;
  /** Independent units: clusters where given, else values. */
  readonly units: number;
  /** Interpolated between the nearest order statistics (type 7). */
  readonly estimate: number;
  /** Smallest value with at least a share p at or below it (type 1). */
  readonly inverse: number;
  readonly se: number;
  readonly seShare: number;
  readonly ranks: QuantileRanks;
  /** The order statistics at the ranks: an interval of the arm alone. */
  readonly lower: number;
  readonly upper: number;
  /** Fewer than 10 units beyond the quantile, or a rank was clamped: too few to compare. */
  readonly thin: boolean;
};

/**
 * What is a quantile of one arm, and how sure are we?
 *
 * Values may be clustered (page loads of users): then the share of values below the quantile is a
 * ratio metric over clusters, and its error widens the ranks. Values that pile up on one point
 * leave no width: se = 0.
 *
 *   se = (x_(upper) - x_(lower)) / (2 z_{alpha/2})
 *
 * @param values           One a row, at least one, at most 1e140 in size.
 * @param options.p        Which quantile, in (0, 1).
 * @param options.alpha    In (0, 0.5], two-sided.
 * @param options.cluster  One label a row [each value a unit of its own].
 * @returns The quantile with its error; or NoEstimate: 'no_data' | 'insufficient_data' (one cluster).
 * @throws RangeError when an argument breaks its stated range.
 * @source Woodruff (1952); Deng, Knoblich, Lu (2018), KDD, for clusters. Checked against R 4.2.2 and
 *         mpmath in test/golden/vectors/quantile.json.
 */
export function quantileArm(
  values: readonly number[],
  options: {
    readonly p: number;
    readonly alpha: number;
    readonly cluster?: readonly (string | number)[];
  },
): QuantileArm | NoEstimate<'no_data' | 'insufficient_data'> {
  const { p, alpha, cluster } = options;
  requireProbability('p', p);
  requireAlpha(alpha);
  const n = values.length;
  if (n === 0) return { status: 'no_data' };
  const sorted = ascending(values);
  const inverse = sorted[inverseRank(n, p) - 1] as number;
  const estimate = interpolated(sorted, p);
  const share =
    cluster === undefined
      ? { seShare: Math.sqrt((p * (1 - p)) / n), units: n }
      : clusteredShare(values, cluster, inverse);
  if (share === undefined) return { status: 'insufficient_data', estimate };
  const { seShare, units } = share;
  const ranks = quantileRanks({ n, p, seShare, alpha });
  const lower = sorted[ranks.lower - 1] as number;
  const upper = sorted[ranks.upper - 1] as number;
  return {
    n,
    units,
    estimate,
    inverse,
    se: (upper - lower) / (2 * normalUpperQuantile(alpha / 2)),
    seShare,
    ranks,
    lower,
    upper,
    thin: ranks.clamped || Math.min(p, 1 - p) * units < BEYOND_MIN,
  };
}

/**
 * Which value has a share p of a sample below it?
 *
 *   between order statistics, at rank 1 + (n - 1) p (Hyndman and Fan's type 7)
 *
 * @param values  At least one, at most 1e140 in size.
 * @param p       In [0, 1].
 * @returns The sample quantile.
 * @throws RangeError when there is no value, or an argument is out of range.
 * @source Hyndman and Fan (1996), The American Statistician 50. Checked as quantileArm.
 */
export function sampleQuantile(values: readonly number[], p: number): number {
  requireBetween('p', p, 0, 1);
  if (values.length === 0) throw new RangeError('values: must not be empty');
  return interpolated(ascending(values), p);
}

function ascending(values: readonly number[]): Float64Array {
  for (const value of values) {
    if (!(Math.abs(value) <= MAGNITUDE_MAX)) {
      throw new RangeError(`value = ${value}: must be finite, at most 1e140 in size`);
    }
  }
  return Float64Array.from(values).sort();
}

function interpolated(sorted: Float64Array, p: number): number {
  const rank = (sorted.length - 1) * p;
  const below = Math.floor(rank);
  const low = sorted[below] as number;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] as number;
  return low + (rank - below) * (high - low);
}

/** Smallest rank with rank / n >= p, forgiving the rounding of n p. */
function inverseRank(n: number, p: number): number {
  return Math.max(1, Math.ceil(n * p * (1 - 1e-13)));
}

/** The share at or below the quantile as a ratio over clusters; undefined for a single one. */
function clusteredShare(
  values: readonly number[],
  cluster: readonly (string | number)[],
  quantile: number,
): { readonly seShare: number; readonly units: number } | undefined {
  if (cluster.length !== values.length) {
    throw new RangeError(`cluster has ${cluster.length} rows: must be ${values.length}, as values`);
  }
  const groups = groupsOf(cluster);
  if (groups.length < 2) return undefined;
  const below = groups.map(
    (group) => group.filter((i) => (values[i] as number) <= quantile).length,
  );
  const share = ratioMoments(coMomentsOf([below, groups.map((group) => group.length)]));
  // Every cluster has a row, so there is a ratio.
  if ('status' in share) return undefined;
  return { seShare: Math.sqrt(share.m2 / (share.n - 1) / share.n), units: groups.length };
}

export type QuantileComparison = {
  readonly status: 'ok';
  /** Treatment - control, in the metric's own unit. */
  readonly estimate: number;
  readonly se: number;
  readonly z: number;
  readonly p: number;
  readonly logP: number;
  readonly lower: number;
  readonly upper: number;
  /** 1 - alpha. */
  readonly level: number;
  /** Relative to the control quantile, by Fieller at the same normal quantile. */
  readonly relative: FiellerInterval | UnboundedInterval | NoLift;
};

/**
 * Do a quantile of two arms differ, and by how much?
 *
 *   d = q_t - q_c,  se = sqrt(se_c^2 + se_t^2),  z = d / se,  interval d -+ z_{alpha/2} se
 *
 * @param control            The control arm's quantile.
 * @param treatment          The treatment arm's; same p, same unit.
 * @param options.alpha      In (0, 1), two-sided.
 * @param options.allowThin  Compare also where an arm is thin [false].
 * @returns The difference: 0 lies in each interval exactly when p >= alpha. Or NoEstimate, with
 *          `estimate`: 'insufficient_data' (an arm is thin) | 'zero_variance' (both arms pile up on
 *          a point).
 * @throws RangeError when an argument breaks its stated range.
 * @source As quantileArm.
 */
export function compareQuantiles(
  control: QuantileArm,
  treatment: QuantileArm,
  options: { readonly alpha: number; readonly allowThin?: boolean },
): QuantileComparison | NoEstimate<'insufficient_data' | 'zero_variance'> {
  const { alpha, allowThin = false } = options;
  requireProbability('alpha', alpha);
  const estimate = treatment.estimate - control.estimate;
  const se = Math.hypot(control.se, treatment.se);
  if (!allowThin && (control.thin || treatment.thin)) {
    return { status: 'insufficient_data', estimate };
  }
  if (isNumericallyZero(se, estimate)) return { status: 'zero_variance', estimate };
  const z = estimate / se;
  const p = Math.min(1, 2 * normalUpperTail(Math.abs(z)));
  const criticalValue = normalUpperQuantile(alpha / 2);
  const significant = p < alpha;
  const bounds = { lower: estimate - criticalValue * se, upper: estimate + criticalValue * se };
  const lift = fieller(asMoments(control), asMoments(treatment), { criticalValue });
  return {
    status: 'ok',
    estimate,
    se,
    z,
    p,
    logP: Math.min(0, logChiSquareUpperTail(z * z, 1)),
    ...agree(bounds, significant, estimate),
    level: 1 - alpha,
    relative: lift.status === 'ok' ? { ...lift, ...agree(lift, significant, lift.estimate) } : lift,
  };
}

/** Moments whose mean has this estimate and standard error. */
function asMoments({ estimate, se }: QuantileArm): Moments {
  return { n: 2, mean: estimate, m2: 2 * se * se };
}

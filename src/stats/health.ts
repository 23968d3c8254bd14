/**
 * Is the experiment itself sound? Tests that should find nothing: alarm at p < 0.001. The sample
 * ratio of one period is in srm.ts.
 */
import { requireBetween, requireCount, requireProbability } from './checks.ts';
import {
  betaLogTails,
  chiSquareUpperQuantile,
  chiSquareUpperTail,
  fLogTails,
  logChiSquareUpperTail,
} from './distributions.ts';
import { logTailOfOutcomes, OUTCOMES_MAX, outcomes } from './enumerate.ts';
import type { NoEstimate } from './estimate.ts';
import { type Moments, requireMoments, variance } from './moments.ts';
import { fisherExact, logWays } from './proportion.ts';
import {
  activeArms,
  EXPECTED_MIN,
  type SampleRatio,
  type SequentialSampleRatio,
  sampleRatioMismatch,
  sequentialSampleRatio,
} from './srm.ts';
import { welch } from './welch.ts';

/** Weights this alike (relative) are the same weights. */
const SAME_WEIGHTS = 1e-12;

/** Units that entered while these weights held. */
export type SampleRatioPeriod = {
  readonly counts: readonly number[];
  readonly weights: readonly number[];
};

export type PeriodSampleRatio = {
  readonly status: 'ok';
  readonly p: number;
  readonly logP: number;
  readonly chiSquare: number;
  readonly degreesOfFreedom: number;
  /** The test of each set of weights, periods with equal weights taken together. */
  readonly parts: readonly SampleRatio[];
};

/**
 * Do the units match the configured weights, when the weights changed on the way?
 *
 * Each period against its own weights (never all units against the last ones: a ramp alone would
 * raise the alarm). Periods with the same weights are one. Where counts are small, a part enters
 * with the chi-square of its exact p, which errs on the side of no alarm.
 *
 *   chiSquare = sum over parts,  df = sum over parts
 *
 * @param periods  At least one: counts and weights as in sampleRatioMismatch, arms in one order.
 * @returns The test; or NoEstimate: 'impossible_count' (units in an arm while its weight was 0) |
 *          'no_data'.
 * @throws RangeError when an argument breaks its stated range, or periods differ in their arms.
 * @source Fabijan et al. (2019), KDD; Fisher for the sum.
 */
export function sampleRatioByPeriod(
  periods: readonly SampleRatioPeriod[],
): PeriodSampleRatio | NoEstimate<'no_data' | 'impossible_count'> {
  const results = strata(periods).map(({ counts, weights }) =>
    sampleRatioMismatch(counts, weights),
  );
  if (results.some(({ status }) => status === 'impossible_count')) {
    return { status: 'impossible_count' };
  }
  const parts = results.filter((result): result is SampleRatio => result.status === 'ok');
  const [first] = parts;
  if (first === undefined) return { status: 'no_data' };
  if (parts.length === 1) {
    const { p, logP, chiSquare, degreesOfFreedom } = first;
    return { status: 'ok', p, logP, chiSquare, degreesOfFreedom, parts };
  }
  const chiSquare = sum(parts.map(equivalentChiSquare));
  const degreesOfFreedom = sum(parts.map((part) => part.degreesOfFreedom));
  const common = { chiSquare, degreesOfFreedom, parts };
  if (degreesOfFreedom === 0) return { status: 'ok', p: 1, logP: 0, ...common };
  return {
    status: 'ok',
    p: chiSquareUpperTail(chiSquare, degreesOfFreedom),
    logP: logChiSquareUpperTail(chiSquare, degreesOfFreedom),
    ...common,
  };
}

function equivalentChiSquare({ method, chiSquare, degreesOfFreedom, p }: SampleRatio): number {
  if (method === 'pearson') return chiSquare;
  return p >= 1 ? 0 : chiSquareUpperQuantile(Math.max(p, 1e-300), degreesOfFreedom);
}

/**
 * As sampleRatioByPeriod, however often we look.
 *
 * The product of the e-values of each set of weights is an e-value again.
 *
 *   log e = sum over parts of sequentialSampleRatio's log e,  p = min(1, 1 / e)
 *
 * @param periods                As in sampleRatioByPeriod, counts cumulative within each period.
 * @param options.concentration  As in sequentialSampleRatio.
 * @returns logE and p of this look; keep the smallest p over the looks. Or 'impossible_count'.
 * @throws RangeError as sampleRatioByPeriod.
 * @source Lindon and Malek (2022), Anytime-valid inference for multinomial count data.
 */
export function sequentialSampleRatioByPeriod(
  periods: readonly SampleRatioPeriod[],
  options: { readonly concentration?: number } = {},
): SequentialSampleRatio | NoEstimate<'impossible_count'> {
  let logE = 0;
  for (const { counts, weights } of strata(periods)) {
    const part = sequentialSampleRatio(counts, weights, options);
    if (part.status !== 'ok') return part;
    logE += part.logE;
  }
  return { status: 'ok', logE, p: Math.min(1, Math.exp(-logE)) };
}

/** Periods with proportional weights as one. */
function strata(periods: readonly SampleRatioPeriod[]): SampleRatioPeriod[] {
  const [first] = periods;
  if (first === undefined) throw new RangeError('periods: at least one');
  const found: { counts: readonly number[]; weights: readonly number[]; shares: number[] }[] = [];
  periods.forEach(({ counts, weights }, k) => {
    activeArms(counts, weights);
    if (counts.length !== first.counts.length) {
      throw new RangeError(
        `periods[${k}].counts has ${counts.length} arms: must be ${first.counts.length}, as the first`,
      );
    }
    const total = sum(weights);
    const shares = weights.map((weight) => weight / total);
    const at = found.findIndex(({ shares: others }) =>
      others.every((share, i) => Math.abs(share - (shares[i] as number)) <= SAME_WEIGHTS * share),
    );
    const same = found[at];
    if (same === undefined) found.push({ counts, weights, shares });
    else {
      found[at] = { ...same, counts: same.counts.map((count, i) => count + (counts[i] as number)) };
    }
  });
  return found;
}

export type Imbalance = {
  readonly status: 'ok';
  /** Welch's F; t squared for two arms. */
  readonly f: number;
  readonly numeratorDf: number;
  readonly denominatorDf: number;
  readonly p: number;
  readonly logP: number;
};

/**
 * Did the arms differ before the experiment began?
 *
 * Welch's analysis of variance of a pre-period covariate: variances may differ between arms. The
 * assignment cannot have caused a difference, so a small p says that it was not random, or that
 * the covariate is not from before. Several covariates: Holm over them.
 *
 *   w_i = n_i / s_i^2,  F = [sum w_i (m_i - m)^2 / (k - 1)] / [1 + 2 (k - 2) / (k^2 - 1) S],
 *   S = sum (1 - w_i / W)^2 / (n_i - 1),  m = sum w_i m_i / W,  df = k - 1 and (k^2 - 1) / (3 S)
 *
 * @param arms  Moments of the covariate in each arm, two or more.
 * @returns The test (Welch's t test for two arms); or NoEstimate: 'insufficient_data' (n < 2 in an
 *          arm) | 'zero_variance' (in both of two arms, or in any of more).
 * @throws RangeError when there are fewer than two arms, or an argument is not possible.
 * @source Welch (1951), Biometrika 38.
 */
export function preperiodImbalance(
  arms: readonly Moments[],
): Imbalance | NoEstimate<'insufficient_data' | 'zero_variance'> {
  const [first, second] = arms;
  if (first === undefined || second === undefined) {
    throw new RangeError(`arms has ${arms.length} arms: must be >= 2`);
  }
  arms.forEach((arm, i) => {
    requireMoments(`arms[${i}]`, arm);
  });
  if (arms.some(({ n }) => n < 2)) return { status: 'insufficient_data' };
  if (arms.length === 2) return asF(welch(first, second, { alpha: 0.5 }));
  const errors = arms.map((arm) => variance(arm) / arm.n);
  const largest = Math.max(...errors);
  if (errors.some((error) => !(error > largest * 1e-280))) return { status: 'zero_variance' };
  const k = arms.length;
  // Weights over their largest, distances over the largest error: neither can leave the doubles.
  const smallest = Math.min(...errors);
  const weights = errors.map((error) => smallest / error);
  const total = sum(weights);
  const unit = Math.sqrt(smallest);
  const centre = sum(arms.map(({ mean }, i) => ((weights[i] as number) / total) * mean));
  const between = sum(
    arms.map(({ mean }, i) => (weights[i] as number) * ((mean - centre) / unit) ** 2),
  );
  const spread = sum(arms.map(({ n }, i) => (1 - (weights[i] as number) / total) ** 2 / (n - 1)));
  const f = between / (k - 1) / (1 + ((2 * (k - 2)) / (k * k - 1)) * spread);
  if (!Number.isFinite(f)) return { status: 'zero_variance' };
  return fTest(f, k - 1, (k * k - 1) / (3 * spread));
}

function asF(
  result: ReturnType<typeof welch>,
): Imbalance | NoEstimate<'insufficient_data' | 'zero_variance'> {
  if (result.status !== 'ok') return { status: result.status };
  const { t, degreesOfFreedom, p, logP } = result;
  const f = Math.min(t * t, Number.MAX_VALUE);
  return { status: 'ok', f, numeratorDf: 1, denominatorDf: degreesOfFreedom, p, logP };
}

function fTest(f: number, numeratorDf: number, denominatorDf: number): Imbalance {
  const logP = Math.min(0, fLogTails(f, numeratorDf, denominatorDf).logUpper);
  return { status: 'ok', f, numeratorDf, denominatorDf, p: Math.exp(logP), logP };
}

export type MissingCount = {
  /** Units for whom the value is missing; 0 <= missing <= n. */
  readonly missing: number;
  readonly n: number;
};

export type MissingDifference = {
  readonly status: 'ok';
  readonly p: number;
  readonly logP: number;
  /** 'exact' where an expected count is below 5 and the outcomes can be listed. */
  readonly method: 'pearson' | 'exact';
  readonly chiSquare: number;
  readonly degreesOfFreedom: number;
  /** Share missing in each arm, in the order given; 0 in an arm without units. */
  readonly shares: readonly number[];
  readonly smallestExpected: number;
};

/**
 * Is the same share of values missing in every arm?
 *
 * Where it is not, the units that are left are not comparable, whatever their means say. Pearson's
 * test of homogeneity; for small counts the exact test given the total (Fisher's for two arms).
 *
 *   chiSquare = sum (x_i - n_i q)^2 / (n_i q (1 - q)),  q = all missing / all units,  df = arms - 1
 *
 * @param arms  Counts of each arm, two or more; arms without units are left out.
 * @returns The test; or NoEstimate: 'no_data' (fewer than two arms with units) | 'zero_variance'
 *          (nobody or everybody is missing: nothing can differ).
 * @throws RangeError when an argument breaks its stated range.
 * @source Pearson (1900); Freeman and Halton (1951), Biometrika 38, for the exact test.
 */
export function missingDifference(
  arms: readonly MissingCount[],
): MissingDifference | NoEstimate<'no_data' | 'zero_variance'> {
  if (arms.length < 2) throw new RangeError(`arms has ${arms.length} arms: must be >= 2`);
  arms.forEach(({ missing, n }, i) => {
    requireCount(`arms[${i}].n`, n);
    requireCount(`arms[${i}].missing`, missing);
    if (missing > n) throw new RangeError(`arms[${i}].missing = ${missing}: must be <= n = ${n}`);
  });
  const active = arms.filter(({ n }) => n > 0);
  if (active.length < 2) return { status: 'no_data' };
  const units = sum(active.map(({ n }) => n));
  const missing = sum(active.map((arm) => arm.missing));
  if (missing === 0 || missing === units) return { status: 'zero_variance' };
  const [share, rest] = [missing / units, (units - missing) / units];
  const smallestExpected = Math.min(...active.map(({ n }) => n * Math.min(share, rest)));
  const chiSquare = sum(
    active.map((arm) => (arm.missing - arm.n * share) ** 2 / (arm.n * share * rest)),
  );
  const degreesOfFreedom = active.length - 1;
  const exact = smallestExpected < EXPECTED_MIN ? exactMissing(active, units, missing) : undefined;
  return {
    status: 'ok',
    ...(exact === undefined
      ? {
          p: chiSquareUpperTail(chiSquare, degreesOfFreedom),
          logP: logChiSquareUpperTail(chiSquare, degreesOfFreedom),
          method: 'pearson' as const,
        }
      : { ...exact, method: 'exact' as const }),
    chiSquare,
    degreesOfFreedom,
    shares: arms.map((arm) => (arm.n === 0 ? 0 : arm.missing / arm.n)),
    smallestExpected,
  };
}

/** The exact p given the totals; undefined where there are too many outcomes to list. */
function exactMissing(
  arms: readonly MissingCount[],
  units: number,
  missing: number,
): { readonly p: number; readonly logP: number } | undefined {
  if (arms.length === 2) {
    const [a, b] = arms.map((arm) => ({ successes: arm.missing, n: arm.n }));
    return fisherExact(
      a as { successes: number; n: number },
      b as { successes: number; n: number },
    );
  }
  // Missing and present are two sides of one table: the rarer one has fewer outcomes.
  const rare = Math.min(missing, units - missing);
  if (outcomes(rare, arms.length) > OUTCOMES_MAX) return undefined;
  const logP = logTailOfOutcomes({
    observed: arms.map((arm) => (rare === missing ? arm.missing : arm.n - arm.missing)),
    logTerm: (count, arm) => {
      const { n } = arms[arm] as MissingCount;
      return count > n ? -Infinity : logWays(n, count);
    },
    logConstant: -logWays(units, rare),
  });
  return { p: Math.exp(logP), logP };
}

/**
 * Is something that may happen rarely happening too often?
 *
 * The exact binomial test against a tolerated rate: served versions that are not the assigned
 * ones, failed scorings.
 *
 *   p = P(X >= count) with X ~ Binomial(n, limit)
 *
 * @param options.count  How often it happened; <= n.
 * @param options.n      How often it could have.
 * @param options.limit  Tolerated rate, in (0, 1).
 * @returns One-sided p and its logarithm; 1 when it never happened.
 * @throws RangeError when an argument breaks its stated range.
 * @source Clopper and Pearson (1934), Biometrika 26.
 */
export function exceedsRate(options: {
  readonly count: number;
  readonly n: number;
  readonly limit: number;
}): { readonly p: number; readonly logP: number } {
  const { count, n, limit } = options;
  requireCount('n', n);
  requireCount('count', count);
  requireBetween('count', count, 0, n);
  requireProbability('limit', limit);
  if (count === 0) return { p: 1, logP: 0 };
  const { logLower } = betaLogTails(limit, count, n - count + 1);
  return { p: Math.exp(logLower), logP: logLower };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

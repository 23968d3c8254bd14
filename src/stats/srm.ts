import { requireBetween, requireCount } from './checks.ts';
import { chiSquareUpperTail, logChiSquareUpperTail, logGammaDifference } from './distributions.ts';
import { logTailOfOutcomes, OUTCOMES_MAX, outcomes } from './enumerate.ts';
import type { NoEstimate } from './estimate.ts';
import { logExcess, stirlingCorrection } from './special.ts';

/** Below this expected count in an arm, Pearson's test is not trusted. */
export const EXPECTED_MIN = 5;

export type SampleRatio = {
  readonly status: 'ok';
  /** Of the test named by `method`. */
  readonly p: number;
  readonly logP: number;
  /** 'exact' (multinomial) where an expected count is below 5 and the outcomes can be listed. */
  readonly method: 'pearson' | 'exact';
  readonly chiSquare: number;
  readonly degreesOfFreedom: number;
  /** Per arm, as given; 0 for an arm of weight 0. */
  readonly expected: readonly number[];
  readonly smallestExpected: number;
};

export type SequentialSampleRatio = {
  readonly status: 'ok';
  /** Logarithm of the e-value: evidence against the configured weights. */
  readonly logE: number;
  /** min(1, 1 / e) of this look; keep the smallest over the looks. */
  readonly p: number;
};

type Arm = { readonly count: number; readonly share: number };

/**
 * Do the units in each arm match the configured weights?
 *
 * Pearson's chi-square over the arms with weight > 0, the exact multinomial test where counts are
 * small. For one look: repeated daily, use sequentialSampleRatio. Alarm at p < 0.001.
 *
 *   chiSquare = sum (n_i - N w_i)^2 / (N w_i),  df = arms with weight > 0, minus 1
 *   exact: p = sum of P(outcome) over outcomes no more likely than the observed one
 *
 * @param counts   Units in each arm; integers >= 0.
 * @param weights  Configured weights in [0, 1e9], same order; any positive sum; those above 0
 *                 within a factor of 1e9 of each other.
 * @returns The test (one arm alone always fits: p = 1, degreesOfFreedom 0); or NoEstimate:
 *          'impossible_count' (units in an arm of weight 0: a mismatch by definition) | 'no_data'.
 *          More than 200,000 outcomes stay with Pearson: see `smallestExpected`.
 * @throws RangeError when an argument breaks its stated range, or no weight is > 0.
 * @source Pearson (1900); Fabijan et al. (2019), KDD, for the alarm. Checked against R 4.2.2 and
 *         mpmath in test/golden/vectors/srm.json.
 */
export function sampleRatioMismatch(
  counts: readonly number[],
  weights: readonly number[],
): SampleRatio | NoEstimate<'no_data' | 'impossible_count'> {
  const arms = activeArms(counts, weights);
  if (arms === undefined) return { status: 'impossible_count' };
  const total = sum(counts);
  if (total === 0) return { status: 'no_data' };
  const weightSum = sum(weights);
  const expected = weights.map((weight) => (total * weight) / weightSum);
  const smallestExpected = Math.min(...expected.filter((value) => value > 0));
  const chiSquare = sum(
    counts.map((count, i) => {
      const expectedCount = expected[i] as number;
      return expectedCount > 0 ? (count - expectedCount) ** 2 / expectedCount : 0;
    }),
  );
  const degreesOfFreedom = arms.length - 1;
  const common = { chiSquare, degreesOfFreedom, expected, smallestExpected };
  if (degreesOfFreedom === 0) return { status: 'ok', p: 1, logP: 0, method: 'pearson', ...common };
  if (smallestExpected < EXPECTED_MIN && outcomes(total, arms.length) <= OUTCOMES_MAX) {
    const logP = exactLogP(arms, total);
    return { status: 'ok', p: Math.exp(logP), logP, method: 'exact', ...common };
  }
  return {
    status: 'ok',
    p: chiSquareUpperTail(chiSquare, degreesOfFreedom),
    logP: logChiSquareUpperTail(chiSquare, degreesOfFreedom),
    method: 'pearson',
    ...common,
  };
}

/**
 * Do the units in each arm match the configured weights, however often we look?
 *
 * A Bayes factor of a Dirichlet mixture, centred on the weights, against the weights: under the
 * right weights it exceeds 1/alpha at any time with probability at most alpha. It depends only on
 * the cumulative counts. Written in deviations from the expected counts, so that nothing cancels
 * at 1e9 units.
 *
 *   a_i = c w_i,  A = c,  Z = A + N,  e_i = (n_i - N w_i) / (Z w_i),
 *   log e = sum Z w_i ((1 + e_i) log(1 + e_i) - e_i) - sum log(1 + e_i) / 2
 *           - (arms - 1) / 2 * log(Z / A)
 *           + sum [s(a_i + n_i) - s(a_i)] - s(Z) + s(A),   s = Stirling's correction
 *
 * @param counts                 Cumulative units in each arm; integers >= 0.
 * @param weights                As in sampleRatioMismatch.
 * @param options.concentration  c in [0.001, 1e12] [100]; fixed beforehand; larger looks for
 *                               smaller mismatches.
 * @returns logE and p of this look; logE = 0 and p = 1 before any unit; or 'impossible_count'.
 * @throws RangeError when an argument breaks its stated range, or no weight is > 0.
 * @source Lindon and Malek (2022), Anytime-valid inference for multinomial count data.
 *         Checked in test/golden/vectors/srm_sequential.json.
 */
export function sequentialSampleRatio(
  counts: readonly number[],
  weights: readonly number[],
  options: { readonly concentration?: number } = {},
): SequentialSampleRatio | NoEstimate<'impossible_count'> {
  const { concentration = 100 } = options;
  requireBetween('concentration', concentration, 1e-3, 1e12);
  const arms = activeArms(counts, weights);
  if (arms === undefined) return { status: 'impossible_count' };
  const total = sum(counts);
  const weightSum = sum(weights);
  const size = concentration + total;

  let logE = -((arms.length - 1) / 2) * Math.log(size / concentration);
  logE += stirlingCorrection(concentration) - stirlingCorrection(size);
  for (const { count, share: weight } of arms) {
    const share = weight / weightSum;
    const deviation = (count * weightSum - total * weight) / (size * weight);
    // (1 + e) log(1 + e) - e = e^2 - (1 + e) (e - log(1 + e)).
    const gain = deviation * deviation - (1 + deviation) * logExcess(deviation);
    logE += size * share * gain - Math.log1p(deviation) / 2;
    logE += stirlingCorrection(concentration * share + count);
    logE -= stirlingCorrection(concentration * share);
  }
  return { status: 'ok', logE, p: Math.min(1, Math.exp(-logE)) };
}

/** The arms with weight > 0 (`share` is the raw weight); undefined if another one has units. */
export function activeArms(
  counts: readonly number[],
  weights: readonly number[],
): Arm[] | undefined {
  if (counts.length !== weights.length || counts.length === 0) {
    throw new RangeError(
      `counts has ${counts.length} arms, weights ${weights.length}: must be equal and >= 1`,
    );
  }
  const arms: Arm[] = [];
  let impossible = false;
  counts.forEach((count, i) => {
    const weight = weights[i] as number;
    requireCount(`counts[${i}]`, count);
    requireBetween(`weights[${i}]`, weight, 0, 1e9);
    if (weight > 0) arms.push({ count, share: weight });
    else if (count > 0) impossible = true;
  });
  if (arms.length === 0) throw new RangeError('weights: at least one must be > 0');
  const heaviest = Math.max(...arms.map((arm) => arm.share));
  for (const { share } of arms)
    requireBetween('smallest weight / largest weight', share / heaviest, 1e-9, 1);
  return impossible ? undefined : arms;
}

/** log of the summed probability of all outcomes no more likely than the observed one. */
function exactLogP(arms: readonly Arm[], total: number): number {
  const weightSum = sum(arms.map((arm) => arm.share));
  const logShares = arms.map((arm) => Math.log(arm.share / weightSum));
  const logFactorials = [0];
  for (let k = 1; k <= total; k += 1)
    logFactorials.push((logFactorials[k - 1] as number) + Math.log(k));
  return logTailOfOutcomes({
    observed: arms.map(({ count }) => count),
    logTerm: (count, arm) => count * (logShares[arm] as number) - (logFactorials[count] as number),
    logConstant: logGammaDifference(1, total),
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

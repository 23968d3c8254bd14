/** Exact tests by listing all outcomes: how units may spread over arms when their total is fixed. */

/** The outcomes are listed only when there are at most this many. */
export const OUTCOMES_MAX = 200_000;
/** R's fisher.test and binom.test also forgive 1e-7: equal probabilities differ by rounding. */
const TIE = 1e-7;

/** How many ways there are to spread the total over the arms: C(total + arms - 1, arms - 1). */
export function outcomes(total: number, arms: number): number {
  let ways = 1;
  for (let k = 1; k < arms; k += 1) ways = (ways * (total + k)) / k;
  return ways;
}

/**
 * The logarithm of the summed probability of all outcomes no more likely than the observed one.
 *
 * @param options.observed     Units in each arm.
 * @param options.logTerm      Logarithm of an arm's factor of the probability; -Infinity where a
 *                             count is impossible.
 * @param options.logConstant  Logarithm of the factor that all outcomes share.
 */
export function logTailOfOutcomes(options: {
  readonly observed: readonly number[];
  readonly logTerm: (count: number, arm: number) => number;
  readonly logConstant: number;
}): number {
  const { observed, logTerm, logConstant } = options;
  const total = observed.reduce((sum, count) => sum + count, 0);
  const logObserved = observed.reduce((sum, count, arm) => sum + logTerm(count, arm), 0);
  const limit = logObserved + TIE;
  let relativeSum = 0;
  const visit = (arm: number, left: number, logSoFar: number): void => {
    if (arm === observed.length - 1) {
      const log = logSoFar + logTerm(left, arm);
      if (log <= limit) relativeSum += Math.exp(log - logObserved);
      return;
    }
    for (let count = 0; count <= left; count += 1) {
      const log = logTerm(count, arm);
      if (log > -Infinity) visit(arm + 1, left - count, logSoFar + log);
    }
  };
  visit(0, total, 0);
  return Math.min(0, logConstant + logObserved + Math.log(relativeSum));
}

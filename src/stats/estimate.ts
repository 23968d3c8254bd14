/** What an estimator says: an estimate, or the reason why there is none. */

/** Why data cannot answer yet. A value for the page, never a NaN. */
export type Reason =
  | 'insufficient_data' // fewer than two units in an arm
  | 'zero_variance' // no variation in either arm: the difference is known, its error is not
  | 'zero_baseline' // the control mean is 0: nothing can be relative to it
  | 'zero_denominator' // a ratio's denominator is 0 in an arm: there is no ratio
  | 'nonpositive_mean' // a logarithm of a mean was asked for that is not > 0
  | 'unbounded' // the control mean is not told apart from 0: no finite relative interval
  | 'no_data' // no units at all
  | 'impossible_count'; // units where the design has none

/** No estimate, and why. `estimate` is present when the point is known but its error is not. */
export type NoEstimate<R extends Reason = Reason> = {
  readonly status: R;
  readonly estimate?: number;
};

export type Interval = { readonly lower: number; readonly upper: number };

/**
 * One answer from one statistic: the p-value and the interval must not disagree, not even when
 * they meet within a rounding error. The p-value decides; a bound that lies on the wrong side of
 * zero by rounding is moved to zero, or to the smallest number beyond it.
 *
 * @param interval     Bounds as computed; lower <= upper.
 * @param significant  p < alpha.
 * @param estimate     Its sign says on which side of zero a significant interval lies.
 * @returns The interval, with 0 inside (bounds included) exactly when not significant.
 */
export function agree(interval: Interval, significant: boolean, estimate: number): Interval {
  const { lower, upper } = interval;
  if (!significant) return { lower: Math.min(lower, 0), upper: Math.max(upper, 0) };
  return estimate > 0
    ? { lower: Math.max(lower, Number.MIN_VALUE), upper }
    : { lower, upper: Math.min(upper, -Number.MIN_VALUE) };
}

/** Is the standard error nothing beside the estimate, so that their ratio has no meaning? */
export function isNumericallyZero(se: number, estimate: number): boolean {
  return se === 0 || Math.abs(estimate) > 1e150 * se;
}

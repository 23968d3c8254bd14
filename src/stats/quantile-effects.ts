/** Where in the distribution a treatment works: the effect on each of several quantiles. */
import { requireProbability } from './checks.ts';
import type { NoEstimate } from './estimate.ts';
import { compareQuantiles, type QuantileComparison, quantileArm } from './quantile.ts';

export type QuantileEffect = {
  /** Which quantile, in (0, 1). */
  readonly probability: number;
  /** Its effect by itself, at alpha. */
  readonly pointwise: QuantileComparison | NoEstimate;
  /**
   * Its effect as one of all those asked for, at alpha over their number: all these intervals hold
   * together with probability 1 - alpha.
   */
  readonly simultaneous: QuantileComparison | NoEstimate;
};

const DECILES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/**
 * How does a treatment move each part of the distribution?
 *
 * The difference of quantiles, not the effect on a unit that sits there: units may change places.
 * A mean that does not move can hide gains at one end and losses at the other.
 *
 * @param control                Values of the control arm.
 * @param treatment              Values of the treatment arm; same unit.
 * @param options.alpha          In (0, 0.5], two-sided.
 * @param options.probabilities  Which quantiles, at most 1000 [the nine deciles].
 * @returns One effect a quantile, each as compareQuantiles, by itself and as one of the family; or
 *          NoEstimate 'no_data' (an arm is empty).
 * @throws RangeError when an argument breaks its stated range.
 * @source Doksum (1974), Annals of Statistics 2; Bonferroni for the family.
 */
export function quantileEffects(
  control: readonly number[],
  treatment: readonly number[],
  options: { readonly alpha: number; readonly probabilities?: readonly number[] },
): readonly QuantileEffect[] | NoEstimate<'no_data'> {
  const { alpha, probabilities = DECILES } = options;
  requireProbability('alpha', alpha);
  if (probabilities.length === 0 || probabilities.length > 1000) {
    throw new RangeError(`probabilities has ${probabilities.length} values: must be 1 to 1000`);
  }
  if (control.length === 0 || treatment.length === 0) return { status: 'no_data' };
  return probabilities.map((probability) => ({
    probability,
    pointwise: effectAt(control, treatment, probability, alpha),
    simultaneous: effectAt(control, treatment, probability, alpha / probabilities.length),
  }));
}

function effectAt(
  control: readonly number[],
  treatment: readonly number[],
  p: number,
  alpha: number,
): QuantileComparison | NoEstimate {
  const c = quantileArm(control, { p, alpha });
  const t = quantileArm(treatment, { p, alpha });
  if ('status' in c) return c;
  if ('status' in t) return t;
  return compareQuantiles(c, t, { alpha });
}

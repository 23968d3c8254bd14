/** One look of a group-sequential experiment: its interval, its p, and whether to go on at all. */
import { requireBetween, requireProbability, requireSize } from './checks.ts';
import { agree, isNumericallyZero, type NoEstimate } from './estimate.ts';
import { type BoundaryPlan, boundaries, conditionalPower, repeatedP } from './group-sequential.ts';

export type GroupSequentialLook = {
  readonly status: 'ok';
  readonly z: number;
  /** Of this look. */
  readonly criticalValue: number;
  /** Error rate spent up to and including this look. */
  readonly spent: number;
  /** Repeated p-value: valid at this look, below alpha exactly when crossed. */
  readonly p: number;
  /** Repeated interval: valid at this look, whether or not the experiment stops. */
  readonly lower: number;
  /** Null when one-sided: there is no upper bound. */
  readonly upper: number | null;
  /** The boundary is crossed. After a stop the estimate tends to be too large: say so. */
  readonly crossed: boolean;
};

/**
 * What does this look say, in an experiment with planned looks?
 *
 *   z = estimate / se,  interval estimate -+ c_k se,  p as repeatedP
 *
 * @param look           Estimate (at most 1e150 in size) and its standard error >= 0, of all data
 *                       at the latest look.
 * @param look.plan      Alpha, information of the looks so far and spending, as in `boundaries`.
 * @returns Interval and p from one boundary: 0 lies in the interval exactly when p >= alpha. Or
 *          'zero_variance', with `estimate`.
 * @throws RangeError when an argument breaks its stated range.
 * @source Jennison and Turnbull (2000), Group Sequential Methods, ch. 9.
 */
export function groupSequentialLook(look: {
  readonly estimate: number;
  readonly se: number;
  readonly plan: BoundaryPlan;
}): GroupSequentialLook | NoEstimate<'zero_variance'> {
  const { estimate, se, plan } = look;
  requireSize('estimate', estimate);
  requireBetween('se', se, 0, 1e150);
  const { criticalValues, spent } = boundaries(plan);
  if (isNumericallyZero(se, estimate)) return { status: 'zero_variance', estimate };
  const criticalValue = criticalValues.at(-1) as number;
  const z = estimate / se;
  const oneSided = plan.sides === 1;
  const crossed = (oneSided ? z : Math.abs(z)) > criticalValue;
  const reach = criticalValue * se;
  const bounds = agree({ lower: estimate - reach, upper: estimate + reach }, crossed, estimate);
  const p = repeatedP({ ...plan, z });
  return {
    status: 'ok',
    z,
    criticalValue,
    spent: spent.at(-1) as number,
    // The root finder may land a rounding error on the wrong side of alpha.
    p: crossed ? Math.min(p, plan.alpha * (1 - 2 ** -52)) : Math.max(p, plan.alpha),
    lower: bounds.lower,
    upper: oneSided ? null : bounds.upper,
    crossed,
  };
}

export type Futility = {
  /** Probability to end significant if the present trend is the truth. */
  readonly byTrend: number;
  /** The same if the effect that was planned for is the truth. */
  readonly byPlan: number;
  /** byPlan is below the threshold: going on is unlikely to change the answer. */
  readonly futile: boolean;
};

/**
 * Is it worth going on?
 *
 * Conditional power: how likely the last look is significant, given the data so far. Judged under
 * the planned effect, which is fair to a slow start; the present trend is shown beside it. Stopping
 * for futility never raises the error rate; it costs a little power.
 *
 * @param options.z              Present statistic, signed so that > 0 is the wanted direction.
 * @param options.information    t > 0: present share of the planned information.
 * @param options.criticalValue  Critical value of the last look.
 * @param options.plannedDrift   Expected z at full information under the planned effect: its size
 *                               over the standard error planned for the end.
 * @param options.threshold      In (0, 1) [0.1].
 * @returns Both conditional powers and the verdict.
 * @throws RangeError when an argument breaks its stated range.
 * @source Lachin (2005), Statistics in Medicine 24.
 */
export function futility(options: {
  readonly z: number;
  readonly information: number;
  readonly criticalValue: number;
  readonly plannedDrift: number;
  readonly threshold?: number;
}): Futility {
  const { plannedDrift, threshold = 0.1, ...now } = options;
  requireProbability('threshold', threshold);
  const byPlan = conditionalPower({ ...now, drift: plannedDrift });
  return { byTrend: conditionalPower(now), byPlan, futile: byPlan < threshold };
}

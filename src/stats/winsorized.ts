/** Means without the pull of a few extreme units: values beyond a limit count as the limit. */
import { requireBetween, requireFinite } from './checks.ts';
import type { NoEstimate } from './estimate.ts';
import { type Moments, momentsOf } from './moments.ts';
import { sampleQuantile } from './quantile.ts';
import { rates } from './rates.ts';
import {
  type NoLift,
  type RelativeEstimate,
  relative,
  type UnboundedInterval,
} from './relative.ts';
import { type WelchEstimate, welch } from './welch.ts';

/** Limits in the metric's own unit; null where there is none. */
export type WinsorLimits = { readonly lower: number | null; readonly upper: number | null };

export type WinsorOptions = {
  /** Share of values up to the upper limit, in (0, 1]; 1 means no limit [0.999]. */
  readonly upper?: number;
  /** Share of values below the lower limit, in [0, upper); 0 means no limit [0]. */
  readonly lower?: number;
  /** Take the shares of the values that are not 0 [false]. */
  readonly ignoreZeros?: boolean;
};

/**
 * Beyond which values do units count as extreme?
 *
 * From all arms together, never per arm: a limit that follows the treatment hides its effect.
 * Where a sensible limit is known, it is better than any percentile. Under monitoring, settle the
 * limits after the first days and keep them.
 *
 *   type 7 quantiles of all arms' values (of those that are not 0, with ignoreZeros)
 *
 * @param arms     Values of each arm, one a unit, after all of the unit's values were summed.
 * @param options  Which shares.
 * @returns The limits; null where not asked for, or where no value is left to take a share of.
 * @throws RangeError when an argument breaks its stated range.
 * @source Tukey (1962); Statsig's documentation for the default of 99.9% above zero. Checked against
 *         R 4.2.2 and mpmath in test/golden/vectors/winsorized.json.
 */
export function winsorLimits(
  arms: readonly (readonly number[])[],
  options: WinsorOptions = {},
): WinsorLimits {
  const { upper = 0.999, lower = 0, ignoreZeros = false } = options;
  requireBetween('upper', upper, Number.MIN_VALUE, 1);
  requireBetween('lower', lower, 0, 1);
  if (lower >= upper) throw new RangeError(`lower = ${lower}: must be below upper = ${upper}`);
  const pool = arms.flatMap((arm) => (ignoreZeros ? arm.filter((value) => value !== 0) : arm));
  if (pool.length === 0) return { lower: null, upper: null };
  return {
    lower: lower > 0 ? sampleQuantile(pool, lower) : null,
    upper: upper < 1 ? sampleQuantile(pool, upper) : null,
  };
}

export type WinsorizedArm = {
  /** Of the values within the limits. */
  readonly moments: Moments;
  /** How many values lay beyond a limit. */
  readonly capped: number;
};

/**
 * What are the moments of an arm whose extreme values count as the limits?
 *
 *   min(max(x, lower), upper)
 *
 * @param values  One a unit.
 * @param limits  The same for every arm and segment.
 * @returns Moments, and how many values were moved.
 * @throws RangeError when a value is out of range, or the limits are out of order.
 * @source As winsorLimits.
 */
export function winsorize(values: readonly number[], limits: WinsorLimits): WinsorizedArm {
  const { lower, upper } = limits;
  for (const [name, limit] of Object.entries(limits))
    if (limit !== null) requireFinite(name, limit);
  if (lower !== null && upper !== null && lower > upper) {
    throw new RangeError(`lower = ${lower}: must be at most upper = ${upper}`);
  }
  let capped = 0;
  const within = values.map((value) => {
    const kept = Math.min(Math.max(value, lower ?? -Infinity), upper ?? Infinity);
    if (kept !== value) capped += 1;
    return kept;
  });
  return { moments: momentsOf(within), capped };
}

type NoMean = NoEstimate<'insufficient_data' | 'zero_variance'>;

export type WinsorizedComparison = {
  readonly limits: WinsorLimits;
  readonly control: WinsorizedArm;
  readonly treatment: WinsorizedArm;
  /** Of the limited means: say so where it is shown. */
  readonly absolute: WelchEstimate | NoMean;
  readonly relative: RelativeEstimate | UnboundedInterval | NoLift;
  /** Without limits, to stand beside. */
  readonly uncapped: WelchEstimate | NoMean;
  /** p that equal shares are beyond a limit in both arms; null where it cannot be asked. */
  readonly cappedP: number | null;
  /** The upper limit is 0: most values are 0, use ignoreZeros or no limit. */
  readonly limitIsZero: boolean;
};

/**
 * Do the means of two arms differ when extreme units count as the limits?
 *
 * Welch's test of the limited values. The limits are taken as known, which costs O(1 / n). What is
 * estimated is the effect on the limited mean.
 *
 * @param control         Values of the control arm, one a unit.
 * @param treatment       Values of the treatment arm.
 * @param options         Shares as in winsorLimits, over these two arms.
 * @param options.alpha   In (0, 1), two-sided.
 * @param options.limits  Limits settled before, or of more arms [winsorLimits of these two].
 * @returns All views, 0 in each interval exactly when its p >= alpha.
 * @throws RangeError when an argument breaks its stated range.
 * @source As winsorLimits.
 */
export function winsorized(
  control: readonly number[],
  treatment: readonly number[],
  options: WinsorOptions & { readonly alpha: number; readonly limits?: WinsorLimits },
): WinsorizedComparison {
  const { alpha, limits = winsorLimits([control, treatment], options) } = options;
  const [c, t] = [winsorize(control, limits), winsorize(treatment, limits)];
  const shares = rates(
    { successes: c.capped, n: control.length },
    { successes: t.capped, n: treatment.length },
    { alpha },
  );
  return {
    limits,
    control: c,
    treatment: t,
    absolute: welch(c.moments, t.moments, { alpha }),
    relative: relative(c.moments, t.moments, { alpha }),
    uncapped: welch(momentsOf(control), momentsOf(treatment), { alpha }),
    cappedP: shares.status === 'ok' ? shares.p : null,
    limitIsZero: limits.upper === 0,
  };
}

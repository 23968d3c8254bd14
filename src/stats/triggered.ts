/**
 * Triggered analysis: only units that could have seen a difference are compared, which is far more
 * precise; dilution says what their effect means for the whole site. The trigger must be judged the
 * same way in every arm. Check it: sample ratio among the triggered, and no effect among the rest.
 */

import { requireCount, requireFinite, requireProbability } from './checks.ts';
import { type CoMoments, momentsAt, requireCoMoments } from './co-moments.ts';
import type { NoEstimate } from './estimate.ts';
import { bilinear } from './linear-algebra.ts';
import { isPossible, MAGNITUDE_MAX, type Moments, requireMoments, variance } from './moments.ts';
import {
  type Baseline,
  type NoLift,
  type RelativeEstimate,
  relative,
  relativeDelta,
  type UnboundedInterval,
} from './relative.ts';
import { type WelchEstimate, welch } from './welch.ts';

export type Dilution = {
  readonly status: 'ok';
  /** The effect on triggered units, where the evidence is. */
  readonly triggered: WelchEstimate;
  readonly triggeredRelative: RelativeEstimate | UnboundedInterval | NoLift;
  /** The effect on the mean of all units. */
  readonly site: {
    readonly estimate: number;
    readonly se: number;
    /** With the noise of the trigger share itself; null when `units` is not given. */
    readonly seWithShare: number | null;
    readonly lower: number;
    readonly upper: number;
    /** Of the triggered test: diluting adds no evidence and takes none. */
    readonly p: number;
  };
  /** Relative to the control mean of all units. */
  readonly siteRelative: RelativeEstimate | UnboundedInterval | NoLift;
  /** By the delta method; null where there is no lift. */
  readonly siteRelativeSe: number | null;
};

/**
 * What does the effect on triggered units mean for the whole site?
 *
 * For metrics that add up over units. Units that were not triggered have no effect, so the site's
 * is the triggered one times their share. The lift is over the mean of all units: the triggered
 * lift times the share is wrong unless both means are equal.
 *
 *   d_site = share d,  se = share se(d),  L_site = share d / |m_c,all|
 *   seWithShare^2 = share^2 se(d)^2 + d^2 share (1 - share) / units
 *
 * @param control          Moments of the triggered units in the control arm.
 * @param treatment        Moments of the triggered units in the treatment arm.
 * @param options.alpha    In (0, 1), two-sided.
 * @param options.share    Triggered units over all units of these arms, in (0, 1].
 * @param options.overall  Control over all its units, triggered or not: moments, or only a mean
 *                         that is taken as known.
 * @param options.units    All units of these arms, for seWithShare [not computed].
 * @returns Both effects, 0 in each interval exactly when p >= alpha; or NoEstimate as welch, with
 *          the site's estimate.
 * @throws RangeError when an argument breaks its stated range.
 * @source Deng and Hu (2015), WSDM; Kohavi, Tang, Xu (2020), ch. 20. Checked in
 *         test/golden/vectors/triggered_dilution.json.
 */
export function dilute(
  control: Moments,
  treatment: Moments,
  options: {
    readonly alpha: number;
    readonly share: number;
    readonly overall: Moments | { readonly mean: number };
    readonly units?: number;
  },
): Dilution | NoEstimate<'insufficient_data' | 'zero_variance'> {
  const { alpha, share, overall, units } = options;
  requireShare(share);
  if (units !== undefined) requireCount('units', units);
  const triggered = welch(control, treatment, { alpha });
  if (triggered.status !== 'ok') {
    const { estimate } = triggered;
    return estimate === undefined ? triggered : { ...triggered, estimate: share * estimate };
  }
  const { estimate: d, se, p } = triggered;
  const [c, t] = [scaled(control, share), scaled(treatment, share)];
  const relativeOptions = { alpha, baseline: overallBaseline(control, overall, share) };
  const lift = relativeDelta(c, t, relativeOptions);
  const shareNoise = units === undefined || units === 0 ? null : (share * (1 - share)) / units;
  return {
    status: 'ok',
    triggered,
    triggeredRelative: relative(control, treatment, { alpha }),
    site: {
      estimate: share * d,
      se: share * se,
      seWithShare: shareNoise === null ? null : Math.hypot(share * se, d * Math.sqrt(shareNoise)),
      ...scaledBounds(triggered, share),
      p,
    },
    siteRelative: relative(c, t, relativeOptions),
    siteRelativeSe: lift.status === 'ok' ? lift.se : null,
  };
}

function requireShare(share: number): void {
  if (!(share > 0 && share <= 1)) throw new RangeError(`share = ${share}: must be in (0, 1]`);
}

/** A product may underflow to 0: then the nearest number beyond it keeps the verdict. */
function scaledBounds(
  { lower, upper }: { readonly lower: number; readonly upper: number },
  share: number,
): { readonly lower: number; readonly upper: number } {
  return {
    lower: lower > 0 ? Math.max(share * lower, Number.MIN_VALUE) : share * lower,
    upper: upper < 0 ? Math.min(share * upper, -Number.MIN_VALUE) : share * upper,
  };
}

function scaled({ n, mean, m2 }: Moments, share: number): Moments {
  return { n, mean: share * mean, m2: share * share * m2 };
}

/** The control mean of all units, and how it moves with the triggered part of it. */
function overallBaseline(
  control: Moments,
  overall: Moments | { readonly mean: number },
  share: number,
): Baseline {
  if (!('n' in overall)) {
    requireFinite('overall.mean', overall.mean);
    return { mean: overall.mean, variance: 0, covariance: 0 };
  }
  requireMoments('overall', overall);
  if (overall.n < control.n) {
    throw new RangeError(`overall.n = ${overall.n}: must be at least control.n = ${control.n}`);
  }
  const squaredError = variance(overall) / overall.n;
  const triggeredError = variance(control) / control.n;
  const covariance = share * (control.n / overall.n) * triggeredError;
  const bound = Math.sqrt(squaredError) * Math.sqrt(triggeredError) * share;
  return { mean: overall.mean, variance: squaredError, covariance: Math.min(covariance, bound) };
}

export type RatioDilution = {
  readonly status: 'ok';
  readonly controlRatio: number;
  /** What the site's ratio would be if all had the treatment. */
  readonly treatmentRatio: number;
  readonly estimate: number;
  readonly lower: number;
  readonly upper: number;
  /** Estimate and bounds over |controlRatio|; null when that is 0 or next to it. */
  readonly relative: {
    readonly estimate: number;
    readonly lower: number;
    readonly upper: number;
  } | null;
  readonly p: number;
};

/**
 * What does the effect on triggered units mean for a ratio metric of the whole site?
 *
 * Numerator and denominator are diluted apart, then divided. The site's control sums are taken as
 * known. Tested by the contrast that is 0 when the site's ratio does not move, and bounded by
 * Fieller's method on the same contrast.
 *
 *   R_t = (N + share dN) / (D + share dD),  estimate = R_t - R_c = u / w,
 *   u = dN - R_c dD,  w = D / share + dD,   N, D = control means over all units, R_c = N / D
 *
 * @param control          Co-moments of numerator and denominator of triggered control units.
 * @param treatment        The same of triggered treatment units.
 * @param options.alpha    In (0, 1), two-sided.
 * @param options.share    Triggered units over all units, in (0, 1].
 * @param options.overall  Control means of numerator and denominator over all units.
 * @returns The site's ratios: 0 lies in each interval exactly when p >= alpha. Or NoEstimate:
 *          'insufficient_data' | 'zero_variance' | 'zero_denominator' | 'unbounded' (the treated
 *          site's denominator is not told apart from 0).
 * @throws RangeError when an argument breaks its stated range.
 * @source Deng and Hu (2015), WSDM, for the dilution; Fieller (1954) for the interval.
 */
export function diluteRatio(
  control: CoMoments,
  treatment: CoMoments,
  options: {
    readonly alpha: number;
    readonly share: number;
    readonly overall: { readonly numerator: number; readonly denominator: number };
  },
):
  | RatioDilution
  | NoEstimate<'insufficient_data' | 'zero_variance' | 'zero_denominator' | 'unbounded'> {
  const { alpha, share, overall } = options;
  requireProbability('alpha', alpha);
  requireShare(share);
  requireCoMoments('control', control);
  requireCoMoments('treatment', treatment);
  requireFinite('overall.numerator', overall.numerator);
  requireFinite('overall.denominator', overall.denominator);
  if (control.n < 2 || treatment.n < 2) return { status: 'insufficient_data' };
  const controlRatio = overall.numerator / overall.denominator;
  if (!(Math.abs(controlRatio) <= MAGNITUDE_MAX)) return { status: 'zero_denominator' };

  const [c, t] = [combined(control, controlRatio), combined(treatment, controlRatio)];
  if (![c, t].every(({ contrast }) => isPossible(contrast))) return { status: 'zero_denominator' };
  const test = welch(c.contrast, t.contrast, { alpha });
  if (test.status !== 'ok') return test;
  const moved = momentsAt(treatment, 1).mean - momentsAt(control, 1).mean;
  const squaredError = c.denominatorError + t.denominatorError;
  const bound = Math.sqrt(squaredError) * test.se;
  const interval = relative(c.contrast, t.contrast, {
    alpha,
    baseline: {
      mean: overall.denominator / share + moved,
      variance: squaredError,
      // Rounding must not leave a correlation beyond 1.
      covariance: -Math.min(Math.max(c.covariance + t.covariance, -bound), bound),
    },
  });
  if (interval.status === 'unbounded') return { status: 'unbounded' };
  if (interval.status !== 'ok') return { status: 'zero_denominator' };
  const { estimate, lower, upper } = interval;
  return {
    status: 'ok',
    controlRatio,
    treatmentRatio: controlRatio + estimate,
    estimate,
    lower,
    upper,
    relative: overSize({ estimate, lower, upper }, Math.abs(controlRatio)),
    p: test.p,
  };
}

/** Null where the quotient leaves the doubles. */
function overSize(
  { estimate, lower, upper }: { estimate: number; lower: number; upper: number },
  size: number,
): RatioDilution['relative'] {
  const shown = { estimate: estimate / size, lower: lower / size, upper: upper / size };
  return Object.values(shown).every(Number.isFinite) ? shown : null;
}

/** Numerator - ratio * denominator of an arm, and how it moves with the denominator. */
function combined(
  arm: CoMoments,
  ratio: number,
): { readonly contrast: Moments; readonly denominatorError: number; readonly covariance: number } {
  const weights = [1, -ratio];
  const perMean = 1 / (arm.n - 1) / arm.n;
  const denominator = momentsAt(arm, 1);
  return {
    contrast: {
      n: arm.n,
      mean: momentsAt(arm, 0).mean - ratio * denominator.mean,
      m2: Math.max(0, bilinear(weights, arm.cross, weights)),
    },
    denominatorError: denominator.m2 * perMean,
    covariance: bilinear(weights, arm.cross, [0, 1]) * perMean,
  };
}

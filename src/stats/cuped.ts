/**
 * Variance reduction by what was known of each unit before the experiment: the same effect, less
 * noise. The adjusted arms are moments again and go wherever moments go; only a relative effect
 * needs to know that its baseline is the unadjusted mean (`baseline`).
 */
import { type CoMoments, mergeCoMoments, momentsAt, symmetric } from './co-moments.ts';
import type { NoEstimate } from './estimate.ts';
import { bilinear, dot, type Matrix, solveCovariance } from './linear-algebra.ts';
import { isPossible, type Moments, momentsOf } from './moments.ts';
import { linearise, RESIDUAL_MIN, type Variable } from './ratio.ts';
import {
  type Baseline,
  type NoLift,
  type RelativeEstimate,
  relative,
  type UnboundedInterval,
} from './relative.ts';
import { type WelchEstimate, welch } from './welch.ts';

/** A split more uneven than 70/30 gives each arm its own slopes. */
const EVEN_SHARE_MAX = 0.7;

/**
 * Which slopes adjust: 'within' arms, one for all; 'own', of each arm (Lin); and two conventions of
 * other tools: 'total' over all units as if there were no arms, 'averaged' over the arms whatever
 * their size.
 */
export type Slopes = 'within' | 'own' | 'total' | 'averaged';

export type AdjustedArm = {
  /** Of the adjusted values. */
  readonly moments: Moments;
  /** One slope a covariate, in units of the outcome per unit of the covariate. */
  readonly thetas: readonly number[];
  /** The unadjusted outcome. */
  readonly outcome: Moments;
};

export type Adjustment = {
  readonly status: 'ok';
  /** 'none': no covariate varies within arms, the arms are as they were. */
  readonly slopes: Slopes | 'none';
  /** In the order given; the first is control. */
  readonly arms: readonly AdjustedArm[];
  /** One a treatment arm: what its lift over control is relative to. */
  readonly baselines: readonly Baseline[];
};

export type AdjustOptions = {
  /** Slopes ['within'; 'own' when a split is more uneven than 70/30]. */
  readonly slopes?: Slopes;
  /**
   * The outcome first, then the covariates: variables of the co-moments by index, or ratios of two
   * [each variable, in order].
   */
  readonly variables?: readonly Variable[];
};

/**
 * How do arms look once what was known before is accounted for?
 *
 * For each arm, the outcome minus theta times the covariates' distance from their mean over all
 * arms. One theta for all arms keeps the control mean the same in every comparison; uneven splits
 * get a theta of their own per arm, which never loses precision in large samples. Covariates must
 * predate each unit's first exposure. Units without pre-period data stay in: see fillMissing.
 * A covariate that does not vary within arms, or a ratio without denominator, is left out.
 *
 *   adjusted = y - theta' (x - mean_x over all arms),  theta = S_xx^-1 S_xy
 *   within:   S = sum of the arms' cross moments        total:  S = cross moments of all units
 *   averaged: S = sum of the arms' covariances          own:    S of the arm itself
 *   own, m2:  RSS (n - 1) / (n - 1 - k) (1 + n d' S_xx^-1 d), d = the arm's distance from the mean;
 *             a treatment arm also carries the noise of that mean, (theta - theta_c)' Var (...)
 *
 * @param arms     Co-moments of outcome and covariates, one value an arm, control first; n >= 2.
 * @param options  Slopes and variables.
 * @returns The adjusted arms; or NoEstimate: 'insufficient_data' (n < 2 in an arm) |
 *          'zero_denominator' (of a ratio outcome).
 * @throws RangeError when there are fewer than two arms, or they differ in their variables.
 * @source Deng, Xu, Kohavi, Walker (2013), WSDM; Lin (2013), Annals of Applied Statistics 7; Negi and
 *         Wooldridge (2021), Econometric Reviews 40, for the noise of the centre. Checked against
 *         R 4.2.2 and mpmath in test/golden/vectors/cuped.json.
 */
export function adjust(
  arms: readonly CoMoments[],
  options: AdjustOptions = {},
): Adjustment | NoEstimate<'insufficient_data' | 'zero_denominator'> {
  const [first, ...others] = arms;
  if (first === undefined || others.length === 0) {
    throw new RangeError(`arms has ${arms.length} arms: must be >= 2`);
  }
  const all = others.reduce((merged, arm) => mergeCoMoments(merged, arm), first);
  if (arms.some(({ n }) => n < 2)) return { status: 'insufficient_data' };
  const { variables = first.means.map((_, i) => i) } = options;
  const outcome = variables.slice(0, 1);
  if ([...arms, all].some((arm) => linearise(arm, outcome) === undefined)) {
    return { status: 'zero_denominator' };
  }
  const usable = variables
    .slice(1)
    .filter((covariate) =>
      [...arms, all].every((arm) => linearise(arm, [covariate]) !== undefined),
    );
  const chosen = [...outcome, ...usable];
  const linear = arms.map((arm) => linearise(arm, chosen) as CoMoments);
  const pooled = linearise(all, chosen) as CoMoments;
  const varying = usable.map((_, j) => linear.some((arm) => momentsAt(arm, j + 1).m2 > 0));
  if (!varying.includes(true)) return unadjusted(linear);
  const slopes = slopesFor(linear, options.slopes);
  const thetas = thetasOf(linear, pooled, slopes, varying);
  const adjusted = linear.map((arm, i) =>
    adjustedArm(arm, thetas[i] as number[], pooled.means.slice(1), slopes),
  );
  const adjustment = withCentreNoise({ linear, pooled, slopes, adjusted });
  // A covariate whose spread is next to nothing may ask for a slope beyond the doubles.
  return adjustment.arms.every(({ moments }) => isPossible(moments))
    ? adjustment
    : unadjusted(linear);
}

function unadjusted(linear: readonly CoMoments[]): Adjustment {
  const arms = linear.map((arm) => {
    const outcome = momentsAt(arm, 0);
    return { moments: outcome, outcome, thetas: arm.means.slice(1).map(() => 0) };
  });
  const control = arms[0] as AdjustedArm;
  const v = control.outcome.m2 / (control.outcome.n - 1) / control.outcome.n;
  const baseline = { mean: control.outcome.mean, variance: v, covariance: v };
  return { status: 'ok', slopes: 'none', arms, baselines: arms.slice(1).map(() => baseline) };
}

/** The slopes asked for, or by how even the split is; own slopes only where each arm has them. */
function slopesFor(linear: readonly CoMoments[], asked: Slopes | undefined): Slopes {
  const control = (linear[0] as CoMoments).n;
  const isUneven = linear
    .slice(1)
    .some(({ n }) => Math.max(n, control) / (n + control) > EVEN_SHARE_MAX);
  const slopes = asked ?? (isUneven ? 'own' : 'within');
  const k = (linear[0] as CoMoments).means.length - 1;
  const eachHasOwn = linear.every(
    (arm) => arm.n > k + 2 && arm.means.every((_, j) => j === 0 || momentsAt(arm, j).m2 > 0),
  );
  return slopes === 'own' && !eachHasOwn ? 'within' : slopes;
}

/** The slopes of each arm; 0 for a covariate that does not vary within arms. */
function thetasOf(
  linear: readonly CoMoments[],
  pooled: CoMoments,
  slopes: Slopes,
  varying: readonly boolean[],
): number[][] {
  const solve = (parts: readonly { arm: CoMoments; weight: number }[]): number[] => {
    const k = varying.length;
    const cell = (i: number, j: number): number =>
      varying[i] && (j < 0 || varying[j])
        ? parts.reduce(
            (sum, { arm, weight }) => sum + weight * (arm.cross[i + 1]?.[j + 1] as number),
            0,
          )
        : 0;
    return solveCovariance(
      symmetric(k, cell),
      varying.map((_, i) => cell(i, -1)),
    );
  };
  if (slopes === 'own') return linear.map((arm) => solve([{ arm, weight: 1 }]));
  const parts =
    slopes === 'total'
      ? [{ arm: pooled, weight: 1 }]
      : linear.map((arm) => ({ arm, weight: slopes === 'within' ? 1 : 1 / (arm.n - 1) }));
  const theta = solve(parts);
  return linear.map(() => theta);
}

function adjustedArm(
  arm: CoMoments,
  thetas: readonly number[],
  centre: readonly number[],
  slopes: Slopes,
): AdjustedArm {
  const outcome = momentsAt(arm, 0);
  const distance = centre.map((mean, j) => (arm.means[j + 1] as number) - mean);
  const mean = outcome.mean - dot(thetas, distance);
  const fromOutcome = (arm.cross[0] as readonly number[]).slice(1);
  const within = covariates(arm);
  const explained = bilinear(thetas, within, thetas);
  const left = outcome.m2 - 2 * dot(thetas, fromOutcome) + explained;
  const residual = left > RESIDUAL_MIN * (outcome.m2 + explained) ? left : 0;
  return {
    moments: {
      n: arm.n,
      mean,
      m2: slopes === 'own' ? residual * widening(arm, distance) : residual,
    },
    thetas,
    outcome,
  };
}

/** Own slopes cost degrees of freedom, and are less sure the farther the arm is from the centre. */
function widening(arm: CoMoments, distance: readonly number[]): number {
  const k = distance.length;
  const leverage = arm.n * dot(distance, solveCovariance(covariates(arm), distance));
  return ((arm.n - 1) / (arm.n - 1 - k)) * (1 + Math.max(0, leverage));
}

function covariates({ cross }: CoMoments): Matrix {
  return cross.slice(1).map((row) => row.slice(1));
}

/**
 * The mean over all arms is itself an estimate. With one slope it cancels between arms; with own
 * slopes it adds noise, which each treatment arm carries, and moves with the control mean.
 */
function withCentreNoise(parts: {
  readonly linear: readonly CoMoments[];
  readonly pooled: CoMoments;
  readonly slopes: Slopes;
  readonly adjusted: readonly AdjustedArm[];
}): Adjustment {
  const { linear, pooled, slopes, adjusted } = parts;
  const control = adjusted[0] as AdjustedArm;
  const { outcome } = control;
  const fromOutcome = ((linear[0] as CoMoments).cross[0] as readonly number[]).slice(1);
  const variance = outcome.m2 / (outcome.n - 1) / outcome.n;
  const shared = dot(control.thetas, fromOutcome) / (outcome.n - 1);
  const arms = adjusted.map((arm, i) => {
    if (i === 0 || slopes !== 'own') return arm;
    const gap = arm.thetas.map((theta, j) => theta - (control.thetas[j] as number));
    const noise = bilinear(gap, covariates(pooled), gap) / (pooled.n - 1) / pooled.n;
    const { n, mean, m2 } = arm.moments;
    return { ...arm, moments: { n, mean, m2: m2 + noise * n * (n - 1) } };
  });
  const baselines = arms.slice(1).map((arm) => {
    const gap = arm.thetas.map((theta, j) => theta - (control.thetas[j] as number));
    const byCentre = dot(gap, fromOutcome) / (outcome.n - 1) / pooled.n;
    const covariance = variance - shared / outcome.n - byCentre;
    const { m2, n } = control.moments;
    const bound = Math.sqrt(variance) * Math.sqrt(m2 / (n - 1) / n);
    return {
      mean: outcome.mean,
      variance,
      covariance: Math.min(Math.max(covariance, -bound), bound),
    };
  });
  return { status: 'ok', slopes, arms, baselines };
}

type NoMean = NoEstimate<'insufficient_data' | 'zero_variance'>;

export type CupedComparison = {
  readonly status: 'ok';
  readonly slopes: Slopes | 'none';
  /** Adjusted arms, for any other test of means; for relative ones with `baseline`. */
  readonly control: AdjustedArm;
  readonly treatment: AdjustedArm;
  readonly baseline: Baseline;
  readonly absolute: WelchEstimate | NoMean;
  /** Relative to the unadjusted control mean. */
  readonly relative: RelativeEstimate | UnboundedInterval | NoLift;
  /** The comparison without adjustment, to stand beside. */
  readonly unadjusted: WelchEstimate | NoMean;
  /** 1 - variance of the adjusted difference / of the unadjusted one; null when that is 0. */
  readonly varianceReduction: number | null;
};

/**
 * Do two arms differ, with less noise, and by how much?
 *
 * Welch's test of the adjusted arms; the relative effect by Fieller over the unadjusted control
 * mean, with its covariance. The estimate is of the same effect as without adjustment.
 *
 *   relative:  Var(d - L |m_c|) = V(a_t) + V(a_c) + L^2 v_c + 2 L sign(m_c) Cov(a_c, m_c),
 *              Cov(a_c, m_c) = (s_y^2 - theta' s_xy) / n_c
 *
 * @param control         Co-moments of outcome and covariates in the control arm.
 * @param treatment       The same of the treatment arm.
 * @param options         Slopes and variables as in `adjust`.
 * @param options.alpha   In (0, 1), two-sided.
 * @param options.others  The experiment's other arms: they take part in theta and centre [none].
 * @returns All views, 0 in each interval exactly when its p >= alpha; or NoEstimate as `adjust`.
 * @throws RangeError when an argument breaks its stated range.
 * @source As `adjust`; GrowthBook 8f1db44 for the relative variance.
 */
export function cuped(
  control: CoMoments,
  treatment: CoMoments,
  options: AdjustOptions & { readonly alpha: number; readonly others?: readonly CoMoments[] },
): CupedComparison | NoEstimate<'insufficient_data' | 'zero_denominator'> {
  const { alpha, others = [], ...rest } = options;
  const adjustment = adjust([control, treatment, ...others], rest);
  if (adjustment.status !== 'ok') return adjustment;
  const [c, t] = adjustment.arms as readonly [AdjustedArm, AdjustedArm];
  const baseline = adjustment.baselines[0] as Baseline;
  const spread = (a: Moments, b: Moments): number =>
    a.m2 / (a.n - 1) / a.n + b.m2 / (b.n - 1) / b.n;
  const reduction = 1 - spread(c.moments, t.moments) / spread(c.outcome, t.outcome);
  return {
    status: 'ok',
    slopes: adjustment.slopes,
    control: c,
    treatment: t,
    baseline,
    absolute: welch(c.moments, t.moments, { alpha }),
    relative: relative(c.moments, t.moments, { alpha, baseline }),
    unadjusted: welch(c.outcome, t.outcome, { alpha }),
    varianceReduction: Number.isFinite(reduction) ? reduction : null,
  };
}

/**
 * What stands in for pre-period data that a unit does not have?
 *
 * Never drop units: who has no past differs from who has one. For counts and amounts no past is a
 * past of 0 ('zero'). Otherwise the mean of the known values over all arms ('mean'), together with
 * `missing` as one more covariate: the adjustment is then the same whatever number stands in.
 *
 * @param arms  Values of one covariate, one list an arm; null where a unit has none.
 * @param rule  'zero' | 'mean'.
 * @returns Filled values, and 1 where a value was missing, one list an arm.
 * @throws RangeError when a value is not finite.
 * @source Lin, Green, Coppock (2016), Standard operating procedures; checked in
 *         test/golden/vectors/cuped.json (missing_30, missing_informative).
 */
export function fillMissing(
  arms: readonly (readonly (number | null)[])[],
  rule: 'zero' | 'mean',
): { readonly values: number[][]; readonly missing: number[][] } {
  const known = arms.flatMap((arm) => arm.filter((value): value is number => value !== null));
  const filler = rule === 'zero' ? 0 : momentsOf(known).mean;
  return {
    values: arms.map((arm) => arm.map((value) => value ?? filler)),
    missing: arms.map((arm) => arm.map((value) => (value === null ? 1 : 0))),
  };
}

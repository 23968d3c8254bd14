/**
 * Two conversion rates, whatever the counts: large ones are 0/1 means and go the way of every mean,
 * small ones are tested exactly. The textbook forms for comparison with other tools are here too.
 */
import { requireCount, requireProbability } from './checks.ts';
import { logChiSquareUpperTail, normalUpperQuantile, normalUpperTail } from './distributions.ts';
import { agree, type Interval, type NoEstimate } from './estimate.ts';
import type { Moments } from './moments.ts';
import { fisherExact, newcombe, type Proportion, requireProportion } from './proportion.ts';
import { type WelchEstimate, welch } from './welch.ts';

/** With fewer successes or failures than this in an arm, the normal approximation is not trusted. */
const SMALL_COUNT = 10;

export type RateEstimate =
  | (WelchEstimate & {
      readonly method: 'welch';
      readonly smallCounts: false;
      readonly controlRate: number;
      readonly treatmentRate: number;
    })
  | {
      readonly status: 'ok';
      /** Newcombe's interval with Fisher's p. */
      readonly method: 'exact';
      readonly smallCounts: true;
      readonly controlRate: number;
      readonly treatmentRate: number;
      /** Treatment - control. */
      readonly estimate: number;
      readonly p: number;
      readonly logP: number;
      readonly lower: number;
      readonly upper: number;
      readonly level: number;
    };

/** Nobody or everybody converted in both arms: no test, but still an interval. */
export type SameRate = NoEstimate<'zero_variance'> & Interval;

/**
 * What are the moments of a conversion rate, taken as the mean of 0s and 1s?
 *
 *   mean = x / n,  m2 = x (n - x) / n
 *
 * @param arm  Successes and units; n may be 0.
 * @returns Moments with the rate as mean.
 * @throws RangeError when successes or n is not a count, or successes > n.
 * @source Definition.
 */
export function momentsOfRate(arm: Proportion): Moments {
  const { successes, n } = arm;
  requireCount('arm.n', n);
  requireCount('arm.successes', successes);
  if (successes > n) throw new RangeError(`arm.successes = ${successes}: must be <= n = ${n}`);
  return n === 0
    ? { n: 0, mean: 0, m2: 0 }
    : { n, mean: successes / n, m2: successes * ((n - successes) / n) };
}

/**
 * Do two conversion rates differ, and by how much?
 *
 * With at least 10 successes and 10 failures in each arm, Welch's test of the 0/1 values: one road
 * for all means, so p and interval agree and variance reduction works. Below that, Fisher's exact
 * p with Newcombe's interval; the two are different methods, so where they disagree about 0 the
 * bound nearer to 0 is moved to it (p decides), which is rare and mostly widens.
 *
 * @param control        Counts of the control arm.
 * @param treatment      Counts of the treatment arm.
 * @param options.alpha  In (0, 1), two-sided.
 * @returns The difference treatment - control in [-1, 1]: 0 lies in the interval exactly when
 *          p >= alpha. Or NoEstimate: 'insufficient_data' (no unit in an arm) | 'zero_variance'
 *          (nobody or everybody converted in both arms; with Newcombe's interval).
 * @throws RangeError when an argument breaks its stated range.
 * @source Fisher (1935); Newcombe (1998), Statistics in Medicine 17. Checked in
 *         test/golden/vectors/two_proportion.json.
 */
export function rates(
  control: Proportion,
  treatment: Proportion,
  options: { readonly alpha: number },
): RateEstimate | NoEstimate<'insufficient_data'> | SameRate {
  const { alpha } = options;
  requireProbability('alpha', alpha);
  const [c, t] = [momentsOfRate(control), momentsOfRate(treatment)];
  if (c.n === 0 || t.n === 0) return { status: 'insufficient_data' };
  const common = { controlRate: c.mean, treatmentRate: t.mean };
  if (!isSmall(control) && !isSmall(treatment)) {
    const result = welch(c, t, { alpha });
    // Ten successes and ten failures leave no way for Welch's test to have no answer.
    if (result.status === 'ok')
      return { ...result, ...common, method: 'welch', smallCounts: false };
  }
  const { estimate, ...interval } = newcombe(control, treatment, { alpha });
  if (c.m2 === 0 && t.m2 === 0 && c.mean === t.mean) {
    return { status: 'zero_variance', estimate, ...interval };
  }
  const { p, logP } = fisherExact(control, treatment);
  return {
    status: 'ok',
    method: 'exact',
    smallCounts: true,
    ...common,
    estimate,
    p,
    logP,
    ...agree(interval, p < alpha, estimate),
    level: 1 - alpha,
  };
}

function isSmall({ successes, n }: Proportion): boolean {
  return Math.min(successes, n - successes) < SMALL_COUNT;
}

export type WaldEstimate = {
  readonly status: 'ok';
  readonly estimate: number;
  readonly se: number;
  readonly z: number;
  readonly p: number;
  readonly logP: number;
  readonly lower: number;
  readonly upper: number;
};

/**
 * Do two conversion rates differ, by Wald's unpooled z test?
 *
 * The textbook form, for comparison with other tools; too narrow at small counts.
 *
 *   se = sqrt(p_c (1 - p_c) / n_c + p_t (1 - p_t) / n_t),  z = d / se,  interval d -+ z_{alpha/2} se
 *
 * @param control        Counts of the control arm.
 * @param treatment      Counts of the treatment arm.
 * @param options.alpha  In (0, 1), two-sided.
 * @returns The difference with p and interval from one statistic; or 'zero_variance' when both
 *          rates are 0 or 1.
 * @throws RangeError when an argument breaks its stated range.
 * @source Wald (1943). Checked in test/golden/vectors/two_proportion.json.
 */
export function waldTest(
  control: Proportion,
  treatment: Proportion,
  options: { readonly alpha: number },
): WaldEstimate | NoEstimate<'zero_variance'> {
  requireProportion('control', control);
  requireProportion('treatment', treatment);
  requireProbability('alpha', options.alpha);
  const [c, t] = [momentsOfRate(control), momentsOfRate(treatment)];
  const estimate = t.mean - c.mean;
  const se = Math.hypot(Math.sqrt(c.m2) / c.n, Math.sqrt(t.m2) / t.n);
  if (se === 0) return { status: 'zero_variance', estimate };
  const z = estimate / se;
  const p = Math.min(1, 2 * normalUpperTail(Math.abs(z)));
  const reach = normalUpperQuantile(options.alpha / 2) * se;
  const bounds = { lower: estimate - reach, upper: estimate + reach };
  return {
    status: 'ok',
    estimate,
    se,
    z,
    p,
    logP: Math.min(0, logChiSquareUpperTail(z * z, 1)),
    ...agree(bounds, p < options.alpha, estimate),
  };
}

export type RateLift = {
  readonly status: 'ok';
  /** (p_t - p_c) / p_c. */
  readonly estimate: number;
  /** By the delta method. */
  readonly se: number;
  /** Of the logarithm of the ratio of rates; null when nobody converted under treatment. */
  readonly seLog: number | null;
  /** Katz' bounds, as lifts; null as seLog. */
  readonly lower: number | null;
  readonly upper: number | null;
};

/**
 * How large is the lift of a conversion rate, by the textbook approximations?
 *
 * Katz' interval of the log ratio, and the delta method's standard error; both with p (1 - p)
 * for the variance. For comparison with other tools: `relative` is Assay's own lift.
 *
 *   seLog = sqrt((1 - p_c) / x_c + (1 - p_t) / x_t),  bounds (p_t / p_c) exp(-+ z_{alpha/2} seLog) - 1
 *
 * @param control        Counts of the control arm.
 * @param treatment      Counts of the treatment arm.
 * @param options.alpha  In (0, 1), two-sided.
 * @returns The lift as a proportion; or 'zero_baseline' when nobody converted under control.
 * @throws RangeError when an argument breaks its stated range.
 * @source Katz et al. (1978), Biometrics 34. Checked in test/golden/vectors/two_proportion.json.
 */
export function rateLift(
  control: Proportion,
  treatment: Proportion,
  options: { readonly alpha: number },
): RateLift | NoEstimate<'zero_baseline'> {
  requireProportion('control', control);
  requireProportion('treatment', treatment);
  requireProbability('alpha', options.alpha);
  if (control.successes === 0) return { status: 'zero_baseline' };
  const [c, t] = [momentsOfRate(control), momentsOfRate(treatment)];
  const ratio = t.mean / c.mean;
  const estimate = (t.mean - c.mean) / c.mean;
  const controlError = Math.sqrt(c.m2) / control.successes;
  const se = Math.hypot(Math.sqrt(t.m2) / t.n / c.mean, controlError * ratio);
  if (treatment.successes === 0) {
    return { status: 'ok', estimate, se, seLog: null, lower: null, upper: null };
  }
  const seLog = Math.hypot(controlError, Math.sqrt(t.m2) / treatment.successes);
  const log = Math.abs(estimate) < 0.5 ? Math.log1p(estimate) : Math.log(ratio);
  const reach = normalUpperQuantile(options.alpha / 2) * seLog;
  return {
    status: 'ok',
    estimate,
    se,
    seLog,
    lower: Math.expm1(log - reach),
    upper: Math.expm1(log + reach),
  };
}

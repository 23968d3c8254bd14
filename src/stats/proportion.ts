/**
 * Two proportions, for small counts. Large ones are 0/1 means and take the road of welch.ts, so
 * that p and interval agree and variance reduction works.
 */
import { requireCount, requireProbability } from './checks.ts';
import {
  logChiSquareUpperTail,
  logGammaDifference,
  normalUpperQuantile,
  normalUpperTail,
} from './distributions.ts';
import type { Interval, NoEstimate } from './estimate.ts';

export type Proportion = {
  /** Units that converted; 0 <= successes <= n. */
  readonly successes: number;
  /** Units; >= 1. */
  readonly n: number;
};

/**
 * Which conversion rates are compatible with these counts?
 *
 * Wilson's score interval: sensible at 0 and at n successes, where Wald's collapses.
 *
 *   (x + z^2/2 -+ z sqrt(x (n - x) / n + z^2/4)) / (n + z^2)
 *
 * @param arm            Successes and units.
 * @param options.alpha  In (0, 1), two-sided.
 * @returns Bounds in [0, 1]; exactly 0 (or 1) at 0 (or n) successes.
 * @throws RangeError when an argument breaks its stated range.
 * @source Wilson (1927), JASA 22. Checked against R 4.2.2 and mpmath in
 *         test/golden/vectors/two_proportion.json.
 */
export function wilson(arm: Proportion, options: { readonly alpha: number }): Interval {
  requireProportion('arm', arm);
  requireProbability('alpha', options.alpha);
  const z = normalUpperQuantile(options.alpha / 2);
  return {
    lower: wilsonLower(arm, z),
    // Mirrored, so that a rate near 1 keeps the digits of its distance from 1.
    upper: 1 - wilsonLower({ successes: arm.n - arm.successes, n: arm.n }, z),
  };
}

/** Wilson's lower bound without subtraction: the product of the roots is x^2 / (n (n + z^2)). */
function wilsonLower({ successes: x, n }: Proportion, z: number): number {
  const root = z * Math.sqrt((x * (n - x)) / n + (z * z) / 4);
  return x === 0 ? 0 : (x * x) / n / (x + (z * z) / 2 + root);
}

/**
 * How much do two conversion rates differ, also at small counts?
 *
 * Newcombe's hybrid of the two Wilson intervals.
 *
 *   d - sqrt((p_t - l_t)^2 + (u_c - p_c)^2)  to  d + sqrt((u_t - p_t)^2 + (p_c - l_c)^2)
 *
 * @param control        Counts of the control arm.
 * @param treatment      Counts of the treatment arm.
 * @param options.alpha  In (0, 1), two-sided.
 * @returns The difference treatment - control in [-1, 1] with its interval.
 * @throws RangeError when an argument breaks its stated range.
 * @source Newcombe (1998), Statistics in Medicine 17, method 10. Checked as wilson.
 */
export function newcombe(
  control: Proportion,
  treatment: Proportion,
  options: { readonly alpha: number },
): Interval & { readonly estimate: number } {
  const c = wilson(control, options);
  const t = wilson(treatment, options);
  const pc = control.successes / control.n;
  const pt = treatment.successes / treatment.n;
  const estimate = pt - pc;
  return {
    estimate,
    lower: estimate - Math.hypot(pt - t.lower, c.upper - pc),
    upper: estimate + Math.hypot(t.upper - pt, pc - c.lower),
  };
}

/**
 * Do two conversion rates differ, exactly, at any counts?
 *
 * Fisher's exact test: the summed probability of all tables with the same margins that are no more
 * likely than the observed one. Conservative.
 *
 *   P(x) = C(n_t, x) C(n_c, K - x) / C(N, K)
 *
 * @param control    Counts of the control arm.
 * @param treatment  Counts of the treatment arm.
 * @returns Two-sided p and its logarithm.
 * @throws RangeError when an argument breaks its stated range.
 * @source Fisher (1935); ties within 1e-7 relative count, as R's fisher.test. Checked as wilson.
 */
export function fisherExact(
  control: Proportion,
  treatment: Proportion,
): { readonly p: number; readonly logP: number } {
  requireProportion('control', control);
  requireProportion('treatment', treatment);
  const total = control.successes + treatment.successes;
  const low = Math.max(0, total - control.n);
  const high = Math.min(total, treatment.n);
  const ratioUp = (x: number): number =>
    ((treatment.n - x) / (x + 1)) * ((total - x) / (control.n - total + x + 1));

  // log P(x) up to a constant; the constant is logWays(n_c + n_t, total).
  const logTable = (x: number): number => logWays(treatment.n, x) + logWays(control.n, total - x);
  const observed = treatment.successes;
  const limit = logTable(observed) + 1e-7;

  // The table is unimodal: all tables as unlikely as ours form a lower and an upper tail.
  const mode = Math.floor(((treatment.n + 1) * (total + 1)) / (control.n + treatment.n + 2));
  const lowerEnd = observed <= mode ? observed : lastBelow(low, mode, (x) => logTable(x) <= limit);
  const upperEnd =
    observed >= mode ? observed : firstAbove(mode, high, (x) => logTable(x) <= limit);
  const overlap = lowerEnd >= upperEnd;
  let log = -Infinity;
  if (overlap) log = 0;
  else {
    const constant = logWays(control.n + treatment.n, total);
    const tails: number[] = [];
    if (lowerEnd >= low) {
      tails.push(logTable(lowerEnd) - constant + logSum(lowerEnd, low, (x) => 1 / ratioUp(x - 1)));
    }
    if (upperEnd <= high) {
      tails.push(logTable(upperEnd) - constant + logSum(upperEnd, high, ratioUp));
    }
    const largest = Math.max(...tails);
    log = largest + Math.log(tails.reduce((sum, tail) => sum + Math.exp(tail - largest), 0));
  }
  const logP = Math.min(0, log);
  return { p: Math.exp(logP), logP };
}

/** log of 1 + ratio + ratio * ratio' + ..., walking from `from` to `to`. */
function logSum(from: number, to: number, ratio: (x: number) => number): number {
  const step = to >= from ? 1 : -1;
  let term = 1;
  let sum = 1;
  for (let x = from; x !== to && term > sum * 1e-17; x += step) {
    term *= ratio(x);
    sum += term;
  }
  return Math.log(sum);
}

/** Largest x in [low, high] that holds, holding up to some x only; low - 1 if none does. */
function lastBelow(low: number, high: number, holds: (x: number) => boolean): number {
  let yes = low - 1;
  let no = high + 1;
  while (no - yes > 1) {
    const middle = Math.floor((yes + no) / 2);
    if (holds(middle)) yes = middle;
    else no = middle;
  }
  return yes;
}

/** Smallest x in [low, high] that holds, holding from some x on; high + 1 if none does. */
function firstAbove(low: number, high: number, holds: (x: number) => boolean): number {
  return -lastBelow(-high, -low, (x) => holds(-x));
}

/** log of n choose k. */
export function logWays(n: number, k: number): number {
  const few = Math.min(k, n - k);
  return logGammaDifference(n - few + 1, few) - logGammaDifference(1, few);
}

export type ProportionTest = {
  readonly status: 'ok';
  readonly estimate: number;
  /** Pooled score test: Pearson's chi-square without correction. */
  readonly z: number;
  readonly p: number;
  readonly logP: number;
  readonly sePooled: number;
  readonly seUnpooled: number;
};

/**
 * Do two conversion rates differ, by the pooled score test?
 *
 * The textbook test, for comparison with other tools. No continuity correction.
 *
 *   z = (p_t - p_c) / sqrt(p (1 - p) (1 / n_c + 1 / n_t)) with p = (x_c + x_t) / (n_c + n_t)
 *
 * @param control    Counts of the control arm.
 * @param treatment  Counts of the treatment arm.
 * @returns z and two-sided p; or 'zero_variance' when nobody or everybody converted.
 * @throws RangeError when an argument breaks its stated range.
 * @source Pearson (1900). Checked as wilson.
 */
export function pooledTest(
  control: Proportion,
  treatment: Proportion,
): ProportionTest | NoEstimate<'zero_variance'> {
  requireProportion('control', control);
  requireProportion('treatment', treatment);
  const pc = control.successes / control.n;
  const pt = treatment.successes / treatment.n;
  const units = control.n + treatment.n;
  const pooled = (control.successes + treatment.successes) / units;
  const rest = (units - control.successes - treatment.successes) / units;
  const estimate = pt - pc;
  const sePooled = Math.sqrt(pooled * rest * (1 / control.n + 1 / treatment.n));
  if (sePooled === 0) return { status: 'zero_variance', estimate };
  const z = estimate / sePooled;
  return {
    status: 'ok',
    estimate,
    z,
    p: Math.min(1, 2 * normalUpperTail(Math.abs(z))),
    logP: logChiSquareUpperTail(z * z, 1),
    sePooled,
    seUnpooled: Math.sqrt((pc * (1 - pc)) / control.n + (pt * (1 - pt)) / treatment.n),
  };
}

/** @throws RangeError unless these are counts of one arm with a unit. */
export function requireProportion(name: string, { successes, n }: Proportion): void {
  requireCount(`${name}.successes`, successes);
  requireCount(`${name}.n`, n);
  if (n < 1) throw new RangeError(`${name}.n = ${n}: must be >= 1`);
  if (successes > n) throw new RangeError(`${name}.successes = ${successes}: must be <= n = ${n}`);
}

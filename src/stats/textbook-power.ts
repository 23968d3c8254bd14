/**
 * Power of two textbook tests in their own terms: Student's t at small sizes, where the normal
 * planning of power.ts is a unit short, and tests of rates as other tools plan them.
 */
import { requireBetween, requirePositive, requireProbability } from './checks.ts';
import {
  noncentralTUpperTail,
  normalUpperQuantile,
  normalUpperTail,
  tUpperQuantile,
} from './distributions.ts';
import { findFall } from './special.ts';

type TTest = {
  /** Difference of the means over the standard deviation of the units; its size is used. */
  readonly standardizedEffect: number;
  readonly alpha: number;
  /** 2 [2] | 1. */
  readonly sides?: 1 | 2;
};

/**
 * With what power does a t test of two equal arms find the effect, exactly?
 *
 *   P(|T'| > t_{alpha/sides, 2n - 2}),  T' noncentral t with noncentrality d sqrt(n / 2)
 *
 * @param options.standardizedEffect  d, at most 1e3 in size.
 * @param options.unitsPerArm         n in [1.1, 1e12]; any real number.
 * @param options.alpha               In (0, 1), total.
 * @param options.sides               2 [2]: a significant result in the wrong direction counts | 1.
 * @returns A probability.
 * @throws RangeError when an argument breaks its stated range.
 * @source Cohen (1988), Statistical Power Analysis. Checked against R 4.2.2 power.t.test in
 *         test/golden/vectors/power.json.
 */
export function tTestPower(options: TTest & { readonly unitsPerArm: number }): number {
  const { sides = 2 } = options;
  const { right, wrong } = tails(options, options.unitsPerArm);
  return Math.min(1, right + (sides === 2 ? wrong() : 0));
}

/**
 * How many units in each of two equal arms does a t test need, exactly?
 *
 * Matters under 50 units an arm; above, sampleSize is within one unit.
 *
 * @param options.standardizedEffect  Not 0; from 1e-5 to 1e3 in size.
 * @param options.alpha               In [1e-12, 1), total.
 * @param options.sides               2 [2] | 1.
 * @param options.power               In (alpha, 1): of a significant result in the right direction.
 * @returns n before rounding, at least 1.1.
 * @throws RangeError when an argument breaks its stated range.
 * @source As tTestPower.
 */
export function tTestSampleSize(options: TTest & { readonly power: number }): number {
  const { standardizedEffect, alpha, sides = 2, power } = options;
  requireBetween('|standardizedEffect|', Math.abs(standardizedEffect), 1e-5, 1e3);
  requireBetween('alpha', alpha, 1e-12, 1);
  requirePower(power, alpha);
  const shortfall = (n: number): number => power - tails(options, n).right;
  const z = normalUpperQuantile(alpha / sides) + normalUpperQuantile(1 - power);
  let enough = 2 * (z / standardizedEffect) ** 2 + 2;
  while (shortfall(enough) > 0) enough *= 1.5;
  const least = 1.1;
  if (shortfall(least) <= 0) return least;
  return findFall(shortfall, least, enough, 1e-10 * enough);
}

/** Probability of a significant result in each direction. */
function tails(
  { standardizedEffect, alpha, sides = 2 }: TTest,
  unitsPerArm: number,
): { readonly right: number; readonly wrong: () => number } {
  requireBetween('standardizedEffect', standardizedEffect, -1e3, 1e3);
  requireProbability('alpha', alpha);
  requirePositive('unitsPerArm', unitsPerArm);
  requireBetween('unitsPerArm', unitsPerArm, 1.1, 1e12);
  const df = 2 * unitsPerArm - 2;
  const noncentrality = Math.abs(standardizedEffect) * Math.sqrt(unitsPerArm / 2);
  const criticalValue = tUpperQuantile(alpha / sides, df);
  return {
    right: noncentralTUpperTail(criticalValue, df, noncentrality),
    wrong: () => noncentralTUpperTail(criticalValue, df, -noncentrality),
  };
}

/**
 * How many units in each of two equal arms do other tools ask for, to tell two rates apart?
 *
 * For comparison; Assay plans with sampleSize, which takes the variances of Welch's test. 'pooled'
 * is the score test; 'arcsine' is Cohen's h, whose power counts a result in the wrong direction.
 *
 *   pooled:  n = (z_{alpha/sides} sqrt(2 p q) + z_{1-power} sqrt(p_c q_c + p_t q_t))^2 / (p_t - p_c)^2
 *   arcsine: n = 2 (drift / h)^2,  h = 2 asin(sqrt p_t) - 2 asin(sqrt p_c),
 *            Phi(drift - z) + Phi(-drift - z) = power
 *
 * @param options.controlRate    In (0, 1).
 * @param options.treatmentRate  In (0, 1), another one.
 * @param options.alpha          In (0, 1), total.
 * @param options.sides          2 [2] | 1.
 * @param options.power          In (alpha, 1).
 * @param options.test           'pooled' | 'arcsine'.
 * @returns n before rounding.
 * @throws RangeError when an argument breaks its stated range.
 * @source Fleiss, Levin, Paik (2003); Cohen (1988). Checked against R 4.2.2 power.prop.test and
 *         pwr in test/golden/vectors/power.json.
 */
export function rateSampleSize(options: {
  readonly controlRate: number;
  readonly treatmentRate: number;
  readonly alpha: number;
  readonly sides?: 1 | 2;
  readonly power: number;
  readonly test: 'pooled' | 'arcsine';
}): number {
  const { controlRate: pc, treatmentRate: pt, alpha, sides = 2, power, test } = options;
  requireProbability('controlRate', pc);
  requireProbability('treatmentRate', pt);
  requireProbability('alpha', alpha);
  requirePower(power, alpha);
  if (pc === pt) throw new RangeError(`treatmentRate = ${pt}: must differ from controlRate`);
  const z = normalUpperQuantile(alpha / sides);
  const zPower = normalUpperQuantile(1 - power);
  if (test === 'pooled') {
    const pooled = (pc + pt) / 2;
    const under = z * Math.sqrt(2 * pooled * (1 - pooled));
    return ((under + zPower * Math.sqrt(pc * (1 - pc) + pt * (1 - pt))) / (pt - pc)) ** 2;
  }
  const wrong = (drift: number): number => (sides === 2 ? normalUpperTail(z + drift) : 0);
  const shortfall = (drift: number): number => power - normalUpperTail(z - drift) - wrong(drift);
  const drift = findFall(shortfall, 0, Math.max(z + zPower, 0) + 1, 1e-13);
  const h = 2 * Math.asin(Math.sqrt(pt)) - 2 * Math.asin(Math.sqrt(pc));
  return 2 * (drift / h) ** 2;
}

function requirePower(power: number, alpha: number): void {
  requireProbability('power', power);
  if (power <= alpha) throw new RangeError(`power = ${power}: must be above alpha = ${alpha}`);
}

/**
 * Ratio metrics: sum of numerators over sum of denominators, where the denominator (sessions,
 * orders) is not the unit of randomization. Linearised, a ratio is a mean: its moments go wherever
 * moments go.
 */
import { at, type CoMoments, momentsAt, requireCoMoments, symmetric } from './co-moments.ts';
import type { NoEstimate } from './estimate.ts';
import { compensatedSum, M2_MAX, MAGNITUDE_MAX, type Moments, momentsOf } from './moments.ts';
import {
  type NoLift,
  type RelativeEstimate,
  relative,
  type UnboundedInterval,
} from './relative.ts';
import { type WelchEstimate, welch } from './welch.ts';

/** What is left of the variance below this share of its parts is rounding: it counts as zero. */
export const RESIDUAL_MIN = 1e-12;

/** A variable of co-moments by its index, or the ratio of two of them. */
export type Variable = number | { readonly numerator: number; readonly denominator: number };

type NoMean = NoEstimate<'insufficient_data' | 'zero_variance'>;

export type RatioComparison = {
  readonly status: 'ok';
  /** Linearised: the means are the ratios. For any other test of means. */
  readonly control: Moments;
  readonly treatment: Moments;
  readonly absolute: WelchEstimate | NoMean;
  readonly relative: RelativeEstimate | UnboundedInterval | NoLift;
  /** Numerator and denominator per unit: a ratio can move by either, so show both. */
  readonly numerator: WelchEstimate | NoMean;
  readonly denominator: WelchEstimate | NoMean;
};

/**
 * Which moments has a ratio of means?
 *
 * First-order (Taylor) linearisation, right once the denominators' mean is well away from 0. Units
 * with denominator 0 stay in. A constant denominator gives the moments of the scaled numerator.
 *
 *   R = mean_n / mean_d,  m2 = (cross_nn - 2 R cross_nd + R^2 cross_dd) / mean_d^2
 *
 * @param comoments  Of the numerator (variable 0) and the denominator (variable 1) of each unit.
 * @returns Moments with mean R; m2 below 1e-12 of its parts is rounding and becomes 0. Or
 *          NoEstimate: 'zero_denominator'.
 * @throws RangeError when comoments is not a possible value.
 * @source Deng, Knoblich, Lu (2018), KDD. Checked against R's survey package and mpmath in
 *         test/golden/vectors/ratio_delta.json.
 */
export function ratioMoments(comoments: CoMoments): Moments | NoEstimate<'zero_denominator'> {
  const linear = linearise(comoments, [{ numerator: 0, denominator: 1 }]);
  return linear === undefined ? { status: 'zero_denominator' } : momentsAt(linear, 0);
}

/**
 * Which moments has a ratio of means, from the raw values?
 *
 * As ratioMoments, by the residuals themselves: exact also where numerator and denominator are all
 * but proportional.
 *
 *   e_i = (n_i - R d_i) / mean_d,  m2 = sum(e^2) - sum(e)^2 / n
 *
 * @param numerators    One value a unit.
 * @param denominators  One value a unit, in the same order.
 * @returns As ratioMoments.
 * @throws RangeError when the lengths differ, or a value is out of range.
 * @source As ratioMoments.
 */
export function ratioMomentsOf(
  numerators: readonly number[],
  denominators: readonly number[],
): Moments | NoEstimate<'zero_denominator'> {
  const n = numerators.length;
  if (denominators.length !== n) {
    throw new RangeError(`denominators has ${denominators.length} values: must be ${n}`);
  }
  const top = momentsOf(numerators);
  const bottom = momentsOf(denominators);
  if (n === 0) return top;
  const ratio = top.mean / bottom.mean;
  if (!(Math.abs(ratio) <= MAGNITUDE_MAX)) return { status: 'zero_denominator' };
  const residual = (i: number): number =>
    ((numerators[i] as number) - ratio * (denominators[i] as number)) / bottom.mean;
  const squares = compensatedSum(numerators, (_, i) => residual(i) ** 2);
  const drift = compensatedSum(numerators, (_, i) => residual(i));
  const m2 = settled(squares - (drift * drift) / n, rawOf(top.m2, bottom.m2, ratio, bottom.mean));
  return m2 === undefined ? { status: 'zero_denominator' } : { n, mean: ratio, m2 };
}

/** The parts whose difference the variance is. */
function rawOf(top: number, bottom: number, ratio: number, denominator: number): number {
  return top / denominator / denominator + (ratio / denominator) ** 2 * bottom;
}

/** A variance without what is only rounding; undefined beyond the doubles. */
function settled(m2: number, raw: number): number | undefined {
  if (!(raw <= M2_MAX)) return undefined;
  return m2 > RESIDUAL_MIN * raw ? m2 : 0;
}

/**
 * Do two ratio metrics differ, and by how much?
 *
 * Welch's test of the linearised values, and their relative difference by Fieller. A treatment that
 * moves the denominator changes what the ratio means: read numerator and denominator beside it.
 *
 * @param control        Co-moments of numerator and denominator in the control arm.
 * @param treatment      The same of the treatment arm.
 * @param options.alpha  In (0, 1), two-sided.
 * @returns All views, 0 in each interval exactly when its p >= alpha; or NoEstimate:
 *          'insufficient_data' (n < 2 in an arm) | 'zero_denominator'.
 * @throws RangeError when an argument breaks its stated range.
 * @source As ratioMoments.
 */
export function ratio(
  control: CoMoments,
  treatment: CoMoments,
  options: { readonly alpha: number },
): RatioComparison | NoEstimate<'insufficient_data' | 'zero_denominator'> {
  const [c, t] = [ratioMoments(control), ratioMoments(treatment)];
  if (control.n < 2 || treatment.n < 2) return { status: 'insufficient_data' };
  if ('status' in c || 'status' in t) return { status: 'zero_denominator' };
  return {
    status: 'ok',
    control: c,
    treatment: t,
    absolute: welch(c, t, options),
    relative: relative(c, t, options),
    numerator: welch(momentsAt(control, 0), momentsAt(treatment, 0), options),
    denominator: welch(momentsAt(control, 1), momentsAt(treatment, 1), options),
  };
}

/**
 * The co-moments of variables and linearised ratios of variables.
 *
 * @returns undefined when a ratio's denominator has mean 0, or is too near to it to divide by.
 */
export function linearise(
  comoments: CoMoments,
  variables: readonly Variable[],
): CoMoments | undefined {
  requireCoMoments('comoments', comoments);
  const asTheyAre =
    variables.length === comoments.means.length && variables.every((variable, i) => variable === i);
  if (asTheyAre) return comoments;
  const terms = variables.map((variable) => termsOf(comoments, variable));
  if (terms.some(({ mean }) => !(Math.abs(mean) <= MAGNITUDE_MAX))) return undefined;
  const sum = (i: number, j: number): number => {
    let total = 0;
    for (const [a, weightA] of terms[i]?.weights ?? []) {
      for (const [b, weightB] of terms[j]?.weights ?? []) {
        total += weightA * weightB * at(comoments, a, b);
      }
    }
    return total;
  };
  const m2 = terms.map(({ weights }, i) => {
    if (weights.length === 1) return sum(i, i);
    const raw = weights.reduce(
      (total, [a, weight]) => total + weight ** 2 * at(comoments, a, a),
      0,
    );
    return settled(sum(i, i), raw);
  });
  if (m2.some((value) => value === undefined)) return undefined;
  const cross = symmetric(variables.length, (i, j) => {
    if (i === j) return m2[i] as number;
    if (typeof variables[i] === 'number' && typeof variables[j] === 'number') return sum(i, j);
    const bound = Math.sqrt(m2[i] as number) * Math.sqrt(m2[j] as number);
    // Rounding must not leave a correlation beyond 1.
    return Math.min(Math.max(sum(i, j), -bound), bound);
  });
  return { n: comoments.n, means: terms.map(({ mean }) => mean), cross };
}

/** A variable as its mean and its weights on the raw variables' deviations. */
type Terms = {
  readonly mean: number;
  readonly weights: readonly (readonly [index: number, weight: number])[];
};

function termsOf({ n, means }: CoMoments, variable: Variable): Terms {
  const meanOf = (index: number): number => {
    const mean = means[index];
    if (mean === undefined) {
      throw new RangeError(`variable = ${index}: must be below ${means.length}`);
    }
    return mean;
  };
  if (typeof variable === 'number') return { mean: meanOf(variable), weights: [[variable, 1]] };
  const { numerator, denominator } = variable;
  const bottom = meanOf(denominator);
  if (n === 0) return { mean: 0, weights: [] };
  const mean = meanOf(numerator) / bottom;
  return {
    mean,
    weights: [
      [numerator, 1 / bottom],
      [denominator, -mean / bottom],
    ],
  };
}

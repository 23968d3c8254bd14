/**
 * Weighted sums of arm means: the test behind interactions of two experiments, and any other
 * comparison that is not simply treatment minus control.
 */
import { requireFinite, requireProbability } from './checks.ts';
import { chiSquareUpperTail, logChiSquareUpperTail, tUpperQuantile } from './distributions.ts';
import { agree, isNumericallyZero, type NoEstimate } from './estimate.ts';
import { dot, solveCovariance } from './linear-algebra.ts';
import { type Moments, requireMoments, variance } from './moments.ts';
import { twoSided, type WelchEstimate } from './welch.ts';

/**
 * Is a weighted sum of arm means different from 0?
 *
 * Welch's test for any number of independent arms with their own variances. Weights (-1, 1) are
 * welch itself; (1, -1, -1, 1) is the interaction of two experiments.
 *
 *   d = sum c_i m_i,  se^2 = sum v_i with v_i = c_i^2 s_i^2 / n_i,  t = d / se,
 *   df = 1 / sum (v_i / se^2)^2 / (n_i - 1)
 *
 * @param arms           Moments of independent arms.
 * @param weights        One a arm, finite; arms of weight 0 are left out.
 * @param options.alpha  In (0, 1), two-sided.
 * @returns As welch: the sum with p and interval from one statistic; or NoEstimate:
 *          'insufficient_data' (an arm with weight has n < 2) | 'zero_variance'.
 * @throws RangeError when an argument breaks its stated range.
 * @source Welch (1951), Biometrika 38; Satterthwaite (1946).
 */
export function contrast(
  arms: readonly Moments[],
  weights: readonly number[],
  options: { readonly alpha: number },
): WelchEstimate | NoEstimate<'insufficient_data' | 'zero_variance'> {
  const { alpha } = options;
  requireProbability('alpha', alpha);
  const terms = weighted(arms, weights);
  if (terms.some(({ arm }) => arm.n === 0)) return { status: 'insufficient_data' };
  const estimate = sum(terms.map(({ arm, weight }) => weight * arm.mean));
  if (terms.some(({ arm }) => arm.n < 2)) return { status: 'insufficient_data', estimate };

  // Errors first and squares of their shares after: nothing leaves the doubles.
  const errors = terms.map(
    ({ arm, weight }) => Math.abs(weight) * Math.sqrt(variance(arm) / arm.n),
  );
  const se = Math.hypot(...errors);
  if (isNumericallyZero(se, estimate)) return { status: 'zero_variance', estimate };
  const degreesOfFreedom =
    1 / sum(terms.map(({ arm }, i) => ((errors[i] as number) / se) ** 4 / (arm.n - 1)));
  const t = estimate / se;
  const { p, logP } = twoSided(t, degreesOfFreedom);
  const reach = tUpperQuantile(alpha / 2, degreesOfFreedom) * se;
  const bounds = { lower: estimate - reach, upper: estimate + reach };
  return {
    status: 'ok',
    estimate,
    se,
    degreesOfFreedom,
    t,
    p,
    logP,
    ...agree(bounds, p < alpha, estimate),
    level: 1 - alpha,
  };
}

function weighted(
  arms: readonly Moments[],
  weights: readonly number[],
): { readonly arm: Moments; readonly weight: number }[] {
  if (arms.length !== weights.length || weights.every((weight) => weight === 0)) {
    throw new RangeError(
      `weights has ${weights.length} values: must be ${arms.length}, as arms, not all 0`,
    );
  }
  return arms.flatMap((arm, i) => {
    const weight = weights[i] as number;
    requireMoments(`arms[${i}]`, arm);
    requireFinite(`weights[${i}]`, weight);
    if (Math.abs(weight) > 1e9) {
      throw new RangeError(`weights[${i}] = ${weight}: must be at most 1e9 in size`);
    }
    return weight === 0 ? [] : [{ arm, weight }];
  });
}

export type Interaction = {
  readonly status: 'ok';
  /**
   * effects[i][j]: by how much arm j + 1 of the second experiment changes the effect of arm i + 1
   * of the first, against both controls.
   */
  readonly effects: readonly (readonly (WelchEstimate | NoEstimate)[])[];
  /** Wald's statistic of no interaction at all. */
  readonly chiSquare: number;
  readonly degreesOfFreedom: number;
  readonly p: number;
  readonly logP: number;
};

/**
 * Do two experiments on the same units change one another's effect?
 *
 * Units in both experiments, by the arms they were in. Without interaction the effects simply add;
 * with it neither experiment's overall effect is what shipping it alone, or both, will give. Two
 * by two arms: one contrast by Welch's test. More: Wald's test of all contrasts, which needs some
 * hundreds of units a cell.
 *
 *   d_ij = (m_ij - m_i0) - (m_0j - m_00),  chiSquare = d' Cov(d)^-1 d
 *
 * @param cells          cells[i][j]: moments of units in arm i of the first experiment and arm j
 *                       of the second; control first in both.
 * @param options.alpha  In (0, 1), two-sided, of each effect's interval.
 * @returns Every interaction effect, and the test that there is none (for two by two arms the same
 *          p as its only effect). Or NoEstimate 'insufficient_data' (a cell with n < 2) |
 *          'zero_variance' (an interaction without error).
 * @throws RangeError when an argument breaks its stated range.
 * @source Wald (1943); Kohavi, Tang, Xu (2020), Trustworthy Online Controlled Experiments, ch. 4.
 */
export function interaction(
  cells: readonly (readonly Moments[])[],
  options: { readonly alpha: number },
): Interaction | NoEstimate<'insufficient_data' | 'zero_variance'> {
  const [rows, columns] = requireGrid(cells);
  const cell = (i: number, j: number): Moments => cells[i]?.[j] as Moments;
  const effects = range(1, rows).map((i) =>
    range(1, columns).map((j) =>
      contrast([cell(i, j), cell(i, 0), cell(0, j), cell(0, 0)], [1, -1, -1, 1], options),
    ),
  );
  if (cells.flat().some(({ n }) => n < 2)) return { status: 'insufficient_data' };
  const flat = effects.flat();
  const only = flat[0] as (typeof flat)[number];
  if (flat.some(({ status }) => status === 'zero_variance')) return { status: 'zero_variance' };
  if (flat.length === 1 && only.status === 'ok') {
    const { t, p, logP } = only;
    return { status: 'ok', effects, chiSquare: t * t, degreesOfFreedom: 1, p, logP };
  }
  const pairs = range(1, rows).flatMap((i) => range(1, columns).map((j) => ({ i, j })));
  const v = (i: number, j: number): number => variance(cell(i, j)) / cell(i, j).n;
  // Two contrasts share the cell of both controls, a control cell of a common arm, or all four.
  const covariance = pairs.map((a) =>
    pairs.map(
      (b) =>
        v(0, 0) +
        (a.i === b.i ? v(a.i, 0) : 0) +
        (a.j === b.j ? v(0, a.j) : 0) +
        (a.i === b.i && a.j === b.j ? v(a.i, a.j) : 0),
    ),
  );
  const estimates = flat.map(({ estimate }) => estimate as number);
  const chiSquare = Math.max(0, dot(estimates, solveCovariance(covariance, estimates)));
  if (!Number.isFinite(chiSquare)) return { status: 'zero_variance' };
  return {
    status: 'ok',
    effects,
    chiSquare,
    degreesOfFreedom: pairs.length,
    p: chiSquareUpperTail(chiSquare, pairs.length),
    logP: logChiSquareUpperTail(chiSquare, pairs.length),
  };
}

function requireGrid(cells: readonly (readonly Moments[])[]): [rows: number, columns: number] {
  const columns = cells[0]?.length ?? 0;
  if (cells.length < 2 || columns < 2 || cells.some((row) => row.length !== columns)) {
    throw new RangeError(
      `cells has ${cells.length} rows of ${cells.map((row) => row.length).join(', ')}: must be at least 2 by 2, all rows equal`,
    );
  }
  return [cells.length, columns];
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, k) => from + k);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

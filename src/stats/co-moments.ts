/**
 * Moments of several variables of the same units: what ratios, variance reduction and regression
 * need of a sample. As exact to merge as moments, and as free of raw sums of products.
 */
import { requireCount, requirePositive } from './checks.ts';
import {
  compensatedSum,
  M2_MAX,
  MAGNITUDE_MAX,
  type Moments,
  momentsOf,
  ratioToNumber,
} from './moments.ts';

export type CoMoments = {
  /** Number of units. */
  readonly n: number;
  /** Mean of each variable, in its own unit; 0 when n = 0. */
  readonly means: readonly number[];
  /**
   * cross[i][j] = sum of (x_i - mean_i)(x_j - mean_j); symmetric, the diagonal is each variable's
   * m2.
   */
  readonly cross: readonly (readonly number[])[];
};

/** Integers from a warehouse: variable i was rounded to 1/scales[i] before it was summed. */
export type ExactCrossSums = {
  readonly n: number;
  /** Sum of each variable times its scale. */
  readonly sums: readonly bigint[];
  /** products[i][j] = sum of the products of variables i and j times both scales; symmetric. */
  readonly products: readonly (readonly bigint[])[];
  readonly scales: readonly bigint[];
};

/**
 * What are the means and cross moments of these variables?
 *
 * Two passes with compensated sums, as momentsOf: the diagonal has the very bits of its m2. A
 * variable that does not vary has cross moments of exactly 0.
 *
 *   cross_ij = sum((x_i - mean_i)(x_j - mean_j)) - sum(x_i - mean_i) sum(x_j - mean_j) / n
 *
 * @param variables      One list a variable, all of the same length, values as in momentsOf.
 * @param options.units  One unit > 0 a variable [1 each], as in momentsOf.
 * @returns Co-moments in those units; all 0 of no units.
 * @throws RangeError when lengths differ, or a value or unit is out of range.
 * @source Chan, Golub, LeVeque (1983), Algorithms for computing the sample variance.
 */
export function coMomentsOf(
  variables: readonly (readonly number[])[],
  options: { readonly units?: readonly number[] } = {},
): CoMoments {
  const { units } = options;
  const n = variables[0]?.length ?? 0;
  const scaled = variables.map((values, i) => {
    if (values.length !== n) {
      throw new RangeError(
        `variables[${i}] has ${values.length} values: must be ${n}, as variables[0]`,
      );
    }
    const unit = units?.[i] ?? 1;
    requirePositive(`units[${i}]`, unit);
    return unit === 1 ? values : values.map((value) => value / unit);
  });
  const moments = scaled.map((values) => momentsOf(values));
  const drifts = scaled.map((values, i) => {
    const { mean } = moments[i] as Moments;
    return compensatedSum(values, (x) => x - mean);
  });
  const crossOf = (i: number, j: number): number => {
    const [a, b] = [moments[i] as Moments, moments[j] as Moments];
    if (i === j) return a.m2;
    if (a.m2 === 0 || b.m2 === 0) return 0;
    const other = scaled[j] as readonly number[];
    const products = compensatedSum(
      scaled[i] as readonly number[],
      (x, k) => (x - a.mean) * ((other[k] as number) - b.mean),
    );
    return products - ((drifts[i] as number) * (drifts[j] as number)) / n;
  };
  return { n, means: moments.map(({ mean }) => mean), cross: symmetric(variables.length, crossOf) };
}

/**
 * What are the co-moments of two disjoint samples taken together?
 *
 *   d = meansB - meansA,  means = meansA + d nB / n,
 *   cross_ij = crossA_ij + crossB_ij + d_i d_j nA nB / n
 *
 * @param a  Co-moments of the first sample.
 * @param b  Co-moments of the second sample: the same variables, in the same units.
 * @returns Co-moments of the union; as exact and as free of order as `merge`.
 * @throws RangeError when a or b is not a possible value, or they differ in their variables.
 * @source Chan, Golub, LeVeque (1979); Pébay (2008), SAND2008-6212, for the cross moments.
 */
export function mergeCoMoments(a: CoMoments, b: CoMoments): CoMoments {
  requireCoMoments('a', a);
  requireCoMoments('b', b);
  if (a.means.length !== b.means.length) {
    throw new RangeError(`b has ${b.means.length} variables: must be ${a.means.length}, as a`);
  }
  if (a.n === 0) return b;
  if (b.n === 0) return a;
  const n = a.n + b.n;
  const differences = b.means.map((mean, i) => mean - (a.means[i] as number));
  const m2 = differences.map((d, i) => at(a, i, i) + at(b, i, i) + d * d * a.n * (b.n / n));
  const crossOf = (i: number, j: number): number => {
    if (i === j || m2[i] === 0 || m2[j] === 0) return i === j ? (m2[i] as number) : 0;
    const spread = (differences[i] as number) * (differences[j] as number) * a.n * (b.n / n);
    return at(a, i, j) + at(b, i, j) + spread;
  };
  return {
    n,
    // The larger sample is the anchor, so that the result does not depend on the order.
    means: differences.map((d, i) =>
      a.n >= b.n ? (a.means[i] as number) + d * (b.n / n) : (b.means[i] as number) - d * (a.n / n),
    ),
    cross: symmetric(differences.length, crossOf),
  };
}

/**
 * What are the co-moments behind exact integer sums?
 *
 * Every number is the double nearest to the exact rational, as in momentsFromExactSums.
 *
 *   mean_i = S_i / (n scale_i),  cross_ij = (n P_ij - S_i S_j) / (n scale_i scale_j)
 *
 * @param sums          n >= 0, the integer sums and products, and the scales > 0.
 * @param sums.origins  Subtracted from every value first, in integer units [0n each].
 * @returns Co-moments of the values minus their origins, in the variables' own units.
 * @throws RangeError when a scale is <= 0, the shapes differ, or the sums cannot belong to one
 *         sample.
 * @source Definition, in integers.
 */
export function coMomentsFromExactSums(
  sums: ExactCrossSums & { readonly origins?: readonly bigint[] },
): CoMoments {
  const { scales } = sums;
  requireCount('n', sums.n);
  requireShape(sums);
  const n = BigInt(sums.n);
  const origin = (i: number): bigint => sums.origins?.[i] ?? 0n;
  const raw = (i: number): bigint => sums.sums[i] as bigint;
  const moved = scales.map((_, i) => raw(i) - n * origin(i));
  /** n times the sum of products of deviations. */
  const deviations = (i: number, j: number): bigint => {
    const product = sums.products[i]?.[j] as bigint;
    const shifted = product - origin(i) * raw(j) - origin(j) * raw(i) + n * origin(i) * origin(j);
    return n * shifted - (moved[i] as bigint) * (moved[j] as bigint);
  };
  const means = moved.map((sum, i) =>
    n === 0n ? 0 : ratioToNumber(sum, n * (scales[i] as bigint)),
  );
  const cross = symmetric(scales.length, (i, j) => {
    const deviation = deviations(i, j);
    const possible =
      n === 0n
        ? raw(i) === 0n && sums.products[i]?.[j] === 0n
        : deviation * deviation <= deviations(i, i) * deviations(j, j) && deviations(i, i) >= 0n;
    if (!possible || sums.products[i]?.[j] !== sums.products[j]?.[i]) {
      throw new RangeError(
        `products[${i}][${j}] = ${sums.products[i]?.[j]}: impossible with n = ${sums.n} and the sums`,
      );
    }
    const scale = (scales[i] as bigint) * (scales[j] as bigint);
    return n === 0n ? 0 : ratioToNumber(deviation, n * scale);
  });
  return { n: sums.n, means, cross };
}

function requireShape({ sums, products, scales }: ExactCrossSums): void {
  const k = scales.length;
  if (sums.length !== k || products.length !== k || products.some((row) => row.length !== k)) {
    throw new RangeError(`sums has ${sums.length} variables, scales ${k}: shapes must agree`);
  }
  scales.forEach((scale, i) => {
    if (scale <= 0n) throw new RangeError(`scales[${i}] = ${scale}: must be > 0`);
  });
}

/**
 * What are the moments of one of the variables?
 *
 * @param comoments  Co-moments.
 * @param index      Of the variable, from 0.
 * @returns Its moments.
 * @throws RangeError when there is no such variable.
 * @source Definition.
 */
export function momentsAt(comoments: CoMoments, index: number): Moments {
  const mean = comoments.means[index];
  if (mean === undefined) {
    throw new RangeError(`index = ${index}: must be below ${comoments.means.length}`);
  }
  return { n: comoments.n, mean, m2: at(comoments, index, index) };
}

/**
 * How strongly do two of the variables move together?
 *
 *   r = cross_ij / sqrt(cross_ii cross_jj)
 *
 * @param comoments  Co-moments.
 * @param i          Index of a variable.
 * @param j          Index of another.
 * @returns Pearson's correlation in [-1, 1]; undefined when one of them does not vary.
 * @throws RangeError when there is no such variable.
 * @source Pearson (1895).
 */
export function correlationOf(comoments: CoMoments, i: number, j: number): number | undefined {
  const [a, b] = [momentsAt(comoments, i).m2, momentsAt(comoments, j).m2];
  if (a === 0 || b === 0) return undefined;
  return Math.min(1, Math.max(-1, at(comoments, i, j) / Math.sqrt(a) / Math.sqrt(b)));
}

/** The cross moment of variables i and j. */
export function at(comoments: CoMoments, i: number, j: number): number {
  return comoments.cross[i]?.[j] as number;
}

/** A symmetric matrix of k rows, each pair computed once. */
export function symmetric(k: number, cell: (i: number, j: number) => number): number[][] {
  const rows: number[][] = [];
  for (let i = 0; i < k; i += 1) {
    const row: number[] = [];
    for (let j = 0; j < i; j += 1) {
      const value = cell(i, j);
      row.push(value);
      (rows[j] as number[]).push(value);
    }
    row.push(cell(i, i));
    rows.push(row);
  }
  return rows;
}

/** @throws RangeError unless this is a value that a sample can have. */
export function requireCoMoments(name: string, { n, means, cross }: CoMoments): void {
  requireCount(`${name}.n`, n);
  if (cross.length !== means.length || cross.some((row) => row.length !== means.length)) {
    throw new RangeError(`${name}.cross has ${cross.length} rows: must be square, as means`);
  }
  means.forEach((mean, i) => {
    if (!(Math.abs(mean) <= MAGNITUDE_MAX)) {
      throw new RangeError(`${name}.means[${i}] = ${mean}: must be finite, at most 1e140 in size`);
    }
    for (let j = 0; j <= i; j += 1) requireCross(name, cross, i, j);
  });
}

function requireCross(name: string, cross: CoMoments['cross'], i: number, j: number): void {
  const [value, mirrored] = [cross[i]?.[j] as number, cross[j]?.[i]];
  // Only said when it is wrong: writing numbers out costs more than all checks.
  const label = (): string => `${name}.cross[${i}][${j}] = ${value}`;
  if (value !== mirrored && !Number.isNaN(value)) {
    throw new RangeError(`${label()}: must be symmetric, not ${mirrored}`);
  }
  if (i === j) {
    if (!(value >= 0 && value <= M2_MAX)) throw new RangeError(`${label()}: must be in [0, 1e300]`);
    return;
  }
  // Cauchy and Schwarz, with room for rounding, which is coarse near the smallest doubles.
  const root = (k: number): number => Math.sqrt((cross[k]?.[k] as number) + 1e-290);
  const bound = root(i) * root(j);
  if (!(Math.abs(value) <= bound * (1 + 1e-6))) {
    throw new RangeError(`${label()}: must be at most ${bound} in size, as the diagonal allows`);
  }
}

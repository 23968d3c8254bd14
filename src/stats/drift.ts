/**
 * Has a distribution moved? Distances between two samples, each with the band inside which it
 * stays by chance alone: at a million values every distance is significant, at a thousand none is
 * zero. An alarm needs both, size and significance.
 */
import { requireCount, requireFinite, requireProbability } from './checks.ts';
import {
  chiSquareUpperQuantile,
  chiSquareUpperTail,
  logChiSquareUpperTail,
} from './distributions.ts';
import type { NoEstimate } from './estimate.ts';

/** An empty bin counts as this share, so that its logarithm exists. */
const SHARE_MIN = 1e-6;
/** Population stability index from which drift deserves a warning, and a page. */
const PSI_WARN = 0.1;
const PSI_PAGE = 0.25;
/** The exact Kolmogorov-Smirnov p is computed up to this many pairs of values. */
const EXACT_PAIRS_MAX = 100_000;

/** A distance between two histograms, and what chance alone would make of it. */
export type Drift = {
  readonly status: 'ok';
  readonly distance: number;
  /** Mean of the distance if nothing has moved. */
  readonly expected: number;
  /** Exceeded with probability alpha if nothing has moved. */
  readonly band: number;
  readonly degreesOfFreedom: number;
  readonly p: number;
  readonly logP: number;
  /** p < alpha, that is distance > band. */
  readonly beyondChance: boolean;
  /** Fewest expected values in a bin: under 5 the band is only rough. */
  readonly smallestExpected: number;
};

export type PopulationStability = Drift & {
  /** 'warn' from 0.1, 'page' from 0.25, and only beyond chance. */
  readonly level: 'stable' | 'warn' | 'page';
};

/**
 * How far has a histogram moved from its reference, by the population stability index?
 *
 *   PSI = sum (p_i - q_i) log(p_i / q_i),  empty shares as 1e-6,
 *   if nothing moved  PSI / (1/n + 1/m) ~ chi-square(B - 1),  B the bins not empty in both
 *
 * @param reference      Counts a bin, fixed bins (quantileEdges of a reference period).
 * @param current        Counts in the same bins.
 * @param options.alpha  In (0, 1), one-sided [0.001].
 * @returns The index with its band; or NoEstimate 'no_data' (a histogram is empty) |
 *          'insufficient_data' (all values in one bin).
 * @throws RangeError when an argument breaks its stated range.
 * @source Yurdakul (2018), Statistical properties of population stability index. Checked against
 *         scipy in test/golden/vectors/drift.json.
 */
export function populationStability(
  reference: readonly number[],
  current: readonly number[],
  options: { readonly alpha?: number } = {},
): PopulationStability | NoEstimate<'no_data' | 'insufficient_data'> {
  const distance = (p: number, q: number): number => {
    const [a, b] = [Math.max(p, SHARE_MIN), Math.max(q, SHARE_MIN)];
    return (a - b) * Math.log(a / b);
  };
  const result = drift(reference, current, { ...options, distance, scale: 1 });
  if (result.status !== 'ok') return result;
  const size = result.distance;
  const level = size > PSI_PAGE ? 'page' : size > PSI_WARN ? 'warn' : 'stable';
  return { ...result, level: result.beyondChance ? level : 'stable' };
}

/**
 * How far has a histogram moved from its reference, on a scale from 0 to 1?
 *
 * The Jensen-Shannon divergence in bits: 0 when equal, 1 when no value is common.
 *
 *   JSD = sum [p_i log2(p_i / m_i) + q_i log2(q_i / m_i)] / 2,  m = (p + q) / 2,
 *   if nothing moved  8 log(2) JSD / (1/n + 1/m) ~ chi-square(B - 1)
 *
 * @param reference      As in populationStability.
 * @param current        As in populationStability.
 * @param options.alpha  In (0, 1), one-sided [0.001].
 * @returns The divergence with its band; or NoEstimate as populationStability.
 * @throws RangeError when an argument breaks its stated range.
 * @source Lin (1991), IEEE Transactions on Information Theory 37. Checked as populationStability.
 */
export function jensenShannon(
  reference: readonly number[],
  current: readonly number[],
  options: { readonly alpha?: number } = {},
): Drift | NoEstimate<'no_data' | 'insufficient_data'> {
  const half = (p: number, middle: number): number => (p > 0 ? p * Math.log2(p / middle) : 0);
  const distance = (p: number, q: number): number => {
    const middle = (p + q) / 2;
    return Math.max(0, (half(p, middle) + half(q, middle)) / 2);
  };
  return drift(reference, current, { ...options, distance, scale: 1 / (8 * Math.LN2) });
}

function drift(
  reference: readonly number[],
  current: readonly number[],
  options: {
    readonly alpha?: number;
    readonly distance: (p: number, q: number) => number;
    /** The distance is this times a chi-square per value, if nothing moved. */
    readonly scale: number;
  },
): Drift | NoEstimate<'no_data' | 'insufficient_data'> {
  const { alpha = 0.001, distance, scale } = options;
  requireProbability('alpha', alpha);
  requireHistograms(reference, current);
  const [n, m] = [sum(reference), sum(current)];
  if (n === 0 || m === 0) return { status: 'no_data' };
  const bins = reference.flatMap((count, i) => {
    const other = current[i] as number;
    return count + other > 0 ? [{ p: other / m, q: count / n, both: count + other }] : [];
  });
  const degreesOfFreedom = bins.length - 1;
  if (degreesOfFreedom === 0) return { status: 'insufficient_data', estimate: 0 };
  const total = sum(bins.map(({ p, q }) => distance(p, q)));
  const noise = scale * (1 / n + 1 / m);
  const band = noise * chiSquareUpperQuantile(alpha, degreesOfFreedom);
  const beyondChance = total > band;
  const p = chiSquareUpperTail(total / noise, degreesOfFreedom);
  return {
    status: 'ok',
    distance: total,
    expected: noise * degreesOfFreedom,
    band,
    degreesOfFreedom,
    // One statistic: a p on the wrong side of alpha by a rounding is moved to its edge.
    p: beyondChance ? Math.min(p, alpha * (1 - 1e-15)) : Math.max(p, alpha),
    logP: logChiSquareUpperTail(total / noise, degreesOfFreedom),
    beyondChance,
    smallestExpected: Math.min(...bins.map(({ both }) => (both * Math.min(n, m)) / (n + m))),
  };
}

/**
 * Which edges cut a reference into bins of equal count?
 *
 * @param values  Reference values, finite, at least 1.
 * @param bins    From 2 to 1000.
 * @returns At most bins - 1 increasing inner edges (fewer where values repeat): bin i holds the
 *          values in [edge i - 1, edge i), the last one all from its edge on.
 * @throws RangeError when an argument breaks its stated range.
 * @source Type 7 quantiles.
 */
export function quantileEdges(values: readonly number[], bins: number): number[] {
  requireCount('bins', bins);
  if (bins < 2 || bins > 1000) throw new RangeError(`bins = ${bins}: must be in [2, 1000]`);
  if (values.length === 0) throw new RangeError('values: at least one');
  const sorted = ascending('values', values);
  const edges = Array.from({ length: bins - 1 }, (_, k) => {
    const position = ((k + 1) / bins) * (sorted.length - 1);
    const i = Math.min(Math.floor(position), Math.max(0, sorted.length - 2));
    const low = sorted[i] as number;
    const high = sorted[Math.min(i + 1, sorted.length - 1)] as number;
    return low + (position - i) * (high - low);
  });
  return edges.filter((edge, k) => k === 0 || edge > (edges[k - 1] as number));
}

/**
 * How many values fall into each bin?
 *
 * @param values  Finite.
 * @param edges   Increasing inner edges, as quantileEdges gives them.
 * @returns Counts of edges.length + 1 bins.
 * @throws RangeError when an argument breaks its stated range.
 * @source Definition.
 */
export function binCounts(values: readonly number[], edges: readonly number[]): number[] {
  edges.forEach((edge, k) => {
    requireFinite(`edges[${k}]`, edge);
    if (k > 0 && !(edge > (edges[k - 1] as number))) {
      throw new RangeError(`edges[${k}] = ${edge}: must increase`);
    }
  });
  const counts = new Array<number>(edges.length + 1).fill(0);
  values.forEach((value, i) => {
    requireFinite(`values[${i}]`, value);
    let low = 0;
    let high = edges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value >= (edges[middle] as number)) low = middle + 1;
      else high = middle;
    }
    counts[low] = (counts[low] as number) + 1;
  });
  return counts;
}

export type KolmogorovSmirnov = {
  readonly status: 'ok';
  /** Largest distance between the two distribution functions, in [0, 1]. */
  readonly distance: number;
  /** The smallest distance with p < alpha; 2 when there is none at these sizes. */
  readonly band: number;
  readonly p: number;
  readonly logP: number;
  /** p < alpha, that is distance >= band. */
  readonly beyondChance: boolean;
  readonly method: 'exact' | 'asymptotic';
};

/**
 * Do two samples come from one distribution, whatever it is?
 *
 * Kolmogorov and Smirnov's two-sample test; exact given the ties up to 100,000 pairs of values.
 * Alone it never justifies an alarm: at a million values a shift of a hundredth of a standard
 * deviation has p = 2e-7.
 *
 *   D = max |F_x - F_y|,  p ~ 2 sum (-1)^(k-1) exp(-2 k^2 lambda^2), lambda = D sqrt(n m / (n + m))
 *
 * @param x              Values, finite.
 * @param y              Values, finite.
 * @param options.alpha  In (0, 1) [0.001].
 * @returns Distance, p and band; or NoEstimate 'no_data' (a sample is empty).
 * @throws RangeError when an argument breaks its stated range.
 * @source Smirnov (1939); Schröer and Trenkler (1995), Computational Statistics & Data Analysis 20,
 *         for exact p-values with ties. Checked as populationStability.
 */
export function kolmogorovSmirnov(
  x: readonly number[],
  y: readonly number[],
  options: { readonly alpha?: number } = {},
): KolmogorovSmirnov | NoEstimate<'no_data'> {
  const { alpha = 0.001 } = options;
  requireProbability('alpha', alpha);
  const [a, b] = [ascending('x', x), ascending('y', y)];
  const [n, m] = [a.length, b.length];
  if (n === 0 || m === 0) return { status: 'no_data' };
  const { steps, ends } = largestStep(a, b);
  const exact = n * m <= EXACT_PAIRS_MAX;
  const logTail = exact
    ? (k: number): number => Math.log(exactTail(n, m, k, ends))
    : (k: number): number => logKolmogorovTail(k / Math.sqrt(n * m * (n + m)));
  const logP = Math.min(0, logTail(steps));
  const beyondChance = logP < Math.log(alpha);
  return {
    status: 'ok',
    distance: steps / (n * m),
    band: smallestSignificant(n * m, (k) => logTail(k) < Math.log(alpha)) / (n * m),
    p: beyondChance
      ? Math.min(Math.exp(logP), alpha * (1 - 1e-15))
      : Math.max(Math.exp(logP), alpha),
    logP,
    beyondChance,
    method: exact ? 'exact' : 'asymptotic',
  };
}

/** The largest |i m - j n| over the pooled values, and after how many values a group of ties ends. */
function largestStep(
  a: readonly number[],
  b: readonly number[],
): { readonly steps: number; readonly ends: Uint8Array } {
  const [n, m] = [a.length, b.length];
  const ends = new Uint8Array(n + m + 1);
  let [i, j, steps] = [0, 0, 0];
  while (i < n || j < m) {
    const value = Math.min(a[i] ?? Infinity, b[j] ?? Infinity);
    while (i < n && a[i] === value) i += 1;
    while (j < m && b[j] === value) j += 1;
    steps = Math.max(steps, Math.abs(i * m - j * n));
    ends[i + j] = 1;
  }
  return { steps, ends };
}

/**
 * P(some |i m - j n| >= steps at the end of a group of ties) over all orders of the pooled values:
 * the summed mass of the paths that reach so far, never one minus the rest.
 */
function exactTail(n: number, m: number, steps: number, ends: Uint8Array): number {
  if (steps <= 0) return 1;
  const out = (i: number, j: number): boolean =>
    ends[i + j] === 1 && Math.abs(i * m - j * n) >= steps;
  // mass[j]: probability to be at (i, j) without having been out.
  const mass = new Float64Array(m + 1);
  let gone = 0;
  for (let i = 0; i <= n; i += 1) {
    for (let j = 0; j <= m; j += 1) {
      // From (i - 1, j) and from (i, j - 1), each next value being any of those left.
      const left = n + m - i - j + 1;
      const fromX = i > 0 ? (mass[j] as number) * ((n - i + 1) / left) : 0;
      const fromY = j > 0 ? (mass[j - 1] as number) * ((m - j + 1) / left) : 0;
      const here = i === 0 && j === 0 ? 1 : fromX + fromY;
      if (out(i, j)) {
        gone += here;
        mass[j] = 0;
      } else {
        mass[j] = here;
      }
    }
  }
  return Math.min(1, gone);
}

/** log of Kolmogorov's tail 2 sum (-1)^(k-1) exp(-2 k^2 lambda^2). */
function logKolmogorovTail(lambda: number): number {
  if (lambda < 1) {
    // The other theta series, of the lower tail: sqrt(2 pi) / lambda sum exp(-(2k-1)^2 pi^2 / 8 lambda^2).
    if (lambda < 0.1) return 0;
    const base = (-Math.PI * Math.PI) / (8 * lambda * lambda);
    const lower = Math.exp(base) + Math.exp(9 * base) + Math.exp(25 * base);
    return Math.log1p(-(Math.sqrt(2 * Math.PI) / lambda) * lower);
  }
  const first = -2 * lambda * lambda;
  const rest = 1 - Math.exp(3 * first) + Math.exp(8 * first) - Math.exp(15 * first);
  return Math.LN2 + first + Math.log(rest);
}

/** The smallest whole number of steps that is significant; 2 `most` when none is. */
function smallestSignificant(most: number, significant: (steps: number) => boolean): number {
  if (!significant(most)) return 2 * most;
  let no = 0;
  let yes = most;
  while (yes - no > 1) {
    const middle = Math.floor((no + yes) / 2);
    if (significant(middle)) yes = middle;
    else no = middle;
  }
  return yes;
}

function requireHistograms(reference: readonly number[], current: readonly number[]): void {
  if (reference.length !== current.length || reference.length < 2) {
    throw new RangeError(
      `current has ${current.length} bins: must be ${reference.length}, as reference, and >= 2`,
    );
  }
  reference.forEach((count, i) => {
    requireCount(`reference[${i}]`, count);
    requireCount(`current[${i}]`, current[i] as number);
  });
}

function ascending(name: string, values: readonly number[]): number[] {
  values.forEach((value, i) => {
    requireFinite(`${name}[${i}]`, value);
  });
  return [...values].sort((a, b) => a - b);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

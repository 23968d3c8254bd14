/**
 * The shape of a classifier's outputs: what a histogram of scores says without a single label. A
 * heuristic for binary (or one-vs-rest) classifiers, of 50 bins on [0, 1]; it can neither prove nor
 * disprove quality.
 */
import { requireCount } from './checks.ts';
import type { NoEstimate } from './estimate.ts';

const BINS = 50;
/** A spike holds more than this share of all values beyond its neighbours... */
const SPIKE_SHARE = 0.02;
/** ...and as a single value more than this one is extreme. */
const EXTREME_SHARE = 0.05;
/** This many spikes are no accident: the scores take few values. */
const SPARSE_SPIKES = 4;
const ROUGHNESS_MAX = 0.12;
/** A mode rises this much over its saddle, in powers of ten. */
const PROMINENCE_MIN = 0.2;
/** ...and this many standard errors of the square roots of the smoothed counts. */
const PROMINENCE_ERRORS = 3;
/** Standard deviation of the Gaussian smoothing, in bins. */
const BANDWIDTH = 2;

export type Shape =
  /** Two modes: the classes are told apart. `threshold` lies between them. */
  | 'bimodal_separated'
  /** One mode in the middle [0.2, 0.8]: high bias, or classes that cannot be told apart. */
  | 'unimodal_central'
  /** One mode near 0 or 1: strong imbalance, or a model that says the same to all. */
  | 'unimodal_edge'
  /** One value far too often: a default, a constant feature, a scaling defect. */
  | 'extreme_spike'
  /** Few distinct values, or a ragged histogram: features too sparse. */
  | 'noisy_sparse'
  | 'multimodal'
  | 'flat';

export type ResponseShape = {
  readonly status: 'ok';
  readonly shape: Shape;
  /** Where the modes are, in [0, 1]. */
  readonly modes: readonly number[];
  /** Score between the two modes of 'bimodal_separated' that fewest units have; else null. */
  readonly threshold: number | null;
  /** Middles of bins with far more values than their neighbours. */
  readonly spikes: readonly number[];
  /** Share of values that stand out of, or lack between, neighbouring bins beyond chance. */
  readonly roughness: number;
};

/**
 * What shape has the distribution of a classifier's scores?
 *
 * In order: 4 or more spikes, or a rough histogram beside them, are 'noisy_sparse'; one spike inside
 * with over 5% of the mass is 'extreme_spike'; then the modes of the smoothed log-histogram decide.
 * Ask for 1,000 values or more; a minority class of 1% shows from 10,000 on.
 *
 *   spike: excess over the local median > 2% of n, > 6 sqrt(median) and > 3 median, and the bin
 *          holds 1.5 times what either neighbour does,
 *   roughness = sum of how far bins lie outside the range of their neighbours / 2n, less what
 *          equal Poisson counts would have,
 *   mode: log10 of the smoothed share falls by more than 0.2 (and 3 standard errors) on each side
 *         before it rises higher
 *
 * @param counts  Scores in 50 equal bins on [0, 1], first and last included.
 * @returns The shape, and for two separate modes the label-free threshold between them; or
 *          NoEstimate 'insufficient_data' (under 100 values).
 * @throws RangeError when there are not 50 counts.
 * @source Bernardi, Mavridis, Estevez (2019), KDD, for the chart and what it means; the rules here
 *         are our own.
 */
export function responseShape(
  counts: readonly number[],
): ResponseShape | NoEstimate<'insufficient_data'> {
  if (counts.length !== BINS) {
    throw new RangeError(`counts has ${counts.length} bins: must be ${BINS}`);
  }
  counts.forEach((count, i) => {
    requireCount(`counts[${i}]`, count);
  });
  const n = counts.reduce((total, count) => total + count, 0);
  if (n < 100) return { status: 'insufficient_data' };

  const excesses = counts.map((count, i) => spikeExcess(counts, count, i, n));
  const spikes = excesses.flatMap((excess, i) => (excess > 0 ? [centre(i)] : []));
  const extreme = excesses.some((excess, i) => i > 0 && i < BINS - 1 && excess > EXTREME_SHARE * n);
  const smooth = smoothed(counts);
  // What is left when the spikes are taken off: one spike alone does not make it ragged.
  const roughness = roughnessOf(
    counts.map((count, i) => count - Math.round(excesses[i] as number)),
    n,
  );
  const peaks = peaksOf(smooth);
  const [first, second] = peaks as [number, number];
  const shape = shapeOf({ spikes: spikes.length, extreme, roughness, modes: peaks.map(centre) });
  return {
    status: 'ok',
    shape,
    modes: peaks.map(centre),
    threshold: shape === 'bimodal_separated' ? lowestBetween(smooth, first, second) : null,
    spikes,
    roughness,
  };
}

/** The rules in their order: defects first, then the modes. */
function shapeOf(found: {
  readonly spikes: number;
  readonly extreme: boolean;
  readonly roughness: number;
  readonly modes: readonly number[];
}): Shape {
  const { spikes, extreme, roughness, modes } = found;
  if (spikes >= SPARSE_SPIKES || roughness > ROUGHNESS_MAX) return 'noisy_sparse';
  if (extreme) return 'extreme_spike';
  if (modes.length > 2) return 'multimodal';
  if (modes.length === 2) return 'bimodal_separated';
  const [mode] = modes;
  if (mode === undefined) return 'flat';
  return mode >= 0.2 && mode <= 0.8 ? 'unimodal_central' : 'unimodal_edge';
}

/** How many values a bin has beyond its neighbours, if that makes a spike; else 0. */
function spikeExcess(counts: readonly number[], count: number, i: number, n: number): number {
  const neighbours = counts.filter((_, j) => Math.abs(j - i) >= 2 && Math.abs(j - i) <= 4);
  const middle = median(neighbours);
  const excess = count - middle;
  // The foot of a steep mode stands out from the bins beyond it, but not from the one before.
  const beside = Math.max(counts[i - 1] ?? 0, counts[i + 1] ?? 0);
  const isSpike =
    excess > SPIKE_SHARE * n &&
    excess > 6 * Math.sqrt(middle) &&
    excess > 3 * middle &&
    count > 1.5 * beside;
  return isSpike ? excess : 0;
}

/** Gaussian weights over the bins that exist, of total 1: the ends are not pulled down. */
function smoothed(counts: readonly number[]): number[] {
  return counts.map((_, i) => {
    let sum = 0;
    let total = 0;
    for (let j = Math.max(0, i - 8); j <= Math.min(BINS - 1, i + 8); j += 1) {
      const weight = Math.exp(-(((j - i) / BANDWIDTH) ** 2) / 2);
      sum += weight * (counts[j] as number);
      total += weight;
    }
    return sum / total;
  });
}

/**
 * Raggedness beyond chance: how far bins lie outside the range of their two neighbours, so that
 * slopes, however steep, do not count as noise.
 */
function roughnessOf(counts: readonly number[], n: number): number {
  let sum = 0;
  for (let i = 1; i < BINS - 1; i += 1) {
    const [before, here, after] = counts.slice(i - 1, i + 2) as [number, number, number];
    const above = here - Math.max(before, after);
    const below = Math.min(before, after) - here;
    // Three equal Poisson counts: sqrt(mean / pi), twice the mean gap of the largest to the next.
    sum += Math.max(0, above, below) - Math.sqrt((before + here + after) / 3 / Math.PI);
  }
  return Math.max(0, sum / (2 * n));
}

/** Bins of the modes: highest points whose fall on both sides is real. */
function peaksOf(smooth: readonly number[]): number[] {
  const tops = smooth.flatMap((value, i) => {
    const before = smooth[i - 1] ?? -1;
    const after = smooth[i + 1] ?? -1;
    return value > before && value >= after ? [i] : [];
  });
  const lowest = Math.min(...smooth);
  return tops.filter((top) => {
    const saddle = Math.max(saddleTowards(smooth, top, -1), saddleTowards(smooth, top, 1), lowest);
    return isProminent(smooth[top] as number, saddle);
  });
}

/** The lowest point on the way to higher ground; -Infinity when there is none that way. */
function saddleTowards(smooth: readonly number[], top: number, step: 1 | -1): number {
  const height = smooth[top] as number;
  let lowest = Infinity;
  for (let i = top + step; i >= 0 && i < BINS; i += step) {
    const value = smooth[i] as number;
    if (value > height || (value === height && step < 0)) return Math.min(lowest, height);
    lowest = Math.min(lowest, value);
  }
  return -Infinity;
}

function isProminent(height: number, saddle: number): boolean {
  // Square roots of Poisson counts have variance 1/4; smoothing's squared weights sum to
  // 1 / (2 sqrt(pi) bandwidth).
  const error = Math.sqrt(2 / 4 / (2 * Math.sqrt(Math.PI) * BANDWIDTH));
  const floor = Math.max(saddle, 1e-9);
  return (
    Math.log10(height / floor) > PROMINENCE_MIN &&
    Math.sqrt(height) - Math.sqrt(saddle) > PROMINENCE_ERRORS * error
  );
}

/** The lowest point between two modes: the middle of the stretch within a tenth of the lowest. */
function lowestBetween(smooth: readonly number[], from: number, to: number): number {
  const lowest = Math.min(...smooth.slice(from, to + 1));
  const at = smooth.flatMap((value, i) =>
    i >= from && i <= to && value <= lowest * 1.1 + 1e-9 ? [i] : [],
  );
  return centre(at.reduce((total, i) => total + i, 0) / at.length);
}

function centre(bin: number): number {
  return (bin + 0.5) / BINS;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  return sorted.length % 2 === 1
    ? (sorted[Math.floor(half)] as number)
    : ((sorted[half - 1] as number) + (sorted[half] as number)) / 2;
}

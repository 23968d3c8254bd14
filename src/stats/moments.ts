/**
 * Moments: the only currency of the statistics. One value says all that the estimators need of a
 * sample, is exact to merge, and never holds a raw sum of squares (which cancels).
 */
import { requireCount, requireFinite, requirePositive } from './checks.ts';

/** Beyond these a sum of squares may overflow a double; no honest metric comes near. */
export const MAGNITUDE_MAX = 1e140;
export const M2_MAX = 1e300;

export type Moments = {
  /** Number of units. */
  readonly n: number;
  /** Mean, in the metric's own unit; 0 when n = 0. */
  readonly mean: number;
  /** Sum of squared deviations from the mean, in the metric's unit squared; >= 0. */
  readonly m2: number;
};

/** Integers from a warehouse: every value was rounded to 1/scale before it was summed. */
export type ExactSums = {
  readonly n: number;
  /** Sum of value * scale. */
  readonly sum: bigint;
  /** Sum of (value * scale)^2. */
  readonly sumOfSquares: bigint;
  /** Integer units in one unit of the metric; 1_000_000n for micro-units. */
  readonly scale: bigint;
};

/** The moments of no units: the neutral element of `merge`. */
export const NO_UNITS: Moments = { n: 0, mean: 0, m2: 0 };

/**
 * What are the count, mean and sum of squared deviations of these values?
 *
 * Two passes with compensated sums, so neither a large offset nor many values cost digits.
 * Equal values give m2 = 0 exactly. Squares of values near 1e-160 or 1e160 leave the doubles: give
 * the unit that `unitOf` finds, and multiply means by it (m2 by its square) where they are shown.
 *
 *   mean = sum(x) / n,   m2 = sum((x - mean)^2) - sum(x - mean)^2 / n
 *
 * @param values        In the metric's own unit, finite, |value| <= 1e140 units; may be empty.
 * @param options.unit  > 0 [1]: every value is divided by it first, exactly if a power of two.
 * @returns Moments in that unit; n = 0, mean = 0, m2 = 0 of no values.
 * @throws RangeError when a value or the unit is out of range.
 * @source Chan, Golub, LeVeque (1983), Algorithms for computing the sample variance.
 */
export function momentsOf(
  values: Iterable<number>,
  options: { readonly unit?: number } = {},
): Moments {
  const { unit = 1 } = options;
  requirePositive('unit', unit);
  const given = Array.isArray(values) ? (values as readonly number[]) : [...values];
  const list = unit === 1 ? given : given.map((value) => value / unit);
  if (list.length === 0) return NO_UNITS;
  let smallest = Infinity;
  let largest = -Infinity;
  for (const value of list) {
    if (!(Math.abs(value) <= MAGNITUDE_MAX)) {
      throw new RangeError(`value = ${value}: must be finite, at most 1e140 in size`);
    }
    if (value < smallest) smallest = value;
    if (value > largest) largest = value;
  }
  const n = list.length;
  if (smallest === largest) return { n, mean: smallest, m2: 0 };

  const mean = Math.min(Math.max(compensatedSum(list, (x) => x) / n, smallest), largest);
  const squares = compensatedSum(list, (x) => (x - mean) * (x - mean));
  const drift = compensatedSum(list, (x) => x - mean);
  return { n, mean, m2: Math.max(0, squares - (drift * drift) / n) };
}

/**
 * In which unit can these values be squared and summed without leaving the doubles?
 *
 * A power of two, so dividing by it changes no digit. One unit for all arms of a comparison.
 *
 *   1 where the largest size is in [1e-70, 1e70] or 0, else 2^floor(log2(largest size))
 *
 * @param lists  Values of all arms, finite.
 * @returns The unit; divide by it first, multiply what is shown.
 * @throws RangeError when a value is not finite.
 * @source Blue (1978), ACM TOMS 4, for the idea.
 */
export function unitOf(...lists: readonly (readonly number[])[]): number {
  let largest = 0;
  for (const list of lists) {
    for (const value of list) {
      requireFinite('value', value);
      largest = Math.max(largest, Math.abs(value));
    }
  }
  const ordinary = largest === 0 || (largest >= 1e-70 && largest <= 1e70);
  return ordinary ? 1 : 2 ** Math.floor(Math.log2(largest));
}

/**
 * What are the moments of two disjoint samples taken together?
 *
 * Associative and commutative up to the last bits; merge in a fixed order (sort by key) when runs
 * must be equal to the last digit.
 *
 *   d = meanB - meanA,  mean = meanA + d * nB / n,  m2 = m2A + m2B + d^2 * nA * nB / n
 *
 * @param a  Moments of the first sample.
 * @param b  Moments of the second sample, in the same unit.
 * @returns Moments of the union.
 * @throws RangeError when a or b is not a possible Moments value.
 * @source Chan, Golub, LeVeque (1979), Updating formulae and a pairwise algorithm.
 */
export function merge(a: Moments, b: Moments): Moments {
  requireMoments('a', a);
  requireMoments('b', b);
  if (a.n === 0) return b;
  if (b.n === 0) return a;
  const n = a.n + b.n;
  const difference = b.mean - a.mean;
  return {
    n,
    // The larger sample is the anchor, so that the result does not depend on the order.
    mean: a.n >= b.n ? a.mean + difference * (b.n / n) : b.mean - difference * (a.n / n),
    m2: a.m2 + b.m2 + difference * difference * a.n * (b.n / n),
  };
}

/**
 * How much do the units differ: the variance with n - 1 in the denominator?
 *
 *   s^2 = m2 / (n - 1)
 *
 * @param moments  Moments with n >= 2.
 * @returns The variance in the metric's unit squared, >= 0.
 * @throws RangeError when n < 2: callers say 'insufficient_data' first.
 */
export function variance(moments: Moments): number {
  requireMoments('moments', moments);
  if (moments.n < 2) throw new RangeError(`moments.n = ${moments.n}: must be >= 2`);
  return moments.m2 / (moments.n - 1);
}

/**
 * What are the moments behind exact integer sums?
 *
 * The sums hold every digit, so mean and m2 are the doubles nearest to the exact rationals: order,
 * threads and batches of the query cannot change a digit, and nothing cancels.
 *
 *   mean = sum / (n * scale),   m2 = (n * sumOfSquares - sum^2) / (n * scale^2)
 *
 * @param sums         n >= 0, the integer sums and their scale > 0.
 * @param sums.origin  Subtracted from every value first, in integer units [0n]. Two arms with one
 *                     origin near their means have a difference that is exact even when the means
 *                     themselves are so large that a double cannot hold their difference.
 * @returns Moments of the values minus origin, in the metric's own unit.
 * @throws RangeError when scale <= 0, or the three sums cannot belong to one sample.
 */
export function momentsFromExactSums(sums: ExactSums & { readonly origin?: bigint }): Moments {
  const { scale, origin = 0n } = sums;
  requireCount('n', sums.n);
  if (scale <= 0n) throw new RangeError(`scale = ${scale}: must be > 0`);
  const n = BigInt(sums.n);
  const sum = sums.sum - n * origin;
  const sumOfSquares = sums.sumOfSquares - 2n * origin * sums.sum + n * origin * origin;
  const deviations = n * sumOfSquares - sum * sum;
  if (deviations < 0n || sumOfSquares < 0n || (n === 0n && (sum !== 0n || sumOfSquares !== 0n))) {
    throw new RangeError(
      `sumOfSquares = ${sums.sumOfSquares}: impossible with n = ${sums.n}, sum = ${sums.sum}`,
    );
  }
  if (n === 0n) return NO_UNITS;
  return {
    n: sums.n,
    mean: ratioToNumber(sum, n * scale),
    m2: ratioToNumber(deviations, n * scale * scale),
  };
}

/**
 * Which double is nearest to an exact fraction of integers?
 *
 *   numerator / denominator, rounded half to even, gradual underflow included
 *
 * @param numerator    Any integer.
 * @param denominator  Any integer > 0.
 * @returns The correctly rounded double; 0 when the fraction is at most half the smallest double.
 * @throws RangeError when denominator <= 0, or the fraction exceeds the largest double.
 * @source IEEE 754-2019, 4.3.1 (roundTiesToEven).
 */
export function ratioToNumber(numerator: bigint, denominator: bigint): number {
  if (denominator <= 0n) throw new RangeError(`denominator = ${denominator}: must be > 0`);
  const magnitude = numerator < 0n ? -numerator : numerator;
  if (magnitude === 0n) return 0;

  // The weight of the last bit a double of this size can hold.
  const lastBit = Math.max(binaryExponent(magnitude, denominator) - 52, -1074);
  const scaledNumerator = lastBit < 0 ? magnitude << BigInt(-lastBit) : magnitude;
  const scaledDenominator = lastBit > 0 ? denominator << BigInt(lastBit) : denominator;
  const quotient = scaledNumerator / scaledDenominator;
  const twiceRemainder = 2n * (scaledNumerator - quotient * scaledDenominator);
  const roundUp =
    twiceRemainder > scaledDenominator ||
    (twiceRemainder === scaledDenominator && (quotient & 1n) === 1n);

  const rounded = Number(roundUp ? quotient + 1n : quotient);
  const result = lastBit > 971 ? Infinity : rounded * 2 ** lastBit;
  if (result === Infinity) throw new RangeError('numerator / denominator: exceeds the doubles');
  return numerator < 0n ? -result : result;
}

/** Are these within what moments can hold? A quotient by next to nothing may not be. */
export function isPossible({ mean, m2 }: Moments): boolean {
  return Math.abs(mean) <= MAGNITUDE_MAX && m2 >= 0 && m2 <= M2_MAX;
}

/** @throws RangeError unless this is a value that a sample can have. */
export function requireMoments(name: string, moments: Moments): void {
  requireCount(`${name}.n`, moments.n);
  if (!(Math.abs(moments.mean) <= MAGNITUDE_MAX)) {
    throw new RangeError(`${name}.mean = ${moments.mean}: must be finite, at most 1e140 in size`);
  }
  if (!(moments.m2 >= 0 && moments.m2 <= M2_MAX)) {
    throw new RangeError(`${name}.m2 = ${moments.m2}: must be in [0, 1e300]`);
  }
}

/** Neumaier's sum: the rounding error of each addition is kept and added at the end. */
export function compensatedSum(
  values: readonly number[],
  term: (value: number, index: number) => number,
): number {
  let sum = 0;
  let lost = 0;
  for (let i = 0; i < values.length; i += 1) {
    const x = term(values[i] as number, i);
    const next = sum + x;
    lost += Math.abs(sum) >= Math.abs(x) ? sum - next + x : x - next + sum;
    sum = next;
  }
  return sum + lost;
}

/** floor(log2(numerator / denominator)) of two positive integers. */
function binaryExponent(numerator: bigint, denominator: bigint): number {
  const guess = bitLength(numerator) - bitLength(denominator);
  const reached =
    guess >= 0
      ? numerator >= denominator << BigInt(guess)
      : numerator << BigInt(-guess) >= denominator;
  return reached ? guess : guess - 1;
}

function bitLength(value: bigint): number {
  const hex = value.toString(16);
  return (hex.length - 1) * 4 + (32 - Math.clz32(Number.parseInt(hex.charAt(0), 16)));
}

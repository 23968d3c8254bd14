/** Shares and weights to half-open ranges of positions. */

const POSITIONS = 2 ** 32;

/**
 * How many positions belong to a share?
 *
 *   limit = round(share * 2^32); a position p is inside when p < limit
 *
 * A larger share holds every position a smaller one held, so growing traffic only adds units.
 *
 * @param share in [0, 1].
 * @returns an integer in [0, 2^32].
 * @throws RangeError when share is outside [0, 1].
 * @source DESIGN part 7.
 */
export function limitOf(share: number): number {
  if (!(share >= 0 && share <= 1)) throw new RangeError(`share must be in [0, 1]: ${share}`);
  return Math.round(share * POSITIONS);
}

/**
 * The upper ends of the weights' half-open ranges.
 *
 * @param weights whole numbers of at least 0.
 * @returns running totals; the last one is the total weight.
 * @throws RangeError when a weight is not a whole number of at least 0, or all are 0.
 */
export function upperEnds(weights: readonly number[]): number[] {
  let total = 0;
  const ends = weights.map((weight) => {
    if (!Number.isInteger(weight) || weight < 0) {
      throw new RangeError(`weight must be a whole number of at least 0: ${weight}`);
    }
    total += weight;
    return total;
  });
  if (total === 0) throw new RangeError('weights must add up to at least 1: 0');
  return ends;
}

/**
 * Which range does a position fall in?
 *
 *   slot = floor(position * totalWeight / 2^32), the first range whose upper end is above it
 *
 * The product is below 2^52 for weights up to 1,000,000, so it is exact.
 *
 * @param ends from `upperEnds`.
 * @param position an integer in [0, 2^32).
 * @returns the index of the range.
 * @source DESIGN part 7, step 7.
 */
export function rangeOf(ends: readonly number[], position: number): number {
  const total = ends[ends.length - 1] ?? 0;
  const slot = Math.floor((position * total) / POSITIONS);
  return ends.findIndex((end) => slot < end);
}

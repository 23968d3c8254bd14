/**
 * Argument checks of the statistics. A broken range is a programmer's error: RangeError, with the
 * argument's name, its value and its bound. Data that cannot answer is never an error: see the
 * tagged results.
 */

/** @throws RangeError unless value is in the open interval (0, 1). */
export function requireProbability(name: string, value: number): void {
  if (!(value > 0 && value < 1)) throw new RangeError(`${name} = ${value}: must be in (0, 1)`);
}

/** @throws RangeError unless value is finite. */
export function requireFinite(name: string, value: number): void {
  if (!Number.isFinite(value)) throw new RangeError(`${name} = ${value}: must be finite`);
}

/** @throws RangeError unless value is finite and > 0. */
export function requirePositive(name: string, value: number): void {
  if (!(value > 0 && value < Infinity)) {
    throw new RangeError(`${name} = ${value}: must be finite and > 0`);
  }
}

/** @throws RangeError unless value is finite and >= 0. */
export function requireNonNegative(name: string, value: number): void {
  if (!(value >= 0 && value < Infinity)) {
    throw new RangeError(`${name} = ${value}: must be finite and >= 0`);
  }
}

/** @throws RangeError unless value is finite and at most 1e150 in size, so that squares exist. */
export function requireSize(name: string, value: number): void {
  if (!(Math.abs(value) <= 1e150)) {
    throw new RangeError(`${name} = ${value}: must be finite, at most 1e150 in size`);
  }
}

/** @throws RangeError unless low <= value <= high. */
export function requireBetween(name: string, value: number, low: number, high: number): void {
  if (!(value >= low && value <= high)) {
    throw new RangeError(`${name} = ${value}: must be in [${low}, ${high}]`);
  }
}

/** @throws RangeError unless value is an exactly represented integer >= 0. */
export function requireCount(name: string, value: number): void {
  if (!(Number.isSafeInteger(value) && value >= 0)) {
    throw new RangeError(`${name} = ${value}: must be an integer >= 0, at most 2^53 - 1`);
  }
}

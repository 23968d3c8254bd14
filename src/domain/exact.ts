/**
 * Numbers that can enter a metric are kept as integers of a millionth, so that sums are exact and no
 * order of arrival, batch size or thread count can change a digit.
 */

export const MICROS_PER_UNIT = 1_000_000n;

/** Beyond this size a value is refused: sums of squares of per-unit totals must stay in 128 bits. */
export const VALUE_LIMIT = 1e12;

/**
 * The nearest millionth, ties to even, of the shortest decimal that denotes `value`: what the caller
 * wrote, not the binary neighbour it became. Undefined when the value is not finite or too large.
 */
export function toMicros(value: number): bigint | undefined {
  if (!Number.isFinite(value) || Math.abs(value) > VALUE_LIMIT) return undefined;
  if (Number.isSafeInteger(value)) return BigInt(value) * MICROS_PER_UNIT;
  const { digits, exponent, negative } = decimalOf(value);
  // value = digits * 10^exponent, so its millionths are digits * 10^(exponent + 6).
  const shift = exponent + 6;
  const micros =
    shift >= 0 ? digits * 10n ** BigInt(shift) : divideHalfEven(digits, 10n ** BigInt(-shift));
  return negative ? -micros : micros;
}

/** Millionths as the double nearest to them; exact enough to print, not to sum. */
export function fromMicros(micros: bigint): number {
  const whole = Number(micros);
  // Beyond 2^53 dividing would round a second time, to a neighbour of the value that was sent.
  return Number.isSafeInteger(whole) ? whole / 1e6 : Number(`${micros}e-6`);
}

/** The value itself after rounding to 6 decimals, or undefined when it must be refused. */
export function roundToMicros(value: number): number | undefined {
  if (Number.isSafeInteger(value) && Math.abs(value) <= VALUE_LIMIT) return value;
  const micros = toMicros(value);
  return micros === undefined ? undefined : fromMicros(micros);
}

function decimalOf(value: number): { digits: bigint; exponent: number; negative: boolean } {
  const [mantissa = '0', power = '0'] = String(Math.abs(value)).split('e');
  const [whole = '0', fraction = ''] = mantissa.split('.');
  return {
    digits: BigInt(whole + fraction),
    exponent: Number(power) - fraction.length,
    negative: value < 0,
  };
}

function divideHalfEven(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  const twice = (numerator % denominator) * 2n;
  if (twice > denominator) return quotient + 1n;
  return twice === denominator && quotient % 2n === 1n ? quotient + 1n : quotient;
}

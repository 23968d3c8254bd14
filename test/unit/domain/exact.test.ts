import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromMicros, roundToMicros, toMicros, VALUE_LIMIT } from '../../../src/domain/exact.ts';

const anyValue = fc.oneof(
  fc.double({ min: -VALUE_LIMIT, max: VALUE_LIMIT, noNaN: true }),
  fc.double({ min: -1000, max: 1000, noNaN: true }),
  fc.double({ min: 8e9, max: VALUE_LIMIT, noNaN: true }),
  fc.maxSafeInteger().map((whole) => whole / 2 ** 20),
  // Half a millionth, as it is written: where a tie is to be broken.
  fc.integer({ min: -2_000_000_000, max: 2_000_000_000 }).map((whole) => Number(`${whole}5e-7`)),
);

/** The nearest integer to a fraction, ties to even, by trying both neighbours. */
function nearestEven(numerator: bigint, denominator: bigint): bigint {
  const down = numerator / denominator - (numerator < 0n ? 1n : 0n);
  const size = (value: bigint) => (value < 0n ? -value : value);
  return [down, down + 1n].reduce((best, next) => {
    const [near, far] = [
      size(numerator - best * denominator),
      size(numerator - next * denominator),
    ];
    if (far === near) return best % 2n === 0n ? best : next;
    return far < near ? next : best;
  });
}

/** Millionths of what is written, by BigInt arithmetic on the digits. */
function expectedMicros(value: number): bigint {
  const [, sign, whole = '', fraction = '', power = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value)) ?? [];
  const exponent = Number(power) - fraction.length + 6;
  const digits = BigInt(`${sign}${whole}${fraction}`);
  return exponent >= 0
    ? digits * 10n ** BigInt(exponent)
    : nearestEven(digits, 10n ** BigInt(-exponent));
}

describe('millionths', () => {
  test.each([
    [0, 0n],
    [-0, 0n],
    [1, 1_000_000n],
    [129.5, 129_500_000n],
    [0.1, 100_000n],
    [0.000001, 1n],
    [0.0000005, 0n],
    [0.0000015, 2n],
    [0.0000025, 2n],
    [0.0000035, 4n],
    [-0.0000005, 0n],
    [-0.0000015, -2n],
    [-0.0000025, -2n],
    [0.00000050001, 1n],
    [0.00000149999, 1n],
    [1.0000005, 1_000_000n],
    [1.0000015, 1_000_002n],
    [2.5e-7, 0n],
    [5e-324, 0n],
    [1e-6, 1n],
    [123456.789012, 123_456_789_012n],
    [123456.7890125, 123_456_789_012n],
    [1e12, 1_000_000_000_000_000_000n],
    [-1e12, -1_000_000_000_000_000_000n],
    [999999999999.1235, 999_999_999_999_123_500n],
  ])('of %s are what was written, ties to even', (value, micros) => {
    expect(toMicros(value)).toBe(micros);
  });

  test.each([
    1e12 + 0.001,
    -1e12 - 1,
    1e13,
    1e300,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    -Infinity,
  ])('of %s do not exist', (value) => {
    expect(toMicros(value)).toBeUndefined();
    expect(roundToMicros(value)).toBeUndefined();
  });

  test('equal BigInt arithmetic on the digits that were written', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(toMicros(value)).toBe(expectedMicros(value));
      }),
      { numRuns: 20_000, seed: 1 },
    );
  });

  test('turn into the double nearest to them', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }), (micros) => {
        expect(fromMicros(micros)).toBe(Number(`${micros}e-6`));
      }),
      { numRuns: 20_000, seed: 2 },
    );
  });
});

describe('a value rounded to 6 decimals', () => {
  test('is rounded once: rounding it again changes nothing', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const rounded = roundToMicros(value) ?? Number.NaN;
        expect(roundToMicros(rounded)).toBe(rounded);
      }),
      { numRuns: 20_000, seed: 3 },
    );
  });

  test('is stored as the millionths of what was sent, also beyond nine billion', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const rounded = roundToMicros(value) ?? Number.NaN;
        expect(toMicros(rounded)).toBe(toMicros(value));
      }),
      { numRuns: 20_000, seed: 4 },
    );
  });

  test('stays as it is when it has at most 6 decimals', () => {
    for (const value of [
      0, 1, -1, 0.1, 0.3, 1.005, 999999999999.1235, 9007199254.740993, -8.123456,
    ]) {
      expect(roundToMicros(value)).toBe(value);
    }
  });
});

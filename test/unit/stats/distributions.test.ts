import { describe, expect, test } from 'vitest';
import {
  betaCdf,
  betaUpperTail,
  chiSquareUpperTail,
  fCdf,
  gammaCdf,
  gammaQuantile,
  gammaUpperTail,
  logGamma,
  logGammaDifference,
  logNormalUpperTail,
  logTUpperTail,
  normalCdf,
  normalQuantile,
  normalUpperQuantile,
  normalUpperTail,
  tUpperQuantile,
  tUpperTail,
} from '../../../src/stats/index.ts';

/** |got / want - 1|, printed by the matcher when it is too large. */
function relativeError(got: number, want: number): number {
  return Math.abs(got / want - 1);
}

describe('closed forms', () => {
  test.each([1, 2, 7, 40, 400, 450])(
    'a gamma tail at integer shape %d is a Poisson sum',
    (shape) => {
      for (const share of [0.3, 0.8, 1, 1.3, 2]) {
        const x = shape * share;
        let sum = 0;
        for (let k = 0; k < shape; k += 1) {
          sum += Math.exp(k * Math.log(x) - x - logGamma(k + 1));
        }
        if (share >= 1) expect(relativeError(gammaUpperTail(x, shape), sum)).toBeLessThan(1e-11);
        expect(gammaCdf(x, shape)).toBeCloseTo(1 - sum, 11);
      }
    },
  );

  test.each([
    [3, 4],
    [20, 90],
    [300, 2],
  ])('a beta tail at integers %d, %d is a binomial sum', (a, b) => {
    const n = a + b - 1;
    for (const x of [0.02, 0.2, 0.5, 0.9, 0.999]) {
      let sum = 0;
      for (let k = a; k <= n; k += 1) {
        const logWays = logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1);
        sum += Math.exp(logWays + k * Math.log(x) + (n - k) * Math.log1p(-x));
      }
      if (sum > 1e-300) expect(relativeError(betaCdf(x, a, b), sum)).toBeLessThan(1e-11);
      expect(betaUpperTail(x, a, b)).toBeCloseTo(1 - sum, 11);
    }
  });

  test('a chi-square tail at two degrees of freedom is an exponential', () => {
    for (const x of [1e-9, 0.3, 5, 1400]) {
      expect(relativeError(chiSquareUpperTail(x, 2), Math.exp(-x / 2))).toBeLessThan(1e-12);
    }
  });

  test.each([1, 3.7, 50, 1e5, 1e9])('t at %d degrees of freedom, library and own', (df) => {
    for (const x of [0.05, 0.5, 2, 9, 30]) {
      const own = Math.exp(logTUpperTail(x, df));
      expect(relativeError(tUpperTail(x, df), own)).toBeLessThan(1e-12);
    }
  });
});

describe('guards', () => {
  // Reference values by mpmath 1.3 with 50 digits.
  test('a gamma tail at an integer shape, where the library is off by 0.1%', () => {
    const got = gammaUpperTail(585, 450);
    expect(relativeError(got, 2.684154304403625e-9)).toBeLessThan(1e-12);
  });

  test('a gamma tail at a huge shape, where the library is off by percents', () => {
    const got = gammaCdf(348589818.9129287, 348591489.84323895);
    expect(relativeError(got, 0.46435120455390955)).toBeLessThan(1e-11);
  });

  test('a beta tail at a + b near 1e9, where the library is off by percents', () => {
    const got = betaCdf(0.2253449729224305, 194043402.08832043, 666841566.4279515);
    expect(relativeError(got, 5.7047339380494896e-5)).toBeLessThan(1e-11);
  });

  test('a t tail at 1e9 degrees of freedom is not the normal tail', () => {
    const ratio = tUpperTail(37, 1e9) / normalUpperTail(37);
    expect(ratio).toBeGreaterThan(1 + 4e-4);
    expect(ratio).toBeLessThan(1 + 6e-4);
  });

  test('a t statistic next to zero keeps its distance from one half', () => {
    expect(0.5 - tUpperTail(1e-9, 1)).toBeCloseTo(1e-9 / Math.PI, 16);
  });

  test('an extreme t quantile at one degree of freedom is finite', () => {
    expect(relativeError(tUpperQuantile(1e-300, 1), 1 / (Math.PI * 1e-300))).toBeLessThan(1e-12);
    expect(() => tUpperQuantile(1e-300, 0.5)).toThrow(/exceeds the doubles/);
  });
});

describe('tails', () => {
  test('upper tails do not fall to zero with 1 - cdf', () => {
    expect(normalUpperTail(10)).toBeGreaterThan(7e-24);
    expect(chiSquareUpperTail(500, 1)).toBeGreaterThan(0);
    expect(tUpperTail(1e10, 5)).toBeGreaterThan(0);
  });

  test('logarithms go on where the tails end', () => {
    expect(logNormalUpperTail(1e10)).toBeCloseTo(-5e19, -5);
    expect(logTUpperTail(1e150, 3)).toBeLessThan(-1000);
    expect(Number.isFinite(logTUpperTail(1e150, 1e15))).toBe(true);
  });

  test('both sides of the centre mirror each other', () => {
    expect(normalCdf(-1.3)).toBe(normalUpperTail(1.3));
    expect(tUpperTail(-1.3, 7) + tUpperTail(1.3, 7)).toBeCloseTo(1, 15);
    expect(normalUpperQuantile(0.5)).toBe(0);
    expect(tUpperQuantile(0.5, 3)).toBe(0);
    expect(tUpperQuantile(0.9, 3)).toBe(-tUpperQuantile(1 - 0.9, 3));
  });

  test('quantiles invert the tails', () => {
    for (const p of [1e-250, 1e-12, 0.025, 0.4]) {
      expect(relativeError(normalUpperTail(normalUpperQuantile(p)), p)).toBeLessThan(1e-11);
      expect(relativeError(normalCdf(normalQuantile(p)), p)).toBeLessThan(1e-11);
      expect(relativeError(tUpperTail(tUpperQuantile(p, 11.5), 11.5), p)).toBeLessThan(1e-11);
      expect(relativeError(gammaCdf(gammaQuantile(p, 3), 3), p)).toBeLessThan(1e-11);
    }
  });
});

describe('log gamma', () => {
  test('its growth at 1e9 keeps its digits', () => {
    // log Gamma(z + 1) - log Gamma(z) = log z.
    expect(relativeError(logGammaDifference(1e9, 1), Math.log(1e9))).toBeLessThan(1e-15);
    expect(relativeError(logGammaDifference(0.5, 3), Math.log(0.5 * 1.5 * 2.5))).toBeLessThan(
      1e-14,
    );
    expect(logGammaDifference(7, 0)).toBe(0);
  });

  test('small values are factorials', () => {
    expect(logGamma(6)).toBeCloseTo(Math.log(120), 14);
  });
});

describe('arguments out of range are refused by name', () => {
  test.each([
    ['p = 0', () => normalQuantile(0)],
    ['p = 1', () => tUpperQuantile(1, 5)],
    ['df = 0', () => tUpperTail(1, 0)],
    ['x = NaN', () => normalCdf(Number.NaN)],
    ['x = -1', () => gammaCdf(-1, 2)],
    ['x = 1.5', () => betaCdf(1.5, 2, 2)],
    ['a = -2', () => betaCdf(0.5, -2, 2)],
    ['df2 = 0', () => fCdf(1, 2, 0)],
    ['shape = Infinity', () => gammaUpperTail(1, Infinity)],
    ['z = 0', () => logGamma(0)],
    ['step = -1', () => logGammaDifference(1, -1)],
  ])('%s', (message, call) => {
    expect(call).toThrow(RangeError);
    expect(call).toThrow(message);
  });

  test('the ends of a range are answered', () => {
    expect(betaCdf(0, 2, 3)).toBe(0);
    expect(betaCdf(1, 2, 3)).toBe(1);
    expect(gammaUpperTail(0, 2)).toBe(1);
    expect(gammaCdf(0, 2)).toBe(0);
  });
});

import { describe, expect, test } from 'vitest';
import { gammaLogTails, logTUpperTail, tUpperQuantile } from '../../../src/stats/index.ts';

describe('gamma tails of large shapes', () => {
  test.each([
    // mpmath, 60 digits.
    [150, 140, 0.2095436239186071, 0.7904563760813929],
    [150, 151, 0.5432697634436877, 0.4567302365563123],
    [324.5, 300, 0.08421635683198285, 0.9157836431680172],
    [1000, 1100, 0.99894067674607, 0.001059323253929977],
    [1_000_000, 999_000, 0.1586552135743037, 0.8413447864256963],
    [1_000_000, 1_000_000, 0.5001329807608726, 0.4998670192391274],
    [10_000_000, 10_010_000, 0.9992147465653944, 0.000785253434605628],
  ])('shape %s at %s', (shape, x, lower, upper) => {
    const tails = gammaLogTails(x, shape);
    expect(Math.abs(Math.exp(tails.logLower) / lower - 1)).toBeLessThan(1e-13);
    expect(Math.abs(Math.exp(tails.logUpper) / upper - 1)).toBeLessThan(1e-13);
  });

  test('the expansion, the series and the fraction meet', () => {
    for (const z of [-4, -0.5, 0, 0.5, 4]) {
      // Where shape becomes large, and where x leaves the neighbourhood of the mean.
      const [below, above] = [150 - 1e-13, 150 + 1e-13].map((shape) =>
        gammaLogTails(150 + z * Math.sqrt(150), shape),
      );
      expect(below?.logLower).toBeCloseTo(above?.logLower as number, 10);
      expect(below?.logUpper).toBeCloseTo(above?.logUpper as number, 10);
    }
    for (const edge of [600, 1400]) {
      const inside = gammaLogTails(edge * (1 + Math.sign(1000 - edge) * 1e-13), 1000);
      const outside = gammaLogTails(edge * (1 - Math.sign(1000 - edge) * 1e-13), 1000);
      expect(Math.abs(inside.logLower - outside.logLower)).toBeLessThan(1e-9);
      expect(Math.abs(inside.logUpper - outside.logUpper)).toBeLessThan(1e-9);
    }
  });
});

test('t quantiles come back at any degrees of freedom', () => {
  for (const df of [0.05, 0.1, 0.7, 1, 5, 1e6, 1e9, 1.1e9, 1e12, 1e300]) {
    for (const p of [0.4999, 0.3, 0.025, 1e-6, 1e-12]) {
      const x = tUpperQuantile(p, df);
      expect(Math.abs(Math.expm1(logTUpperTail(x, df) - Math.log(p)))).toBeLessThan(1e-10);
    }
  }
});

import { describe, expect, test } from 'vitest';
import {
  confidenceSequence,
  confidenceSequenceOneSided,
  createRandom,
  mixtureSequentialTest,
} from '../../../src/stats/index.ts';

const look = { estimate: 0.02, se: 0.008, n: 5000, plannedN: 5000, alpha: 0.05 };

describe('confidenceSequence', () => {
  test('at the planned size it is 1.55 times the fixed interval', () => {
    const result = confidenceSequence(look);
    if (result.status !== 'ok') throw new Error(result.status);
    expect(result.halfWidth / look.se / 1.959963984540054).toBeCloseTo(1.5486, 4);
  });

  test('it is narrowest near the planned size', () => {
    const width = (n: number): number => {
      const result = confidenceSequence({ ...look, n });
      return result.status === 'ok' ? result.halfWidth : NaN;
    };
    expect(width(500)).toBeGreaterThan(width(5000));
    expect(width(500_000)).toBeGreaterThan(width(5000));
  });

  test('no units and no error are said as such', () => {
    expect(confidenceSequence({ ...look, n: 0 }).status).toBe('insufficient_data');
    expect(confidenceSequence({ ...look, se: 0 })).toEqual({
      status: 'zero_variance',
      estimate: 0.02,
    });
  });

  test('an overwhelming effect has a p-value of 0 and a finite e-value', () => {
    const result = confidenceSequence({ ...look, estimate: 1e100, se: 1e-40 });
    expect(result).toMatchObject({ status: 'ok', p: 0 });
    if (result.status === 'ok') expect(Number.isFinite(result.logE)).toBe(true);
  });

  test('arguments out of range are refused by name', () => {
    expect(() => confidenceSequence({ ...look, plannedN: 0 })).toThrow(/plannedN = 0/);
    expect(() => confidenceSequence({ ...look, n: 1.5 })).toThrow(/n = 1\.5/);
    expect(() => confidenceSequence({ ...look, se: -1 })).toThrow(/se = -1/);
    expect(() => confidenceSequence({ ...look, estimate: NaN })).toThrow(/estimate = NaN/);
    expect(() => confidenceSequence({ ...look, alpha: 1 })).toThrow(/alpha = 1/);
  });

  test('twenty looks at no effect alarm far less often than twenty fixed tests', () => {
    // 2000 runs: at most 5% are promised (3 sd above: 6.5%); fixed tests alarm in about 25%.
    const random = createRandom(7);
    let alarms = 0;
    let naive = 0;
    for (let run = 0; run < 2000; run += 1) {
      let sum = 0;
      let crossed = false;
      let crossedNaive = false;
      for (let k = 1; k <= 20; k += 1) {
        sum += random.normal(0, Math.sqrt(100));
        const se = 1 / Math.sqrt(100 * k);
        const estimate = sum / (100 * k);
        const result = confidenceSequence({
          estimate,
          se,
          n: 100 * k,
          plannedN: 2000,
          alpha: 0.05,
        });
        crossed ||= result.status === 'ok' && result.p < 0.05;
        crossedNaive ||= Math.abs(estimate / se) > 1.96;
      }
      if (crossed) alarms += 1;
      if (crossedNaive) naive += 1;
    }
    expect(alarms / 2000).toBeLessThan(0.065);
    expect(naive / 2000).toBeGreaterThan(0.2);
  });
});

describe('confidenceSequenceOneSided', () => {
  test('the two sides mirror each other', () => {
    const lower = confidenceSequenceOneSided({ ...look, side: 'lower' });
    const upper = confidenceSequenceOneSided({ ...look, estimate: -look.estimate, side: 'upper' });
    if (lower.status !== 'ok' || upper.status !== 'ok') throw new Error('no answer');
    expect(upper.bound).toBe(-lower.bound);
    expect(upper.p).toBe(lower.p);
    expect(lower.width).toBe(upper.width);
  });

  test('it is narrower than the two-sided interval at the same alpha', () => {
    const one = confidenceSequenceOneSided({ ...look, side: 'lower' });
    const two = confidenceSequence(look);
    if (one.status !== 'ok' || two.status !== 'ok') throw new Error('no answer');
    expect(one.width).toBeLessThan(two.halfWidth);
  });

  test('an effect on the harmless side has p = 1 and no alarm', () => {
    const result = confidenceSequenceOneSided({ ...look, estimate: 5, side: 'upper' });
    expect(result).toMatchObject({ status: 'ok', p: 1 });
    if (result.status === 'ok') expect(result.bound).toBeGreaterThan(0);
  });

  test('its p-value is the alpha at which the bound would touch zero, at the same mixture', () => {
    const strong = { ...look, estimate: 0.035, side: 'lower' as const };
    const result = confidenceSequenceOneSided(strong);
    if (result.status !== 'ok') throw new Error(result.status);
    // k depends on the design alpha; solve width(p) = estimate at that k.
    const k = Math.log1p(-2 * Math.log(0.1)) - 2 * Math.log(0.1);
    const width =
      look.se * Math.sqrt(((2 * (k + 1)) / k) * Math.log1p(Math.sqrt(k + 1) / (2 * result.p)));
    expect(width).toBeCloseTo(0.035, 12);
  });

  test('a level of one half or more is refused', () => {
    expect(() => confidenceSequenceOneSided({ ...look, alpha: 0.5, side: 'lower' })).toThrow(
      /alpha = 0\.5/,
    );
  });
});

test('a mixture test with the matching mixture is the confidence sequence', () => {
  const rho2 = (Math.log1p(-2 * Math.log(0.05)) - 2 * Math.log(0.05)) / 5000;
  const variance = look.se ** 2;
  const a = confidenceSequence({ ...look, n: 3000 });
  const b = mixtureSequentialTest({
    estimate: look.estimate,
    variance,
    mixingVariance: rho2 * variance * 3000,
    alpha: 0.05,
  });
  if (a.status !== 'ok' || b.status !== 'ok') throw new Error('no answer');
  expect(b.halfWidth).toBeCloseTo(a.halfWidth, 14);
  expect(b.p).toBeCloseTo(a.p, 14);
});

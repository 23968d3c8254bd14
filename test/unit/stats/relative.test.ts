import { describe, expect, test } from 'vitest';
import {
  fieller,
  type Moments,
  momentsOf,
  relative,
  relativeDelta,
  relativeLogRatio,
  welch,
} from '../../../src/stats/index.ts';

const alpha = 0.05;
const control: Moments = { n: 4000, mean: 10, m2: 4000 * 25 };
const treatment: Moments = { n: 4100, mean: 10.4, m2: 4100 * 26 };
const mirrored = ({ n, mean, m2 }: Moments): Moments => ({ n, mean: -mean, m2 });

function answered<Result extends { status: string }>(
  result: Result,
): Extract<Result, { status: 'ok' }> {
  if (result.status !== 'ok') throw new Error(`status ${result.status}`);
  return result as Extract<Result, { status: 'ok' }>;
}

describe('relative', () => {
  test('the lift is the difference over the size of the baseline', () => {
    const result = answered(relative(control, treatment, { alpha }));
    expect(result.estimate).toBeCloseTo(0.04, 12);
    expect(result.baselineNoisy).toBe(false);
    expect(result.level).toBe(0.95);
  });

  test('it carries the p-value of the absolute test', () => {
    const absolute = answered(welch(control, treatment, { alpha }));
    expect(answered(relative(control, treatment, { alpha })).p).toBe(absolute.p);
  });

  test('a negative baseline mirrors: less loss is a positive lift', () => {
    const up = answered(relative(control, treatment, { alpha }));
    const down = answered(relative(mirrored(control), mirrored(treatment), { alpha }));
    expect(down.estimate).toBe(-up.estimate);
    expect(down.lower).toBe(-up.upper);
    expect(down.upper).toBe(-up.lower);
  });

  test('a baseline of zero has no relative effect', () => {
    const zero = momentsOf([-1, 1, -2, 2]);
    expect(relative(zero, treatment, { alpha })).toEqual({ status: 'zero_baseline' });
  });

  test('a baseline not told apart from zero has no bounded relative effect', () => {
    const weak = momentsOf([-3, -1, 2, 4]);
    const result = relative(weak, treatment, { alpha });
    expect(result.status).toBe('unbounded');
    expect(result).toMatchObject({ baselineNoisy: true });
    expect(result).not.toHaveProperty('lower');
  });

  test('a baseline within five of its standard errors is flagged as noisy', () => {
    const at = (errors: number): boolean => {
      const noisy = { n: 400, mean: errors / 20, m2: 399 };
      return answered(relative(noisy, treatment, { alpha })).baselineNoisy;
    };
    expect(at(4.9)).toBe(true);
    expect(at(5.1)).toBe(false);
  });

  test('too few units and no variance come before the baseline', () => {
    expect(relative(momentsOf([2]), treatment, { alpha }).status).toBe('insufficient_data');
    expect(relative(momentsOf([2, 2]), momentsOf([3, 3, 3]), { alpha })).toEqual({
      status: 'zero_variance',
      estimate: 0.5,
    });
  });
});

describe('fieller', () => {
  test('its bounds solve the equation that defines them', () => {
    const q = 2.7;
    const { lower, upper } = answered(fieller(control, treatment, { criticalValue: q }));
    const vc = control.m2 / (control.n - 1) / control.n;
    const vt = treatment.m2 / (treatment.n - 1) / treatment.n;
    for (const bound of [lower, upper]) {
      const r = 1 + bound;
      const t = (treatment.mean - r * control.mean) / Math.sqrt(vt + r * r * vc);
      expect(Math.abs(t)).toBeCloseTo(q, 10);
    }
  });

  test('a critical value of 0 gives the point, a larger one a wider interval', () => {
    const at = (criticalValue: number) => answered(fieller(control, treatment, { criticalValue }));
    expect(at(0).lower).toBeCloseTo(at(0).estimate, 14);
    expect(at(3).lower).toBeLessThan(at(2).lower);
    expect(at(3).upper).toBeGreaterThan(at(2).upper);
  });

  test('a lift of one in a million keeps its digits', () => {
    const huge = { n: 1e9, mean: 1e8, m2: 1e9 * 1e6 };
    const { estimate, lower, upper } = answered(
      fieller(huge, { ...huge, mean: 1e8 + 100 }, { criticalValue: 2 }),
    );
    expect(estimate).toBeCloseTo(1e-6, 16);
    // g is 4e-17 here, so the bounds are those of the difference over the baseline.
    const reach = (2 * Math.sqrt((2 * 1e6) / 1e9)) / 1e8;
    expect(lower / (1e-6 - reach)).toBeCloseTo(1, 8);
    expect(upper / (1e-6 + reach)).toBeCloseTo(1, 8);
  });

  test('a negative critical value is refused', () => {
    expect(() => fieller(control, treatment, { criticalValue: -1 })).toThrow(/criticalValue = -1/);
  });
});

describe('approximations for comparison', () => {
  test('all methods agree to three digits on a strong baseline', () => {
    const strong = { n: 100_000, mean: 10, m2: 100_000 * 25 };
    const moved = { ...strong, mean: 10.2 };
    const exact = answered(relative(strong, moved, { alpha }));
    for (const other of [
      answered(relativeDelta(strong, moved, { alpha })),
      answered(relativeLogRatio(strong, moved, { alpha })),
    ]) {
      expect(other.lower).toBeCloseTo(exact.lower, 4);
      expect(other.upper).toBeCloseTo(exact.upper, 4);
    }
  });

  test('the log ratio needs positive means', () => {
    const result = relativeLogRatio(mirrored(control), mirrored(treatment), { alpha });
    expect(result.status).toBe('nonpositive_mean');
  });

  test('the log ratio of a vanishing treatment stays above a loss of everything', () => {
    const vanishing = { n: 1000, mean: 1e-18, m2: 1e-34 };
    const { lower, upper } = answered(relativeLogRatio(control, vanishing, { alpha }));
    expect(lower).toBeGreaterThanOrEqual(-1);
    expect(upper).toBeLessThan(-0.99);
  });
});

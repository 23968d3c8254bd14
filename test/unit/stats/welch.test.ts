import { describe, expect, test } from 'vitest';
import { momentsOf, welch } from '../../../src/stats/index.ts';

const alpha = 0.05;
const control = momentsOf([9.1, 10.4, 8.7, 11.2, 10.0]);
const treatment = momentsOf([10.9, 12.1, 9.8, 11.7, 12.6, 11.3]);

describe('welch', () => {
  test('the difference is treatment minus control, with an interval around it', () => {
    const result = welch(control, treatment, { alpha });
    if (result.status !== 'ok') throw new Error(result.status);
    expect(result.estimate).toBeCloseTo(treatment.mean - control.mean, 14);
    expect(result.lower).toBeLessThan(result.estimate);
    expect(result.upper).toBeGreaterThan(result.estimate);
    expect(result.level).toBe(0.95);
    expect(Math.exp(result.logP)).toBeCloseTo(result.p, 14);
  });

  test('one unit in an arm is not enough data, and the difference is still known', () => {
    const one = momentsOf([4]);
    expect(welch(one, treatment, { alpha })).toEqual({
      status: 'insufficient_data',
      estimate: treatment.mean - 4,
    });
    expect(welch(momentsOf([]), treatment, { alpha })).toEqual({ status: 'insufficient_data' });
  });

  test('no variance in both arms gives the difference without a p-value', () => {
    const result = welch(momentsOf([1, 1, 1]), momentsOf([2, 2, 2]), { alpha });
    expect(result).toEqual({ status: 'zero_variance', estimate: 1 });
  });

  test('no variance in one arm uses the degrees of freedom of the other', () => {
    const result = welch(momentsOf([10, 10, 10]), treatment, { alpha });
    if (result.status !== 'ok') throw new Error(result.status);
    expect(result.degreesOfFreedom).toBe(5);
  });

  test('a variance that is nothing beside the difference counts as none', () => {
    const still = { n: 2, mean: 0, m2: Number.MIN_VALUE };
    const far = { n: 2, mean: 1e100, m2: 0 };
    expect(welch(still, far, { alpha }).status).toBe('zero_variance');
  });

  test('a p-value that underflows is carried by its logarithm', () => {
    const many = { n: 5_000_000, mean: 1, m2: 5_000_000 };
    const result = welch(many, { ...many, mean: 2 }, { alpha });
    if (result.status !== 'ok') throw new Error(result.status);
    expect(result.p).toBe(0);
    expect(result.logP).toBeLessThan(-1e5);
    expect(Number.isFinite(result.logP)).toBe(true);
  });

  test('the smallest and the largest metrics give the same t', () => {
    const t = (scale: number) => {
      const result = welch(
        { n: 30, mean: 2 * scale, m2: 50 * scale * scale },
        { n: 40, mean: 3 * scale, m2: 70 * scale * scale },
        { alpha },
      );
      return result.status === 'ok' ? [result.t, result.degreesOfFreedom] : result;
    };
    expect(t(2 ** -400)).toEqual(t(1));
    expect(t(2 ** 400)).toEqual(t(1));
  });

  test('a level outside (0, 1) and impossible moments are programmer errors', () => {
    expect(() => welch(control, treatment, { alpha: 0 })).toThrow(/alpha = 0/);
    expect(() => welch(control, treatment, { alpha: 5 })).toThrow(/alpha = 5/);
    expect(() => welch({ ...control, n: -1 }, treatment, { alpha })).toThrow(/control\.n = -1/);
    expect(() => welch(control, { ...treatment, mean: NaN }, { alpha })).toThrow(/treatment\.mean/);
  });
});

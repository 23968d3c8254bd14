import { describe, expect, test } from 'vitest';
import {
  boundaries,
  equivalence,
  type Moments,
  momentsOf,
  nonInferiority,
  normalUpperQuantile,
} from '../../../src/stats/index.ts';

const n = 10_000;
const arm = (mean: number, sd = 10): Moments => ({ n, mean, m2: (n - 1) * sd * sd });
const options = {
  margin: 0.01,
  marginScale: 'relative',
  direction: 'increase',
  alpha: 0.05,
} as const;
const control = arm(100);

function answered(treatment: Moments, extra: object = {}, from = control) {
  const result = nonInferiority(from, treatment, { ...options, ...extra });
  if (result.status !== 'ok') throw new Error(result.status);
  return result;
}

describe('nonInferiority', () => {
  // se of the difference is 0.1414; the margin is 1.
  test('a small loss within the margin is protected, a large one is not', () => {
    expect(answered(arm(99.9)).state).toBe('protected');
    expect(answered(arm(98)).state).toBe('harmed');
  });

  test('too little data proves nothing, in either direction', () => {
    const few = { n: 50, mean: 100, m2: 49 * 100 };
    expect(answered({ ...few, mean: 99.9 }, {}, few).state).toBe('unproven');
  });

  test('measurable harm within the margin is non-inferior, deteriorated, and named harm', () => {
    const result = answered(arm(99.6));
    expect(result.nonInferior).toBe(true);
    expect(result.deteriorated).toBe(true);
    expect(result.state).toBe('harmed');
  });

  test('for a metric that should fall, more is worse', () => {
    const down = { direction: 'decrease' } as const;
    expect(answered(arm(100.1), down).state).toBe('protected');
    expect(answered(arm(102), down).state).toBe('harmed');
    expect(answered(arm(98), down).state).toBe('protected');
  });

  test('a negative baseline has its margin on the bad side too', () => {
    const negative = arm(-100);
    expect(answered(arm(-100.1), {}, negative).state).toBe('protected');
    expect(answered(arm(-102), {}, negative).state).toBe('harmed');
    expect(answered(arm(-98), { direction: 'decrease' }, negative).state).toBe('harmed');
  });

  test('the bound is on the scale of the margin and above it exactly when protected', () => {
    const relative = answered(arm(99.9));
    expect(relative.lower).toBeCloseTo(-0.001 - 1.645 * 0.0014142, 4);
    const absolute = answered(arm(99.9), { marginScale: 'absolute', margin: 1 });
    expect(absolute.lower).toBeCloseTo(-0.1 - 1.645 * 0.14142, 3);
  });

  test('a margin of 0 is a one-sided test of superiority', () => {
    const zero = answered(arm(100.3), { margin: 0 });
    expect(zero.nonInferior).toBe(true);
    expect(zero.lower).toBeGreaterThan(0);
  });

  test('a group-sequential boundary replaces the quantile', () => {
    const { criticalValues } = boundaries({
      alpha: 0.05,
      information: [0.3],
      spending: { kind: 'obrien_fleming' },
      sides: 1,
    });
    const criticalValue = criticalValues[0] as number;
    const early = answered(arm(99.4), { criticalValue });
    const fixed = answered(arm(99.4));
    expect(criticalValue).toBeGreaterThan(normalUpperQuantile(0.05));
    expect(early.lower as number).toBeLessThan(fixed.lower as number);
    expect(early.nonInferior).toBe(early.statistic > criticalValue);
  });

  test('a relative bound that does not exist is null, and the test still answers', () => {
    const weak = { n: 50, mean: 0.1, m2: 49 * 4 };
    const result = answered({ n: 50, mean: 3, m2: 49 * 4 }, {}, weak);
    expect(result.lower).toBeNull();
    expect(result.state).toBe('protected');
  });

  test('what cannot be answered says why', () => {
    const call = (c: Moments, t: Moments) => nonInferiority(c, t, options).status;
    expect(call(momentsOf([1]), control)).toBe('insufficient_data');
    expect(call(momentsOf([1, 1]), momentsOf([2, 2]))).toBe('zero_variance');
    expect(call(momentsOf([-1, 1]), control)).toBe('zero_baseline');
  });

  test('arguments out of range are refused by name', () => {
    expect(() => answered(control, { margin: -0.1 })).toThrow(/margin = -0\.1/);
    expect(() => answered(control, { margin: 20 })).toThrow(/margin = 20/);
    expect(() => answered(control, { alpha: 0.5 })).toThrow(/alpha = 0\.5/);
    expect(() => answered(control, { criticalValue: NaN })).toThrow(/criticalValue = NaN/);
  });
});

describe('equivalence', () => {
  test('arms closer than the margin are equivalent, and the interval says the same', () => {
    const result = equivalence(control, arm(100.1), { margin: 1, alpha: 0.05 });
    if (result.status !== 'ok') throw new Error(result.status);
    expect(result.equivalent).toBe(true);
    expect(result.lower).toBeGreaterThan(-1);
    expect(result.upper).toBeLessThan(1);
  });

  test('what cannot be answered says why', () => {
    const call = (c: Moments, t: Moments) => equivalence(c, t, { margin: 1, alpha: 0.05 }).status;
    expect(call(momentsOf([1]), control)).toBe('insufficient_data');
    expect(call(momentsOf([1, 1]), momentsOf([1, 1]))).toBe('zero_variance');
  });
});

import { describe, expect, test } from 'vitest';
import {
  benjaminiHochberg,
  benjaminiYekutieli,
  bonferroni,
  hochberg,
  holm,
} from '../../../src/stats/index.ts';

const ALL = { holm, hochberg, bonferroni, benjaminiHochberg, benjaminiYekutieli };

describe.each(Object.entries(ALL))('%s', (_, adjust) => {
  test('nulls stay null and do not count', () => {
    expect(adjust([null, 0.01, null, 0.2])).toEqual([
      null,
      adjust([0.01, 0.2])[0],
      null,
      adjust([0.01, 0.2])[1],
    ]);
    expect(adjust([null])).toEqual([null]);
    expect(adjust([])).toEqual([]);
  });

  test('a family of one is not adjusted, and zero stays zero', () => {
    expect(adjust([0.03])).toEqual([0.03]);
    expect(adjust([0, 1])[0]).toBe(0);
  });

  test('nothing leaves [p, 1], and the order of the p-values is kept', () => {
    const p = [0.2, 0.01, 0.04, 0.04, 0.9];
    const adjusted = adjust(p) as number[];
    adjusted.forEach((value, i) => {
      expect(value).toBeGreaterThanOrEqual(p[i] as number);
      expect(value).toBeLessThanOrEqual(1);
    });
    expect(adjusted[2]).toBe(adjusted[3]);
    expect(adjusted[1]).toBeLessThanOrEqual(adjusted[2] as number);
  });

  test('a value that is no probability is refused by its place', () => {
    expect(() => adjust([0.5, 1.2])).toThrow(/values\[1\] = 1\.2/);
    expect(() => adjust([NaN])).toThrow(RangeError);
  });
});

test('step-down is sharper than one factor for all, step-up sharper still', () => {
  const p = [0.01, 0.02, 0.03];
  expect(bonferroni(p)).toEqual([0.03, 0.06, 0.09]);
  expect(holm(p)).toEqual([0.03, 0.04, 0.04]);
  expect(hochberg(p)).toEqual([0.03, 0.03, 0.03]);
});

import { describe, expect, test } from 'vitest';
import {
  type CoMoments,
  coMomentsOf,
  createRandom,
  noveltyContrast,
} from '../../../src/stats/index.ts';

/** Units with a lasting level of their own, in two periods with their own effects. */
function units(seed: number, n: number, early: number, late: number): CoMoments {
  const random = createRandom(seed);
  const levels = Array.from({ length: n }, () => random.normal(10, 3));
  return coMomentsOf([
    levels.map((level) => level + early + random.normal()),
    levels.map((level) => level + late + random.normal()),
  ]);
}

describe('noveltyContrast', () => {
  const control = units(1, 4000, 0, 0);

  test.each([
    ['steady', 0.5, 0.5],
    ['fading', 0.6, 0.1],
    ['growing', 0.1, 0.6],
    ['flipped', 0.4, -0.4],
  ] as const)('an effect that is %s', (pattern, early, late) => {
    const result = noveltyContrast(control, units(2, 4000, early, late));
    if (result.status !== 'ok') throw new Error(result.status);
    expect(result.pattern).toBe(pattern);
    expect(result.changed).toBe(pattern !== 'steady');
    expect(result.change.estimate).toBeCloseTo(result.late.estimate - result.early.estimate, 10);
  });

  test('the change within units is known much better than either effect', () => {
    const result = noveltyContrast(control, units(3, 4000, 0.3, 0.3));
    if (result.status !== 'ok') throw new Error(result.status);
    expect(result.change.se).toBeLessThan(result.early.se / 2);
    expect(result.decay).toBeCloseTo(1 - result.late.estimate / result.early.estimate, 14);
  });

  test('no early effect has no decay', () => {
    const still = {
      n: 100,
      means: [1, 1],
      cross: [
        [9, 3],
        [3, 9],
      ],
    };
    const result = noveltyContrast(still, { ...still, means: [1, 2] });
    expect(result).toMatchObject({ status: 'ok', decay: null });
  });

  test('what cannot be answered is said, and what is not a pair is refused', () => {
    const none = {
      n: 0,
      means: [0, 0],
      cross: [
        [0, 0],
        [0, 0],
      ],
    };
    expect(noveltyContrast(none, control)).toEqual({ status: 'insufficient_data' });
    const same = {
      n: 10,
      means: [1, 2],
      cross: [
        [9, 9],
        [9, 9],
      ],
    };
    expect(noveltyContrast(same, { ...same, means: [2, 5] })).toEqual({ status: 'zero_variance' });
    expect(() => noveltyContrast({ n: 3, means: [1], cross: [[1]] }, control)).toThrow(
      /control has 1 variables/,
    );
    expect(() => noveltyContrast(control, control, { alpha: 2 })).toThrow(/alpha = 2/);
  });
});

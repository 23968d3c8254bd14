import { describe, expect, test } from 'vitest';
import { createRandom, quantileEffects } from '../../../src/stats/index.ts';

const random = createRandom(4);
const control = Array.from({ length: 3000 }, () => random.normal(10, 1));
const treatment = Array.from({ length: 3000 }, () => random.normal(10, 1.6));

describe('quantileEffects', () => {
  test('a wider spread moves the ends apart and leaves the middle', () => {
    const effects = quantileEffects(control, treatment, { alpha: 0.05 });
    if ('status' in effects) throw new Error(effects.status);
    expect(effects.map(({ probability }) => probability)).toEqual([
      0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9,
    ]);
    const [low, middle, high] = [effects[0], effects[4], effects[8]].map((effect) =>
      effect?.simultaneous.status === 'ok' ? effect.simultaneous : undefined,
    );
    expect(low?.upper).toBeLessThan(0);
    expect(high?.lower).toBeGreaterThan(0);
    expect(middle?.lower).toBeLessThan(0);
    expect(middle?.upper).toBeGreaterThan(0);
    for (const { pointwise, simultaneous } of effects) {
      if (pointwise.status !== 'ok' || simultaneous.status !== 'ok') throw new Error('no answer');
      expect(simultaneous.upper - simultaneous.lower).toBeGreaterThan(
        pointwise.upper - pointwise.lower,
      );
    }
  });

  test('too few values at an end are said, quantile by quantile', () => {
    const effects = quantileEffects(control.slice(0, 40), treatment.slice(0, 40), {
      alpha: 0.05,
      probabilities: [0.5, 0.99],
    });
    if ('status' in effects) throw new Error(effects.status);
    expect(effects.map(({ pointwise }) => pointwise.status)).toEqual(['ok', 'insufficient_data']);
    expect(quantileEffects([], treatment, { alpha: 0.05 })).toEqual({ status: 'no_data' });
  });

  test('arguments out of range are refused by name', () => {
    expect(() => quantileEffects(control, treatment, { alpha: 0 })).toThrow(/alpha = 0/);
    expect(() => quantileEffects(control, treatment, { alpha: 0.05, probabilities: [] })).toThrow(
      /probabilities has 0 values/,
    );
    expect(() => quantileEffects(control, treatment, { alpha: 0.05, probabilities: [1] })).toThrow(
      /p = 1/,
    );
  });
});

import { describe, expect, test } from 'vitest';
import { createRandom, type Random, responseShape, type Shape } from '../../../src/stats/index.ts';

/** Scores as classifiers give them; not the ones the rules were first tried on. */
const FIXTURES: Record<string, { shape: Shape; score: (random: Random) => number }> = {
  'two classes told apart': {
    shape: 'bimodal_separated',
    score: (r) => (r.bernoulli(0.4) ? r.beta(8, 2) : r.beta(2, 8)),
  },
  'two classes at the ends': {
    shape: 'bimodal_separated',
    score: (r) => (r.bernoulli(0.3) ? r.beta(5, 0.8) : r.beta(0.7, 6)),
  },
  'one hump in the middle': { shape: 'unimodal_central', score: (r) => r.beta(6, 6) },
  'one hump at the low end': { shape: 'unimodal_edge', score: (r) => r.beta(1, 12) },
  'a steep low end': { shape: 'unimodal_edge', score: (r) => r.beta(0.5, 20) },
  'one value a quarter of the time': {
    shape: 'extreme_spike',
    score: (r) => (r.bernoulli(0.25) ? 0.613 : r.beta(2, 3)),
  },
  'fourteen values': {
    shape: 'noisy_sparse',
    score: (r) => (Math.floor(r.uniform() * 14) + 0.5) / 14,
  },
  'thirty-five values': {
    shape: 'noisy_sparse',
    score: (r) => Math.floor(r.beta(2, 3) * 35) / 35,
  },
};

function histogram(n: number, score: () => number): number[] {
  const counts = new Array<number>(50).fill(0);
  for (let i = 0; i < n; i += 1) {
    const bin = Math.min(49, Math.floor(score() * 50));
    counts[bin] = (counts[bin] as number) + 1;
  }
  return counts;
}

describe('responseShape', () => {
  test.each(Object.entries(FIXTURES))('%s', (_, { shape, score }) => {
    const random = createRandom(77);
    for (const [n, runs] of [
      [1000, 30],
      [10_000, 5],
      [100_000, 1],
    ] as const) {
      for (let run = 0; run < runs; run += 1) {
        const result = responseShape(histogram(n, () => score(random)));
        expect(result).toMatchObject({ status: 'ok', shape });
      }
    }
  });

  test('a minority of 1% shows from ten thousand values on', () => {
    const random = createRandom(5);
    const score = (): number => (random.bernoulli(0.01) ? random.beta(20, 2) : random.beta(1, 15));
    for (let run = 0; run < 10; run += 1) {
      expect(responseShape(histogram(10_000, score))).toMatchObject({ shape: 'bimodal_separated' });
    }
  });

  test('the threshold lies where fewest units are', () => {
    const random = createRandom(6);
    // Equal humps at 0.25 and 0.75: the lowest point is in the middle.
    const score = (): number => (random.bernoulli(0.5) ? random.beta(12, 4) : random.beta(4, 12));
    const result = responseShape(histogram(10_000, score));
    if (result.status !== 'ok') throw new Error(result.status);
    expect(Math.abs((result.threshold as number) - 0.5)).toBeLessThan(0.03);
    expect(result.modes).toHaveLength(2);
  });

  test('a spike is named by its value', () => {
    const random = createRandom(7);
    const score = FIXTURES['one value a quarter of the time']?.score as (r: Random) => number;
    const result = responseShape(histogram(5000, () => score(random)));
    expect(result).toMatchObject({ spikes: [0.61], threshold: null });
  });

  test('equal counts are flat, three humps are many', () => {
    expect(responseShape(new Array(50).fill(40))).toMatchObject({ shape: 'flat', modes: [] });
    const random = createRandom(8);
    const score = (): number => {
      const [a, b] = random.pick([
        [4, 40],
        [40, 40],
        [40, 4],
      ] as const);
      return random.beta(a, b);
    };
    expect(responseShape(histogram(10_000, score))).toMatchObject({ shape: 'multimodal' });
  });

  test('the two ends and nothing between them', () => {
    const counts = new Array<number>(50).fill(0);
    counts[0] = 700;
    counts[49] = 300;
    const result = responseShape(counts);
    expect(result).toMatchObject({ shape: 'bimodal_separated', threshold: 0.5 });
  });

  test('few values say nothing, and other bins are refused', () => {
    const counts = new Array<number>(50).fill(1);
    expect(responseShape(counts)).toEqual({ status: 'insufficient_data' });
    expect(() => responseShape([1, 2, 3])).toThrow(/counts has 3 bins/);
    expect(() => responseShape(counts.with(3, -1))).toThrow(/counts\[3\] = -1/);
  });
});

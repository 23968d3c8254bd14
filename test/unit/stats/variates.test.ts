import { describe, expect, test, vi } from 'vitest';
import { createRandom, momentsOf, type Random, variance } from '../../../src/stats/index.ts';

const N = 20_000;
const DRAWS: [string, (random: Random) => number, number, number][] = [
  ['uniform', (r) => r.uniform(), 1 / 2, 1 / 12],
  ['integer', (r) => r.integer(-2, 7), 2.5, 8.25],
  ['bernoulli', (r) => Number(r.bernoulli(0.3)), 0.3, 0.21],
  ['normal', (r) => r.normal(3, 2), 3, 4],
  ['lognormal', (r) => r.lognormal(0, 0.5), Math.exp(0.125), Math.expm1(0.25) * Math.exp(0.25)],
  ['exponential', (r) => r.exponential(2), 0.5, 0.25],
  ['gamma', (r) => r.gamma(2.5, 3), 7.5, 22.5],
  ['gamma below 1', (r) => r.gamma(0.3), 0.3, 0.3],
  ['beta', (r) => r.beta(2, 5), 2 / 7, 10 / 49 / 8],
  ['poisson small', (r) => r.poisson(4), 4, 4],
  ['poisson large', (r) => r.poisson(25), 25, 25],
  ['poisson huge', (r) => r.poisson(1e6), 1e6, 1e6],
];

describe.each(DRAWS)('%s', (_, draw, mean, expectedVariance) => {
  test('has the mean and the variance of its law', () => {
    const random = createRandom(42);
    const sample = momentsOf(Array.from({ length: N }, () => draw(random)));
    // 4.5 standard errors of the mean; a fixed seed, so it never flickers.
    const error = Math.sqrt(expectedVariance / N);
    expect(Math.abs(sample.mean - mean)).toBeLessThan(4.5 * error);
    expect(variance(sample) / expectedVariance).toBeGreaterThan(0.9);
    expect(variance(sample) / expectedVariance).toBeLessThan(1.1);
  });

  test('repeats from its seed, and never asks Math.random', () => {
    const first = createRandom(5);
    const expected = Array.from({ length: 200 }, () => draw(first));
    const spy = vi.spyOn(Math, 'random').mockImplementation(() => {
      throw new Error('Math.random was asked');
    });
    const again = createRandom(5);
    expect(Array.from({ length: 200 }, () => draw(again))).toEqual(expected);
    spy.mockRestore();
  });

  test('is not disturbed by another generator in between', () => {
    const alone = createRandom(8);
    const expected = Array.from({ length: 50 }, () => draw(alone));
    const mixed = createRandom(8);
    const other = createRandom(9);
    const got = Array.from({ length: 50 }, () => {
      other.normal();
      other.gamma(2);
      return draw(mixed);
    });
    expect(got).toEqual(expected);
  });
});

describe('createRandom', () => {
  test('different seeds give different draws, negative and large ones included', () => {
    const seeds = [0, 1, -1, 2, 2 ** 32, 2 ** 32 + 1, 2 ** 52, -(2 ** 52)];
    const firsts = seeds.map((seed) => createRandom(seed).uniform());
    expect(new Set(firsts).size).toBe(seeds.length);
  });

  test('neighbouring seeds are not correlated', () => {
    // Signs of the first draws of 10000 seeds against the next seed: 3.9 sd of a fair coin.
    let same = 0;
    for (let seed = 0; seed < 10_000; seed += 1) {
      const a = createRandom(seed).uniform() < 0.5;
      const b = createRandom(seed + 1).uniform() < 0.5;
      if (a === b) same += 1;
    }
    expect(Math.abs(same - 5000)).toBeLessThan(195);
  });

  test('a fork goes its own way and leaves the parent where it was going', () => {
    const parent = createRandom(1);
    const child = parent.fork();
    const next = parent.uniform();
    const again = createRandom(1);
    const otherChild = again.fork();
    for (let k = 0; k < 10; k += 1) otherChild.uniform();
    expect(again.uniform()).toBe(next);
    expect(child.uniform()).not.toBe(next);
  });

  test('pick takes every item about equally often', () => {
    const random = createRandom(12);
    const counts = new Map<string, number>();
    for (let k = 0; k < 3000; k += 1) {
      const item = random.pick(['a', 'b', 'c']);
      counts.set(item, (counts.get(item) ?? 0) + 1);
    }
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(110);
    expect(counts.size).toBe(3);
  });

  test('arguments out of range are refused by name', () => {
    const random = createRandom(1);
    expect(() => createRandom(0.5)).toThrow(/seed = 0\.5/);
    expect(() => random.integer(3, 2)).toThrow(/low = 3/);
    expect(() => random.pick([])).toThrow(/items/);
    expect(() => random.bernoulli(1.1)).toThrow(/probability = 1\.1/);
    expect(() => random.normal(0, 0)).toThrow(/sd = 0/);
    expect(() => random.poisson(0)).toThrow(/rate = 0/);
    expect(() => random.gamma(-1)).toThrow(/shape = -1/);
  });
});

import { describe, expect, test } from 'vitest';
import {
  bcaInterval,
  bucketBootstrap,
  createRandom,
  type Moments,
  merge,
  momentsOf,
  poissonBootstrap,
  resampledMean,
  resampledQuantile,
  welch,
} from '../../../src/stats/index.ts';

const alpha = 0.05;
const seed = 5;
const random = createRandom(3);
const draw = (n: number, mean: number): number[] =>
  Array.from({ length: n }, () => random.normal(mean, 2));
const control = draw(800, 10);
const treatment = draw(700, 10.4);
const classic = welch(momentsOf(control), momentsOf(treatment), { alpha });
if (classic.status !== 'ok') throw new Error(classic.status);

describe('poissonBootstrap', () => {
  const means = { control, treatment, statistic: resampledMean, alpha, seed };

  test('finds the error of a difference of means that Welch has by formula', () => {
    const result = poissonBootstrap(means);
    if (result.status !== 'ok') throw new Error(result.status);
    expect(result.estimate).toBeCloseTo(classic.estimate, 12);
    // 1000 draws know a standard deviation to 2.2%.
    expect(Math.abs(result.se / classic.se - 1)).toBeLessThan(0.1);
    expect(Math.abs(result.lower - classic.lower)).toBeLessThan(0.35 * classic.se);
    expect(Math.abs(result.upper - classic.upper)).toBeLessThan(0.35 * classic.se);
  });

  test('the seed decides everything', () => {
    expect(poissonBootstrap(means)).toEqual(poissonBootstrap(means));
    expect(poissonBootstrap({ ...means, seed: 6 })).not.toEqual(poissonBootstrap(means));
  });

  test('any effect of any statistic: the lift of a median', () => {
    const ascending = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);
    const result = poissonBootstrap({
      ...means,
      control: ascending(control),
      treatment: ascending(treatment),
      statistic: (arm) => resampledQuantile(arm, 0.5),
      effect: (c, t) => (t - c) / Math.abs(c),
      draws: 400,
    });
    if (result.status !== 'ok') throw new Error(result.status);
    expect(result.lower).toBeLessThan(result.estimate);
    expect(result.estimate).toBeLessThan(result.upper);
    // Median of normals: se = 1.2533 sd / sqrt n, over a mean of 10.
    const se = (1.2533 * 2 * Math.sqrt(1 / 800 + 1 / 700)) / 10;
    expect(Math.abs(result.se / se - 1)).toBeLessThan(0.25);
  });

  test('no data, no spread and no effect are said', () => {
    expect(poissonBootstrap({ ...means, control: [] })).toEqual({ status: 'no_data' });
    const one = { ...means, control: [1, 1, 1], treatment: [1, 1, 1] };
    expect(poissonBootstrap({ ...one, statistic: () => 1 })).toEqual({
      status: 'zero_variance',
      estimate: 0,
    });
    // Three units are all left out by some resample.
    expect(poissonBootstrap(one)).toEqual({ status: 'insufficient_data', estimate: 0 });
    expect(poissonBootstrap({ ...one, statistic: () => undefined })).toEqual({
      status: 'insufficient_data',
    });
  });

  test('arguments out of range are refused by name', () => {
    expect(() => poissonBootstrap({ ...means, draws: 10 })).toThrow(/draws = 10/);
    expect(() => poissonBootstrap({ ...means, draws: 100.5 })).toThrow(/draws = 100\.5/);
    expect(() => poissonBootstrap({ ...means, seed: 0.5 })).toThrow(/seed = 0\.5/);
    expect(() => resampledQuantile({ items: [1], counts: [1] }, 1)).toThrow(/probability = 1/);
  });
});

describe('bucketBootstrap', () => {
  const buckets = (values: readonly number[]): Moments[] =>
    Array.from({ length: 50 }, (_, b) => momentsOf(values.filter((__, i) => i % 50 === b)));
  const merged = {
    control: buckets(control),
    treatment: buckets(treatment),
    merge,
    statistic: ({ mean }: Moments) => mean,
    alpha,
    seed,
  };

  test('finds the error of a difference of means from fifty buckets an arm', () => {
    const result = bucketBootstrap(merged);
    if (result.status !== 'ok') throw new Error(result.status);
    expect(result.estimate).toBeCloseTo(classic.estimate, 12);
    // Fifty buckets know a variance to about 14%.
    expect(Math.abs(result.se / classic.se - 1)).toBeLessThan(0.35);
    expect((result.lower + result.upper) / 2).toBeCloseTo(result.estimate, 12);
  });

  test('too few buckets are said', () => {
    expect(bucketBootstrap({ ...merged, control: [] })).toEqual({ status: 'no_data' });
    expect(bucketBootstrap({ ...merged, control: merged.control.slice(0, 9) })).toMatchObject({
      status: 'insufficient_data',
    });
    const still = Array.from({ length: 20 }, () => momentsOf([1, 1]));
    expect(bucketBootstrap({ ...merged, control: still, treatment: still })).toEqual({
      status: 'zero_variance',
      estimate: 0,
    });
  });
});

describe('bcaInterval', () => {
  const replicates = Array.from({ length: 999 }, (_, i) => (i + 1) / 1000);

  test('without bias and skewness it is the percentile interval', () => {
    const result = bcaInterval({ estimate: 0.5, replicates, jackknife: [1, 2, 3], alpha: 0.1 });
    if (result.status !== 'ok') throw new Error(result.status);
    expect(result.lower).toBeCloseTo(0.0509, 4);
    expect(result.upper).toBeCloseTo(0.9491, 4);
  });

  test('replicates on one side only have no interval', () => {
    const one = { estimate: 2, replicates, jackknife: [1, 2, 3], alpha };
    expect(bcaInterval(one)).toEqual({ status: 'zero_variance', estimate: 2 });
    expect(() => bcaInterval({ ...one, replicates: [1, 2] })).toThrow(/replicates\.length = 2/);
    expect(() => bcaInterval({ ...one, jackknife: [] })).toThrow(/jackknife\.length = 0/);
    expect(() => bcaInterval({ ...one, replicates: [NaN, ...replicates] })).toThrow(/NaN/);
  });
});

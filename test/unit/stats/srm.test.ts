import { describe, expect, test } from 'vitest';
import {
  chiSquareUpperTail,
  createRandom,
  logGammaDifference,
  sampleRatioMismatch,
  sequentialSampleRatio,
} from '../../../src/stats/index.ts';

describe('sampleRatioMismatch', () => {
  test('counts as configured have p = 1, far counts a small p', () => {
    expect(sampleRatioMismatch([500, 500], [1, 1])).toMatchObject({ status: 'ok', p: 1 });
    const far = sampleRatioMismatch([600, 400], [1, 1]);
    expect(far).toMatchObject({ status: 'ok', method: 'pearson', chiSquare: 40 });
    if (far.status === 'ok') expect(far.p).toBe(chiSquareUpperTail(40, 1));
  });

  test('an arm of weight 0 counts neither in the sum nor in the degrees of freedom', () => {
    const result = sampleRatioMismatch([500, 480, 0], [1, 1, 0]);
    expect(result).toMatchObject({ degreesOfFreedom: 1, expected: [490, 490, 0] });
  });

  test('units in an arm of weight 0 are a mismatch by definition', () => {
    expect(sampleRatioMismatch([500, 500, 1], [1, 1, 0])).toEqual({ status: 'impossible_count' });
  });

  test('no units are no data', () => {
    expect(sampleRatioMismatch([0, 0], [1, 1])).toEqual({ status: 'no_data' });
  });

  // p by summing the multinomial probabilities as fractions in Python.
  test.each([
    [[6, 1, 1], [1, 1, 1], 0.11019661636945588],
    [[9, 1], [1, 1], 0.021484375],
    [[2, 0, 30], [5, 3, 92], 0.757380037411079],
  ])('small counts %j at weights %j are tested exactly', (counts, weights, p) => {
    const result = sampleRatioMismatch(counts, weights);
    if (result.status !== 'ok') throw new Error(result.status);
    if (result.smallestExpected < 5) {
      expect(result.method).toBe('exact');
      expect(result.p).toBeCloseTo(p, 12);
    } else {
      expect(result.method).toBe('pearson');
    }
  });

  test('small expected counts among too many outcomes stay with Pearson', () => {
    const result = sampleRatioMismatch([30_000, 30_000, 4], [1, 1, 0.0001]);
    expect(result).toMatchObject({ status: 'ok', method: 'pearson' });
  });

  test('bad counts and weights are refused by name', () => {
    expect(() => sampleRatioMismatch([1, -1], [1, 1])).toThrow(/counts\[1\] = -1/);
    expect(() => sampleRatioMismatch([1, 1.5], [1, 1])).toThrow(/counts\[1\] = 1\.5/);
    expect(() => sampleRatioMismatch([1], [1, 1])).toThrow(RangeError);
    expect(() => sampleRatioMismatch([1, 1], [0, 0])).toThrow(/at least one/);
    expect(() => sampleRatioMismatch([1, 1], [1, NaN])).toThrow(/weights\[1\] = NaN/);
  });
});

describe('sequentialSampleRatio', () => {
  test('it is the Bayes factor of the Dirichlet mixture', () => {
    const counts = [130, 80, 90];
    const shares = [0.4, 0.3, 0.3];
    let logE = -logGammaDifference(100, 300);
    counts.forEach((count, i) => {
      const share = shares[i] as number;
      logE += logGammaDifference(100 * share, count) - count * Math.log(share);
    });
    const result = sequentialSampleRatio(counts, [4, 3, 3]);
    if (result.status !== 'ok') throw new Error(result.status);
    expect(result.logE).toBeCloseTo(logE, 10);
    expect(result.p).toBeCloseTo(Math.min(1, Math.exp(-logE)), 10);
  });

  test('before any unit there is no evidence', () => {
    expect(sequentialSampleRatio([0, 0], [1, 1])).toMatchObject({ status: 'ok', logE: 0, p: 1 });
  });

  test('one arm alone never speaks', () => {
    const result = sequentialSampleRatio([1000], [1]);
    if (result.status !== 'ok') throw new Error(result.status);
    expect(result.logE).toBeCloseTo(0, 12);
  });

  test('units in an arm of weight 0 are a mismatch by definition', () => {
    expect(sequentialSampleRatio([5, 5, 1], [1, 1, 0])).toEqual({ status: 'impossible_count' });
  });

  test('a billion units keep their digits: the expected e-value of one unit is 1', () => {
    // E[e after one more unit] = e now, exactly, under the configured weights.
    const counts = [500_020_000, 499_980_000];
    const at = (a: number, b: number): number => {
      const result = sequentialSampleRatio([a, b], [1, 1]);
      if (result.status !== 'ok') throw new Error(result.status);
      return result.logE;
    };
    const [a, b] = counts as [number, number];
    const now = at(a, b);
    const next = (Math.exp(at(a + 1, b) - now) + Math.exp(at(a, b + 1) - now)) / 2;
    expect(next).toBeCloseTo(1, 12);
  });

  test('looking 200 times alarms on right weights less often than its level', () => {
    // 1000 runs at alpha = 0.05: at most 50 alarms are promised; 71 is 3 sd above that.
    const random = createRandom(20261123);
    let alarms = 0;
    for (let run = 0; run < 1000; run += 1) {
      let treated = 0;
      let smallest = 1;
      for (let look = 1; look <= 200; look += 1) {
        for (let unit = 0; unit < 5; unit += 1) treated += random.bernoulli(0.5) ? 1 : 0;
        const result = sequentialSampleRatio([look * 5 - treated, treated], [1, 1]);
        if (result.status === 'ok') smallest = Math.min(smallest, result.p);
      }
      if (smallest <= 0.05) alarms += 1;
    }
    expect(alarms).toBeLessThan(71);
    expect(alarms).toBeGreaterThan(0);
  });
});

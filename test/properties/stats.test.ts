/** Laws that hold for all inputs, not only for examples. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  benjaminiHochberg,
  bonferroni,
  boundaries,
  confidenceSequence,
  confidenceSequenceOneSided,
  crossingProbabilities,
  equivalence,
  fieller,
  fisherExact,
  holm,
  type Moments,
  merge,
  momentsFromExactSums,
  momentsOf,
  newcombe,
  nonInferiority,
  pooledTest,
  ratioToNumber,
  relative,
  relativeDelta,
  relativeLogRatio,
  repeatedP,
  sampleRatioMismatch,
  sequentialSampleRatio,
  tUpperQuantile,
  welch,
  wilson,
} from '../../src/stats/index.ts';
import { runs } from '../support/runs.ts';

fc.configureGlobal({ seed: 20261123, ...runs(100) });

const value = fc.double({ min: -1e6, max: 1e6, noNaN: true });
const sample = fc.array(value, { maxLength: 40 });
const alpha = fc.oneof(
  fc.constantFrom(0.05, 0.01, 0.1),
  fc.double({ min: 1e-6, max: 0.49, noNaN: true }),
);
const count = fc.integer({ min: 2, max: 1_000_000 });

/** Moments of ordinary metrics: any sign, spread from nothing to much larger than the mean. */
const moments: fc.Arbitrary<Moments> = fc
  .record({
    n: count,
    mean: fc.double({ min: -1e3, max: 1e3, noNaN: true }),
    spread: fc.double({ min: 1e-3, max: 1e4, noNaN: true }),
  })
  .map(({ n, mean, spread }) => ({
    n,
    mean: Math.abs(mean) < 1e-6 ? 0 : mean,
    m2: (n - 1) * spread * spread,
  }));

/** Moments at the edges of what is allowed. */
const extremeMoments: fc.Arbitrary<Moments> = fc.record({
  n: fc.oneof(fc.integer({ min: 0, max: 4 }), count, fc.constant(Number.MAX_SAFE_INTEGER)),
  mean: fc.oneof(
    fc.constantFrom(0, -0, 1, 1e140, -1e140, 1e-320, 5e-324, 1e-160),
    fc.double({ min: -1e140, max: 1e140, noNaN: true }),
  ),
  m2: fc.oneof(
    fc.constantFrom(0, 5e-324, 1e-300, 1, 1e300),
    fc.double({ min: 0, max: 1e300, noNaN: true }),
  ),
});

/** Two arms whose difference lies within a few roundings of the edge of significance. */
const nearTie = fc
  .tuple(moments, moments, alpha, fc.integer({ min: -6, max: 6 }), fc.boolean())
  .map(([control, other, level, steps, positive]) => {
    const result = welch(control, { ...other, mean: control.mean }, { alpha: level });
    if (result.status !== 'ok') throw new Error(result.status);
    const q = tUpperQuantile(level / 2, result.degreesOfFreedom);
    const edge = q * result.se * (1 + steps * 2 ** -52) * (positive ? 1 : -1);
    return { control, treatment: { ...other, mean: control.mean + edge }, alpha: level };
  });
const anyPair = fc.record({ control: moments, treatment: moments, alpha });

describe('moments', () => {
  const close = (a: Moments, b: Moments): void => {
    expect(a.n).toBe(b.n);
    const size = Math.max(1, Math.abs(a.mean), Math.sqrt(a.m2));
    expect(Math.abs(a.mean - b.mean)).toBeLessThanOrEqual(1e-12 * size);
    expect(Math.abs(a.m2 - b.m2)).toBeLessThanOrEqual(1e-9 * Math.max(1, a.m2));
  };

  test('parts merge to the whole, in any order and grouping', () => {
    fc.assert(
      fc.property(sample, sample, sample, (x, y, z) => {
        const [a, b, c] = [momentsOf(x), momentsOf(y), momentsOf(z)];
        close(merge(merge(a, b), c), momentsOf([...x, ...y, ...z]));
        close(merge(merge(a, b), c), merge(a, merge(b, c)));
        close(merge(a, b), merge(b, a));
      }),
    );
  });

  test('a shift moves the mean, a scale scales both, a sign flips the mean', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1e6, max: 1e6 }), { minLength: 1 }), (x) => {
        const plain = momentsOf(x);
        const moved = momentsOf(x.map((v) => v + 1000));
        close(moved, { ...plain, mean: plain.mean + 1000 });
        const scaled = momentsOf(x.map((v) => v * 8));
        expect(scaled).toEqual({ n: plain.n, mean: plain.mean * 8, m2: plain.m2 * 64 });
        const flipped = momentsOf(x.map((v) => -v));
        expect(flipped.mean).toBeCloseTo(-plain.mean, 9);
        expect(flipped.m2).toBe(plain.m2);
      }),
    );
  });

  test('exact sums do not depend on the order, and agree with the values', () => {
    const micro = fc.integer({ min: -1e9, max: 1e9 });
    fc.assert(
      fc.property(fc.array(micro, { minLength: 1, maxLength: 50 }), (units) => {
        const exact = momentsFromExactSums({
          n: units.length,
          sum: units.reduce((sum, u) => sum + BigInt(u), 0n),
          sumOfSquares: units.reduce((sum, u) => sum + BigInt(u) * BigInt(u), 0n),
          scale: 1_000_000n,
        });
        close(exact, momentsOf(units.map((u) => u / 1e6)));
      }),
    );
  });
});

describe('ratioToNumber', () => {
  const bits = new DataView(new ArrayBuffer(8));
  const positive = fc
    .bigInt({ min: 1n, max: 0x7fefffffffffffffn })
    .map((word) => ({ word, x: fromBits(word) }));

  function fromBits(word: bigint): number {
    bits.setBigUint64(0, word);
    return bits.getFloat64(0);
  }

  /** x as numerator / 2^1074, exactly. */
  function exact(word: bigint): bigint {
    const exponent = word >> 52n;
    const fraction = word & 0xfffffffffffffn;
    return exponent === 0n ? fraction : (fraction | (1n << 52n)) << (exponent - 1n);
  }

  test('every double comes back from its exact fraction', () => {
    fc.assert(
      fc.property(positive, fc.bigInt({ min: 1n, max: 10n ** 30n }), ({ word, x }, factor) => {
        expect(ratioToNumber(exact(word) * factor, factor << 1074n)).toBe(x);
        expect(ratioToNumber(-exact(word) * factor, factor << 1074n)).toBe(-x);
      }),
    );
  });

  test('halfway goes to even, a hair beyond to the nearer', () => {
    const below = positive.filter(({ word }) => word < 0x7fefffffffffffffn);
    fc.assert(
      fc.property(below, ({ word, x }) => {
        const next = fromBits(word + 1n);
        const [low, high] = [exact(word), exact(word + 1n)];
        const hair = 10n ** 20n;
        const half = (low + high) * hair;
        const scale = (2n * hair) << 1074n;
        expect(ratioToNumber(half, scale)).toBe((word & 1n) === 0n ? x : next);
        expect(ratioToNumber(half - 1n, scale)).toBe(x);
        expect(ratioToNumber(half + 1n, scale)).toBe(next);
      }),
    );
  });
});

describe('p-value and interval never disagree', () => {
  const inside = ({ lower, upper }: { lower: number; upper: number }): boolean =>
    lower <= 0 && 0 <= upper;
  const pairs = fc.oneof(nearTie, anyPair);

  test('welch: 0 is inside exactly when p >= alpha, and bounds move by roundings only', () => {
    fc.assert(
      fc.property(pairs, ({ control, treatment, alpha }) => {
        const result = welch(control, treatment, { alpha });
        if (result.status !== 'ok') throw new Error(result.status);
        expect(inside(result)).toBe(!(result.p < alpha));
        const middle = (result.lower + result.upper) / 2;
        const size = result.se * 1e-9 + Math.abs(result.estimate) * 1e-9;
        expect(Math.abs(middle - result.estimate)).toBeLessThanOrEqual(size);
      }),
      runs(4000),
    );
  });

  test('relative: 0 is inside exactly when the p-value of welch is >= alpha', () => {
    fc.assert(
      fc.property(pairs, ({ control, treatment, alpha }) => {
        const result = relative(control, treatment, { alpha });
        if (result.status !== 'ok') return;
        expect(inside(result)).toBe(!(result.p < alpha));
        expect(result.lower).toBeLessThanOrEqual(result.estimate);
        expect(result.upper).toBeGreaterThanOrEqual(result.estimate);
        // The bounds were moved by a rounding at most.
        const q = tUpperQuantile(
          alpha / 2,
          (welch(control, treatment, { alpha }) as { degreesOfFreedom: number }).degreesOfFreedom,
        );
        const raw = fieller(control, treatment, { criticalValue: q });
        if (raw.status !== 'ok') throw new Error(raw.status);
        const width = (raw.upper - raw.lower) * 1e-8;
        expect(Math.abs(raw.lower - result.lower)).toBeLessThanOrEqual(width);
        expect(Math.abs(raw.upper - result.upper)).toBeLessThanOrEqual(width);
      }),
      runs(3000),
    );
  });

  test('confidence sequences: 0 is inside exactly when p >= alpha', () => {
    const look = fc.record({
      estimate: fc.double({ min: -1, max: 1, noNaN: true }),
      se: fc.double({ min: 1e-4, max: 1, noNaN: true }),
      n: count,
      plannedN: count,
      alpha,
    });
    fc.assert(
      fc.property(look, fc.integer({ min: -4, max: 4 }), fc.boolean(), (any, steps, tie) => {
        const first = confidenceSequence(any);
        if (first.status !== 'ok') throw new Error(first.status);
        const edge = first.halfWidth * (1 + steps * 2 ** -52);
        const result = confidenceSequence(tie ? { ...any, estimate: edge } : any);
        if (result.status !== 'ok') throw new Error(result.status);
        expect(inside(result)).toBe(!(result.p < any.alpha));

        const side = any.estimate > 0 ? 'lower' : 'upper';
        const one = confidenceSequenceOneSided({ ...any, side });
        if (one.status !== 'ok') throw new Error(one.status);
        const sign = side === 'lower' ? 1 : -1;
        const atEdge = confidenceSequenceOneSided({
          ...any,
          side,
          estimate: sign * one.width * (1 + steps * 2 ** -52),
        });
        for (const bound of [one, atEdge]) {
          if (bound.status !== 'ok') throw new Error(bound.status);
          expect(sign * bound.bound > 0).toBe(bound.p < any.alpha);
        }
      }),
      runs(2000),
    );
  });

  test('non-inferiority: the bound exceeds -margin exactly when p < alpha', () => {
    const direction = fc.constantFrom('increase' as const, 'decrease' as const);
    const scale = fc.constantFrom('relative' as const, 'absolute' as const);
    const margin = fc.double({ min: 0, max: 2, noNaN: true });
    fc.assert(
      fc.property(anyPair, direction, scale, margin, (pair, direction, marginScale, margin) => {
        const result = nonInferiority(pair.control, pair.treatment, {
          margin,
          marginScale,
          direction,
          alpha: pair.alpha,
        });
        if (result.status !== 'ok') return;
        expect(result.nonInferior).toBe(result.p < pair.alpha);
        if (result.lower === null) return;
        expect(result.lower > -margin).toBe(result.nonInferior);
        // Not by the adjustment alone: without it the bound is the same to a rounding.
        if (marginScale === 'relative') {
          const q = tUpperQuantile(pair.alpha, result.degreesOfFreedom);
          const raw = fieller(pair.control, pair.treatment, { criticalValue: q });
          if (raw.status !== 'ok') throw new Error(raw.status);
          const bound = direction === 'increase' ? raw.lower : -raw.upper;
          const size = 1e-8 * (raw.upper - raw.lower + Math.abs(bound));
          expect(Math.abs(bound - result.lower)).toBeLessThanOrEqual(size);
        }
      }),
      runs(3000),
    );
  });

  test('group-sequential: the repeated p-value is below alpha exactly beyond the boundary', () => {
    const plan = fc.record({
      steps: fc.array(fc.double({ min: 0.05, max: 1, noNaN: true }), {
        minLength: 1,
        maxLength: 4,
      }),
      alpha: fc.double({ min: 0.001, max: 0.2, noNaN: true }),
      kind: fc.constantFrom('obrien_fleming', 'pocock', 'power', 'hwang_shih_decani'),
      final: fc.boolean(),
      sides: fc.constantFrom(1, 2),
      off: fc.constantFrom(-0.5, -1e-6, 1e-6, 0.5),
    });
    fc.assert(
      fc.property(plan, ({ steps, alpha, kind, final, sides, off }) => {
        const total = steps.reduce((sum, step) => sum + step, 0) * 1.1;
        let t = 0;
        const information = steps.map((step) => {
          t += step / total;
          return t;
        });
        const common = { information, spending: { kind }, final, sides } as const;
        const { criticalValues } = boundaries({ ...common, alpha } as Parameters<
          typeof boundaries
        >[0]);
        const z = (criticalValues.at(-1) as number) + off;
        const p = repeatedP({ ...common, z } as Parameters<typeof repeatedP>[0]);
        expect(p < alpha).toBe(off > 0);
      }),
      runs(60, 1000),
    );
  });
});

describe('equivariance', () => {
  const scaled = ({ n, mean, m2 }: Moments, factor: number): Moments => ({
    n,
    mean: mean * factor,
    m2: m2 * factor * factor,
  });

  test('another unit or sign of the metric changes the difference, not the evidence', () => {
    const factor = fc.constantFrom(2 ** -20, 0.5, 4, 2 ** 30, -1, -8);
    fc.assert(
      fc.property(anyPair, factor, ({ control, treatment, alpha }, k) => {
        const a = welch(control, treatment, { alpha });
        const b = welch(scaled(control, k), scaled(treatment, k), { alpha });
        if (a.status !== 'ok' || b.status !== 'ok') throw new Error('no answer');
        expect(b.p).toBe(a.p);
        expect(b.degreesOfFreedom).toBe(a.degreesOfFreedom);
        expect(b.estimate + 0).toBe(a.estimate * k + 0);
        const c = relative(control, treatment, { alpha });
        const d = relative(scaled(control, k), scaled(treatment, k), { alpha });
        expect(d.status).toBe(c.status);
        if (c.status !== 'ok' || d.status !== 'ok') return;
        const [lower, upper] = k > 0 ? [c.lower, c.upper] : [-c.upper, -c.lower];
        expect([d.lower + 0, d.upper + 0]).toEqual([lower + 0, upper + 0]);
      }),
    );
  });

  test('swapping the arms flips the difference', () => {
    fc.assert(
      fc.property(anyPair, ({ control, treatment, alpha }) => {
        const a = welch(control, treatment, { alpha });
        const b = welch(treatment, control, { alpha });
        if (a.status !== 'ok' || b.status !== 'ok') throw new Error('no answer');
        expect(b.estimate + 0).toBe(-a.estimate + 0);
        expect(Math.abs(b.p - a.p)).toBeLessThanOrEqual(1e-11 * a.p + 1e-300);
      }),
    );
  });

  test('arms in another order have the same sample ratio evidence', () => {
    const arms = fc.array(fc.tuple(fc.nat({ max: 1_000_000 }), fc.integer({ min: 1, max: 100 })), {
      minLength: 2,
      maxLength: 5,
    });
    fc.assert(
      fc.property(arms, (list) => {
        const [counts, weights] = [list.map(([c]) => c), list.map(([, w]) => w)];
        const a = sequentialSampleRatio(counts, weights);
        const b = sequentialSampleRatio(counts.toReversed(), weights.toReversed());
        if (a.status !== 'ok' || b.status !== 'ok') throw new Error('no answer');
        expect(Math.abs(a.logE - b.logE)).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(a.logE)));
      }),
    );
  });
});

test('group-sequential looks together never spend more than alpha', () => {
  const looks = fc.uniqueArray(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 6 });
  const kind = fc.constantFrom('obrien_fleming' as const, 'pocock' as const);
  fc.assert(
    fc.property(looks, alpha, kind, (thousandths, level, spending) => {
      const information = thousandths.sort((a, b) => a - b).map((k) => k / 1000);
      const { criticalValues, spent } = boundaries({
        alpha: level,
        information,
        spending: { kind: spending },
      });
      const crossed = crossingProbabilities({ information, criticalValues });
      const total = crossed.reduce((sum, { upper, lower }) => sum + upper + lower, 0);
      expect(Math.abs(total - (spent.at(-1) as number))).toBeLessThan(1e-11);
      expect(total).toBeLessThanOrEqual(level * (1 + 1e-9));
    }),
    runs(60, 1000),
  );
});

test('adjusted p-values are monotone, and holm lies between p and bonferroni', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1 }), (p) => {
      const all = [holm(p), benjaminiHochberg(p), bonferroni(p)] as [number[], number[], number[]];
      p.forEach((pi, i) => {
        const [step, share, plain] = all.map((list) => list[i] as number) as [
          number,
          number,
          number,
        ];
        expect(pi).toBeLessThanOrEqual(share);
        expect(share).toBeLessThanOrEqual(step);
        expect(step).toBeLessThanOrEqual(plain);
        p.forEach((pj, j) => {
          if (pj > pi)
            for (const list of all) expect(list[j]).toBeGreaterThanOrEqual(list[i] as number);
        });
      });
    }),
  );
});

describe('no NaN or infinity leaves', () => {
  function expectFinite(result: unknown): void {
    if (typeof result === 'number') expect(result, 'a number').toSatisfy(Number.isFinite);
    else if (typeof result === 'object' && result !== null)
      Object.values(result).forEach(expectFinite);
  }

  test('from any two arms', () => {
    fc.assert(
      fc.property(extremeMoments, extremeMoments, alpha, (control, treatment, level) => {
        const options = { alpha: level };
        for (const result of [
          welch(control, treatment, options),
          relative(control, treatment, options),
          fieller(control, treatment, { criticalValue: 3 }),
          relativeDelta(control, treatment, options),
          relativeDelta(control, treatment, { ...options, quantile: 'normal' }),
          relativeLogRatio(control, treatment, options),
          equivalence(control, treatment, { ...options, margin: 1 }),
          ...(['relative', 'absolute'] as const).map((marginScale) =>
            nonInferiority(control, treatment, {
              ...options,
              margin: 0.02,
              marginScale,
              direction: 'decrease',
            }),
          ),
        ]) {
          expectFinite(result);
        }
      }),
      runs(2000),
    );
  });

  test('from any look of a sequence', () => {
    const size = fc.oneof(
      fc.constantFrom(0, 5e-324, 1e150),
      fc.double({ min: 0, max: 1e150, noNaN: true }),
    );
    const look = fc.record({
      estimate: size,
      se: size,
      n: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
      plannedN: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      alpha,
    });
    fc.assert(
      fc.property(look, (any) => {
        expectFinite(confidenceSequence(any));
        expectFinite(confidenceSequenceOneSided({ ...any, side: 'lower' }));
      }),
    );
  });

  test('from any counts', () => {
    const units = fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 2 ** 50 }));
    const weight = fc.oneof(
      fc.constantFrom(0, 1, 1000),
      fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(units, weight), { minLength: 1, maxLength: 6 }), (arms) => {
        const [counts, weights] = [arms.map(([c]) => c), arms.map(([, w]) => w)];
        if (weights.every((w) => w === 0)) return;
        expectFinite(sampleRatioMismatch(counts, weights));
        expectFinite(sequentialSampleRatio(counts, weights));
      }),
      runs(300),
    );
    const arm = fc
      .tuple(fc.integer({ min: 1, max: 1e9 }), fc.double({ min: 0, max: 1, noNaN: true }))
      .map(([n, share]) => ({ n, successes: Math.round(n * share) }));
    fc.assert(
      fc.property(arm, arm, alpha, (control, treatment, level) => {
        expectFinite(wilson(control, { alpha: level }));
        expectFinite(newcombe(control, treatment, { alpha: level }));
        expectFinite(pooledTest(control, treatment));
        expectFinite(fisherExact(control, treatment));
      }),
    );
  });
});

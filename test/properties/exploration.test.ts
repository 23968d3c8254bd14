/** Laws of the Bayesian view, of planning and of exploration that hold for all inputs. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  betaBinomial,
  contrast,
  correlation,
  interaction,
  jensenShannon,
  kolmogorovSmirnov,
  type Moments,
  normalPosterior,
  populationStability,
  powerOf,
  responseShape,
  sampleSize,
  segmentEffects,
  tUpperQuantile,
} from '../../src/stats/index.ts';
import { runs } from '../support/runs.ts';

fc.configureGlobal({ seed: 20261124 });

const alpha = fc.oneof(
  fc.constantFrom(0.05, 0.01, 0.1),
  fc.double({ min: 1e-6, max: 0.49, noNaN: true }),
);
const moments: fc.Arbitrary<Moments> = fc
  .record({
    n: fc.integer({ min: 2, max: 1_000_000 }),
    mean: fc.double({ min: -1e3, max: 1e3, noNaN: true }),
    spread: fc.double({ min: 1e-3, max: 1e4, noNaN: true }),
  })
  .map(({ n, mean, spread }) => ({ n, mean, m2: (n - 1) * spread * spread }));
const extreme: fc.Arbitrary<Moments> = fc.record({
  n: fc.oneof(fc.integer({ min: 0, max: 4 }), fc.constant(Number.MAX_SAFE_INTEGER)),
  mean: fc.oneof(
    fc.constantFrom(0, 1, 1e140, -1e140, 5e-324),
    fc.double({ min: -1e140, max: 1e140, noNaN: true }),
  ),
  m2: fc.oneof(
    fc.constantFrom(0, 5e-324, 1, 1e300),
    fc.double({ min: 0, max: 1e300, noNaN: true }),
  ),
});
const inside = ({ lower, upper }: { lower: number; upper: number }): boolean =>
  lower <= 0 && 0 <= upper;

function expectFinite(result: unknown): void {
  if (typeof result === 'number') expect(result, 'a number').toSatisfy(Number.isFinite);
  else if (typeof result === 'object' && result !== null)
    Object.values(result).forEach(expectFinite);
}

describe('p-value and interval never disagree', () => {
  test('contrast: 0 is inside exactly when p >= alpha, at near ties too', () => {
    const arms = fc.array(fc.tuple(moments, fc.integer({ min: -3, max: 3 })), {
      minLength: 2,
      maxLength: 5,
    });
    const steps = fc.integer({ min: -6, max: 6 });
    fc.assert(
      fc.property(arms, alpha, steps, fc.boolean(), (list, level, step, tie) => {
        fc.pre(list.some(([, weight]) => weight !== 0));
        const weights = list.map(([, weight]) => weight);
        const given = list.map(([arm]) => arm);
        const first = contrast(given, weights, { alpha: level });
        if (first.status !== 'ok') throw new Error(first.status);
        expect(inside(first)).toBe(!(first.p < level));
        if (!tie) return;
        // One arm's mean is moved so that the sum lies at the edge of significance.
        const k = weights.findIndex((weight) => weight !== 0);
        const edge =
          tUpperQuantile(level / 2, first.degreesOfFreedom) * first.se * (1 + step * 2 ** -50);
        const at = given.map((arm, i) => ({
          ...arm,
          mean: i === k ? edge / (weights[k] as number) : 0,
        }));
        const result = contrast(at, weights, { alpha: level });
        if (result.status !== 'ok') throw new Error(result.status);
        expect(inside(result)).toBe(!(result.p < level));
      }),
      runs(3000),
    );
  });

  test('correlation: 0 is inside exactly when p >= alpha', () => {
    const value = fc.double({ min: -1, max: 1, noNaN: true });
    const pairs = fc.array(fc.tuple(value, value), { minLength: 4, maxLength: 30 });
    const method = fc.constantFrom('pearson' as const, 'spearman' as const);
    fc.assert(
      fc.property(pairs, alpha, method, (list, level, kind) => {
        const result = correlation(
          list.map(([x]) => x),
          list.map(([, y]) => y),
          { alpha: level, method: kind },
        );
        if (result.status !== 'ok') return;
        expect(inside(result)).toBe(!(result.p < level));
        expect(result.lower).toBeLessThanOrEqual(result.estimate);
        expect(result.upper).toBeGreaterThanOrEqual(result.estimate);
      }),
      runs(2000),
    );
  });

  test('drift: beyond the band exactly when p < alpha', () => {
    const bins = fc.array(fc.tuple(fc.nat({ max: 5000 }), fc.nat({ max: 5000 })), {
      minLength: 2,
      maxLength: 20,
    });
    fc.assert(
      fc.property(bins, alpha, (list, level) => {
        const [reference, current] = [list.map(([a]) => a), list.map(([, b]) => b)];
        for (const measure of [populationStability, jensenShannon]) {
          const result = measure(reference, current, { alpha: level });
          if (result.status !== 'ok') continue;
          expect(result.distance > result.band).toBe(result.p < level);
          expect(result.beyondChance).toBe(result.p < level);
        }
      }),
      runs(1000),
    );
    const small = fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 25 });
    fc.assert(
      fc.property(small, small, alpha, (x, y, level) => {
        const result = kolmogorovSmirnov(x, y, { alpha: level });
        if (result.status !== 'ok') throw new Error(result.status);
        expect(result.distance >= result.band * (1 - 1e-12)).toBe(result.p < level);
        expect(result.beyondChance).toBe(result.p < level);
      }),
      runs(500, 5000),
    );
  });
});

describe('equivariance', () => {
  test('another unit of an effect changes beliefs about it by the same factor', () => {
    const size = fc.integer({ min: -1_000_000, max: 1_000_000 }).map((x) => x / 2 ** 12);
    const width = fc.double({ min: 1e-3, max: 100, noNaN: true });
    const factor = fc.constantFrom(2 ** -30, 0.5, 8, 2 ** 40);
    fc.assert(
      fc.property(size, width, size, width, factor, (estimate, se, mean, sd, k) => {
        const a = normalPosterior({ estimate, se, prior: { mean, sd }, alpha: 0.05 });
        const b = normalPosterior({
          estimate: estimate * k,
          se: se * k,
          prior: { mean: mean * k, sd: sd * k },
          alpha: 0.05,
        });
        if (a.status !== 'ok' || b.status !== 'ok') throw new Error('no answer');
        expect(b.mean + 0).toBe(a.mean * k + 0);
        expect(b.chanceToWin).toBe(a.chanceToWin);
        const expected = a.logLossOfTreatment + Math.log(k);
        expect(Math.abs(b.logLossOfTreatment - expected)).toBeLessThanOrEqual(
          1e-13 * (100 + Math.abs(expected)),
        );
        // More precise than the data or the opinion alone, and between them.
        expect(a.sd).toBeLessThanOrEqual(Math.min(se, sd));
        const [low, high] = [Math.min(estimate, mean), Math.max(estimate, mean)];
        expect(a.mean).toBeGreaterThanOrEqual(low - 1e-12 * Math.abs(low));
        expect(a.mean).toBeLessThanOrEqual(high + 1e-12 * Math.abs(high));
      }),
      runs(2000),
    );
  });

  test('drift does not care for the order of the bins', () => {
    const bins = fc.array(fc.tuple(fc.integer({ min: 1, max: 500 }), fc.nat({ max: 500 })), {
      minLength: 2,
      maxLength: 12,
    });
    fc.assert(
      fc.property(bins, (list) => {
        fc.pre(list.some(([, b]) => b > 0));
        const flat = (from: typeof list) =>
          populationStability(
            from.map(([a]) => a),
            from.map(([, b]) => b),
          );
        const [a, b] = [flat(list), flat(list.toReversed())];
        if (a.status !== 'ok' || b.status !== 'ok') throw new Error('no answer');
        expect(Math.abs(a.distance - b.distance)).toBeLessThanOrEqual(1e-12 * a.distance + 1e-15);
      }),
    );
  });
});

test('chances add to 1 and losses differ by the lead, whatever was counted', () => {
  const arm = fc
    .tuple(fc.nat({ max: 100_000 }), fc.double({ min: 0, max: 1, noNaN: true }))
    .map(([n, share]) => ({ n, successes: Math.round(n * share) }));
  const parameter = fc.double({ min: 0.1, max: 50, noNaN: true });
  fc.assert(
    fc.property(arm, arm, parameter, parameter, (control, treatment, a, b) => {
      const result = betaBinomial(control, treatment, { alpha: 0.1, prior: { a, b } });
      expectFinite(result);
      expect(Math.abs(result.chanceToWin + result.chanceToLose - 1)).toBeLessThan(1e-9);
      const lead = result.treatment.mean - result.control.mean;
      expect(result.lossOfControl - result.lossOfTreatment).toBeCloseTo(lead, 10);
      for (const rate of [result.control, result.treatment]) {
        expect(rate.lower).toBeLessThan(rate.upper);
      }
    }),
    runs(300, 3000),
  );
});

test('the planned size has the planned power, and more units more', () => {
  const plan = fc.record({
    rate: fc.double({ min: 0.01, max: 0.9, noNaN: true }),
    effect: fc.double({ min: 0.01, max: 0.09, noNaN: true }),
    alpha: fc.double({ min: 1e-4, max: 0.2, noNaN: true }),
    power: fc.double({ min: 0.5, max: 0.99, noNaN: true }),
    weights: fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 2, maxLength: 4 }),
    triggerRate: fc.double({ min: 0.01, max: 1, noNaN: true }),
    kind: fc.constantFrom('fixed' as const, 'always_valid' as const),
  });
  fc.assert(
    fc.property(plan, ({ rate, kind, power, ...rest }) => {
      const design = {
        ...rest,
        metric: { kind: 'proportion', rate },
        effectScale: 'absolute',
        monitoring: { kind },
      } as const;
      const { exact, inflation } = sampleSize({ ...design, power });
      const units = exact.reduce((sum, n) => sum + n, 0);
      const weakest = Math.min(...powerOf({ ...design, units }));
      // Above by the chance of the wrong direction.
      expect(weakest).toBeGreaterThan(power - 1e-9);
      expect(weakest).toBeLessThan(power + 6e-3);
      expect(Math.min(...powerOf({ ...design, units: 1.5 * units }))).toBeGreaterThan(weakest);
      expect(inflation).toBeGreaterThanOrEqual(1);
    }),
    runs(1000, 20_000),
  );
});

describe('no NaN or infinity leaves', () => {
  test('from any arms and segments', () => {
    fc.assert(
      fc.property(extreme, extreme, extreme, extreme, alpha, (a, b, c, d, level) => {
        expectFinite(contrast([a, b, c], [1e9, -1e-9, 0.5], { alpha: level }));
        expectFinite(
          interaction(
            [
              [a, b],
              [c, d],
            ],
            { alpha: level },
          ),
        );
        expectFinite(
          interaction(
            [
              [a, b, c],
              [c, d, a],
            ],
            { alpha: level },
          ),
        );
      }),
      runs(1000),
    );
    const effect = fc.record({
      estimate: fc.oneof(
        fc.constantFrom(0, 1, -1e100, 1e130),
        fc.double({ min: -1e3, max: 1e3, noNaN: true }),
      ),
      se: fc.oneof(fc.constantFrom(1e-9, 1e150), fc.double({ min: 1e-3, max: 1e3, noNaN: true })),
    });
    fc.assert(
      fc.property(fc.array(effect, { maxLength: 6 }), alpha, (effects, level) => {
        expectFinite(segmentEffects(effects, { alpha: level }));
        expectFinite(segmentEffects(effects, { alpha: level, method: 'dersimonian_laird' }));
      }),
      runs(1000),
    );
  });

  test('from any belief', () => {
    const size = fc.oneof(
      fc.constantFrom(0, 5e-324, 1e150, -1e150, 1),
      fc.double({ min: -1e150, max: 1e150, noNaN: true }),
    );
    const width = fc.oneof(fc.constantFrom(5e-324, 1e-150, 1, 1e150), fc.constant(0.3));
    fc.assert(
      fc.property(size, width, size, width, alpha, (estimate, se, mean, sd, level) => {
        expectFinite(normalPosterior({ estimate, se, prior: { mean, sd }, alpha: level }));
        expectFinite(normalPosterior({ estimate, se, prior: 'flat', alpha: level }));
      }),
      runs(2000),
    );
  });

  test('from any histogram', () => {
    const count = fc.oneof(fc.constant(0), fc.nat({ max: 50 }), fc.nat({ max: 2 ** 40 }));
    fc.assert(
      fc.property(fc.array(count, { minLength: 50, maxLength: 50 }), (counts) => {
        expectFinite(responseShape(counts));
        expectFinite(populationStability(counts, counts.toReversed()));
        expectFinite(jensenShannon(counts, counts.toReversed()));
      }),
      runs(300, 20_000),
    );
  });
});

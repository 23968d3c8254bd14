import { describe, expect, test } from 'vitest';
import {
  absolutePrior,
  betaBinomial,
  betaCdf,
  betaUpperTail,
  LIFT_PRIOR,
  liftPosterior,
  normalPosterior,
  relativeDelta,
} from '../../../src/stats/index.ts';

const alpha = 0.05;
const control = { n: 5000, mean: 10, m2: 4999 * 25 };
const treatment = { n: 5000, mean: 10.2, m2: 4999 * 25 };

describe('normalPosterior', () => {
  const options = { estimate: 0.02, se: 0.01, prior: LIFT_PRIOR, alpha };

  test('a flat prior leaves the estimate where it is, a proper one pulls it in', () => {
    const flat = normalPosterior({ ...options, prior: 'flat' });
    const pulled = normalPosterior({ ...options, prior: { mean: 0, sd: 0.01 } });
    if (flat.status !== 'ok' || pulled.status !== 'ok') throw new Error('no answer');
    expect([flat.mean, flat.sd]).toEqual([0.02, 0.01]);
    expect(pulled.mean).toBeCloseTo(0.01, 15);
    expect(pulled.sd).toBeCloseTo(0.01 / Math.SQRT2, 15);
  });

  test('the two losses differ by the expected effect', () => {
    const result = normalPosterior(options);
    if (result.status !== 'ok') throw new Error(result.status);
    expect(result.lossOfControl - result.lossOfTreatment).toBeCloseTo(result.mean, 15);
    expect(result.chanceToWin + result.chanceToLose).toBeCloseTo(1, 15);
  });

  test('where less is better, winning and losing change places', () => {
    const up = normalPosterior(options);
    const down = normalPosterior({ ...options, direction: 'decrease' });
    if (up.status !== 'ok' || down.status !== 'ok') throw new Error('no answer');
    expect(down.chanceToWin).toBe(up.chanceToLose);
    expect(down.lossOfTreatment).toBe(up.lossOfControl);
    expect([down.lower, down.upper]).toEqual([up.lower, up.upper]);
  });

  test.each([
    // log(phi(h) - h Q(h)) by mpmath, 60 digits.
    [0.5, -1.6205162643873199],
    [5, -16.74430116266099],
    [29.9, -454.7229981194963],
    [30.1, -460.736287398743],
    [47.65, -1143.9092730443019],
    [1000, -500014.73445209116],
  ])('the expected loss keeps its digits %s standard deviations away', (h, logLoss) => {
    const result = normalPosterior({ estimate: h, se: 1, prior: 'flat', alpha });
    if (result.status !== 'ok') throw new Error(result.status);
    expect(Math.abs(result.logLossOfTreatment / logLoss - 1)).toBeLessThan(1e-13);
    expect(result.lossOfTreatment).toBe(Math.exp(result.logLossOfTreatment));
  });

  test('the most extreme estimates still give finite numbers', () => {
    for (const [estimate, se] of [
      [1e150, 1e-150],
      [-1e150, 1],
      [1e-320, 1e-320],
      [0, 1e150],
    ] as const) {
      const result = normalPosterior({ ...options, estimate, se });
      for (const value of Object.values(result)) {
        if (typeof value === 'number') expect(value).toSatisfy(Number.isFinite);
      }
    }
  });

  test('no error in the estimate leaves nothing to believe', () => {
    expect(normalPosterior({ ...options, se: 0 })).toEqual({
      status: 'zero_variance',
      estimate: 0.02,
    });
  });

  test('arguments out of range are refused by name', () => {
    expect(() => normalPosterior({ ...options, se: -1 })).toThrow(/se = -1/);
    expect(() => normalPosterior({ ...options, estimate: NaN })).toThrow(/estimate = NaN/);
    expect(() => normalPosterior({ ...options, alpha: 0 })).toThrow(/alpha = 0/);
    expect(() => normalPosterior({ ...options, prior: { mean: 0, sd: 0 } })).toThrow(
      /prior\.sd = 0/,
    );
    expect(() => normalPosterior({ ...options, prior: { mean: Infinity, sd: 1 } })).toThrow(
      /prior\.mean = Infinity/,
    );
  });
});

describe('liftPosterior', () => {
  test('is the posterior of the delta-method lift', () => {
    const lift = relativeDelta(control, treatment, { alpha, quantile: 'normal' });
    if (lift.status !== 'ok') throw new Error(lift.status);
    const { estimate, se } = lift;
    expect(liftPosterior(control, treatment, { alpha })).toEqual(
      normalPosterior({ estimate, se, prior: LIFT_PRIOR, alpha }),
    );
  });

  test('without a lift there is no posterior', () => {
    expect(liftPosterior({ ...control, mean: 0 }, treatment, { alpha }).status).toBe(
      'zero_baseline',
    );
    expect(liftPosterior({ n: 1, mean: 1, m2: 0 }, treatment, { alpha }).status).toBe(
      'insufficient_data',
    );
  });
});

test('a prior of the lift is scaled to the absolute effect', () => {
  expect(absolutePrior({ mean: 0.1, sd: 0.3 }, -20)).toEqual({ mean: 2, sd: 6 });
  expect(absolutePrior('flat', 5)).toBe('flat');
  expect(() => absolutePrior(LIFT_PRIOR, 0)).toThrow(/controlMean\| = 0/);
});

describe('betaBinomial', () => {
  const arm = (successes: number, n: number) => ({ successes, n });

  test.each([
    [arm(12, 400), arm(18, 390)],
    [arm(0, 30), arm(3, 31)],
    [arm(40, 50), arm(10, 50)],
  ])('each loss is its own integral, and they differ by the mean rates: %o %o', (c, t) => {
    const result = betaBinomial(c, t, { alpha });
    // Midpoint rule, another road than the one taken.
    const [x, y] = [result.control, result.treatment];
    const steps = 20_000;
    let lossOfControl = 0;
    let lossOfTreatment = 0;
    for (let i = 0; i < steps; i += 1) {
      const u = (i + 0.5) / steps;
      lossOfControl += (betaCdf(u, x.a, x.b) * betaUpperTail(u, y.a, y.b)) / steps;
      lossOfTreatment += (betaCdf(u, y.a, y.b) * betaUpperTail(u, x.a, x.b)) / steps;
    }
    expect(result.lossOfControl).toBeCloseTo(lossOfControl, 8);
    expect(result.lossOfTreatment).toBeCloseTo(lossOfTreatment, 8);
    expect(lossOfControl - lossOfTreatment).toBeCloseTo(y.mean - x.mean, 8);
  });

  test('small integer counts agree with the exact sum', () => {
    // P(T > C) of Beta(a, b) with integer a by the finite sum of beta functions (Miller 2015).
    const factorialLog = (n: number): number => {
      let log = 0;
      for (let k = 2; k <= n; k += 1) log += Math.log(k);
      return log;
    };
    const logBeta = (a: number, b: number): number =>
      factorialLog(a - 1) + factorialLog(b - 1) - factorialLog(a + b - 1);
    const [c, t] = [arm(7, 60), arm(11, 55)];
    const [ac, bc, at, bt] = [8, 54, 12, 45];
    let chance = 0;
    for (let i = 0; i < at; i += 1) {
      chance += Math.exp(
        logBeta(ac + i, bc + bt) - Math.log(bt + i) - logBeta(1 + i, bt) - logBeta(ac, bc),
      );
    }
    expect(betaBinomial(c, t, { alpha }).chanceToWin).toBeCloseTo(chance, 12);
  });

  test('arms far apart have tiny chances and losses with all their digits', () => {
    const result = betaBinomial(arm(20_000, 100_000), arm(30_000, 100_000), { alpha });
    expect(result.chanceToWin).toBe(1);
    expect(result.lossOfTreatment).toBe(0);
    expect(result.logLossOfTreatment).toBeLessThan(-1000);
    expect(Number.isFinite(result.logLossOfTreatment)).toBe(true);
    const closer = betaBinomial(arm(200, 1000), arm(340, 1000), { alpha });
    const mirrored = betaBinomial(arm(660, 1000), arm(800, 1000), {
      alpha,
      direction: 'increase',
    });
    // Rates p and 1 - p tell the same story from the other end.
    expect(Math.abs(closer.lossOfTreatment / mirrored.lossOfTreatment - 1)).toBeLessThan(1e-11);
  });

  test('a billion units take no longer than a look', () => {
    const result = betaBinomial(arm(1, 1e9), arm(999_999_999, 1e9), { alpha });
    expect(result.chanceToWin).toBe(1);
    expect(result.treatment.upper).toBeLessThan(1);
    expect(result.control.lower).toBeGreaterThan(0);
  });

  test('equal data leave the choice open, and no data leave the prior', () => {
    const result = betaBinomial(arm(5, 50), arm(5, 50), { alpha });
    expect(result.chanceToWin).toBeCloseTo(0.5, 13);
    expect(result.lossOfTreatment).toBe(result.lossOfControl);
    const none = betaBinomial(arm(0, 0), arm(0, 0), { alpha, prior: { a: 2, b: 6 } });
    expect(none.control).toMatchObject({ a: 2, b: 6, mean: 0.25 });
  });

  test('where less is better, winning and losing change places', () => {
    const up = betaBinomial(arm(5, 50), arm(9, 50), { alpha });
    const down = betaBinomial(arm(5, 50), arm(9, 50), { alpha, direction: 'decrease' });
    expect(down.chanceToWin).toBe(up.chanceToLose);
    expect(down.lossOfControl).toBe(up.lossOfTreatment);
    expect(down.treatment).toEqual(up.treatment);
  });

  test('arguments out of range are refused by name', () => {
    expect(() => betaBinomial(arm(5, 4), arm(1, 2), { alpha })).toThrow(/control\.successes = 5/);
    expect(() => betaBinomial(arm(1, 4), arm(1, 2), { alpha, prior: { a: 0, b: 1 } })).toThrow(
      /prior\.a = 0/,
    );
    expect(() => betaBinomial(arm(1, 4), arm(1, 2), { alpha: 1 })).toThrow(/alpha = 1/);
  });
});

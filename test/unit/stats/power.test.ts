import { describe, expect, test } from 'vitest';
import {
  type Design,
  decisionRates,
  designEffect,
  detectableEffect,
  detectableMargin,
  exaggeration,
  inflationFactor,
  type Monitoring,
  normalUpperQuantile,
  powerOf,
  rateSampleSize,
  sampleSize,
  tTestPower,
  tTestSampleSize,
} from '../../../src/stats/index.ts';

const mean = { kind: 'mean', sd: 10, mean: 50 } as const;
const base = { metric: mean, alpha: 0.05 } as const;
const find = { effect: 0.5, effectScale: 'absolute' } as const;
const FOUR_LOOKS: Monitoring = {
  kind: 'group_sequential',
  information: [0.25, 0.5, 0.75, 1],
  spending: { kind: 'obrien_fleming' },
};
const MONITORING: Monitoring[] = [
  { kind: 'fixed' },
  FOUR_LOOKS,
  { kind: 'always_valid' },
  { kind: 'always_valid', plannedN: 30_000 },
];
const METRICS: Design['metric'][] = [
  mean,
  { kind: 'mean', sd: 3, treatmentSd: 4, mean: -7 },
  { kind: 'proportion', rate: 0.1 },
  {
    kind: 'ratio',
    numeratorMean: 0.5,
    denominatorMean: 2,
    numeratorVariance: 0.8,
    denominatorVariance: 3,
    covariance: 0.9,
  },
  { kind: 'pilot', units: 5000, estimate: 940, se: 12 },
];

function units(arms: readonly number[]): number {
  return arms.reduce((total, n) => total + n, 0);
}

describe('sampleSize', () => {
  test('the fixtures of the model designs: 14,748 triggered and 57,760 plain units an arm', () => {
    const rate = (value: number) => ({ kind: 'proportion', rate: value }) as const;
    const common = { alpha: 0.05, power: 0.8, effectScale: 'absolute' } as const;
    const plain = sampleSize({ ...common, metric: rate(0.1), effect: 0.005 });
    expect(plain.arms).toEqual([57_760, 57_760]);
    const triggered = { ...common, metric: rate(0.1), effect: 0.01 };
    expect(Math.round(sampleSize(triggered).exact[0] as number)).toBe(14_748);
    // (.12 if right, .09 if wrong; 85% and 80% right: 15% disagree.)
    for (const [triggerRate, expected] of [
      [0.15, 98_321],
      [0.05, 294_961],
      [0.02, 737_403],
    ] as const) {
      expect(sampleSize({ ...triggered, triggerRate }).arms[0]).toBe(expected);
    }
    const all = sampleSize({ ...common, metric: rate(0.114), effect: 0.0015 });
    expect(Math.abs((all.arms[0] as number) / 708_722 - 1)).toBeLessThan(1e-4);
  });

  test('a relative effect is a share of the size of the control mean', () => {
    const absolute = sampleSize({ ...base, ...find, power: 0.8 });
    const relative = { effect: 0.01, effectScale: 'relative', power: 0.8 } as const;
    expect(sampleSize({ ...base, ...relative })).toEqual(absolute);
    const below = { ...mean, mean: -50 };
    expect(sampleSize({ ...base, metric: below, ...relative })).toEqual(absolute);
    expect(() => sampleSize({ ...base, metric: { kind: 'mean', sd: 1 }, ...relative })).toThrow(
      /metric\.mean = undefined/,
    );
  });

  test('a pilot of a quantile plans like a mean of the same error', () => {
    const pilot = { kind: 'pilot', units: 400, estimate: 50, se: 0.5 } as const;
    const planned = sampleSize({ ...base, metric: pilot, ...find, power: 0.8 });
    expect(planned).toEqual(sampleSize({ ...base, ...find, power: 0.8 }));
    expect(() =>
      sampleSize({
        ...base,
        metric: { ...pilot, estimate: 0 },
        effect: 0.1,
        effectScale: 'relative',
        power: 0.8,
      }),
    ).toThrow(/metric\.estimate = 0/);
  });

  test('a covariate, clusters and a trigger each change it by their factor', () => {
    const plain = sampleSize({ ...base, ...find, power: 0.8 }).exact[0] as number;
    const at = (change: Partial<Design>): number =>
      (sampleSize({ ...base, ...find, power: 0.8, ...change }).exact[0] as number) / plain;
    expect(at({ covariateCorrelation: 0.7 })).toBeCloseTo(0.51, 12);
    const clusters = { sizeMean: 20, sizeCv: 0.5, intraclassCorrelation: 0.05 };
    expect(at({ clusters })).toBeCloseTo(designEffect(clusters), 12);
    expect(designEffect(clusters)).toBeCloseTo(2.2, 12);
    expect(at({ triggerRate: 0.25 })).toBeCloseTo(4, 12);
  });

  test('uneven arms cost 1 / (4 q (1 - q)), and several arms share alpha', () => {
    const even = sampleSize({ ...base, ...find, power: 0.8 });
    const uneven = sampleSize({ ...base, ...find, power: 0.8, weights: [0.9, 0.1] });
    expect(units(uneven.exact) / units(even.exact)).toBeCloseTo(1 / 0.36, 10);
    const three = sampleSize({ ...base, ...find, power: 0.8, weights: [1, 1, 1] });
    const half = sampleSize({ ...base, ...find, alpha: 0.025, power: 0.8 });
    expect(three.exact[0]).toBeCloseTo(half.exact[0] as number, 8);
    const told = sampleSize({ ...base, ...find, power: 0.8, weights: [1, 1, 1], tests: 1 });
    expect(told.exact[0]).toBeCloseTo(even.exact[0] as number, 8);
  });

  test('the arm with the least traffic decides', () => {
    const weights = [10, 60, 30];
    const result = sampleSize({ ...base, ...find, power: 0.8, weights });
    const power = powerOf({ ...base, ...find, weights, units: units(result.exact) });
    expect(power[0]).toBeGreaterThan(power[1] as number);
    expect(power[1]).toBeCloseTo(0.8, 6);
  });

  test('monitoring inflates it: four looks by 2%, any look at any time by 91%', () => {
    const at = (monitoring: Monitoring): number =>
      sampleSize({ ...base, ...find, power: 0.8, monitoring }).inflation;
    expect(at({ kind: 'fixed' })).toBe(1);
    expect(at(FOUR_LOOKS)).toBeCloseTo(1.0196, 4);
    expect(at({ kind: 'always_valid' })).toBeCloseTo(1.91, 2);
  });

  test('an effect of nothing, or beyond the margin, cannot be planned for', () => {
    const nothing = { ...base, ...find, effect: 0, power: 0.8 };
    expect(() => sampleSize(nothing)).toThrow(/effect = 0/);
    const nonInferiority = {
      margin: 0.5,
      marginScale: 'absolute',
      direction: 'increase',
    } as const;
    expect(() => sampleSize({ ...nothing, effect: -0.5, nonInferiority })).toThrow(
      /effect = -0\.5: must be better than a loss of the margin = 0\.5/,
    );
    expect(sampleSize({ ...nothing, nonInferiority }).total).toBeGreaterThan(0);
  });
});

describe('power, sample size, effect and margin are one relation', () => {
  const effects = [0.5, -0.3, 0.01, 0.02, 20];
  const designs = METRICS.flatMap((metric, i) =>
    MONITORING.map((monitoring) => ({
      metric,
      monitoring,
      alpha: 0.05,
      weights: [2, 1, 3],
      covariateCorrelation: 0.4,
      effect: effects[i] as number,
      effectScale: 'absolute' as const,
    })),
  );

  test.each(designs)('$metric.kind under $monitoring.kind', (design) => {
    const size = sampleSize({ ...design, power: 0.85 });
    const total = units(size.exact);
    const direction = design.effect > 0 ? 'increase' : 'decrease';
    const powers = powerOf({ ...design, units: total });
    expect(Math.min(...powers)).toBeCloseTo(0.85, 5);
    const detectable = detectableEffect({ ...design, direction, units: total, power: 0.85 });
    if (detectable.status !== 'ok') throw new Error(detectable.status);
    expect(Math.abs(detectable.effect / design.effect - 1)).toBeLessThan(1e-9);
    const more = powerOf({ ...design, units: 2 * total });
    expect(Math.min(...more)).toBeGreaterThan(0.95);
  });

  test.each(designs)('$metric.kind under $monitoring.kind, non-inferiority', (design) => {
    for (const direction of ['increase', 'decrease'] as const) {
      const nonInferiority = { margin: 0.06, marginScale: 'relative', direction } as const;
      const effect = direction === 'increase' ? -0.01 : 0.01;
      const planned = { ...design, effect, effectScale: 'relative' as const, nonInferiority };
      const total = units(sampleSize({ ...planned, power: 0.9 }).exact);
      expect(Math.min(...powerOf({ ...planned, units: total }))).toBeCloseTo(0.9, 8);
      const margin = detectableMargin({
        ...planned,
        nonInferiority: { marginScale: 'relative', direction },
        units: total,
        power: 0.9,
      });
      if (margin.status !== 'ok') throw new Error(margin.status);
      expect(margin.margin).toBeCloseTo(0.06, 10);
    }
  });

  test('with no effect the power is the error rate', () => {
    const fixed = powerOf({ ...base, ...find, effect: 0, units: 1000 });
    expect(fixed[0]).toBeCloseTo(0.05, 14);
    const looks = powerOf({ ...base, ...find, effect: 0, units: 1000, monitoring: FOUR_LOOKS });
    expect(looks[0]).toBeCloseTo(0.05, 10);
  });

  test('some effects on rates are beyond any size', () => {
    const tiny = { metric: { kind: 'proportion', rate: 0.9 }, alpha: 0.05, units: 10 } as const;
    expect(detectableEffect({ ...tiny, power: 0.8, effectScale: 'absolute' })).toEqual({
      status: 'undetectable',
    });
    const margin = { marginScale: 'relative', direction: 'increase' } as const;
    const wild = { kind: 'mean', sd: 1e6, mean: 1 } as const;
    expect(detectableMargin({ ...tiny, metric: wild, power: 0.8, nonInferiority: margin })).toEqual(
      { status: 'undetectable' },
    );
  });

  test('a sure gain rules out any loss', () => {
    const result = detectableMargin({
      ...base,
      effect: 5,
      units: 1e6,
      power: 0.8,
      nonInferiority: { marginScale: 'absolute', direction: 'increase' },
    });
    expect(result.status === 'ok' && result.margin).toBeLessThan(1e-20);
  });
});

describe('decisionRates', () => {
  const common = { alpha: 0.05, power: 0.8, successMetrics: 1 };

  test('the table of the ship rule', () => {
    const sizeVsNaive = (alpha: number, power: number): number =>
      ((normalUpperQuantile(alpha) + normalUpperQuantile(1 - power)) /
        (normalUpperQuantile(0.05) + normalUpperQuantile(0.2))) **
      2;
    for (const [successMetrics, guardrails, power, success, guardrail] of [
      [1, 0, 0.8, 1, 1],
      [1, 1, 0.9, 1.39, 1.39],
      [1, 3, 0.95, 1.75, 1.75],
      [1, 5, 0.9667, 1.96, 1.96],
      [2, 5, 0.9667, 2.33, 1.96],
      [1, 10, 0.9818, 2.26, 2.26],
    ] as const) {
      const rates = decisionRates({ ...common, successMetrics, guardrails });
      expect(rates.metricPower).toBeCloseTo(power, 4);
      expect(sizeVsNaive(rates.successAlpha, rates.metricPower)).toBeCloseTo(success, 2);
      expect(sizeVsNaive(rates.guardrailAlpha, rates.metricPower)).toBeCloseTo(guardrail, 2);
    }
  });

  test('alarms take their share of the power, treatments theirs of alpha', () => {
    const rates = decisionRates({
      ...common,
      guardrails: 3,
      treatments: 2,
      deteriorationAlpha: 0.01,
      qualityAlpha: 0.01,
    });
    expect(rates.successAlpha).toBe(0.025);
    expect(rates.metricPower).toBeCloseTo(1 - 0.18 / 4, 14);
    expect(() => decisionRates({ ...common, guardrails: 1, deteriorationAlpha: 0.2 })).toThrow(
      /deteriorationAlpha/,
    );
    expect(() => decisionRates({ ...common, guardrails: -1 })).toThrow(/guardrails = -1/);
  });
});

test('significance at low power exaggerates', () => {
  expect(exaggeration({ drift: 1, alpha: 0.05 })).toBeCloseTo(2.49, 2);
  expect(exaggeration({ drift: 10, alpha: 0.05 })).toBeCloseTo(1, 6);
  expect(() => exaggeration({ drift: 0, alpha: 0.05 })).toThrow(/drift = 0/);
});

describe('tTestPower and tTestSampleSize', () => {
  test('are one relation, a hair above the normal plan', () => {
    const test = { standardizedEffect: 0.3, alpha: 0.05 };
    const n = tTestSampleSize({ ...test, power: 0.8 });
    expect(tTestPower({ ...test, unitsPerArm: n })).toBeCloseTo(0.8, 5);
    const { exact } = sampleSize({
      metric: { kind: 'mean', sd: 1 },
      alpha: 0.05,
      effect: 0.3,
      effectScale: 'absolute',
      power: 0.8,
    });
    const z = normalUpperQuantile(0.025);
    expect(Math.abs(n - (exact[0] as number) - (z * z) / 4)).toBeLessThan(0.11);
  });

  test('arguments out of range are refused by name', () => {
    expect(() => tTestPower({ standardizedEffect: 1, alpha: 0.05, unitsPerArm: 1 })).toThrow(
      /unitsPerArm = 1/,
    );
    expect(() => tTestSampleSize({ standardizedEffect: 0, alpha: 0.05, power: 0.8 })).toThrow(
      /standardizedEffect\| = 0/,
    );
  });
});

test('other tools ask for about as many units for rates', () => {
  const rates = { controlRate: 0.1, treatmentRate: 0.12, alpha: 0.05, power: 0.8 };
  expect(rateSampleSize({ ...rates, test: 'pooled' })).toBeCloseTo(3840.8, 0);
  expect(rateSampleSize({ ...rates, test: 'arcsine' })).toBeCloseTo(3834.6, 0);
  expect(() => rateSampleSize({ ...rates, treatmentRate: 0.1, test: 'pooled' })).toThrow(
    /treatmentRate = 0\.1/,
  );
});

test('the inflation by looks is a little smaller if the wrong direction counts', () => {
  const plan = {
    alpha: 0.05,
    power: 0.8,
    information: [0.2, 0.6, 1],
    spending: { kind: 'pocock' },
  } as const;
  const upper = inflationFactor(plan);
  const either = inflationFactor({ ...plan, counting: 'either' });
  expect(either).toBeLessThan(upper);
  expect(upper - either).toBeLessThan(1e-3);
});

test('designs out of range are refused by name', () => {
  const plan = (change: object) => () =>
    sampleSize({ ...base, ...find, power: 0.8, ...change } as Parameters<typeof sampleSize>[0]);
  expect(plan({ alpha: 1 })).toThrow(/alpha = 1/);
  expect(plan({ power: 0.01 })).toThrow(/power = 0\.01/);
  expect(plan({ weights: [1] })).toThrow(/weights has 1 arms/);
  expect(plan({ weights: [1, 0] })).toThrow(/weights\[1\] = 0/);
  expect(plan({ tests: 0 })).toThrow(/tests = 0/);
  expect(plan({ covariateCorrelation: 1 })).toThrow(/covariateCorrelation = 1/);
  expect(plan({ triggerRate: 0 })).toThrow(/triggerRate = 0/);
  expect(plan({ metric: { kind: 'mean', sd: 0 } })).toThrow(/metric\.sd = 0/);
  expect(plan({ metric: { kind: 'proportion', rate: 1 } })).toThrow(/metric\.rate = 1/);
  expect(plan({ metric: { kind: 'proportion', rate: 0.7 } })).toThrow(/rate \+ effect = 1\.2/);
  expect(plan({ clusters: { sizeMean: 0.5, intraclassCorrelation: 0 } })).toThrow(
    /sizeMean = 0\.5/,
  );
  expect(plan({ monitoring: { ...FOUR_LOOKS, information: [0.5, 0.9] } })).toThrow(
    /last information = 0\.9/,
  );
  expect(plan({ monitoring: { kind: 'always_valid', plannedN: 0 } })).toThrow(/plannedN = 0/);
});

import { describe, expect, test } from 'vitest';
import {
  boundaries,
  classicBoundaries,
  conditionalPower,
  createRandom,
  crossingProbabilities,
  inflationFactor,
  normalUpperQuantile,
  normalUpperTail,
  repeatedP,
  type Spending,
} from '../../../src/stats/index.ts';

const spending: Spending = { kind: 'obrien_fleming' };
const alpha = 0.05;
const KINDS: Spending[] = [
  { kind: 'obrien_fleming' },
  { kind: 'pocock' },
  { kind: 'power', parameter: 3 },
  { kind: 'hwang_shih_decani', parameter: -4 },
];

function errorRate(information: readonly number[], criticalValues: readonly number[]): number {
  return crossingProbabilities({ information, criticalValues }).reduce(
    (sum, { upper, lower }) => sum + upper + lower,
    0,
  );
}

describe('boundaries', () => {
  test('one look at the end is the fixed test', () => {
    const { criticalValues, spent } = boundaries({ alpha, information: [1], spending });
    expect(criticalValues[0]).toBeCloseTo(normalUpperQuantile(0.025), 12);
    expect(spent).toEqual([0.05]);
  });

  test.each(KINDS)('all looks together spend alpha: $kind', (kind) => {
    const information = [0.13, 0.4, 0.41, 0.77, 1];
    const { criticalValues, spent } = boundaries({ alpha, information, spending: kind });
    expect(errorRate(information, criticalValues)).toBeCloseTo(alpha, 12);
    expect(spent.at(-1)).toBeCloseTo(alpha, 15);
  });

  test('earlier boundaries do not move when later looks are added', () => {
    const three = boundaries({ alpha, information: [0.2, 0.5, 0.8], spending });
    const two = boundaries({ alpha, information: [0.2, 0.5], spending });
    expect(three.criticalValues.slice(0, 2)).toEqual(two.criticalValues);
  });

  test('an overrun spends what is left', () => {
    const { criticalValues, spent } = boundaries({ alpha, information: [0.5, 1.2], spending });
    expect(spent.at(-1)).toBe(alpha);
    expect(errorRate([0.5, 1.2], criticalValues)).toBeCloseTo(alpha, 12);
  });

  test('an early final look spends what is left, with the true covariance', () => {
    const information = [0.5, 0.8];
    const { criticalValues, spent } = boundaries({ alpha, information, spending, final: true });
    expect(spent.at(-1)).toBe(alpha);
    expect(errorRate(information, criticalValues)).toBeCloseTo(alpha, 12);
  });

  test('after everything is spent no further look can stop', () => {
    const { criticalValues } = boundaries({ alpha, information: [0.5, 1, 1.1], spending });
    expect(criticalValues.at(-1)).toBe(30);
  });

  test('a second look at the same data reuses the boundary and spends nothing', () => {
    const once = boundaries({ alpha, information: [0.3, 0.6, 1], spending });
    const twice = boundaries({ alpha, information: [0.3, 0.6, 0.6, 1], spending });
    expect(twice.criticalValues[2]).toBe(twice.criticalValues[1]);
    expect(twice.criticalValues[3]).toBe(once.criticalValues[2]);
  });

  test('a final look at the same data spends what is left there', () => {
    const again = boundaries({ alpha, information: [0.3, 0.6, 0.6], spending, final: true });
    const direct = boundaries({ alpha, information: [0.3, 0.6], spending, final: true });
    expect(again.criticalValues.at(-1)).toBe(direct.criticalValues.at(-1));
  });

  test('looks a moment apart keep the error rate', () => {
    const information = [0.5, 0.5001, 0.7, 0.70001, 1];
    const { criticalValues } = boundaries({ alpha, information, spending: { kind: 'pocock' } });
    expect(errorRate(information, criticalValues)).toBeCloseTo(alpha, 10);
  });

  test('a spend too small for any boundary demands the largest critical value', () => {
    const { criticalValues } = boundaries({ alpha, information: [0.001, 1], spending });
    expect(criticalValues[0]).toBe(30);
    expect(criticalValues[1]).toBeCloseTo(normalUpperQuantile(0.025), 10);
  });

  test('a power spending of 1 and an hsd spending of 0 both spend evenly', () => {
    const information = [0.25, 0.75, 1];
    const even = boundaries({ alpha, information, spending: { kind: 'power', parameter: 1 } });
    const hsd = { kind: 'hwang_shih_decani', parameter: 0 } as const;
    expect(even.spent).toEqual(boundaries({ alpha, information, spending: hsd }).spent);
    expect(even.spent[0]).toBeCloseTo(0.0125, 15);
  });

  test('bad plans are refused by name', () => {
    const plan = { alpha, spending, information: [0.5, 1] };
    expect(() => boundaries({ ...plan, information: [] })).toThrow(/information/);
    expect(() => boundaries({ ...plan, information: [0.5, 0.4] })).toThrow(/information\[1\]/);
    expect(() => boundaries({ ...plan, information: [0, 0.4] })).toThrow(/information\[0\] = 0/);
    expect(() => boundaries({ ...plan, alpha: 2 })).toThrow(/alpha = 2/);
    expect(() => boundaries({ ...plan, spending: { kind: 'power', parameter: -1 } })).toThrow(
      /spending\.parameter = -1/,
    );
  });
});

describe('repeatedP', () => {
  test('one look at the end has the ordinary p-value', () => {
    expect(repeatedP({ z: 2.3, information: [1], spending })).toBeCloseTo(
      2 * normalUpperTail(2.3),
      14,
    );
    expect(repeatedP({ z: 2.3, information: [1], spending, sides: 1 })).toBeCloseTo(
      normalUpperTail(2.3),
      14,
    );
  });

  test.each(KINDS)('a statistic on its boundary has p = alpha: $kind', (kind) => {
    const information = [0.25, 0.6, 0.9];
    const { criticalValues } = boundaries({ alpha, information, spending: kind });
    const z = criticalValues.at(-1) as number;
    expect(repeatedP({ z, information, spending: kind })).toBeCloseTo(alpha, 9);
    expect(repeatedP({ z: -z - 1e-6, information, spending: kind })).toBeLessThan(alpha);
    expect(repeatedP({ z: z - 1e-6, information, spending: kind })).toBeGreaterThan(alpha);
  });

  test('an early look is worth less than the same statistic at the end', () => {
    const early = repeatedP({ z: 2.5, information: [0.25], spending });
    expect(early).toBeGreaterThan(repeatedP({ z: 2.5, information: [0.25, 1], spending }));
  });

  test('a statistic that no level would stop has p = 1, an overwhelming one is not 0', () => {
    expect(repeatedP({ z: 0.1, information: [0.3], spending })).toBe(1);
    expect(repeatedP({ z: 29, information: [0.5, 1], spending })).toBeGreaterThan(0);
    expect(repeatedP({ z: 1000, information: [0.5, 1], spending })).toBeCloseTo(1e-180, 190);
  });
});

describe('conditionalPower', () => {
  test('it is the share of simulated futures that cross', () => {
    // 20000 futures, tolerance 3.3 sd of a share near one half.
    const random = createRandom(3);
    const [z, t, criticalValue, drift] = [1.2, 0.4, 1.97, 2.8];
    let crossed = 0;
    for (let run = 0; run < 20_000; run += 1) {
      const end = z * Math.sqrt(t) + random.normal(drift * (1 - t), Math.sqrt(1 - t));
      if (end > criticalValue) crossed += 1;
    }
    const power = conditionalPower({ z, information: t, criticalValue, drift });
    expect(Math.abs(crossed / 20_000 - power)).toBeLessThan(3.3 * Math.sqrt(0.25 / 20_000));
  });

  test('without a drift the present trend goes on', () => {
    const common = { z: 1, information: 0.25, criticalValue: 1.96 };
    expect(conditionalPower(common)).toBe(conditionalPower({ ...common, drift: 2 }));
  });

  test('at full information it is decided', () => {
    expect(conditionalPower({ z: 2, information: 1, criticalValue: 1.97 })).toBe(1);
    expect(conditionalPower({ z: 1.9, information: 1.1, criticalValue: 1.97 })).toBe(0);
  });
});

describe('planning', () => {
  test('inflation is none for one look and small for O-Brien-Fleming', () => {
    const common = { alpha, spending, power: 0.8 };
    // A single two-sided look also has a sliver of power on the far side, which is not counted.
    expect(inflationFactor({ ...common, information: [1] })).toBeCloseTo(1, 9);
    expect(inflationFactor({ ...common, information: [0.25, 0.5, 0.75, 1] })).toBeCloseTo(1.02, 3);
    expect(() => inflationFactor({ ...common, power: 0.05, information: [1] })).toThrow(/power/);
  });

  test('classic boundaries keep their shape and spend alpha', () => {
    const information = [0.25, 0.5, 0.75, 1];
    const pocock = classicBoundaries({ alpha, information, shape: 'pocock' });
    const flat = classicBoundaries({ alpha, information, shape: 'obrien_fleming' });
    expect(new Set(pocock.criticalValues).size).toBe(1);
    expect(flat.criticalValues[0]).toBeCloseTo(2 * (flat.criticalValues[3] as number), 12);
    expect(errorRate(information, pocock.criticalValues)).toBeCloseTo(alpha, 11);
    expect(errorRate(information, flat.criticalValues)).toBeCloseTo(alpha, 11);
  });
});

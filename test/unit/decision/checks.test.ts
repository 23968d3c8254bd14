import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CheckFacts, runChecks } from '../../../src/decision/checks.ts';

const facts = (fields: Partial<CheckFacts> = {}): CheckFacts => ({
  arms: [
    { variant: 'control', weight: 1, units: 5000 },
    { variant: 'challenger', weight: 1, units: 5000 },
  ],
  crossovers: 0,
  strays: new Map(),
  waiting: 0,
  metricEvents: new Map([['bookings', 100]]),
  ...fields,
});
const armsOf = (...units: number[]) =>
  units.map((count, index) => ({ variant: `v${index}`, weight: 1, units: count }));
const statusOf = (id: string, fields: Partial<CheckFacts>) =>
  runChecks(facts(fields)).find((check) => check.id === id)?.status;

describe('the checks', () => {
  test('all pass on clean data, in the order in which they are shown', () => {
    expect(runChecks(facts()).map(({ id, status }) => [id, status])).toEqual([
      ['srm', 'pass'],
      ['arms', 'pass'],
      ['crossover', 'pass'],
      ['unknown_variant', 'pass'],
      ['outside_trial', 'pass'],
      ['metric_events', 'pass'],
      ['complete', 'pass'],
    ]);
  });

  test.each<[string, string, Partial<CheckFacts>, string]>([
    ['the split of units', 'srm', { arms: armsOf(0, 0) }, 'unknown'],
    ['the split of units', 'srm', { arms: armsOf(5000, 5100) }, 'pass'],
    ['the split of units', 'srm', { arms: armsOf(50_000, 50_900) }, 'warn'],
    ['the split of units', 'srm', { arms: armsOf(50_000, 53_000) }, 'fail'],
    ['the split of units', 'srm', { arms: armsOf(1, 0) }, 'pass'],
    [
      'units in a variant of weight 0',
      'srm',
      { arms: [...armsOf(100, 100), { variant: 'x', weight: 0, units: 1 }] },
      'fail',
    ],
    [
      'no units in a variant of weight 0',
      'srm',
      { arms: [...armsOf(100, 100), { variant: 'x', weight: 0, units: 0 }] },
      'pass',
    ],
    ['an arm without units', 'arms', { arms: armsOf(99, 0) }, 'unknown'],
    ['an arm without units', 'arms', { arms: armsOf(100, 0) }, 'fail'],
    [
      'an arm of weight 0 without units',
      'arms',
      { arms: [...armsOf(100, 100), { variant: 'x', weight: 0, units: 0 }] },
      'pass',
    ],
    ['no unit at all', 'crossover', { arms: armsOf(0, 0) }, 'unknown'],
    [
      'units in two variants, just 1%',
      'crossover',
      { arms: armsOf(4950, 4950), crossovers: 100 },
      'pass',
    ],
    [
      'units in two variants, above 1%',
      'crossover',
      { arms: armsOf(4950, 4950), crossovers: 101 },
      'fail',
    ],
    [
      'nothing but units in two variants',
      'crossover',
      { arms: armsOf(0, 0), crossovers: 1 },
      'fail',
    ],
    [
      'a variant nobody knows',
      'unknown_variant',
      { strays: new Map([['unknown_variant', 1]]) },
      'warn',
    ],
    [
      'some exposures outside the trial',
      'outside_trial',
      { strays: new Map([['before_start', 50]]) },
      'pass',
    ],
    [
      'many exposures outside the trial',
      'outside_trial',
      { strays: new Map([['after_stop', 200]]) },
      'warn',
    ],
    ['a metric without events', 'metric_events', { metricEvents: new Map([['a', 0]]) }, 'warn'],
    ['events on their way', 'complete', { waiting: 1 }, 'warn'],
  ])('%s: %s %j is %s', (_what, id, fields, status) => {
    expect(statusOf(id, fields)).toBe(status);
  });

  test('have sentences, thresholds and finite numbers, whatever the counts', () => {
    const count = fc.oneof(
      fc.integer({ min: 0, max: 5 }),
      fc.integer({ min: 0, max: 1_000_000_000 }),
    );
    fc.assert(
      fc.property(
        fc.array(fc.record({ units: count, weight: fc.integer({ min: 0, max: 1_000_000 }) }), {
          minLength: 2,
          maxLength: 5,
        }),
        count,
        count,
        (arms, crossovers, stray) => {
          fc.pre(arms.some(({ weight }) => weight > 0));
          const named = arms.map((one, index) => ({ variant: `v${index}`, ...one }));
          const strays = new Map([['other_version', stray]]);
          for (const check of runChecks(facts({ arms: named, crossovers, strays }))) {
            expect(check.says).not.toMatch(/NaN|Infinity|undefined/);
            expect(check.value === null || Number.isFinite(check.value)).toBe(true);
          }
        },
      ),
      { seed: 10, numRuns: 300 },
    );
  });

  test('do not depend on the order of the arms', () => {
    const arms = [
      { variant: 'a', weight: 1, units: 5000 },
      { variant: 'b', weight: 3, units: 15_400 },
      { variant: 'c', weight: 2, units: 9900 },
    ];
    const found = (order: typeof arms) =>
      runChecks(facts({ arms: order })).map(({ id, status, value }) => [
        id,
        status,
        value?.toPrecision(9),
      ]);
    expect(found([...arms].reverse())).toEqual(found(arms));
  });
});

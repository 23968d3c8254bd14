import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Arms,
  compare,
  type Monitoring,
  type Question,
} from '../../../src/decision/compare.ts';
import type { Moments } from '../../../src/stats/index.ts';

const arm = (n: number, mean: number, variance = mean * (1 - mean)): Moments => ({
  n,
  mean,
  m2: variance * Math.max(0, n - 1),
});
const arms = (control: Moments, treatment: Moments): Arms => ({ control, treatment });
const same = arms(arm(5000, 0.2), arm(5000, 0.2));
const up = arms(arm(5000, 0.2), arm(5000, 0.25));
const down = arms(arm(5000, 0.2), arm(5000, 0.15));
const look = (information: number, final = false) => ({ day: 7, at: 7, information, final });
const atLook = (data: Arms | null, ...looks: ReturnType<typeof look>[]): Monitoring => ({
  kind: 'group_sequential',
  looks: looks.length === 0 ? [look(0.5)] : looks,
  atLook: data,
});
const always: Monitoring = { kind: 'always_valid', ready: true };
const question = (fields: Partial<Question> = {}): Question => ({
  role: 'goal',
  variant: 'challenger',
  baseline: 'control',
  direction: 'increase',
  alpha: 0.05,
  harmAlpha: 0.01,
  margin: null,
  monitoring: atLook(up),
  plannedUnits: 20_000,
  now: up,
  ...fields,
});
const verdictOf = (fields: Partial<Question>) => compare(question(fields)).comparison.verdict;
const guardrailOf = (fields: Partial<Question>) =>
  compare(
    question({
      role: 'guardrail',
      direction: 'decrease',
      margin: { size: 0.05, scale: 'relative' },
      ...fields,
    }),
  ).comparison.nonInferiority?.state;

describe('a comparison that cannot be made', () => {
  test.each<[string, Arms, string]>([
    ['no units', arms(arm(0, 0), arm(0, 0)), 'insufficient_data'],
    ['one unit in an arm', arms(arm(1, 0.2, 0), arm(5000, 0.2)), 'insufficient_data'],
    ['no unit in one arm', arms(arm(5000, 0.2), arm(0, 0)), 'insufficient_data'],
    ['no variance in either arm', arms(arm(5000, 1, 0), arm(5000, 1, 0)), 'zero_variance'],
  ])('of %s has a status, no estimate and no verdict', (_what, now, status) => {
    const { comparison, harm, deciding } = compare(question({ now, monitoring: atLook(now) }));
    expect(comparison.status).toBe(status);
    expect(comparison.verdict).toBe('not_enough_data');
    expect(harm).toBeNull();
    expect(deciding).toBeNull();
    for (const field of ['absolute', 'relative', 'sequential', 'nonInferiority', 'p'] as const) {
      expect(comparison).not.toHaveProperty(field);
    }
  });

  test('relatively, for a baseline of zero, still has its absolute difference', () => {
    const now = arms(arm(5000, 0, 0), arm(5000, 0.05));
    const { comparison } = compare(question({ now, monitoring: atLook(now) }));
    expect(comparison).toMatchObject({
      status: 'ok',
      relativeStatus: 'zero_baseline',
      verdict: 'better',
    });
    expect(comparison.relative).toBeUndefined();
  });
});

describe('a goal', () => {
  test('decides nothing before the first look, though its difference is shown', () => {
    const { comparison } = compare(
      question({ monitoring: { kind: 'group_sequential', looks: [], atLook: null } }),
    );
    expect(comparison).toMatchObject({ status: 'ok', verdict: 'not_enough_data' });
    expect(comparison.absolute).toBeDefined();
    expect(comparison.sequential).toBeUndefined();
  });

  test('keeps the verdict of its look until the next one, whatever has come since', () => {
    expect(verdictOf({ monitoring: atLook(up), now: same })).toBe('better');
    expect(verdictOf({ monitoring: atLook(same), now: up })).toBe('inconclusive');
    expect(verdictOf({ monitoring: atLook(down), now: up })).toBe('worse');
  });

  test('that should fall is better when it falls', () => {
    expect(verdictOf({ direction: 'decrease', monitoring: atLook(down), now: down })).toBe(
      'better',
    );
    expect(verdictOf({ direction: 'decrease' })).toBe('worse');
    const { deciding, comparison } = compare(
      question({ direction: 'decrease', monitoring: atLook(down), now: down }),
    );
    expect(deciding?.lower).toBeGreaterThan(0);
    expect(comparison.relative?.upper).toBeLessThan(0);
  });

  test('needs more evidence at an early look than at a late one', () => {
    const slight = arms(arm(5000, 0.2), arm(5000, 0.219));
    expect(verdictOf({ monitoring: atLook(slight, look(0.2)), now: slight })).toBe('inconclusive');
    expect(verdictOf({ monitoring: atLook(slight, look(1, true)), now: slight })).toBe('better');
  });

  test('is inconclusive at a first look of next to nothing, and its numbers are numbers', () => {
    const few = arms(arm(50, 0.2), arm(50, 0.4));
    const { comparison } = compare(question({ monitoring: atLook(few, look(1e-9)), now: few }));
    expect(comparison.verdict).toBe('inconclusive');
    expect(unreal(comparison)).toEqual([]);
  });

  test('under always-valid monitoring waits for a day and a hundred units an arm', () => {
    expect(verdictOf({ monitoring: { kind: 'always_valid', ready: false } })).toBe(
      'not_enough_data',
    );
    expect(verdictOf({ monitoring: always, now: arms(arm(99, 0.2), arm(5000, 0.9)) })).toBe(
      'not_enough_data',
    );
    expect(verdictOf({ monitoring: always, now: arms(arm(100, 0.2), arm(5000, 0.9)) })).toBe(
      'better',
    );
  });

  test('under a fixed plan is shown and undecided until the end', () => {
    const open = compare(question({ monitoring: { kind: 'fixed', ended: false } })).comparison;
    expect(open).toMatchObject({
      verdict: 'not_enough_data',
      sequential: { method: 'fixed', decides: false },
    });
    const ended = compare(question({ monitoring: { kind: 'fixed', ended: true } })).comparison;
    expect(ended).toMatchObject({
      verdict: 'better',
      sequential: { method: 'fixed', decides: true },
    });
  });

  test('has p below its alpha exactly when its deciding interval leaves out zero', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.1, max: 0.3, noNaN: true }),
        fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 3 }),
        fc.constantFrom<'group_sequential' | 'always_valid' | 'fixed'>(
          'group_sequential',
          'always_valid',
          'fixed',
        ),
        (mean, steps, kind) => {
          const now = arms(arm(4000, 0.2), arm(4000, mean));
          const sumUpTo = (index: number) =>
            steps.slice(0, index + 1).reduce((sum, step) => sum + step, 0);
          const looks = steps.map((_, index) => look(sumUpTo(index) / 20));
          const monitoring: Monitoring =
            kind === 'group_sequential'
              ? atLook(now, ...looks)
              : kind === 'fixed'
                ? { kind, ended: true }
                : always;
          const { sequential } = compare(question({ now, monitoring })).comparison;
          if (sequential === undefined || Math.abs(sequential.p - 0.05) < 1e-6) return;
          expect(sequential.p < 0.05).toBe(sequential.lower > 0 || sequential.upper < 0);
        },
      ),
      { seed: 8, numRuns: 80 },
    );
  });
});

describe('a guardrail', () => {
  test('is unproven before its monitoring may decide', () => {
    expect(
      guardrailOf({ now: same, monitoring: { kind: 'group_sequential', looks: [], atLook: null } }),
    ).toBe('unproven');
    expect(guardrailOf({ now: same, monitoring: { kind: 'always_valid', ready: false } })).toBe(
      'unproven',
    );
    expect(guardrailOf({ now: same, monitoring: { kind: 'fixed', ended: false } })).toBe(
      'unproven',
    );
  });

  const many = arms(arm(500_000, 0.2), arm(500_000, 0.2));
  test.each<[string, Monitoring]>([
    ['at a look', atLook(many, look(1, true))],
    ['always', always],
    ['at the end', { kind: 'fixed', ended: true }],
  ])('is protected, harmed or unproven by the data %s', (_when, monitoring) => {
    const on = (data: Arms) =>
      monitoring.kind === 'group_sequential' ? { ...monitoring, atLook: data } : monitoring;
    const harmed = arms(arm(500_000, 0.2), arm(500_000, 0.23));
    const few = arms(arm(200, 0.2), arm(200, 0.2));
    expect(guardrailOf({ now: many, monitoring: on(many), plannedUnits: 1_000_000 })).toBe(
      'protected',
    );
    expect(guardrailOf({ now: harmed, monitoring: on(harmed), plannedUnits: 1_000_000 })).toBe(
      'harmed',
    );
    expect(guardrailOf({ now: few, monitoring: on(few), plannedUnits: 1_000_000 })).toBe(
      'unproven',
    );
  });

  test('without variance says nothing, and so protects nothing', () => {
    const still = arms(arm(5000, 0, 0), arm(5000, 0, 0));
    expect(guardrailOf({ now: still, monitoring: atLook(still) })).toBeUndefined();
  });
});

describe('the harm alarm', () => {
  const alarmOf = (fields: Partial<Question>) => compare(question(fields)).harm;

  test('is silent below a hundred units in an arm, and for secondary metrics', () => {
    expect(alarmOf({ now: arms(arm(99, 0.9), arm(99, 0.1)), monitoring: atLook(null) })).toBeNull();
    expect(alarmOf({ role: 'secondary', now: down })).toBeNull();
  });

  test('rings before any look when a goal falls far, and for a cost that rises far', () => {
    const far = arms(arm(5000, 0.2), arm(5000, 0.1));
    const before: Monitoring = { kind: 'group_sequential', looks: [], atLook: null };
    expect(alarmOf({ now: far, monitoring: before })?.fired).toBe(true);
    expect(alarmOf({ now: far, monitoring: before, direction: 'decrease' })?.fired).toBe(false);
    const risen = arms(arm(5000, 0.1), arm(5000, 0.2));
    expect(alarmOf({ now: risen, monitoring: before, direction: 'decrease' })?.fired).toBe(true);
    expect(alarmOf({ now: same, monitoring: before })?.fired).toBe(false);
  });
});

test('a secondary metric has a plain interval and decides nothing', () => {
  const { comparison } = compare(question({ role: 'secondary', monitoring: atLook(null) }));
  expect(comparison).toMatchObject({ verdict: 'better', absolute: { level: 0.95 } });
  expect(comparison.sequential).toBeUndefined();
  expect(comparison.nonInferiority).toBeUndefined();
});

test('no comparison of whatever arms holds a number that is none', () => {
  const anyArm = fc
    .record({
      n: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 1_000_000_000 })),
      mean: fc.oneof(
        fc.double({ min: -1, max: 1, noNaN: true }),
        fc.double({ min: -1e15, max: 1e15, noNaN: true }),
        fc.constant(0),
      ),
      variance: fc.oneof(
        fc.constant(0),
        fc.double({ min: 1e-12, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1e24, noNaN: true }),
      ),
    })
    .map(({ n, mean, variance }) =>
      n === 0 ? arm(0, 0, 0) : arm(n, mean, n === 1 ? 0 : variance),
    );
  const anyArms = fc.record({ control: anyArm, treatment: anyArm });
  const anyMonitoring = fc.oneof(
    fc
      .tuple(
        fc.array(fc.double({ min: 1e-9, max: 1.5, noNaN: true }), { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        anyArms,
      )
      .map(([shares, final, data]) => {
        const sorted = [...shares].sort((a, b) => a - b);
        return atLook(
          data,
          ...sorted.map((share, index) => look(share, final && index === sorted.length - 1)),
        );
      }),
    fc.constantFrom<Monitoring>(
      always,
      { kind: 'fixed', ended: true },
      { kind: 'fixed', ended: false },
    ),
  );
  fc.assert(
    fc.property(
      anyArms,
      anyMonitoring,
      fc.constantFrom('goal' as const, 'guardrail' as const, 'secondary' as const),
      fc.constantFrom('increase' as const, 'decrease' as const),
      fc.constantFrom(
        null,
        { size: 0.01, scale: 'relative' as const },
        { size: 5, scale: 'absolute' as const },
      ),
      fc.double({ min: 1, max: 1e9, noNaN: true }),
      (now, monitoring, role, direction, margin, plannedUnits) => {
        const { comparison, harm } = compare(
          question({
            now,
            monitoring,
            role,
            direction,
            margin: role === 'guardrail' ? margin : null,
            plannedUnits,
          }),
        );
        expect(unreal({ comparison, harm })).toEqual([]);
      },
    ),
    { seed: 9, numRuns: 600 },
  );
});

/** Paths of numbers that are NaN or infinite. */
function unreal(value: unknown, path = ''): string[] {
  if (typeof value === 'number') return Number.isFinite(value) ? [] : [`${path} = ${value}`];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => unreal(item, `${path}/${key}`));
}

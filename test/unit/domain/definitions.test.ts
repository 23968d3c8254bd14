import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { conditionSchema } from '../../../src/domain/condition.ts';
import { experimentDefinitionSchema, payloadOf } from '../../../src/domain/experiment.ts';
import { maturityDaysOf, metricDefinitionSchema } from '../../../src/domain/metric.ts';
import {
  modelVersionDefinitionSchema,
  offlineEvaluationSchema,
} from '../../../src/domain/model.ts';
import { parse } from '../../../src/domain/parse.ts';
import { AppError, type Problem, pointerOf } from '../../../src/domain/problem.ts';
import { experimentBody, metricBody } from '../../support/factories.ts';

function problemsOf(schema: z.ZodType, value: unknown): readonly Problem[] {
  try {
    parse(schema, value);
    return [];
  } catch (error) {
    if (error instanceof AppError && error.code === 'invalid') return error.problems;
    throw error;
  }
}
const pointersOf = (schema: z.ZodType, value: unknown) =>
  [...new Set(problemsOf(schema, value).map(({ pointer }) => pointer))].sort();

describe('an experiment', () => {
  test('needs its unit, its variants and a goal; everything else has its default', () => {
    const { metrics, variants, unit } = experimentBody();
    const read = parse(experimentDefinitionSchema, { metrics, variants, unit });
    expect(read).toEqual({
      tags: [],
      design: 'ab',
      designOptions: {},
      assignment: 'assay',
      unit: 'user',
      slot: { from: 0, to: 1 },
      traffic: 1,
      targeting: null,
      variants: [
        { key: 'control', role: 'control', weight: 1 },
        { key: 'challenger', role: 'treatment', weight: 1 },
      ],
      metrics: { goals: [{ metric: 'bookings', mde: 0.02 }], guardrails: [], secondary: [] },
      plan: { alpha: 0.05, power: 0.8, monitoring: 'group_sequential', minDays: 7, maxDays: 28 },
      policy: { preset: 'ship_rule', automation: 'advise' },
    });
    expect(read.variants.map(payloadOf)).toEqual(['control', 'challenger']);
  });

  test('names what is missing all at once', () => {
    expect(pointersOf(experimentDefinitionSchema, {})).toEqual(['/metrics', '/unit', '/variants']);
    expect(pointersOf(experimentDefinitionSchema, undefined)).toEqual(['']);
    expect(pointersOf(experimentDefinitionSchema, [])).toEqual(['']);
  });

  test('names every mistake at its pointer, unknown fields included', () => {
    const body = experimentBody({
      traffic: 50,
      slto: { from: 0, to: 1 },
      plan: { alpha: 0, maxDays: 1, horizon: 3 },
      metrics: { goals: [{ metric: 'bookings', mde: -1 }], guardrails: [{ metric: 'a b' }] },
    });
    expect(pointersOf(experimentDefinitionSchema, body)).toEqual([
      '/metrics/goals/0/mde',
      '/metrics/guardrails/0/metric',
      '/plan/alpha',
      '/plan/horizon',
      '/plan/maxDays',
      '/slto',
      '/traffic',
    ]);
  });

  test('says what is wrong with its variants and metrics also when another field is wrong', () => {
    const twice = { key: 'a', role: 'control' };
    const goal = { metric: 'm' };
    const body = experimentBody({
      traffic: 'all',
      typo: 1,
      variants: [twice, twice],
      metrics: { goals: [goal, goal] },
    });
    expect(pointersOf(experimentDefinitionSchema, body)).toEqual([
      '/metrics/goals/1/metric',
      '/traffic',
      '/typo',
      '/variants',
      '/variants/1/key',
    ]);
  });

  const variants = (...list: Record<string, unknown>[]) => experimentBody({ variants: list });
  const control = { key: 'a', role: 'control' };
  const treatment = { key: 'b', role: 'treatment' };
  test.each<[string, Record<string, unknown>, string]>([
    ['one variant alone', variants(control), '/variants'],
    ['two controls', variants(control, { ...treatment, role: 'control' }), '/variants'],
    ['no control', variants({ ...control, role: 'treatment' }, treatment), '/variants'],
    ['a key used twice', variants(control, { ...treatment, key: 'a' }), '/variants/1/key'],
    [
      'a role that no design offers yet',
      variants(control, { ...treatment, role: 'shadow' }),
      '/variants/1/role',
    ],
    [
      'a negative weight',
      variants({ ...control, weight: 5 }, { ...treatment, weight: -1 }),
      '/variants/1/weight',
    ],
    ['half a weight', variants(control, { ...treatment, weight: 0.5 }), '/variants/1/weight'],
    [
      'no weight at all',
      variants({ ...control, weight: 0 }, { ...treatment, weight: 0 }),
      '/variants',
    ],
    ['too much weight', variants({ ...control, weight: 1_000_000 }, treatment), '/variants'],
    [
      'payloads of two types',
      variants({ ...control, payload: 1 }, { ...treatment, payload: 'x' }),
      '/variants',
    ],
    ['a payload beside a default', variants(control, { ...treatment, payload: 1 }), '/variants'],
    [
      'a payload that is null',
      variants({ ...control, payload: null }, treatment),
      '/variants/0/payload',
    ],
    [
      'a payload that is a list',
      variants({ ...control, payload: [] }, treatment),
      '/variants/0/payload',
    ],
    [
      'a payload with a lone surrogate',
      variants({ ...control, payload: { a: '\ud800' } }, { ...treatment, payload: {} }),
      '/variants/0/payload',
    ],
    [
      'a model without a version',
      variants({ ...control, model: 'ranker' }, treatment),
      '/variants/0/model',
    ],
    [
      'a variant of a reserved word',
      variants({ ...control, key: 'constructor' }, treatment),
      '/variants/0/key',
    ],
    [
      'a metric of two roles',
      experimentBody({ metrics: { goals: [{ metric: 'm' }], secondary: [{ metric: 'm' }] } }),
      '/metrics/secondary/0/metric',
    ],
    [
      'a goal named twice',
      experimentBody({ metrics: { goals: [{ metric: 'm' }, { metric: 'm' }] } }),
      '/metrics/goals/1/metric',
    ],
    ['no goal', experimentBody({ metrics: { goals: [] } }), '/metrics/goals'],
    [
      'two kinds of mde',
      experimentBody({ metrics: { goals: [{ metric: 'm', mde: 1, mdeAbsolute: 1 }] } }),
      '/metrics/goals/0/mdeAbsolute',
    ],
    [
      'two kinds of margin',
      experimentBody({
        metrics: {
          goals: [{ metric: 'm' }],
          guardrails: [{ metric: 'n', margin: 0.1, marginAbsolute: 1 }],
        },
      }),
      '/metrics/guardrails/0/marginAbsolute',
    ],
    [
      'a margin of all there is',
      experimentBody({
        metrics: { goals: [{ metric: 'm' }], guardrails: [{ metric: 'n', margin: 1 }] },
      }),
      '/metrics/guardrails/0/margin',
    ],
    [
      'a slot that ends before it begins',
      experimentBody({ slot: { from: 0.5, to: 0.5 } }),
      '/slot/to',
    ],
    ['traffic in percent', experimentBody({ traffic: 50 }), '/traffic'],
    [
      'fewer days at most than at least',
      experimentBody({ plan: { minDays: 8, maxDays: 7 } }),
      '/plan/maxDays',
    ],
    ['looks out of order', experimentBody({ plan: { looks: [7, 3] } }), '/plan/looks'],
    ['the same look twice', experimentBody({ plan: { looks: [7, 7] } }), '/plan/looks'],
    ['a look before the start', experimentBody({ plan: { looks: [0] } }), '/plan/looks/0'],
    ['half a planned unit', experimentBody({ plan: { plannedUnits: 0.5 } }), '/plan/plannedUnits'],
    ['a power of a coin', experimentBody({ plan: { power: 0.5 } }), '/plan/power'],
    ['a design that is not offered', experimentBody({ design: 'triple' }), '/design'],
    [
      'options of a design that has none',
      experimentBody({ designOptions: { windowMinutes: 5 } }),
      '/designOptions/windowMinutes',
    ],
    [
      'a machine that acts alone',
      experimentBody({ policy: { automation: 'auto_ship' } }),
      '/policy/automation',
    ],
    ['a tag that is no key', experimentBody({ tags: ['a b'] }), '/tags/0'],
    ['a name with a lone surrogate', experimentBody({ name: '\ud800' }), '/name'],
    [
      'an unknown word in the hypothesis',
      experimentBody({ hypothesis: { becuase: 'x' } }),
      '/hypothesis/becuase',
    ],
    ['its own state', experimentBody({ state: 'running' }), '/state'],
    ['its own salt', experimentBody({ salt: 'mine' }), '/salt'],
    ['its own version', experimentBody({ version: 3 }), '/version'],
  ])('is refused with %s', (_what, body, pointer) => {
    expect(pointersOf(experimentDefinitionSchema, body)).toEqual([pointer]);
  });
});

describe('a metric', () => {
  test.each(['conversion', 'count', 'sum'])('of kind %s has its defaults', (kind) => {
    expect(parse(metricDefinitionSchema, metricBody({ kind }))).toEqual({
      kind,
      event: 'booking',
      direction: 'increase',
      tags: [],
      window: { fromHours: 0, toHours: null },
      ...(kind === 'sum' ? { value: 'value' } : {}),
    });
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['an unknown kind', metricBody({ kind: 'median' }), '/kind'],
    ['no event', metricBody({ event: undefined }), '/event'],
    ['an unknown field', metricBody({ windw: {} }), '/windw'],
    ['a value where none is asked', metricBody({ value: 'value' }), '/value'],
    ['a value that is no path', metricBody({ kind: 'sum', value: 'nights' }), '/value'],
    ['a value of no property', metricBody({ kind: 'sum', value: 'properties.' }), '/value'],
    ['a value too deep', metricBody({ kind: 'sum', value: 'properties.a.b' }), '/value'],
    [
      'a window that ends where it begins',
      metricBody({ window: { fromHours: 5, toHours: 5 } }),
      '/window/toHours',
    ],
    [
      'a window before the exposure',
      metricBody({ window: { fromHours: -1 } }),
      '/window/fromHours',
    ],
    ['a filter, which is not offered yet', metricBody({ filter: { all: [] } }), '/filter'],
    [
      'capping, which is not offered yet',
      metricBody({ winsorize: { upperValue: 1 } }),
      '/winsorize',
    ],
    ['CUPED, which is not offered yet', metricBody({ cuped: { lookbackDays: 14 } }), '/cuped'],
    ['negative maturity', metricBody({ maturityDays: -1 }), '/maturityDays'],
    ['an unknown direction', metricBody({ direction: 'up' }), '/direction'],
  ])('is refused with %s', (_what, body, pointer) => {
    expect(pointersOf(metricDefinitionSchema, body)).toEqual([pointer]);
  });

  test('matures when it says, else at the end of a bounded window, else at once', () => {
    const days = (fields: Record<string, unknown>) =>
      maturityDaysOf(parse(metricDefinitionSchema, metricBody(fields)));
    expect(days({ maturityDays: 3, window: { toHours: 240 } })).toBe(3);
    expect(days({ maturityDays: 0, window: { toHours: 240 } })).toBe(0);
    expect(days({ window: { toHours: 36 } })).toBe(1.5);
    expect(days({ window: { fromHours: 24 } })).toBe(0);
  });
});

describe('a condition', () => {
  const leaf = { attribute: 'country', op: 'eq', value: 'NL' };
  const deep = (levels: number): unknown => (levels === 0 ? leaf : { all: [deep(levels - 1)] });

  test.each<[string, unknown]>([
    ['a test', leaf],
    ['all of none', { all: [] }],
    [
      'a tree',
      { any: [{ not: leaf }, { all: [leaf, { ...leaf, op: 'in', value: ['a', 1, true] }] }] },
    ],
    ['existence, by default true', { attribute: 'a', op: 'exists' }],
    ['a tree as deep as it may be', deep(10)],
  ])('may be %s', (_what, condition) => {
    expect(pointersOf(conditionSchema, condition)).toEqual([]);
  });

  test.each<[string, unknown, string]>([
    ['an operator nobody knows', { ...leaf, op: 'matches' }, '/op'],
    ['a comparison with true', { ...leaf, op: 'lt', value: true }, '/value'],
    ['a list where one is asked', { ...leaf, value: ['NL'] }, '/value'],
    ['one where a list is asked', { ...leaf, op: 'in', value: 'NL' }, '/value'],
    ['an empty list', { ...leaf, op: 'in', value: [] }, '/value'],
    ['a name that is empty', { ...leaf, attribute: '' }, '/attribute'],
    ['a name into the prototype', { ...leaf, attribute: 'a.__proto__.b' }, '/attribute'],
    ['a misspelt field', { ...leaf, vaule: 1 }, '/vaule'],
    [
      'a mistake deep inside',
      { all: [leaf, { any: [{ not: { ...leaf, op: 'equals' } }] }] },
      '/all/1/any/0/not/op',
    ],
    ['two shapes at once', { all: [leaf], any: [leaf] }, '/any'],
  ])('is refused with %s', (_what, condition, pointer) => {
    expect(pointersOf(conditionSchema, condition)).toEqual([pointer]);
  });

  test('is refused when it is deeper than ten levels', () => {
    expect(pointersOf(conditionSchema, deep(11))).not.toEqual([]);
  });
});

describe('models and their offline evaluations', () => {
  test('are refused with what cannot be', () => {
    expect(
      pointersOf(modelVersionDefinitionSchema, { artifact: { reference: 'x', sha256: 'XYZ' } }),
    ).toEqual(['/artifact/sha256']);
    expect(
      pointersOf(modelVersionDefinitionSchema, {
        trainingData: { reference: 'x', from: 'monday' },
      }),
    ).toEqual(['/trainingData/from']);
    expect(pointersOf(offlineEvaluationSchema, { metric: 'AUC', value: 'high' })).toEqual([
      '/higherIsBetter',
      '/value',
    ]);
    expect(
      pointersOf(offlineEvaluationSchema, {
        metric: 'AUC',
        value: 0.8,
        higherIsBetter: true,
        n: 0,
      }),
    ).toEqual(['/n']);
  });
});

test('a pointer escapes what RFC 6901 wants escaped', () => {
  expect(pointerOf(['a/b', 'c~d', 0, ''])).toBe('/a~1b/c~0d/0/');
  expect(pointerOf([])).toBe('');
});

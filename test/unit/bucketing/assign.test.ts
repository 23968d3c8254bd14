import { describe, expect, test } from 'vitest';
import { assign } from '../../../src/bucketing/assign.ts';
import { type CompiledExperiment, compile } from '../../../src/bucketing/compile.ts';
import { position } from '../../../src/bucketing/hash.ts';
import type { SnapshotExperiment } from '../../../src/domain/snapshot.ts';

function experiment(changes: Partial<SnapshotExperiment> = {}): CompiledExperiment {
  const definition: SnapshotExperiment = {
    key: 'ranker',
    version: 3,
    state: 'running',
    assignment: 'assay',
    unit: 'user',
    salt: 'a-salt',
    layer: null,
    slot: { from: 0, to: 1 },
    traffic: 1,
    targeting: null,
    variants: variants([1, 1]),
    ...changes,
  };
  const compiled = compile({ version: 1, environment: 'test', experiments: [definition] });
  const found = compiled.experiments.get(definition.key);
  if (found === undefined) throw new Error('the experiment is compiled');
  return found;
}

function variants(weights: readonly number[]): SnapshotExperiment['variants'] {
  return weights.map((weight, index) => ({
    key: `v${index}`,
    role: index === 0 ? 'control' : 'treatment',
    weight,
    payload: `payload ${index}`,
    model: null,
  }));
}

const UNITS = Array.from({ length: 20_000 }, (_, index) => `user-${index}`);
const answers = (of: CompiledExperiment) => UNITS.map((user) => assign(of, { user }, {}));

test('the same unit always gets the same answer, whatever else is asked in between', () => {
  const [first, second] = [experiment(), experiment()];
  const other = experiment({ key: 'other', salt: 'another' });
  const before = answers(first);
  answers(other);
  expect(answers(second)).toEqual(before);
  expect([...UNITS].reverse().map((user) => assign(first, { user }, {}))).toEqual(before.reverse());
});

test('growing traffic only adds units, and moves none between variants', () => {
  let before = answers(experiment({ traffic: 0 }));
  expect(before.every(({ reason }) => reason === 'TRAFFIC')).toBe(true);
  for (const traffic of [0.001, 0.01, 0.1, 0.1000001, 0.5, 0.99, 1]) {
    const now = answers(experiment({ traffic }));
    now.forEach((answer, index) => {
      const then = before[index];
      if (then?.reason === 'SPLIT') expect(answer).toEqual(then);
    });
    const share = now.filter(({ reason }) => reason === 'SPLIT').length / UNITS.length;
    expect(Math.abs(share - traffic)).toBeLessThan(
      4.5 * Math.sqrt((traffic * (1 - traffic)) / UNITS.length) + 1e-12,
    );
    before = now;
  }
  expect(before.every(({ reason }) => reason === 'SPLIT')).toBe(true);
});

test.each([[[1, 1]], [[9, 1]], [[3, 3, 4]], [[1, 0, 2]], [[999_999, 1]], [[33, 33, 33, 1]]])(
  'weights %j are met in the long run',
  (weights) => {
    const of = experiment({ variants: variants(weights), salt: 'weights' });
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const all = answers(of);
    weights.forEach((weight, index) => {
      const share = weight / total;
      const seen = all.filter(({ variant }) => variant === `v${index}`).length;
      // z = 4.5: 7 in a million by chance; one unit is given for shares too small for the normal.
      const tolerance = 4.5 * Math.sqrt(share * (1 - share) * UNITS.length) + (share > 0 ? 1 : 0);
      expect(Math.abs(seen - share * UNITS.length)).toBeLessThanOrEqual(tolerance);
    });
  },
);

test('experiments with different salts divide the same units independently', () => {
  const first = answers(experiment({ salt: 'one' }));
  const second = answers(experiment({ salt: 'two' }));
  const both = first.filter(
    ({ variant }, index) => variant === 'v1' && second[index]?.variant === 'v1',
  );
  expect(Math.abs(both.length / UNITS.length - 0.25)).toBeLessThan(
    4.5 * Math.sqrt((0.25 * 0.75) / UNITS.length),
  );
});

test('who is in the traffic says nothing about the variant', () => {
  const inside = answers(experiment({ traffic: 0.3 })).filter(({ reason }) => reason === 'SPLIT');
  const challengers = inside.filter(({ variant }) => variant === 'v1').length;
  expect(Math.abs(challengers / inside.length - 0.5)).toBeLessThan(
    4.5 * Math.sqrt(0.25 / inside.length),
  );
});

test('slots of a layer share out all units, and no unit twice', () => {
  const slots = [
    { from: 0, to: 0.2 },
    { from: 0.2, to: 0.2000001 },
    { from: 0.2000001, to: 1 },
  ].map((slot) => answers(experiment({ layer: 'search', slot })));
  UNITS.forEach((_, index) => {
    const inside = slots.filter((all) => all[index]?.reason === 'SPLIT');
    expect(inside.length).toBe(1);
  });
});

describe('borders are half-open', () => {
  const user = 'user-7';
  const reason = (changes: Partial<SnapshotExperiment>) =>
    assign(experiment(changes), { user }, {}).reason;

  test('of traffic', () => {
    const at = position('traffic:a-salt', user) / 2 ** 32;
    expect(reason({ traffic: at })).toBe('TRAFFIC');
    expect(reason({ traffic: at + 2 ** -32 })).toBe('SPLIT');
    expect(reason({ traffic: 0 })).toBe('TRAFFIC');
    expect(reason({ traffic: 1 })).toBe('SPLIT');
  });

  test('of a slot', () => {
    const at = position('layer:search', user) / 2 ** 32;
    const layer = 'search';
    expect(reason({ layer, slot: { from: at, to: 1 } })).toBe('SPLIT');
    expect(reason({ layer, slot: { from: at + 2 ** -32, to: 1 } })).toBe('LAYER');
    expect(reason({ layer, slot: { from: 0, to: at } })).toBe('LAYER');
    expect(reason({ layer, slot: { from: 0, to: at + 2 ** -32 } })).toBe('SPLIT');
    expect(reason({ layer: null, slot: { from: 0, to: 0 } })).toBe('SPLIT');
  });
});

test('reasons come in the order of the design', () => {
  const closed = {
    state: 'stopped',
    layer: 'search',
    slot: { from: 0, to: 0 },
    targeting: { any: [] },
    traffic: 0,
  } as const;
  const opened: Partial<SnapshotExperiment> = { ...closed };
  const units = { user: 'u1' };
  const steps: [Partial<SnapshotExperiment>, string][] = [
    [{}, 'NOT_RUNNING'],
    [{ state: 'running' }, 'LAYER'],
    [{ slot: { from: 0, to: 1 } }, 'TARGETING'],
    [{ targeting: { all: [] } }, 'TRAFFIC'],
    [{ traffic: 1 }, 'SPLIT'],
  ];
  for (const [step, reason] of steps) {
    Object.assign(opened, step);
    expect(assign(experiment(opened), units, {}).reason).toBe(reason);
  }
  expect(assign(experiment({ ...closed, state: 'running' }), {}, {}).reason).toBe('UNIT_MISSING');
});

test('only SPLIT carries a variant; every other answer serves control', () => {
  const of = experiment({ traffic: 0.5, variants: variants([1, 1]).toReversed() });
  for (const { reason, variant, payload } of answers(of)) {
    if (reason === 'SPLIT') expect(payload).toBe(variant === 'v0' ? 'payload 0' : 'payload 1');
    else expect([variant, payload]).toEqual([null, 'payload 0']);
  }
});

test.each<[string, Partial<SnapshotExperiment>]>([
  ['a share beyond 1', { traffic: 1.01 }],
  ['a negative slot', { layer: 'l', slot: { from: -0.1, to: 1 } }],
  ['weights of nothing', { variants: variants([0, 0]) }],
  ['no control', { variants: variants([1, 1]).slice(1) }],
])('%s does not compile', (_, changes) => {
  expect(() => experiment(changes)).toThrow(RangeError);
});

test('shared answers cannot be changed by who receives them', () => {
  const answer = assign(experiment(), { user: 'u1' }, {});
  expect(Object.isFrozen(answer)).toBe(true);
});

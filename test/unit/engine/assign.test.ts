import { describe, expect, test } from 'vitest';
import { compile } from '../../../src/bucketing/compile.ts';
import type { Exposure } from '../../../src/domain/event.ts';
import type { SnapshotExperiment } from '../../../src/domain/snapshot.ts';
import { openAssigner } from '../../../src/engine/assign.ts';
import type { Snapshots } from '../../../src/engine/snapshot.ts';
import type { Delivery, Inbox } from '../../../src/inbox/inbox.ts';
import { handClock } from '../../../src/runtime/clock.ts';
import { silentLog } from '../../../src/runtime/log.ts';
import { START } from '../../support/factories.ts';

const experiment = (key: string, fields: Partial<SnapshotExperiment> = {}): SnapshotExperiment => ({
  key,
  version: 3,
  state: 'running',
  assignment: 'assay',
  unit: 'user',
  salt: `salt of ${key}`,
  layer: null,
  slot: { from: 0, to: 1 },
  traffic: 1,
  targeting: null,
  variants: [
    { key: 'control', role: 'control', weight: 1, payload: { model: 6 }, model: 'ranker@6' },
    { key: 'challenger', role: 'treatment', weight: 1, payload: { model: 7 }, model: 'ranker@7' },
  ],
  ...fields,
});

function setUp(experiments: readonly SnapshotExperiment[], accept?: Inbox['accept']) {
  const compiled = compile({ version: 1, environment: 'test', experiments });
  const deliveries: Delivery[] = [];
  const keep: Inbox['accept'] = async (delivery) => {
    deliveries.push(delivery);
    return { accepted: delivery.events.length, duplicates: 0 };
  };
  const assigner = openAssigner({
    snapshots: { current: () => ({ compiled }), rebuild() {} } as Snapshots,
    inbox: { accept: accept ?? keep } as Inbox,
    clock: handClock(START),
    log: silentLog,
  });
  const events = () => deliveries.flatMap((delivery) => delivery.events as Exposure[]);
  return { assigner, deliveries, events };
}
const ask = (fields: Record<string, unknown> = {}) => ({
  units: { user: 'u1' },
  experiments: ['a'],
  ...fields,
});

describe('an assignment asked of the server', () => {
  test('carries version, variant, payload and model, and is frozen', () => {
    const { assigner } = setUp([experiment('a')]);
    const [answer] = assigner.assign(ask(), 'k');
    expect(answer).toMatchObject({ experiment: 'a', version: 3, reason: 'SPLIT' });
    expect([{ model: 6 }, { model: 7 }]).toContainEqual(answer?.payload);
    expect(Object.isFrozen(answer)).toBe(true);
  });

  test('leaves out what is unknown and keeps the order it was asked in', () => {
    const { assigner } = setUp([experiment('a'), experiment('b')]);
    const keys = assigner
      .assign(ask({ experiments: ['b', 'nobody', 'a', 'toString', 'b'] }), 'k')
      .map(({ experiment: key }) => key);
    expect(keys).toEqual(['b', 'a', 'b']);
  });

  test('answers every experiment when none is named, and exposes nobody', async () => {
    const { assigner, events } = setUp([experiment('a'), experiment('b')]);
    expect(assigner.assign(ask({ experiments: undefined }), 'k')).toHaveLength(2);
    await assigner.settled();
    expect(events()).toEqual([]);
  });

  test('exposes when asked to, and does not when asked not to', async () => {
    const { assigner, events } = setUp([experiment('a'), experiment('b')]);
    assigner.assign(ask({ expose: false }), 'k');
    expect(events()).toEqual([]);
    assigner.assign(ask({ experiments: undefined, expose: true }), 'k');
    await assigner.settled();
    expect(events().map(({ experiment: key }) => key)).toEqual(['a', 'b']);
  });

  test('records one exposure a unit, experiment and variant, with what it was asked with', async () => {
    const { assigner, events, deliveries } = setUp([experiment('a')]);
    for (let count = 0; count < 5; count += 1)
      assigner.assign(ask({ attributes: { country: 'NL' } }), 'k');
    assigner.assign(ask({ units: { user: 'u2' } }), 'k');
    await assigner.settled();
    expect(events()).toHaveLength(2);
    expect(events()[0]).toMatchObject({
      kind: 'exposure',
      ts: START,
      units: { user: 'u1' },
      experiment: 'a',
      version: 3,
      attributes: { country: 'NL' },
    });
    expect(deliveries[0]).toMatchObject({ source: 'assign', keyId: 'k', receivedAt: START });
  });

  test('writes the exposures of one question in one delivery', async () => {
    const { assigner, deliveries } = setUp([experiment('a'), experiment('b'), experiment('c')]);
    assigner.assign(ask({ experiments: ['a', 'b', 'c', 'a'] }), 'k');
    await assigner.settled();
    expect(deliveries.map(({ events }) => events.length)).toEqual([3]);
  });

  test.each<[string, Partial<SnapshotExperiment>, Record<string, unknown>, string]>([
    ['a draft', { state: 'draft' }, {}, 'NOT_RUNNING'],
    ['a stopped experiment', { state: 'stopped' }, {}, 'NOT_RUNNING'],
    ['a draft, though the unit is missing too', { state: 'draft' }, { units: {} }, 'NOT_RUNNING'],
    ['no unit', {}, { units: {} }, 'UNIT_MISSING'],
    ['a unit of another type', {}, { units: { device: 'd' } }, 'UNIT_MISSING'],
    ['a unit id that is empty', {}, { units: { user: '' } }, 'UNIT_MISSING'],
    ['a unit id that is a fraction', {}, { units: { user: 0.5 } }, 'UNIT_MISSING'],
    ['a unit id that is null', {}, { units: { user: null } }, 'UNIT_MISSING'],
    ['a unit id that is an object', {}, { units: { user: { id: 1 } } }, 'UNIT_MISSING'],
    ['a unit id with a lone surrogate', {}, { units: { user: '\ud800' } }, 'UNIT_MISSING'],
    ['a unit id that is too long', {}, { units: { user: 'x'.repeat(10_241) } }, 'UNIT_MISSING'],
    ['a unit outside its slot', { layer: 'l', slot: { from: 0, to: 0.000_000_001 } }, {}, 'LAYER'],
    [
      'attributes that are not meant',
      { targeting: { attribute: 'country', op: 'eq', value: 'NL' } },
      {},
      'TARGETING',
    ],
    ['no traffic', { traffic: 0 }, {}, 'TRAFFIC'],
    [
      'no traffic, though not targeted either',
      { traffic: 0, targeting: { any: [] } },
      {},
      'TARGETING',
    ],
  ])(
    'for %s has a reason, no variant, the payload of control, and exposes nobody',
    async (_what, fields, asked, reason) => {
      const { assigner, events } = setUp([experiment('a', fields)]);
      expect(assigner.assign(ask(asked), 'k')).toEqual([
        {
          experiment: 'a',
          version: 3,
          variant: null,
          reason,
          payload: { model: 6 },
          model: 'ranker@6',
        },
      ]);
      await assigner.settled();
      expect(events()).toEqual([]);
    },
  );

  test('takes an integer id for its decimal text', () => {
    const { assigner } = setUp([experiment('a')]);
    expect(assigner.assign(ask({ units: { user: 42 } }), 'k')).toEqual(
      assigner.assign(ask({ units: { user: '42' } }), 'k'),
    );
  });

  test('does not wait for its exposure, and records it again when the inbox could not', async () => {
    let broken = true;
    const kept: Exposure[] = [];
    const { assigner } = setUp([experiment('a')], async ({ events }) => {
      if (broken) throw new Error('no room');
      kept.push(...(events as Exposure[]));
      return { accepted: events.length, duplicates: 0 };
    });
    expect(assigner.assign(ask(), 'k')).toMatchObject([{ reason: 'SPLIT' }]);
    await assigner.settled();
    broken = false;
    assigner.assign(ask(), 'k');
    assigner.assign(ask(), 'k');
    await assigner.settled();
    expect(kept).toHaveLength(1);
  });
});

/** The life of an experiment: drafted, started with a frozen plan, changed where it may, stopped. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { handClock } from '../../src/runtime/clock.ts';
import { type Answer, openTestApp, type TestApp } from '../support/app.ts';
import {
  counter,
  DAY,
  experimentBody,
  exposureEvent,
  HOUR,
  metricBody,
  outcomeEvent,
  START,
} from '../support/factories.ts';
import { pointersOf } from '../support/problem.ts';

const clock = handClock(START);
let app: TestApp;
let ranker: string;
const tests = counter();
beforeAll(async () => {
  app = await openTestApp({ clock });
  await app.call('PUT', '/v1/metrics/bookings', metricBody());
  await app.call('PUT', '/v1/metrics/revenue', metricBody({ kind: 'sum' }));
  await app.call(
    'PUT',
    '/v1/metrics/cancellations',
    metricBody({ event: 'cancellation', direction: 'decrease' }),
  );
});
afterAll(() => app.close());
beforeEach(() => {
  clock.turnTo(START + 10 * DAY);
  ranker = `ranker-${tests()}`;
});

const put = (fields = {}, key = ranker) =>
  app.call('PUT', `/v1/experiments/${key}`, experimentBody(fields));
const get = (key = ranker) => app.call('GET', `/v1/experiments/${key}`);
const start = (body?: unknown, key = ranker) =>
  app.call('POST', `/v1/experiments/${key}/start`, body);
const stop = (reason = 'enough', key = ranker) =>
  app.call('POST', `/v1/experiments/${key}/stop`, { reason });
const goals = [{ metric: 'bookings', mde: 0.02 }];
const metrics = (fields = {}) => ({ metrics: { goals, ...fields } });
const stateOf = ({ body }: Answer) => [body.state, body.version];

describe('a draft', () => {
  test('is created once, and each change is a version with the same salt', async () => {
    const first = await put();
    expect([first.status, ...stateOf(first)]).toEqual([201, 'draft', 1]);
    const second = await put({ traffic: 0.5 });
    expect([second.status, ...stateOf(second)]).toEqual([200, 'draft', 2]);
    expect(second.body.salt).toBe(first.body.salt);
    expect(second.body.createdAt).toBe(first.body.createdAt);
    expect((await put({ traffic: 0.5 })).body.version).toBe(2);
    expect((await get()).body).toEqual(second.body);
  });

  test('loses the fields that a later body leaves out', async () => {
    await put({ name: 'Named', layer: 'search', hypothesis: { because: 'x' } });
    const { body } = await put();
    expect(body).not.toHaveProperty('name');
    expect(body).not.toHaveProperty('layer');
    expect(body).not.toHaveProperty('hypothesis');
    expect((await get()).body).toEqual(body);
  });

  test('shows its times as RFC 3339 and nothing of the inside', async () => {
    const { body } = await put();
    expect(body.createdAt).toBe('2026-01-15T00:00:00.000Z');
    expect([body.startedAt, body.stoppedAt, body.planHash, body.stopReason]).toEqual([
      null,
      null,
      null,
      null,
    ]);
    expect(Object.keys(body)).not.toContain('saltVersionFrom');
    expect(Object.keys(body)).not.toContain('frozenMetrics');
  });

  test('may name metrics and models that do not exist yet', async () => {
    expect((await put(metrics({ secondary: [{ metric: 'to-come' }] }))).status).toBe(201);
  });

  test('cannot be stopped', async () => {
    await put();
    pointersOf(await stop(), 409, 'conflict');
  });

  test('cannot be analysed', async () => {
    await put();
    pointersOf(await app.call('POST', `/v1/experiments/${ranker}/analyses`, {}), 409, 'conflict');
  });
});

describe('a start', () => {
  test('freezes the plan under a hash, now', async () => {
    await put();
    const { status, body } = await start();
    expect([status, body.state, body.version, body.startedAt]).toEqual([
      200,
      'running',
      1,
      '2026-01-15T00:00:00.000Z',
    ]);
    expect(body.planHash).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect((await get()).body).toEqual(body);
  });

  test('lists everything that is missing at once', async () => {
    await put({
      variants: [
        { key: 'control', role: 'control', weight: 0 },
        { key: 'challenger', role: 'treatment', weight: 1 },
      ],
      metrics: {
        goals: [{ metric: 'bookings' }, { metric: 'nowhere', mdeAbsolute: 1 }],
        guardrails: [{ metric: 'cancellations' }],
        secondary: [{ metric: 'nowhere-else' }],
      },
      plan: {},
    });
    const answer = await start();
    expect(pointersOf(answer, 422, 'not_ready')).toEqual([
      '/metrics/goals/0/mde',
      '/metrics/goals/1/metric',
      '/metrics/guardrails/0/margin',
      '/metrics/secondary/0/metric',
      '/plan/plannedUnits',
      '/variants/0/weight',
    ]);
    expect((await get()).body.state).toBe('draft');
  });

  test('needs a treatment that somebody can get', async () => {
    await put({
      variants: [
        { key: 'a', role: 'control' },
        { key: 'b', role: 'treatment', weight: 0 },
      ],
    });
    expect(pointersOf(await start(), 422, 'not_ready')).toEqual(['/variants']);
  });

  test('of what runs already changes nothing', async () => {
    await put();
    const first = await start();
    clock.turnTo(START + 11 * DAY);
    const second = await start({ at: START });
    expect(second.status).toBe(200);
    expect(second.body).toEqual(first.body);
  });

  test('may lie in the past while no exposure is known', async () => {
    await put();
    await app.call('POST', '/v1/events', {
      events: [exposureEvent({ experiment: 'another' }), outcomeEvent()],
    });
    const { status, body } = await start({ at: '2026-01-05T00:00:00+00:00' });
    expect([status, body.startedAt]).toEqual([200, '2026-01-05T00:00:00.000Z']);
  });

  test.each([1, 7])(
    'may not lie in the past once an exposure is acknowledged, drained or not (version %s)',
    async (version) => {
      await put();
      await app.call('POST', '/v1/events', {
        events: [exposureEvent({ id: ranker, experiment: ranker, version })],
      });
      expect(pointersOf(await start({ at: START }), 409, 'conflict')).toEqual(['/at']);
      expect((await get()).body.state).toBe('draft');
      expect((await start()).status).toBe(200);
    },
  );

  test('may not lie in the future', async () => {
    await put();
    expect(pointersOf(await start({ at: START + 10 * DAY + 1 }), 409, 'conflict')).toEqual(['/at']);
  });

  test('is refused when its slot of the layer is taken, and not when it is free', async () => {
    await put({ layer: 'search', slot: { from: 0, to: 0.5 } }, 'first');
    await put({ layer: 'search', slot: { from: 0.4, to: 1 } }, 'second');
    await put({ layer: 'search', slot: { from: 0.5, to: 1 } }, 'third');
    await put({ layer: 'home', slot: { from: 0, to: 1 } }, 'fourth');
    await put({}, 'fifth');
    await put({ layer: 'search', assignment: 'external' }, 'sixth');
    expect((await start({}, 'first')).status).toBe(200);
    const refused = await start({}, 'second');
    expect(pointersOf(refused, 409, 'slot_taken')).toEqual(['/slot']);
    expect(refused.body.detail).toContain('first');
    for (const key of ['third', 'fourth', 'fifth', 'sixth'])
      expect((await start({}, key)).status, key).toBe(200);
    await stop('done', 'first');
    await stop('done', 'third');
    expect((await start({}, 'second')).status).toBe(200);
  });

  test('after a stop is impossible', async () => {
    await put();
    await start();
    await stop();
    pointersOf(await start(), 409, 'conflict');
  });

  test('of two that ask at once is one', async () => {
    await put();
    const answers = await Promise.all([start(), start({ at: START + 9 * DAY }), start(), start()]);
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  });
});

describe('a running experiment', () => {
  beforeEach(async () => {
    await put();
    await start();
  });

  test.each<[string, Record<string, unknown>]>([
    ['name', { name: 'Another name' }],
    ['description', { description: 'x' }],
    ['notes', { notes: 'x' }],
    ['owner', { owner: 'ada' }],
    ['tags', { tags: ['x'] }],
    ['secondary metrics', metrics({ secondary: [{ metric: 'revenue' }] })],
    ['guardrails', metrics({ guardrails: [{ metric: 'cancellations', margin: 0.05 }] })],
  ])('may change its %s, in a new version with the same salt', async (_what, fields) => {
    const before = (await get()).body;
    const { status, body } = await put(fields);
    expect([status, body.version, body.salt, body.state, body.startedAt]).toEqual([
      200,
      2,
      before.salt,
      'running',
      before.startedAt,
    ]);
    expect((await get()).body).toEqual(body);
  });

  test('keeps its plan hash when what decides stays, and changes it when guardrails change', async () => {
    const { planHash } = (await get()).body;
    expect((await put({ name: 'Another name' })).body.planHash).toBe(planHash);
    const guarded = await put(metrics({ guardrails: [{ metric: 'cancellations', margin: 0.05 }] }));
    expect(guarded.body.planHash).not.toBe(planHash);
  });

  test.each<[string, Record<string, unknown>, string[]]>([
    ['traffic', { traffic: 0.5 }, ['/traffic']],
    ['targeting', { targeting: { attribute: 'a', op: 'exists' } }, ['/targeting']],
    ['unit', { unit: 'device' }, ['/unit']],
    ['layer and slot', { layer: 'x', slot: { from: 0, to: 0.5 } }, ['/layer', '/slot']],
    ['goals', { metrics: { goals: [{ metric: 'revenue', mde: 0.02 }] } }, ['/metrics/goals']],
    [
      'the smallest gain of a goal',
      { metrics: { goals: [{ metric: 'bookings', mde: 0.01 }] } },
      ['/metrics/goals'],
    ],
    ['plan', { plan: { plannedUnits: 2000 } }, ['/plan']],
    ['hypothesis', { hypothesis: { expect: 'more' } }, ['/hypothesis']],
    ['assignment', { assignment: 'external' }, ['/assignment']],
    [
      'variants and surface',
      {
        surface: 'home',
        variants: [
          { key: 'control', role: 'control', weight: 2 },
          { key: 'challenger', role: 'treatment' },
        ],
      },
      ['/surface', '/variants'],
    ],
  ])('may not change its %s', async (_what, fields, pointers) => {
    const before = (await get()).body;
    expect(pointersOf(await put({ name: 'sneaked in', ...fields }), 409, 'frozen')).toEqual(
      pointers,
    );
    expect((await get()).body).toEqual(before);
  });

  test('may not take a guardrail that says no margin, or names no metric', async () => {
    const answer = await put(
      metrics({ guardrails: [{ metric: 'cancellations' }], secondary: [{ metric: 'nowhere' }] }),
    );
    expect(pointersOf(answer, 422, 'not_ready')).toEqual([
      '/metrics/guardrails/0/margin',
      '/metrics/secondary/0/metric',
    ]);
    expect((await get()).body.version).toBe(1);
  });

  test('is measured by its metrics as they were at the start', async () => {
    await app.call('POST', '/v1/events', {
      events: [
        exposureEvent({ id: ranker, experiment: ranker, ts: START + 10 * DAY }),
        outcomeEvent({ ts: START + 10 * DAY, name: 'booking' }),
        outcomeEvent({ id: 'o2', ts: START + 10 * DAY, name: 'another' }),
      ],
    });
    clock.turnTo(START + 10 * DAY + HOUR);
    const analyse = async () =>
      (await app.call('POST', `/v1/experiments/${ranker}/analyses`, {})).body;
    const before = await analyse();
    await app.call('PUT', '/v1/metrics/bookings', metricBody({ event: 'another', kind: 'count' }));
    await put({ name: 'A new version, pinned as before' });
    const after = await analyse();
    expect(after.metrics).toEqual(before.metrics);
    expect(after.planHash).toBe(before.planHash);
    await app.call('PUT', '/v1/metrics/bookings', metricBody());
  });
});

describe('a stop', () => {
  beforeEach(async () => {
    await put();
    await start();
  });

  test('lets nobody in any more, and says why', async () => {
    clock.turnTo(START + 12 * DAY);
    const { status, body } = await stop('the model was withdrawn');
    expect([status, body.state, body.stoppedAt, body.stopReason]).toEqual([
      200,
      'stopped',
      '2026-01-17T00:00:00.000Z',
      'the model was withdrawn',
    ]);
    const assigned = await app.call('POST', '/v1/assign', {
      units: { user: 'u1' },
      experiments: [ranker],
    });
    expect(assigned.body.assignments).toMatchObject([{ reason: 'NOT_RUNNING', variant: null }]);
  });

  test('of what is stopped changes nothing', async () => {
    const first = await stop('first');
    clock.turnTo(START + 13 * DAY);
    const second = await stop('second');
    expect([second.status, second.body]).toEqual([200, first.body]);
  });

  test('keeps the plan frozen, and the words free', async () => {
    await stop();
    expect(pointersOf(await put({ traffic: 0.5 }), 409, 'frozen')).toEqual(['/traffic']);
    expect((await put({ name: 'In memory of' })).status).toBe(200);
  });

  test('is not found where there is nothing', async () => {
    pointersOf(await stop('x', 'nobody'), 404, 'not_found');
    pointersOf(await start({}, 'nobody'), 404, 'not_found');
  });
});

test('everything is as it was after a restart', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'assay-restart-'));
  const paths = ['/v1/experiments', '/v1/metrics', '/v1/snapshot', `/v1/experiments/${ranker}`];
  const read = (from: TestApp) =>
    Promise.all(paths.map(async (path) => (await from.call('GET', path)).body));
  const first = await openTestApp({ clock, directory });
  const putFirst = (key: string, fields = {}) =>
    first.call('PUT', `/v1/experiments/${key}`, experimentBody(fields));
  await first.call('PUT', '/v1/metrics/bookings', metricBody());
  await putFirst(ranker, { layer: 'l' });
  await first.call('POST', `/v1/experiments/${ranker}/start`);
  await putFirst(ranker, { layer: 'l', name: 'Version 2' });
  await putFirst('draft');
  const before = await read(first);
  await first.close();
  const second = await openTestApp({ clock, directory });
  expect(await read(second)).toEqual(before);
  await second.close();
  rmSync(directory, { recursive: true, force: true });
});

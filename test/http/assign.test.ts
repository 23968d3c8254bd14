/** Assignments over HTTP: the answer, its reason, the exposure it leaves, and the snapshot behind it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assign } from '../../src/bucketing/assign.ts';
import { compile } from '../../src/bucketing/compile.ts';
import { CLIENT_KEY, openTestApp, SERVER_KEY, type TestApp } from '../support/app.ts';
import { experimentBody, metricBody } from '../support/factories.ts';
import { pointersOf } from '../support/problem.ts';

let app: TestApp;
const ask = (body: Record<string, unknown>) =>
  app.call('POST', '/v1/assign', body, { key: CLIENT_KEY });
const exposures = async () => {
  await app.platform.assigner.settled();
  return app.platform.inbox.totals().accepted;
};

beforeAll(async () => {
  app = await openTestApp({ environment: { ASSAY_DRAIN_INTERVAL_MS: '3600000' } });
  await app.call('PUT', '/v1/metrics/bookings', metricBody());
  const payloads = [
    { key: 'control', role: 'control', payload: { rank: 6 }, model: 'ranker@6' },
    { key: 'challenger', role: 'treatment', payload: { rank: 7 }, model: 'ranker@7' },
  ];
  const experiments: Record<string, Record<string, unknown>> = {
    running: { variants: payloads },
    targeted: { targeting: { attribute: 'user.country', op: 'in', value: ['NL', 'BE'] } },
    closed: { traffic: 0 },
    half: { traffic: 0.5 },
    left: { layer: 'l', slot: { from: 0, to: 0.5 } },
    right: { layer: 'l', slot: { from: 0.5, to: 1 } },
    devices: { unit: 'device' },
    external: { assignment: 'external' },
    draft: {},
    stopped: {},
  };
  for (const [key, fields] of Object.entries(experiments)) {
    await app.call('PUT', `/v1/experiments/${key}`, experimentBody(fields));
    if (key !== 'draft')
      expect((await app.call('POST', `/v1/experiments/${key}/start`)).status, key).toBe(200);
  }
  await app.call('POST', '/v1/experiments/stopped/stop', { reason: 'x' });
});
afterAll(() => app.close());

describe('an assignment', () => {
  test('is the whole answer, the same each time', async () => {
    const first = await ask({ units: { user: 'u1' }, experiments: ['running'], expose: false });
    expect(first.status).toBe(200);
    expect(first.body).toEqual({
      assignments: [
        {
          experiment: 'running',
          version: 1,
          variant: expect.stringMatching(/^(control|challenger)$/),
          reason: 'SPLIT',
          payload: { rank: expect.any(Number) },
          model: expect.stringMatching(/^ranker@[67]$/),
        },
      ],
    });
    for (let count = 0; count < 3; count += 1) {
      expect(
        (await ask({ units: { user: 'u1' }, experiments: ['running'], expose: false })).body,
      ).toEqual(first.body);
    }
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['draft', { units: { user: 'u' } }, 'NOT_RUNNING'],
    ['stopped', { units: { user: 'u' } }, 'NOT_RUNNING'],
    ['running', { units: {} }, 'UNIT_MISSING'],
    ['running', { units: { device: 'd' } }, 'UNIT_MISSING'],
    ['running', { units: { user: '' } }, 'UNIT_MISSING'],
    ['running', { units: { user: null } }, 'UNIT_MISSING'],
    ['running', { units: { user: 1.5 } }, 'UNIT_MISSING'],
    ['running', { units: { user: ['u'] } }, 'UNIT_MISSING'],
    ['running', { units: { user: '\ud800' } }, 'UNIT_MISSING'],
    ['running', { units: { user: 'x'.repeat(10_241) } }, 'UNIT_MISSING'],
    ['devices', { units: { user: 'u' } }, 'UNIT_MISSING'],
    ['targeted', { units: { user: 'u' } }, 'TARGETING'],
    ['targeted', { units: { user: 'u' }, attributes: { user: { country: 'DE' } } }, 'TARGETING'],
    ['targeted', { units: { user: 'u' }, attributes: { user: { country: 'NL' } } }, 'SPLIT'],
    ['targeted', { units: { user: 'u' }, attributes: { 'user.country': 'BE' } }, 'SPLIT'],
    ['closed', { units: { user: 'u' } }, 'TRAFFIC'],
  ])('in %s for %j has the reason %s', async (experiment, body, reason) => {
    const answer = await ask({ ...body, experiments: [experiment], expose: false });
    expect(answer.status).toBe(200);
    expect(answer.body.assignments).toMatchObject([{ experiment, reason }]);
    if (reason !== 'SPLIT') expect(answer.body.assignments[0].variant).toBeNull();
  });

  test('in a layer is in one of two slots, never in both', async () => {
    const seen = new Set<string>();
    for (let user = 0; user < 40; user += 1) {
      const { body } = await ask({
        units: { user: `u${user}` },
        experiments: ['left', 'right'],
        expose: false,
      });
      const reasons = body.assignments.map((one: { reason: string }) => one.reason);
      expect(reasons.toSorted()).toEqual(['LAYER', 'SPLIT']);
      seen.add(reasons.join());
    }
    expect(seen.size).toBe(2);
  });

  test('takes half the units where traffic is half, and splits them', async () => {
    const reasons = new Map<string, number>();
    for (let user = 0; user < 300; user += 1) {
      const { body } = await ask({
        units: { user: `u${user}` },
        experiments: ['half'],
        expose: false,
      });
      const { reason, variant } = body.assignments[0];
      reasons.set(variant ?? reason, (reasons.get(variant ?? reason) ?? 0) + 1);
    }
    // 3.9 standard deviations on each side: the salts are drawn anew in every run.
    expect(reasons.get('TRAFFIC')).toBeGreaterThan(116);
    expect(reasons.get('TRAFFIC')).toBeLessThan(184);
    expect(Math.min(reasons.get('control') ?? 0, reasons.get('challenger') ?? 0)).toBeGreaterThan(
      35,
    );
  });

  test('leaves out what it does not know, and what others assign', async () => {
    const { status, body } = await ask({
      units: { user: 'u' },
      experiments: ['nobody', 'external', 'running'],
      expose: false,
    });
    expect([status, body.assignments.map((one: { experiment: string }) => one.experiment)]).toEqual(
      [200, ['running']],
    );
    expect((await ask({ units: { user: 'u' }, experiments: ['nobody'] })).body).toEqual({
      assignments: [],
    });
  });

  test('is the same for an integer and its text, and another for 007', async () => {
    const of = async (user: unknown) =>
      (await ask({ units: { user }, expose: false })).body.assignments;
    expect(await of(7)).toEqual(await of('7'));
  });
});

describe('an exposure', () => {
  test('is recorded once when an experiment is named, and not when none is', async () => {
    const before = await exposures();
    const { body } = await ask({ units: { user: 'exposed' } });
    expect(body.assignments.length).toBeGreaterThan(5);
    expect(await exposures()).toBe(before);
    for (let count = 0; count < 3; count += 1)
      await ask({ units: { user: 'exposed' }, experiments: ['running'] });
    expect(await exposures()).toBe(before + 1);
    await ask({ units: { user: 'exposed' }, experiments: ['running'], expose: false });
    await ask({ units: { user: 'somebody' }, experiments: ['running'], expose: false });
    expect(await exposures()).toBe(before + 1);
    await ask({ units: { user: 'somebody' }, expose: true });
    expect(await exposures()).toBeGreaterThan(before + 2);
  });

  test('is not recorded for those who got no variant', async () => {
    const before = await exposures();
    await ask({
      units: { user: 'u', device: '' },
      experiments: ['draft', 'stopped', 'closed', 'devices', 'targeted'],
    });
    expect(await exposures()).toBe(before);
  });

  test('enrols the unit under the variant that was answered', async () => {
    const answers = new Map<string, number>();
    for (let device = 0; device < 20; device += 1) {
      const { body } = await ask({ units: { device: `d${device}` }, experiments: ['devices'] });
      const { variant } = body.assignments[0];
      answers.set(variant, (answers.get(variant) ?? 0) + 1);
    }
    await app.platform.assigner.settled();
    const { body } = await app.call('POST', '/v1/experiments/devices/analyses', {});
    expect(body.units).toEqual({ control: 0, challenger: 0, ...Object.fromEntries(answers) });
    expect(body.counts.exposed).toBe(20);
  });
});

describe('the snapshot', () => {
  const get = (headers: Record<string, string> = {}) =>
    app.call('GET', '/v1/snapshot', undefined, { key: SERVER_KEY, headers });

  test('answers every unit as the server does', async () => {
    const { body } = await get();
    expect(body.environment).toBe('test');
    const { experiments } = compile(body);
    for (let user = 0; user < 25; user += 1) {
      const units = { user: `u${user}`, device: `d${user}` };
      const attributes = { user: { country: user % 2 === 0 ? 'NL' : 'DE' } };
      const local = [...experiments.values()].map((experiment) =>
        assign(experiment, units, attributes),
      );
      expect((await ask({ units, attributes })).body.assignments).toEqual(local);
    }
  });

  test('is sent once: the same tag is answered with 304', async () => {
    const first = await get();
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"\d+-[0-9a-f]{16}"$/);
    for (const known of [etag, `W/${etag}`, `"x", ${etag}`]) {
      const answer = await get({ 'if-none-match': known });
      expect([answer.status, answer.body, answer.headers.get('etag')]).toEqual([304, '', etag]);
    }
    expect((await get({ 'if-none-match': '"old"' })).status).toBe(200);
  });

  test('has a new tag and a higher version when what it says changes, and only then', async () => {
    const before = await get();
    await app.call('PUT', '/v1/metrics/another', metricBody());
    await app.call('PUT', '/v1/experiments/draft', experimentBody());
    expect((await get()).headers.get('etag')).toBe(before.headers.get('etag'));
    await app.call('PUT', '/v1/experiments/draft', experimentBody({ traffic: 0.25 }));
    const after = await get();
    expect(after.body.version).toBe(before.body.version + 1);
    expect(after.headers.get('etag')).not.toBe(before.headers.get('etag'));
  });

  test('is for servers, not for clients', async () => {
    pointersOf(
      await app.call('GET', '/v1/snapshot', undefined, { key: CLIENT_KEY }),
      403,
      'forbidden',
    );
  });
});

/** The published description against what the server does, and the server against bodies nobody described. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, openTestApp, type TestApp } from '../support/app.ts';
import {
  experimentBody,
  exposureEvent,
  inferenceEvent,
  metricBody,
  outcomeEvent,
  START,
} from '../support/factories.ts';

let app: TestApp;
let description: Answer['body'];
const ajv = new Ajv2020({ strict: false, validateFormats: false });

beforeAll(async () => {
  app = await openTestApp({ environment: { ASSAY_DRAIN_INTERVAL_MS: '3600000' } });
  description = (await app.call('GET', '/openapi.json', undefined, { key: null })).body;
  await app.call('PUT', '/v1/models/ranker', {});
  await app.call('PUT', '/v1/models/ranker/versions/7', {});
  await app.call('PUT', '/v1/metrics/bookings', metricBody());
  await app.call('PUT', '/v1/experiments/ranker', experimentBody());
  await app.call('POST', '/v1/experiments/ranker/start', { at: START });
});
afterAll(() => app.close());

const EVENTS = [
  exposureEvent(),
  outcomeEvent({ value: 1, properties: { a: 1 } }),
  inferenceEvent({ totalMs: 5 }),
];
/** One good request for every route that takes a body. */
const REQUESTS: readonly [method: string, template: string, path: string, body: unknown][] = [
  [
    'post',
    '/v1/assign',
    '/v1/assign',
    { units: { user: 'u1' }, attributes: { a: 1 }, experiments: ['ranker'], expose: true },
  ],
  [
    'post',
    '/v1/events',
    '/v1/events',
    { events: EVENTS, sentAt: START, sdk: { name: 'x', version: '1' }, source: 'x' },
  ],
  [
    'put',
    '/v1/metrics/{key}',
    '/v1/metrics/revenue',
    metricBody({ kind: 'sum', value: 'properties.nights', window: { toHours: 24 } }),
  ],
  [
    'put',
    '/v1/models/{key}',
    '/v1/models/ranker',
    { name: 'Ranker', kind: 'specialised', tier: 1, tags: ['a'] },
  ],
  [
    'put',
    '/v1/models/{key}/versions/{version}',
    '/v1/models/ranker/versions/7',
    { parent: '6', trainingData: { reference: 's3', from: START } },
  ],
  [
    'post',
    '/v1/models/{key}/versions/{version}/offline-evaluations',
    '/v1/models/ranker/versions/7/offline-evaluations',
    {
      metric: 'AUC',
      value: 0.8,
      higherIsBetter: true,
      n: 100,
      evaluatedAt: '2026-01-05T00:00:00Z',
    },
  ],
  [
    'put',
    '/v1/experiments/{key}',
    '/v1/experiments/another',
    experimentBody({
      targeting: { all: [{ attribute: 'a', op: 'eq', value: 1 }] },
      slot: { from: 0, to: 0.5 },
      layer: 'l',
    }),
  ],
  ['post', '/v1/experiments/{key}/start', '/v1/experiments/ranker/start', { at: START }],
  [
    'post',
    '/v1/experiments/{key}/analyses',
    '/v1/experiments/ranker/analyses',
    { asOf: START + 1 },
  ],
  ['post', '/v1/experiments/{key}/stop', '/v1/experiments/ranker/stop', { reason: 'x' }],
];
const operation = (method: string, template: string) => description.paths[template]?.[method];

describe('the description', () => {
  test('is OpenAPI 3.1 with every parameter of every path', () => {
    expect(description.openapi).toMatch(/^3\.1\./);
    for (const [path, methods] of Object.entries<Record<string, Answer['body']>>(
      description.paths,
    )) {
      const names = [...path.matchAll(/\{([a-z]+)\}/g)].map(([, name]) => name);
      for (const [method, { parameters = [], responses, summary }] of Object.entries(methods)) {
        const declared = parameters
          .filter((one: { in: string }) => one.in === 'path')
          .map((one: { name: string }) => one.name);
        expect(declared, `${method} ${path}`).toEqual(names);
        expect(summary).toMatch(/\w/);
        expect(
          Object.keys(responses).some((status) => /^[23]\d\d$/.test(status)),
          `${method} ${path}`,
        ).toBe(true);
        expect(responses.default.content['application/problem+json'].schema.$ref).toBe(
          '#/components/schemas/Problem',
        );
      }
    }
  });

  test('has a good request for every route that takes a body', () => {
    const taking = Object.entries<Record<string, Answer['body']>>(description.paths).flatMap(
      ([path, methods]) =>
        Object.entries(methods)
          .filter(([, { requestBody }]) => requestBody !== undefined)
          .map(([method]) => `${method} ${path}`),
    );
    expect(REQUESTS.map(([method, template]) => `${method} ${template}`).sort()).toEqual(
      taking.sort(),
    );
  });

  test.each(REQUESTS)(
    'of %s %s takes what the server takes, and tells its answer',
    async (method, template, path, body) => {
      const { requestBody, responses } = operation(method, template);
      const takes = ajv.compile(requestBody.content['application/json'].schema);
      expect(takes(body), JSON.stringify(takes.errors)).toBe(true);
      const answer = await app.call(method.toUpperCase(), path, body);
      const described = responses[answer.status];
      expect(described, `${answer.status} ${JSON.stringify(answer.body)}`).toBeDefined();
      const tells = ajv.compile(described.content['application/json'].schema);
      expect(tells(answer.body), JSON.stringify(tells.errors)).toBe(true);
    },
  );

  test('tells what a problem looks like', async () => {
    const isProblem = ajv.compile(description.components.schemas.Problem);
    for (const answer of [
      await app.call('POST', '/v1/assign', {}),
      await app.call('GET', '/v1/nowhere'),
      await app.call('GET', '/v1/experiments', undefined, { key: null }),
    ]) {
      expect(isProblem(answer.body), JSON.stringify(isProblem.errors)).toBe(true);
    }
  });
});

describe('a body that nobody described', () => {
  const strange = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.constantFrom<unknown>(
      null,
      '',
      '\u0000',
      '\ud800',
      '\u202e',
      'x'.repeat(20_000),
      0,
      -0,
      -1,
      1e308,
      2 ** 53 + 2,
      1e-320,
      'NaN',
      [],
      {},
      [[]],
      true,
      '2026-02-30T00:00:00Z',
      JSON.parse('{"__proto__":{"a":1}}'),
      Array.from({ length: 300 }, (_, index) => index),
    ),
  );
  /** Places in a value, the whole of it included. */
  const placesOf = (value: unknown): (string | number)[][] =>
    typeof value !== 'object' || value === null
      ? [[]]
      : [
          [],
          ...Object.entries(value).flatMap(([key, item]) =>
            placesOf(item).map((rest) => [key, ...rest]),
          ),
        ];
  const replaced = (
    value: unknown,
    [key, ...rest]: readonly (string | number)[],
    by: unknown,
  ): unknown => {
    if (key === undefined) return by;
    const copy: Record<string, unknown> | unknown[] = Array.isArray(value)
      ? [...value]
      : { ...(value as object) };
    (copy as Record<string | number, unknown>)[key] = replaced(
      (value as Record<string | number, unknown>)[key],
      rest,
      by,
    );
    return copy;
  };

  test('gets an answer that is described, never one of ours for a mistake of ours', async () => {
    const isProblem = ajv.compile(description.components.schemas.Problem);
    const mutated = fc.nat({ max: REQUESTS.length - 1 }).chain((index) => {
      const body = REQUESTS[index]?.[3];
      const places = placesOf(body);
      return fc
        .record({ index: fc.constant(index), place: fc.constantFrom(...places), by: strange })
        .map((one) => ({
          index: one.index,
          body: replaced(body, one.place, one.by),
        }));
    });
    await fc.assert(
      fc.asyncProperty(mutated, async ({ index, body }) => {
        const [method, template, path] = REQUESTS[index] as (typeof REQUESTS)[number];
        const answer = await app.call(method.toUpperCase(), path, JSON.stringify(body));
        expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(500);
        if (answer.status >= 400)
          expect(isProblem(answer.body), JSON.stringify(answer.body)).toBe(true);
        else expect(operation(method, template).responses[answer.status]).toBeDefined();
      }),
      { seed: 14, numRuns: 500 },
    );
    await app.platform.assigner.settled();
    await app.platform.drain.drainNow();
    expect(app.platform.inbox.waiting()).toBe(0);
  }, 60_000);
});

/** The addresses of the pages, over HTTP. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type ErrorRequestHandler } from 'express';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AppError } from '../../src/domain/problem.ts';
import { createPagesRouter } from '../../src/http/pages/router.ts';
import { setUpViews } from '../../src/http/view/page.ts';
import { FRAME, STARTED_AT, sample } from '../support/analysis.ts';

const one = sample();
const renamed = { ...one, experiment: { ...one.experiment, key: 'no-analysis' } };
const frozen = new Map(
  [...one.metrics].map(([key, metric]) => [key, { ...metric, name: `Frozen ${key}` }]),
);

let server: Server;
let url: string;

beforeAll(async () => {
  const app = express();
  setUpViews(app);
  const experiments = [
    { ...one.experiment, frozenMetrics: Object.fromEntries(frozen) },
    renamed.experiment,
  ];
  app.use(
    createPagesRouter({
      reads: {
        listExperiments: () => experiments,
        experiment: (key) => experiments.find((experiment) => experiment.key === key),
        metrics: () => [...one.metrics.values()],
        models: () => [{ key: 'ranker', tags: [], createdAt: STARTED_AT }],
        modelVersions: () => [...one.modelVersions.values()],
        latestAnalysis: (key) => (key === one.experiment.key ? one : undefined),
      },
      frameOf: (request) => ({ ...FRAME, path: request.path }),
      clock: { now: () => one.now, monotonic: () => one.now },
    }),
  );
  const onError: ErrorRequestHandler = (error, _request, response, _next) => {
    response.status(error instanceof AppError ? 404 : 500).send(String(error.stack));
  };
  app.use(onError);
  server = await new Promise<Server>((resolve) => {
    const listening = app.listen(0, '127.0.0.1', () => resolve(listening));
  });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

const get = async (path: string) => {
  const response = await fetch(url + path, { redirect: 'manual' });
  return { status: response.status, headers: response.headers, text: await response.text() };
};

describe('the pages', () => {
  test('begin at the experiments', async () => {
    const { status, headers } = await get('/');
    expect(status).toBe(303);
    expect(headers.get('location')).toBe('/experiments');
  });

  test.each([
    '/experiments',
    '/experiments/ranker-7-vs-6',
    '/experiments/no-analysis',
    '/metric-definitions',
    '/models',
    '/models/ranker',
  ])('%s answers and is kept by nobody', async (path) => {
    const { status, headers, text } = await get(path);
    expect(text.slice(0, 15)).toBe('<!doctype html>');
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
  });

  test.each([
    '/experiments/nothing',
    '/experiments/nothing/sql',
    '/experiments/no-analysis/sql',
    '/experiments/no-analysis/analysis.json',
    '/experiments/ranker-7-vs-6/sql?statement=99',
    '/models/nothing',
  ])('%s is not found', async (path) => {
    expect((await get(path)).status).toBe(404);
  });

  test('know where they are', async () => {
    expect((await get('/experiments')).text).toContain('href="/experiments" aria-current="page"');
    expect((await get('/experiments/no-analysis')).text).toContain(
      'href="/experiments" aria-current="true"',
    );
  });

  test('read a result by the metrics of its frozen plan', async () => {
    expect((await get('/experiments/ranker-7-vs-6')).text).toContain('Frozen bookings');
    expect((await get('/experiments')).text).toContain('Frozen bookings');
    expect((await get('/metric-definitions')).text).not.toContain('Frozen bookings');
  });

  test('take odd questions as no question', async () => {
    expect((await get('/experiments?q[a]=1&state=x&q=2')).status).toBe(200);
  });
});

describe('the plain texts', () => {
  test('the SQL can be copied with its parameters, each comment on its own line', async () => {
    const { headers, text } = await get('/experiments/ranker-7-vs-6/sql');
    expect(headers.get('content-type')).toMatch(/^text\/plain/);
    for (const { id, sql } of one.detail.sql) {
      expect(text).toContain(id);
      expect(text).toContain(`${sql};`);
    }
    expect(text).toContain("-- $event = 'bookings'");
    expect(text).toContain('-- $watermark = 41882340');
  });

  test('one statement can be copied alone', async () => {
    const { text } = await get('/experiments/ranker-7-vs-6/sql?statement=1');
    expect(text).toContain('-- 1 of 7: units');
    expect(text).not.toContain('metric:bookings');
  });

  test('the stored analysis is given as it is', async () => {
    const { text } = await get('/experiments/ranker-7-vs-6/analysis.json');
    expect(JSON.parse(text)).toEqual(one.analysis);
  });
});

import { afterEach, beforeEach, expect, test } from 'vitest';
import { PACE } from '../../../src/sdk/backoff.ts';
import { type Assay, openClient } from '../../../src/sdk/client.ts';
import type { AssayWarning } from '../../../src/sdk/index.ts';
import { type AssayOptions, readOptions } from '../../../src/sdk/options.ts';
import { experiment, type FakeServer, KEY, startFakeServer, until } from './fake-server.ts';

let server: FakeServer;
let warnings: AssayWarning[];
let assay: Assay | undefined;

beforeEach(async () => {
  server = await startFakeServer();
  warnings = [];
});

afterEach(async () => {
  await assay?.close({ timeoutMs: 0 });
  await server.stop();
});

function client(options: Partial<AssayOptions> = {}): Assay {
  const settings = readOptions({
    url: server.url,
    key: KEY,
    pollIntervalMs: 10,
    onWarning: (warning) => warnings.push(warning),
    ...options,
  });
  assay = openClient(settings, { ...PACE, baseMs: 4, maxMs: 20, slowMs: 50 });
  return assay;
}

const codes = () => warnings.map((warning) => warning.code);
const polls = () => server.requests.filter((request) => request.path === '/v1/snapshot');
const ask = (user: string) => assay?.assign('ranker', { units: { user }, expose: false });

test('polls with the key and the ETag, and takes what is new', async () => {
  let now = 1_000_000;
  const made = client({ now: () => now });
  expect(await made.ready()).toBe(true);
  expect(polls()[0]?.headers.authorization).toBe(`Bearer ${KEY}`);
  expect(polls()[0]?.headers['if-none-match']).toBeUndefined();
  await until(() => polls().length >= 4);
  expect(polls()[3]?.headers['if-none-match']).toBe('"1"');
  expect(ask('u1')?.version).toBe(3);
  now += 700;
  server.snapshot = { version: 2, environment: 'test', experiments: [experiment({ version: 4 })] };
  await until(() => made.status().snapshotVersion === 2);
  expect(ask('u1')?.version).toBe(4);
  expect(made.status().snapshotAgeMs).toBe(0);
  expect(warnings).toEqual([]);
});

test('a 304 confirms the snapshot', async () => {
  let now = 1_000_000;
  const made = client({ now: () => now });
  await made.ready();
  const asked = polls().length;
  now += 5000;
  await until(() => polls().length > asked + 1);
  expect(made.status().snapshotAgeMs).toBe(0);
});

test.each<[string, number, string]>([
  ['garbage', 200, 'not json'],
  ['another document', 200, '{"openapi":"3.1.0"}'],
  ['a list', 200, '[]'],
  ['a broken version', 200, '{"version":"1","environment":"x","experiments":[]}'],
  ['an error', 500, ''],
  ['a redirect', 302, ''],
  ['not found', 404, ''],
  ['a 304 nobody asked for', 304, ''],
])('%s instead of a snapshot leaves the last good one in use', async (_, status, body) => {
  const made = client();
  expect(await made.ready()).toBe(true);
  server.onSnapshot = (response) => {
    response.writeHead(status, { etag: '"other"' }).end(body);
    return true;
  };
  const asked = polls().length;
  await until(() => polls().length > asked + 3);
  expect(ask('u1')?.reason).toBe('SPLIT');
  expect(made.status()).toMatchObject({ ready: true, snapshotVersion: 1 });
  if (status !== 304) {
    expect(warnings.length).toBe(1);
    expect(made.status().lastError).toContain('snapshot');
  }
});

test('the first snapshot may come late', async () => {
  let failures = 5;
  server.onSnapshot = (response) => {
    if (failures === 0) return false;
    failures -= 1;
    if (failures % 2 === 0) response.socket?.destroy();
    else response.writeHead(503).end();
    return true;
  };
  expect(await client().ready()).toBe(true);
  expect(codes()).toEqual(['snapshot_unavailable']);
});

test('a 304 that nobody can have asked for is no snapshot', async () => {
  server.onSnapshot = (response) => {
    response.writeHead(304).end();
    return true;
  };
  const made = client({ timeoutMs: 60 });
  expect(await made.ready()).toBe(false);
  expect(made.status()).toMatchObject({ ready: false, snapshotAgeMs: null });
  expect(codes()).toEqual(['snapshot_unavailable']);
});

test('a server that never answers does not hold up the start', async () => {
  server.onSnapshot = () => true;
  const made = client({ timeoutMs: 80 });
  const start = performance.now();
  expect(await made.ready()).toBe(false);
  expect(performance.now() - start).toBeLessThan(1500);
  expect(ask('u1')?.reason).toBe('ERROR');
  server.onSnapshot = undefined;
  await until(() => made.status().ready);
  expect(ask('u1')?.reason).toBe('SPLIT');
});

test('a wrong key is said once and tried slowly', async () => {
  server.onSnapshot = (response) => {
    response.writeHead(401).end();
    return true;
  };
  const made = client({ timeoutMs: 200 });
  expect(await made.ready()).toBe(false);
  await until(() => polls().length >= 3);
  const gaps = polls().map((poll, index) => poll.at - (polls()[index - 1]?.at ?? 0));
  expect(gaps.slice(1).every((gap) => gap >= 45)).toBe(true);
  expect(codes()).toEqual(['snapshot_unauthorized']);
});

test('patience asked for by the server is given', async () => {
  let asked = 0;
  server.onSnapshot = (response) => {
    asked += 1;
    if (asked > 1) return false;
    response.writeHead(429, { 'retry-after': '1' }).end();
    return true;
  };
  const made = client();
  await made.ready();
  expect((polls()[1]?.at ?? 0) - (polls()[0]?.at ?? 0)).toBeGreaterThan(950);
});

test('an experiment that cannot be understood is left out; the others serve', async () => {
  const targeting = { not: { attribute: 'country', op: 'matches', value: '^N' } };
  server.snapshot = {
    ...server.snapshot,
    experiments: [
      experiment(),
      experiment({ key: 'operator', targeting: targeting as never }),
      experiment({ key: 'scheme', assignment: 'growthbook-2' as never }),
      experiment({
        key: 'weights',
        variants: experiment().variants.map((v) => ({ ...v, weight: 0 })),
      }),
      experiment({ key: 'share', traffic: 1.5 }),
      experiment({
        key: 'roles',
        variants: [{ ...experiment().variants[0], role: 'shadow' } as never],
      }),
      experiment({ key: 'more', colour: 'red' } as never),
      null as never,
    ],
  };
  const made = client();
  await made.ready();
  const reason = (key: string) => made.assign(key, { units: { user: 'u1' }, expose: false }).reason;
  expect(['ranker', 'more'].map(reason)).toEqual(['SPLIT', 'SPLIT']);
  expect(['operator', 'scheme', 'weights', 'share', 'roles'].map(reason)).toEqual(
    Array(5).fill('NOT_FOUND'),
  );
  expect(codes().filter((code) => code === 'experiment_unreadable').length).toBe(6);
});

test('close ends the polling', async () => {
  const made = client();
  await made.ready();
  await made.close();
  const asked = polls().length;
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(polls().length).toBe(asked);
});

test('close also ends a wait for the first snapshot', async () => {
  server.onSnapshot = () => true;
  const made = client({ timeoutMs: 5000 });
  const ready = made.ready();
  await made.close();
  expect(await ready).toBe(false);
});

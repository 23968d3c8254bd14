/** Who may call what: every route of the published description, with every kind of key. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createKey } from '../../src/engine/access.ts';
import { readConfig } from '../../src/runtime/config.ts';
import { revokeKey } from '../../src/store/access.ts';
import {
  ADMIN_KEY,
  type Answer,
  CLIENT_KEY,
  openTestApp,
  SERVER_KEY,
  type TestApp,
} from '../support/app.ts';
import { experimentBody, metricBody } from '../support/factories.ts';
import { pointersOf } from '../support/problem.ts';

let app: TestApp;
type Described = { readonly 'x-scope'?: string; readonly security?: readonly unknown[] };
type Operation = { readonly method: string; readonly path: string; readonly scope: string };
let operations: readonly Operation[];
let strangers: Record<string, string | null>;

const RANK: Record<string, number> = { client: 1, server: 2, admin: 3 };
const HOLDERS = [
  ['client', CLIENT_KEY],
  ['server', SERVER_KEY],
  ['admin', ADMIN_KEY],
] as const;
/** What the design says (part 6), so that a scope that slips is seen here and not only in the description. */
const FOR_CLIENTS = ['POST /v1/assign', 'POST /v1/events'];
const FOR_SERVERS = ['GET /v1/snapshot'];
const FOR_ALL = ['GET /livez', 'GET /readyz'];

beforeAll(async () => {
  app = await openTestApp();
  const { body } = await app.call('GET', '/openapi.json', undefined, { key: null });
  operations = Object.entries(body.paths as Record<string, Record<string, Described>>).flatMap(
    ([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        method: method.toUpperCase(),
        path: path.replaceAll(/\{[a-z]+\}/g, 'x'),
        scope:
          operation['x-scope'] ??
          (Array.isArray(operation.security) && operation.security.length === 0
            ? 'public'
            : 'undeclared'),
      })),
  );
  const { store, clock, config } = app.platform;
  const revoked = createKey(store, config, clock, 'admin', 'revoked');
  revokeKey(store, revoked.key.id, clock.now());
  const elsewhere = createKey(
    store,
    readConfig({ ASSAY_ENVIRONMENT: 'elsewhere' }),
    clock,
    'admin',
    'elsewhere',
  );
  strangers = {
    'no key': null,
    'an unknown key': 'assay_ad_unknown-key-of-thirty-two-characters',
    'an empty key': '',
    'half a key': ADMIN_KEY.slice(0, 20),
    'a revoked key': revoked.secret,
    'a key of another environment': elsewhere.secret,
  };
});
afterAll(() => app.close());

const ask = (
  { method, path }: Operation,
  key: string | null,
  headers: Record<string, string> = {},
): Promise<Answer> => app.call(method, path, method === 'GET' ? undefined : {}, { key, headers });
const isSuccess = ({ status }: Answer) => status >= 200 && status < 300;

describe('the table of routes', () => {
  test('is published whole, each route with its scope', () => {
    expect(operations.length).toBeGreaterThanOrEqual(20);
    expect(
      operations.filter(({ scope }) => !['public', 'client', 'server', 'admin'].includes(scope)),
    ).toEqual([]);
    const named = (scope: string) =>
      operations
        .filter((one) => one.scope === scope)
        .map(({ method, path }) => `${method} ${path}`)
        .sort();
    expect(named('client')).toEqual(FOR_CLIENTS);
    expect(named('server')).toEqual(FOR_SERVERS);
    expect(named('public')).toEqual(FOR_ALL);
  });

  test('opens nothing to strangers', async () => {
    for (const operation of operations.filter(({ scope }) => scope !== 'public')) {
      for (const [what, key] of Object.entries(strangers)) {
        const answer = await ask(operation, key);
        pointersOf(answer, 401, 'unauthorized');
        expect(answer.headers.get('www-authenticate'), `${operation.path} with ${what}`).toBe(
          'Bearer',
        );
      }
    }
  });

  test('opens to each key what its scope says, and nothing else', async () => {
    let cells = 0;
    for (const operation of operations) {
      for (const [holder, key] of HOLDERS) {
        const answer = await ask(operation, key);
        const may =
          operation.scope === 'public' || (RANK[holder] ?? 0) >= (RANK[operation.scope] ?? 9);
        const cell = `${holder}: ${operation.method} ${operation.path} = ${answer.status}`;
        if (may) expect([401, 403], cell).not.toContain(answer.status);
        else pointersOf(answer, 403, 'forbidden');
        if (!may) expect(isSuccess(answer), cell).toBe(false);
        expect(answer.status, cell).toBeLessThan(500);
        cells += 1;
      }
    }
    expect(cells).toBe(operations.length * 3);
  });

  test('answers health and its description to everybody', async () => {
    for (const operation of operations.filter(({ scope }) => scope === 'public')) {
      for (const key of Object.values(strangers))
        expect((await ask(operation, key)).status).toBe(200);
    }
  });

  test('has for every path the methods it names, and 405 with Allow for all others', async () => {
    for (const path of new Set(operations.map((one) => one.path))) {
      const methods = operations.filter((one) => one.path === path).map(({ method }) => method);
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
        if (methods.includes(method)) continue;
        const answer = await app.call(method, path);
        pointersOf(answer, 405, 'method_not_allowed');
        expect(answer.headers.get('allow')?.split(', ').sort(), `${method} ${path}`).toEqual(
          methods.sort(),
        );
      }
    }
  });
});

describe('a key', () => {
  const list: Operation = { method: 'GET', path: '/v1/experiments', scope: 'admin' };

  test('may come as a bearer or as X-API-Key', async () => {
    expect((await ask(list, ADMIN_KEY)).status).toBe(200);
    expect((await ask(list, null, { 'x-api-key': ADMIN_KEY })).status).toBe(200);
    expect((await ask(list, null, { authorization: `bearer ${ADMIN_KEY}` })).status).toBe(200);
  });

  test.each([
    ['another scheme', { authorization: `Basic ${ADMIN_KEY}` }, ''],
    ['a bare header', { authorization: ADMIN_KEY }, ''],
    ['a cookie', { cookie: `key=${ADMIN_KEY}; assay=${ADMIN_KEY}` }, ''],
    ['the address', {}, `?key=${ADMIN_KEY}`],
    ['the address as a token', {}, `?access_token=${ADMIN_KEY}`],
  ])('is not taken from %s', async (_where, headers, query) => {
    const answer = await ask(
      { ...list, path: `${list.path}${query}` },
      null,
      headers as Record<string, string>,
    );
    expect(answer.status).toBe(401);
  });

  test('works at once and stops at once', async () => {
    const { store, clock, config } = app.platform;
    const { key, secret } = createKey(store, config, clock, 'server', 'short-lived');
    const snapshot: Operation = { method: 'GET', path: '/v1/snapshot', scope: 'server' };
    expect((await ask(snapshot, secret)).status).toBe(200);
    expect((await ask(list, secret)).status).toBe(403);
    revokeKey(store, key.id, clock.now());
    expect((await ask(snapshot, secret)).status).toBe(401);
  });

  test('of a client sees no salt, no definition and no result', async () => {
    await app.call('PUT', '/v1/metrics/bookings', metricBody());
    const { body } = await app.call(
      'PUT',
      '/v1/experiments/secret',
      experimentBody({ name: 'The secret plan' }),
    );
    for (const operation of operations) {
      const path = operation.path.replace('/x', '/secret');
      const answer = await ask({ ...operation, path }, CLIENT_KEY);
      const text = JSON.stringify(answer.body);
      expect(text, path).not.toContain(body.salt);
      expect(text, path).not.toContain('The secret plan');
    }
  });

  test('is in no answer, whatever is asked', async () => {
    for (const operation of operations) {
      for (const [, key] of HOLDERS) {
        const answer = await ask(operation, key);
        const text = JSON.stringify([answer.body, [...answer.headers]]);
        for (const [, secret] of HOLDERS) expect(text).not.toContain(secret);
      }
    }
  });
});

/** Events on their way in: taken for good, found twice, or refused with a reason. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Answer, CLIENT_KEY, openTestApp, type TestApp } from '../support/app.ts';
import {
  counter,
  DAY,
  exposureEvent,
  inferenceEvent,
  outcomeEvent,
  START,
} from '../support/factories.ts';
import { pointersOf } from '../support/problem.ts';

let app: TestApp;
let directory: string;
const serial = counter();
let id: string;
let before: ReturnType<TestApp['platform']['inbox']['totals']>;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'assay-events-'));
  // Drained only when a test asks for it.
  app = await openTestApp({ directory, environment: { ASSAY_DRAIN_INTERVAL_MS: '3600000' } });
});
afterAll(async () => {
  await app.close();
  rmSync(directory, { recursive: true, force: true });
});
beforeEach(() => {
  id = `e${serial()}`;
  before = app.platform.inbox.totals();
});

const post = (
  events: unknown[],
  fields: Record<string, unknown> = {},
  headers: Record<string, string> = {},
) => app.call('POST', '/v1/events', { events, ...fields }, { key: CLIENT_KEY, headers });
const event = (fields: Record<string, unknown> = {}) => outcomeEvent({ id, ...fields });
async function send(body: Buffer | string, headers: Record<string, string>): Promise<Answer> {
  const response = await fetch(`${app.url}/v1/events`, {
    method: 'POST',
    body: body as NonNullable<RequestInit['body']>,
    headers: { authorization: `Bearer ${CLIENT_KEY}`, ...headers },
  });
  return {
    status: response.status,
    headers: response.headers,
    body: JSON.parse(await response.text()),
  };
}
/** What the totals have grown by in this test. */
const counted = () => {
  const now = app.platform.inbox.totals();
  return {
    received: now.received - before.received,
    accepted: now.accepted - before.accepted,
    duplicate: now.duplicate - before.duplicate,
    refused: now.refused - before.refused,
  };
};
const NDJSON = { 'content-type': 'application/x-ndjson' };

describe('a delivery', () => {
  test('of all kinds of events is taken', async () => {
    const answer = await post([
      event(),
      exposureEvent({ id: `${id}x` }),
      inferenceEvent({ id: `${id}i` }),
    ]);
    expect([answer.status, answer.body]).toEqual([
      202,
      { accepted: 3, duplicates: 0, rejected: [] },
    ]);
    expect(counted()).toEqual({ received: 3, accepted: 3, duplicate: 0, refused: 0 });
  });

  test('of nothing is taken', async () => {
    expect((await post([])).status).toBe(202);
  });

  test('may be NDJSON, with blank lines and line ends of all systems', async () => {
    const lines = [0, 1, 2].map((index) => JSON.stringify(event({ id: `${id}-${index}` })));
    const answer = await send(`${lines[0]}\r\n\n${lines[1]}\n  \n${lines[2]}`, NDJSON);
    expect([answer.status, answer.body.accepted]).toEqual([202, 3]);
  });

  test.each(['gzip', 'br', 'deflate'])('may be packed as %s', async (encoding) => {
    const { deflateSync } = await import('node:zlib');
    const pack =
      { gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync }[encoding] ?? gzipSync;
    const json = JSON.stringify({ events: [event()] });
    const answer = await send(pack(json), {
      'content-type': 'application/json',
      'content-encoding': encoding,
    });
    expect(answer.body).toEqual({ accepted: 1, duplicates: 0, rejected: [] });
    const lines = await send(pack(JSON.stringify(event({ id: `${id}n` }))), {
      ...NDJSON,
      'content-encoding': encoding,
    });
    expect(lines.body).toEqual({ accepted: 1, duplicates: 0, rejected: [] });
  });

  test('says which of its events were refused, and takes the others', async () => {
    const answer = await post([
      event(),
      { ...event(), valeu: 1 },
      event({ id: 7 }),
      event({ id: `${id}b` }),
      'text',
    ]);
    expect(answer.status).toBe(207);
    expect(answer.body).toEqual({
      accepted: 2,
      duplicates: 0,
      rejected: [
        { index: 1, id, code: 'invalid', detail: '/valeu: unknown field' },
        { index: 2, id: null, code: 'id_invalid', detail: expect.stringContaining('/id') },
        { index: 4, id: null, code: 'invalid', detail: 'an event is an object' },
      ],
    });
    expect(counted()).toEqual({ received: 5, accepted: 2, duplicate: 0, refused: 3 });
  });

  test('counts a line that is no JSON as refused, and keeps it', async () => {
    const answer = await send(`${JSON.stringify(event())}\n{broken ${id}\n`, NDJSON);
    expect(answer.status).toBe(207);
    expect(answer.body).toMatchObject({
      accepted: 1,
      rejected: [{ index: 1, id: null, code: 'invalid' }],
    });
    const file = new Database(join(directory, 'inbox.db'), { readonly: true });
    expect(
      file.prepare('select body from refused where body like ?').pluck().all(`%${id}`),
    ).toEqual([`{broken ${id}`]);
    file.close();
  });

  test('of which all is refused is 207 as well, and nothing is taken', async () => {
    const answer = await post([{}, null]);
    expect([answer.status, answer.body.accepted, answer.body.rejected.length]).toEqual([207, 0, 2]);
  });

  test('of more than ten thousand events is refused as a whole', async () => {
    const lines = Array.from({ length: 10_001 }, () => '{}').join('\n');
    pointersOf(await send(lines, NDJSON), 400, 'invalid');
    expect(counted().received).toBe(0);
  });

  test('is counted under its source, else its SDK, else http', async () => {
    await post([event({ id: `${id}1` })], {
      source: 'warehouse-sync',
      sdk: { name: 'assay-js', version: '1.2.3' },
    });
    await post([event({ id: `${id}2` })], { sdk: { name: 'assay-js', version: '1.2.3' } });
    await post([event({ id: `${id}3` })]);
    await send(JSON.stringify(event({ id: `${id}4` })), { ...NDJSON, 'x-assay-sdk': 'assay-py/3' });
    await send(JSON.stringify(event({ id: `${id}5` })), {
      ...NDJSON,
      'x-assay-sdk': 'assay-py/3',
      'x-assay-source': 'job',
    });
    const file = new Database(join(directory, 'inbox.db'), { readonly: true });
    const sources = file
      .prepare('select source from events where id like ? order by id')
      .pluck()
      .all(`${id}_`);
    expect(sources).toEqual(['warehouse-sync', 'assay-js/1.2.3', 'http', 'assay-py/3', 'job']);
    file.close();
  });
});

describe('an event is one event', () => {
  test('within a delivery, in the next, in one at the same time, and after it was drained', async () => {
    expect((await post([event(), event()])).body).toMatchObject({ accepted: 1, duplicates: 1 });
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => post([event(), event({ id: `${id}b` })])),
    );
    const sum = (field: string) => answers.reduce((total, { body }) => total + body[field], 0);
    expect([sum('accepted'), sum('duplicates')]).toEqual([1, 9]);
    await app.platform.drain.drainNow();
    expect((await post([event()])).body).toMatchObject({ accepted: 1, duplicates: 0 });
    expect(counted()).toEqual({ received: 13, accepted: 3, duplicate: 10, refused: 0 });
    await app.platform.drain.drainNow();
    // Found out on the way: accepted at the door, a duplicate in the books.
    expect(counted()).toEqual({ received: 13, accepted: 2, duplicate: 11, refused: 0 });
  });

  test.each([
    ['2026-01-05T00:00:00Z', '2026-01-05T05:30:00+05:30'],
    ['2026-01-05T00:00:00.000Z', START],
    ['2026-01-05T00:00:00.0009Z', '2026-01-05 00:00:00z'],
    ['2016-12-31T23:59:60Z', '2017-01-01T00:00:00Z'],
  ])('whether its instant is written %j or %j', async (one, other) => {
    expect((await post([event({ ts: one }), event({ ts: other })])).body).toMatchObject({
      accepted: 1,
      duplicates: 1,
    });
  });

  test('and another one a millisecond later, or under another id', async () => {
    const events = [
      event(),
      event({ ts: START + 1 }),
      event({ id: `${id} ` }),
      event({ id: id.toUpperCase() }),
    ];
    expect((await post(events)).body).toMatchObject({ accepted: 4, duplicates: 0 });
  });

  test('in the books, whatever was sent how often in whatever order', async () => {
    const sent = Array.from({ length: 40 }, (_, index) => event({ id: `${id}-${index % 17}` }));
    for (let start = 0; start < 40; start += 7) {
      await post([...sent.slice(start, start + 7), { bad: true }]);
      if (start % 2 === 0) await app.platform.drain.drainNow();
    }
    await app.platform.drain.drainNow();
    const { received, accepted, duplicate, refused } = counted();
    expect([received, accepted, duplicate, refused]).toEqual([46, 17, 23, 6]);
    expect(received).toBe(accepted + duplicate + refused);
  });
});

describe('an event is refused', () => {
  test.each<[string, Record<string, unknown>]>([
    ['invalid', { kind: 'visit' }],
    ['id_invalid', { id: '' }],
    ['ts_invalid', { ts: '2026-01-05' }],
    ['ts_in_future', { ts: '2999-01-01T00:00:00Z' }],
    ['unit_invalid', { units: { user: '\ud800' } }],
    ['unit_invalid', { units: { user: 1.5 } }],
    ['value_out_of_range', { value: 1e13 }],
    ['too_large', { properties: { text: 'x'.repeat(9000) } }],
    ['too_deep', { properties: JSON.parse(`{"a":${'['.repeat(20)}${']'.repeat(20)}}`) }],
    [
      'too_many_properties',
      { properties: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`p${i}`, i])) },
    ],
  ])('as %s, with its reason, and kept', async (code, fields) => {
    const answer = await post([event(fields)]);
    expect(answer.status).toBe(207);
    expect(answer.body.rejected).toEqual([
      { index: 0, id: fields.id === undefined ? id : '', code, detail: expect.stringMatching(/./) },
    ]);
    expect(counted()).toEqual({ received: 1, accepted: 0, duplicate: 0, refused: 1 });
    const file = new Database(join(directory, 'inbox.db'), { readonly: true });
    const kept = file
      .prepare('select code, length(body) > 0 from refused order by seq desc limit 1')
      .raw()
      .get();
    expect(kept).toEqual([code, 1]);
    file.close();
  });

  test('when it is nested without end, alone: the events beside it are taken', async () => {
    const deep = `{"kind":"outcome","id":"deep","properties":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}}`;
    for (const [body, headers] of [
      [`{"events":[${deep},${JSON.stringify(event())}]}`, { 'content-type': 'application/json' }],
      [`${deep}\n${JSON.stringify(event({ id: `${id}b` }))}`, NDJSON],
    ] as const) {
      const answer = await send(body, headers);
      expect(answer.status).toBe(207);
      expect(answer.body).toMatchObject({
        accepted: 1,
        rejected: [{ index: 0, id: 'deep', code: 'too_deep' }],
      });
    }
  });

  test('within 24 hours of the future it is not', async () => {
    expect((await post([event({ ts: Date.now() + DAY - 60_000 })])).status).toBe(202);
    expect((await post([event({ ts: Date.now() + DAY + 60_000 })])).status).toBe(207);
  });
});

describe('no event that was taken stops the drain', () => {
  test.each<[string, Record<string, unknown>]>([
    ['a lone surrogate in a property', { properties: { a: '\ud800' } }],
    ['a lone surrogate in a property name', { properties: { '\udc00': 1 } }],
    ['NUL in a property and its name', { properties: { 'a\u0000b': 'c\u0000d' } }],
    [
      'NUL in id, name, unit and request',
      { id: 'n\u0000ul', name: 'a\u0000', requestId: '\u0000', units: { user: '\u0000' } },
    ],
    [
      'letters of the world',
      { name: '予約', properties: { ключ: 'значение', '': '' }, units: { user: '😀' } },
    ],
    [
      'numbers at their limits',
      {
        value: 1e12,
        properties: { a: -1e12, b: 1e-6, c: 5e-324, d: 0.1 + 0.2, e: 999999999999.1235 },
      },
    ],
    ['the first and the last instant', { ts: '0001-01-01T00:00:00Z' }],
    [
      'every JSON there is',
      { properties: { a: null, b: [], c: {}, d: [null, [true]], e: '"', f: '\\', g: '\u2028' } },
    ],
    [
      'ten units of 10 kB',
      {
        units: Object.fromEntries(
          Array.from({ length: 10 }, (_, i) => [`u${i}`, 'x'.repeat(10_240)]),
        ),
      },
    ],
    ['words of SQL', { name: "'); drop table events; --", properties: { "a'b": '$name' } }],
  ])('%s', async (_what, fields) => {
    const { body } = await post([event(fields)]);
    await app.platform.drain.drainNow();
    expect(app.platform.inbox.waiting()).toBe(0);
    expect(body.accepted + body.rejected.length).toBe(1);
  });

  test('nor does an exposure that the server writes itself', async () => {
    await app.call('PUT', '/v1/metrics/m', { kind: 'conversion', event: 'x' });
    const variants = [
      { key: 'a', role: 'control' },
      { key: 'b', role: 'treatment' },
    ];
    const metrics = { goals: [{ metric: 'm', mde: 1 }] };
    await app.call('PUT', '/v1/experiments/own', {
      unit: 'user',
      variants,
      metrics,
      plan: { plannedUnits: 10 },
    });
    await app.call('POST', '/v1/experiments/own/start');
    for (const attributes of [{ a: '\ud800' }, { '\udc00': 1 }, { a: ['\ud800'] }]) {
      const answer = await app.call('POST', '/v1/assign', {
        units: { user: id },
        attributes,
        experiments: ['own'],
      });
      expect(pointersOf(answer, 400, 'invalid')).toEqual(['/attributes']);
    }
    const odd = { a: '\u0000', b: [1e300, null, { c: '😀' }], '': 1 };
    await app.call('POST', '/v1/assign', {
      units: { user: id },
      attributes: odd,
      experiments: ['own'],
    });
    await app.platform.assigner.settled();
    await app.platform.drain.drainNow();
    expect(app.platform.inbox.waiting()).toBe(0);
  });
});

test('what was taken is in the warehouse as it was sent', async () => {
  const units = ['é', 'e\u0301', '漢字', '😀', 'a\u0000b', 'x'.repeat(10_240), ' a ', "o'"];
  const own = await openTestApp({
    environment: { ASSAY_DATA: join(directory, 'own'), ASSAY_DRAIN_INTERVAL_MS: '3600000' },
  });
  const path = join(directory, 'own', 'warehouse.duckdb');
  const sent = [
    ...units.map((user, index) => outcomeEvent({ id: `u${index}`, units: { user } })),
    outcomeEvent({ id: 'n', units: { user: 42 } }),
    outcomeEvent({ id: 'v', value: 0.0000025, properties: { a: 1.23456789 } }),
    outcomeEvent({ id: 'w', value: -999999999999.1235 }),
  ];
  expect((await own.call('POST', '/v1/events', { events: sent })).body.accepted).toBe(sent.length);
  await own.platform.drain.drainNow();
  await own.close();
  const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  const rows = (
    await connection.runAndReadAll(
      "select id, units['user'], value_micros, properties, ts, seq from events order by seq",
    )
  ).getRows();
  connection.closeSync();
  instance.closeSync();
  const stored = new Map(rows.map(([name, ...rest]) => [name, rest]));
  for (const [index, user] of units.entries()) expect(stored.get(`u${index}`)?.[0]).toBe(user);
  expect(stored.get('n')?.[0]).toBe('42');
  expect(stored.get('v')?.slice(1, 3)).toEqual([2n, '{"a":1.234568}']);
  expect(stored.get('w')?.[1]).toBe(-999_999_999_999_123_500n);
  expect(rows.map((row) => row[4])).toEqual(sent.map(() => BigInt(START)));
  expect(rows.map((row) => row[5])).toEqual(sent.map((_, index) => BigInt(index + 1)));
});

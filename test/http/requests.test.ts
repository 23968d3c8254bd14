/** Requests as they should not be, and the ways in which HTTP itself can be used and misused. */
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ADMIN_KEY, type Answer, CLIENT_KEY, openTestApp, type TestApp } from '../support/app.ts';
import { experimentBody, metricBody, outcomeEvent } from '../support/factories.ts';
import { pointersOf } from '../support/problem.ts';

let app: TestApp;
beforeAll(async () => {
  app = await openTestApp();
});
afterAll(() => app.close());

/** Bytes as they are. */
async function send(
  method: string,
  path: string,
  body: Buffer | string,
  headers: Record<string, string>,
): Promise<Answer> {
  const response = await fetch(app.url + path, {
    method,
    body: body as NonNullable<RequestInit['body']>,
    headers: { authorization: `Bearer ${ADMIN_KEY}`, ...headers },
    redirect: 'manual',
  });
  const text = await response.text();
  const json = response.headers.get('content-type')?.includes('json') === true;
  return {
    status: response.status,
    headers: response.headers,
    body: json ? JSON.parse(text) : text,
  };
}
const JSON_TYPE = { 'content-type': 'application/json' };
const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

describe('a body', () => {
  test('with several mistakes names each at its pointer', async () => {
    const body = experimentBody({
      traffic: 2,
      nmae: 'x',
      variants: [{ key: 'a', role: 'control', weigth: 1 }],
      metrics: { goals: [] },
    });
    const answer = await app.call('PUT', '/v1/experiments/x', body);
    expect(pointersOf(answer, 400, 'invalid')).toEqual([
      '/metrics/goals',
      '/nmae',
      '/traffic',
      '/variants',
      '/variants/0/weigth',
    ]);
    expect(answer.body.detail).toMatch(/and \d+ more/);
  });

  test.each<[string, string, unknown, string[]]>([
    ['POST', '/v1/assign', { unit: 'u' }, ['/unit', '/units']],
    ['POST', '/v1/assign', { units: { user: 'u' }, experiments: [] }, ['/experiments']],
    [
      'POST',
      '/v1/assign',
      { units: { user: 'u' }, expose: 'yes', attributes: [] },
      ['/attributes', '/expose'],
    ],
    ['POST', '/v1/assign', { units: { 'a b': 'u' } }, ['/units/a b']],
    ['POST', '/v1/assign', { units: { user: 'u' }, attributes: { a: '\ud800' } }, ['/attributes']],
    ['POST', '/v1/events', { evnets: [] }, ['/events', '/evnets']],
    ['POST', '/v1/events', { events: {}, sdk: { name: 'x' } }, ['/events', '/sdk/version']],
    ['POST', '/v1/events', { events: Array.from({ length: 10_001 }, () => 1) }, ['/events']],
    ['POST', '/v1/events', 'a JSON text, not lines', ['']],
    ['POST', '/v1/events', null, ['']],
    ['POST', '/v1/events', [], ['']],
    ['PUT', '/v1/metrics/m', metricBody({ kind: 'mean' }), ['/kind']],
    ['PUT', '/v1/metrics/m', metricBody({ key: 'n' }), ['/key']],
    ['PUT', '/v1/metrics/m', 5, ['']],
    ['PUT', '/v1/models/m', { tier: 4, foo: 1 }, ['/foo', '/tier']],
    ['POST', '/v1/experiments/x/start', { at: 'monday' }, ['/at']],
    ['POST', '/v1/experiments/x/start', { when: 1 }, ['/when']],
    ['POST', '/v1/experiments/x/stop', {}, ['/reason']],
    ['POST', '/v1/experiments/x/stop', { reason: '' }, ['/reason']],
    ['POST', '/v1/experiments/x/analyses', { asof: 1, watermark: 'x' }, ['/asof', '/watermark']],
  ])('of %s %s %j is refused', async (method, path, body, pointers) => {
    expect(pointersOf(await app.call(method, path, JSON.stringify(body)), 400, 'invalid')).toEqual(
      pointers,
    );
  });

  test('of a stranger is not even read', async () => {
    const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024, 0x20), { level: 1 });
    for (const [body, headers] of [
      ['{', JSON_TYPE],
      [bomb, { ...JSON_TYPE, 'content-encoding': 'gzip' }],
      ['x'.repeat(9 * 1024 * 1024), JSON_TYPE],
      ['<a/>', { 'content-type': 'text/xml' }],
    ] as const) {
      const answer = await send('POST', '/v1/events', body, {
        ...headers,
        authorization: 'Bearer x',
      });
      pointersOf(answer, 401, 'unauthorized');
    }
  });

  test('that is missing is refused where one is needed, and not where none is', async () => {
    expect(pointersOf(await app.call('POST', '/v1/assign'), 400, 'invalid')).toEqual(['']);
    expect(pointersOf(await app.call('PUT', '/v1/metrics/m'), 400, 'invalid')).toEqual(['']);
    pointersOf(await app.call('POST', '/v1/experiments/nobody/start'), 404, 'not_found');
  });

  test.each([
    ['text/plain', '/v1/events', 'POST'],
    ['text/html', '/v1/assign', 'POST'],
    ['application/x-www-form-urlencoded', '/v1/assign', 'POST'],
    ['multipart/form-data; boundary=x', '/v1/metrics/m', 'PUT'],
    ['application/xml', '/v1/experiments/x/start', 'POST'],
    ['application/jsonp', '/v1/assign', 'POST'],
    ['application/json; charset=iso-8859-1', '/v1/assign', 'POST'],
    ['application/x-ndjson', '/v1/assign', 'POST'],
    ['application/x-ndjson', '/v1/metrics/m', 'PUT'],
    ['', '/v1/events', 'POST'],
  ])('of type %j at %s is refused as unsupported', async (type, path, method) => {
    pointersOf(
      await send(method, path, '{"units":{"user":"u"}}', { 'content-type': type }),
      415,
      'unsupported_media_type',
    );
  });

  test.each([
    'application/json',
    'application/json; charset=utf-8',
    'application/vnd.x+json',
    'APPLICATION/JSON',
  ])('of type %j is read', async (type) => {
    expect(
      (await send('POST', '/v1/assign', '{"units":{}}', { 'content-type': type })).status,
    ).toBe(200);
  });

  test.each([
    '{',
    '{"units":',
    'units',
    "{'units':{}}",
    '{"units":{}}x',
    '\u0000',
    '{"a":01}',
    '[1,]',
  ])('that is no JSON is refused: %j', async (text) => {
    expect(pointersOf(await send('POST', '/v1/assign', text, JSON_TYPE), 400, 'invalid')).toEqual([
      '',
    ]);
  });

  test('that is no UTF-8 is refused: two ids must not become one', async () => {
    const text = Buffer.concat([
      Buffer.from('{"units":{"user":"'),
      Buffer.from([0xff]),
      Buffer.from('"}}'),
    ]);
    pointersOf(await send('POST', '/v1/assign', text, JSON_TYPE), 400, 'invalid');
    const line = Buffer.concat([
      Buffer.from('{"id":"'),
      Buffer.from([0xc3, 0x28]),
      Buffer.from('"}'),
    ]);
    pointersOf(
      await send('POST', '/v1/events', line, { 'content-type': 'application/x-ndjson' }),
      400,
      'invalid',
    );
  });

  test('beyond 8 MB is refused', async () => {
    const text = `{"units":{},"attributes":{"a":"${'x'.repeat(8 * 1024 * 1024)}"}}`;
    pointersOf(await send('POST', '/v1/assign', text, JSON_TYPE), 413, 'too_large');
    pointersOf(
      await send('POST', '/v1/events', text, { 'content-type': 'application/x-ndjson' }),
      413,
      'too_large',
    );
  });

  test('that is a bomb is refused before it goes off', async () => {
    const zeros = Buffer.alloc(100 * 1024 * 1024, 0x20);
    const bombs = {
      gzip: gzipSync(zeros, { level: 1 }),
      br: brotliCompressSync(zeros, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
    };
    for (const [encoding, bomb] of Object.entries(bombs)) {
      const started = performance.now();
      const answer = await send('POST', '/v1/events', bomb, {
        ...JSON_TYPE,
        'content-encoding': encoding,
      });
      pointersOf(answer, 413, 'too_large');
      expect(performance.now() - started, encoding).toBeLessThan(3000);
    }
    expect((await app.call('GET', '/livez')).status).toBe(200);
  });

  test.each(['zstd', 'compress', 'gzip, gzip', 'x'])(
    'in the encoding %s is refused as unsupported',
    async (encoding) => {
      const answer = await send('POST', '/v1/events', gzipSync('{}'), {
        ...JSON_TYPE,
        'content-encoding': encoding,
      });
      pointersOf(answer, 415, 'unsupported_media_type');
    },
  );

  test('that was broken on its way is the mistake of the caller, not ours', async () => {
    const whole = gzipSync(JSON.stringify({ events: [outcomeEvent()] }));
    for (const broken of [
      Buffer.from('no gzip'),
      whole.subarray(0, whole.length - 12),
      Buffer.concat([whole.subarray(0, 20), Buffer.alloc(9), whole.subarray(29)]),
    ]) {
      pointersOf(
        await send('POST', '/v1/events', broken, { ...JSON_TYPE, 'content-encoding': 'gzip' }),
        400,
        'invalid',
      );
    }
  });

  test.each([
    ['PUT', '/v1/experiments/x', `{"targeting":${nested(100_000)}}`],
    ['PUT', '/v1/experiments/x', `{"variants":[{"payload":{"a":${nested(100_000)}}}]}`],
    ['PUT', '/v1/metrics/x', nested(100_000)],
    ['POST', '/v1/assign', `{"units":{"user":"u"},"attributes":{"a":${nested(100_000)}}}`],
    ['POST', '/v1/assign', `{"units":{"user":${nested(100_000)}}}`],
  ])('nested without end is refused: %s %s', async (method, path, text) => {
    pointersOf(await app.call(method, path, text), 400, 'invalid');
  });

  test('nested without end is refused under an Idempotency-Key too', async () => {
    const answer = await app.call('POST', '/v1/events', `{"events":[${nested(100_000)}]}`, {
      headers: { 'idempotency-key': 'deep' },
    });
    pointersOf(answer, 400, 'invalid');
  });

  test('with __proto__ in it harms nobody', async () => {
    const evil = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
    const bodies: [string, string, string][] = [
      ['POST', '/v1/assign', evil],
      ['POST', '/v1/assign', `{"units":{"user":"u"},"attributes":${evil}}`],
      ['POST', '/v1/assign', `{"units":${evil}}`],
      ['POST', '/v1/events', evil],
      ['POST', '/v1/events', `{"events":[${evil}],"sdk":${evil}}`],
      [
        'POST',
        '/v1/events',
        `{"events":[{"kind":"outcome","id":"a","ts":1,"name":"x","units":{"user":"u"},"properties":${evil}}]}`,
      ],
      ['PUT', '/v1/experiments/__proto__', JSON.stringify(experimentBody())],
      ['PUT', '/v1/experiments/constructor', JSON.stringify(experimentBody())],
      ['PUT', '/v1/experiments/x', evil],
      [
        'PUT',
        '/v1/experiments/x',
        JSON.stringify(experimentBody({ hypothesis: 0 })).replace(
          '"hypothesis":0',
          `"hypothesis":${evil}`,
        ),
      ],
      ['PUT', '/v1/metrics/x', evil],
      ['PUT', '/v1/models/__proto__', '{}'],
      ['POST', '/v1/experiments/__proto__/start', '{}'],
      ['GET', '/v1/experiments?__proto__[polluted]=1&constructor=1', ''],
    ];
    for (const [method, path, text] of bodies) {
      const answer = await app.call(method, path, text === '' ? undefined : text);
      expect(answer.status, `${method} ${path} ${text}`).toBeGreaterThanOrEqual(200);
      expect(answer.status, `${method} ${path} ${text}`).toBeLessThan(500);
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    }
    pointersOf(
      await app.call('PUT', '/v1/experiments/__proto__', experimentBody()),
      400,
      'invalid',
    );
    pointersOf(await app.call('GET', '/v1/experiments/__proto__'), 404, 'not_found');
    expect((await app.call('GET', '/v1/experiments')).body.items).toEqual([]);
  });
});

describe('an address', () => {
  test.each([
    '/v1',
    '/v1/',
    '/v1/nothing',
    '/v1/experiments/a/b/c',
    '/v1/experiments/x/ramp',
    '/v1//experiments',
  ])('that does not exist is not found: %s', async (path) => {
    pointersOf(await app.call('GET', path), 404, 'not_found');
    pointersOf(await app.call('POST', path, {}), 404, 'not_found');
  });

  test('of what does not exist is not found', async () => {
    for (const path of [
      '/v1/metrics/x',
      '/v1/models/x',
      '/v1/models/x/versions/1',
      '/v1/experiments/x',
      '/v1/experiments/x/analyses/latest',
      '/v1/experiments/x/analyses/1',
    ]) {
      pointersOf(await app.call('GET', path), 404, 'not_found');
    }
  });

  test('with a broken escape is the mistake of the caller', async () => {
    pointersOf(await app.call('GET', '/v1/experiments/%E0%A4%A'), 400, 'invalid');
  });

  test('with an option nobody knows is refused', async () => {
    expect(
      pointersOf(await app.call('GET', '/v1/metrics/x?verbose=1&x=2'), 400, 'invalid'),
    ).toEqual(['/?/verbose', '/?/x']);
    expect(pointersOf(await app.call('GET', '/v1/experiments?limt=5'), 400, 'invalid')).toEqual([
      '/?/limt',
    ]);
    expect(
      pointersOf(
        await app.call('GET', '/v1/experiments/x/analyses/latest?include=everything'),
        400,
        'invalid',
      ),
    ).toEqual(['/?/include']);
    expect(
      pointersOf(await app.call('POST', '/v1/assign?expose=true', { units: {} }), 400, 'invalid'),
    ).toEqual(['/?/expose']);
  });

  test('answers HEAD like GET, without a body', async () => {
    const answer = await app.call('HEAD', '/v1/experiments');
    expect(answer.status).toBe(200);
    expect(answer.body).toBe('');
  });

  test('has a request id of its own each time, which the caller cannot choose', async () => {
    const ids = await Promise.all(
      Array.from({ length: 3 }, async () =>
        (
          await app.call('GET', '/livez', undefined, { headers: { 'x-request-id': 'mine' } })
        ).headers.get('x-request-id'),
      ),
    );
    expect(new Set(ids).size).toBe(3);
    expect(ids).not.toContain('mine');
  });
});

describe('a definition', () => {
  const etagOf = (answer: Answer) => answer.headers.get('etag') ?? '';
  const put = (key: string, body: unknown, headers: Record<string, string> = {}) =>
    app.call('PUT', `/v1/metrics/${key}`, body, { headers });
  const get = (key: string, headers: Record<string, string> = {}) =>
    app.call('GET', `/v1/metrics/${key}`, undefined, { headers });

  test('has the same strong tag when it is written and when it is read', async () => {
    const written = await put('tagged', metricBody());
    const read = await get('tagged');
    expect(etagOf(written)).toMatch(/^"[0-9a-f]{32}"$/);
    expect(etagOf(read)).toBe(etagOf(written));
    expect(read.body).toEqual(written.body);
    for (const [path, body] of [
      ['/v1/experiments/tagged', experimentBody({ description: 'x' })],
      ['/v1/experiments/tagged', experimentBody()],
      ['/v1/models/tagged', { name: 'x' }],
      ['/v1/models/tagged', {}],
      ['/v1/models/tagged/versions/1', { trainingData: { reference: 's3', from: 5 } }],
      ['/v1/models/tagged/versions/1', {}],
    ] as const) {
      const put = await app.call('PUT', path, body);
      const got = await app.call('GET', path);
      expect(etagOf(got), path).toBe(etagOf(put));
      expect(got.body).toEqual(put.body);
    }
  });

  test('that the caller has already is not sent again', async () => {
    const tag = etagOf(await put('cached', metricBody()));
    for (const known of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
      const answer = await get('cached', { 'if-none-match': known });
      expect(answer.status, known).toBe(304);
      expect(answer.body).toBe('');
      expect(etagOf(answer)).toBe(tag);
    }
    expect((await get('cached', { 'if-none-match': '"other"' })).status).toBe(200);
  });

  test('is changed only from the state the caller has seen', async () => {
    const tag = etagOf(await put('guarded', metricBody()));
    const changed = await put('guarded', metricBody({ name: 'One' }), { 'if-match': tag });
    expect([changed.status, changed.body.version]).toEqual([200, 2]);
    pointersOf(
      await put('guarded', metricBody({ name: 'Two' }), { 'if-match': tag }),
      412,
      'stale',
    );
    expect((await get('guarded')).body.name).toBe('One');
    expect(
      (await put('guarded', metricBody({ name: 'Two' }), { 'if-match': `"x", ${etagOf(changed)}` }))
        .status,
    ).toBe(200);
    expect((await put('guarded', metricBody({ name: 'Three' }), { 'if-match': '*' })).status).toBe(
      200,
    );
    pointersOf(await put('nobody', metricBody(), { 'if-match': '*' }), 412, 'stale');
    pointersOf(await get('nobody'), 404, 'not_found');
  });

  test('is only created when that is what is asked', async () => {
    expect((await put('fresh', metricBody(), { 'if-none-match': '*' })).status).toBe(201);
    pointersOf(
      await put('fresh', metricBody({ name: 'x' }), { 'if-none-match': '*' }),
      412,
      'already_exists',
    );
    pointersOf(await put('fresh', metricBody(), { 'if-none-match': '"tag"' }), 400, 'invalid');
  });

  test('written again as it is stays as it is', async () => {
    expect((await put('same', metricBody())).status).toBe(201);
    const again = await put('same', { ...metricBody(), key: 'same', tags: [] });
    expect([again.status, again.body.version]).toEqual([200, 1]);
  });

  test.each(['a b', 'é', 'a%2Fb', 'x'.repeat(101), '%00', '__proto__'])(
    'has no such key: %s',
    async (key) => {
      expect(pointersOf(await put(key, metricBody()), 400, 'invalid')).toEqual(['/key']);
    },
  );
});

describe('an Idempotency-Key', () => {
  const record = (key: string, body: unknown, keyHeader = 'idempotency-key') =>
    app.call('POST', '/v1/models/idem/versions/1/offline-evaluations', body, {
      headers: { [keyHeader]: key },
    });
  const evaluation = (value: number) => ({ metric: 'AUC', value, higherIsBetter: true });
  const count = async () =>
    (await app.call('GET', '/v1/models/idem/versions/1')).body.offlineEvaluations.length;

  beforeAll(async () => {
    await app.call('PUT', '/v1/models/idem', {});
    await app.call('PUT', '/v1/models/idem/versions/1', {});
  });

  test('makes a repetition give the same answer and do nothing', async () => {
    const first = await record('once', evaluation(1));
    const second = await record('once', { higherIsBetter: true, value: 1, metric: 'AUC' });
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body).toEqual(first.body);
    expect(first.headers.get('idempotency-replayed')).toBeNull();
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect(await count()).toBe(1);
  });

  test('that came with another request is refused', async () => {
    await record('twice', evaluation(2));
    const before = await count();
    pointersOf(await record('twice', evaluation(3)), 422, 'idempotency_mismatch');
    const elsewhere = await app.call(
      'POST',
      '/v1/events',
      { events: [] },
      { headers: { 'idempotency-key': 'twice' } },
    );
    pointersOf(elsewhere, 422, 'idempotency_mismatch');
    expect(await count()).toBe(before);
  });

  test('counts for the key of the caller alone', async () => {
    const events = { events: [outcomeEvent({ id: 'scoped' })] };
    const headers = { 'idempotency-key': 'scoped' };
    const one = await app.call('POST', '/v1/events', events, { headers, key: ADMIN_KEY });
    const two = await app.call('POST', '/v1/events', events, { headers, key: CLIENT_KEY });
    expect([one.body.accepted, two.body.duplicates]).toEqual([1, 1]);
    expect(two.headers.get('idempotency-replayed')).toBeNull();
  });

  test('does a thing once when two ask at the same time', async () => {
    const before = await count();
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => record('race', evaluation(4))),
    );
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(await count()).toBe(before + 1);
  });

  test('does not keep a refusal: what was mended may be sent again', async () => {
    const path = '/v1/models/idem/versions/later/offline-evaluations';
    const headers = { 'idempotency-key': 'mended' };
    pointersOf(await app.call('POST', path, evaluation(1), { headers }), 404, 'not_found');
    await app.call('PUT', '/v1/models/idem/versions/later', {});
    expect((await app.call('POST', path, evaluation(1), { headers })).status).toBe(201);
  });

  test.each(['', 'a b', 'x'.repeat(256), 'é'])('of the form %j is refused', async (key) => {
    const answer = await app.call(
      'POST',
      '/v1/events',
      { events: [] },
      { headers: { 'idempotency-key': Buffer.from(key, 'utf8').toString('latin1') } },
    );
    pointersOf(answer, 400, 'invalid');
  });
});

describe('a list', () => {
  const keys = Array.from({ length: 23 }, (_, index) => `list-${String(index).padStart(2, '0')}`);
  beforeAll(async () => {
    for (const key of keys) await app.call('PUT', `/v1/models/${key}`, {});
  });
  const page = (query: string) => app.call('GET', `/v1/models${query}`);

  test('comes in pages, each thing once, in the order of keys', async () => {
    const all: string[] = [];
    let cursor: string | null = null;
    let pages = 0;
    do {
      const { body, status }: Answer = await page(
        `?limit=5${cursor === null ? '' : `&cursor=${cursor}`}`,
      );
      expect(status).toBe(200);
      expect(body.items.length).toBeLessThanOrEqual(5);
      all.push(...body.items.map((item: { key: string }) => item.key));
      cursor = body.next;
      pages += 1;
    } while (cursor !== null);
    expect(all).toEqual([...all].sort());
    expect(new Set(all).size).toBe(all.length);
    expect(keys.every((key) => all.includes(key))).toBe(true);
    expect(pages).toBe(Math.ceil(all.length / 5));
  });

  test('says on its last page that it is the last', async () => {
    const { items } = (await page('?limit=200')).body;
    expect((await page(`?limit=${items.length}`)).body.next).toBeNull();
    expect((await page(`?limit=${items.length - 1}`)).body.next).not.toBeNull();
  });

  test('goes on where it was when things come and go before it', async () => {
    const first = await page('?limit=3');
    await app.call('PUT', '/v1/models/aaa', {});
    const second = await page(`?limit=3&cursor=${first.body.next}`);
    const seen = first.body.items.map((item: { key: string }) => item.key);
    expect(second.body.items.every((item: { key: string }) => !seen.includes(item.key))).toBe(true);
  });

  test.each([
    '?limit=0',
    '?limit=201',
    '?limit=1.5',
    '?limit=x',
    '?limit=',
    '?limit=5&limit=6',
    `?cursor=${'x'.repeat(201)}`,
  ])('refuses %s', async (query) => {
    pointersOf(await page(query), 400, 'invalid');
  });

  test('takes a cursor that is none for an empty or a full page, never for an error of ours', async () => {
    for (const cursor of ['x', '%00', '////', 'zzzz', '_', '____']) {
      expect((await page(`?cursor=${cursor}`)).status, cursor).toBe(200);
    }
  });
});

test('what went wrong inside is logged and not shown', async () => {
  const broken = app.platform.assigner as { assign: unknown };
  const kept = broken.assign;
  broken.assign = () => {
    throw new RangeError('the secret inside of /work/src/engine');
  };
  const answer = await app.call('POST', '/v1/assign', { units: { user: 'u' } });
  broken.assign = kept;
  expect(pointersOf(answer, 500, 'internal')).toEqual([]);
  expect(JSON.stringify(answer.body)).not.toMatch(/secret inside|RangeError|\.ts/);
  expect(answer.body.detail).toContain(answer.headers.get('x-request-id'));
});

test('no key, password, cookie or unit id is in the log, whatever goes wrong', async () => {
  const lines: string[] = [];
  const write = (event: string, fields: unknown) => {
    lines.push(JSON.stringify([event, fields]));
  };
  const loud = await openTestApp({ log: { debug: write, info: write, warn: write, error: write } });
  const unit = 'a-unit-that-nobody-logs';
  const form = { 'content-type': 'application/x-www-form-urlencoded', origin: loud.url };
  const secrets = ['hidden-password', 'hidden-session', 'hidden-key', unit, ADMIN_KEY, CLIENT_KEY];
  await loud.call('POST', '/v1/assign', { units: { user: unit } });
  await loud.call('POST', '/v1/events', {
    events: [outcomeEvent({ units: { user: unit } }), { units: { user: unit } }],
  });
  await loud.call('GET', '/v1/experiments', undefined, { key: 'hidden-key' });
  await loud.call('POST', '/v1/assign', `{"units":{"user":"${unit}"}`);
  await loud.call('POST', '/sign-in', 'name=ada&password=hidden-password', {
    key: null,
    headers: { ...form, cookie: 'assay=hidden-session' },
  });
  const assigner = loud.platform.assigner as { assign: unknown };
  assigner.assign = () => {
    throw new RangeError('broken');
  };
  await loud.call('POST', '/v1/assign', { units: { user: unit } });
  await loud.platform.drain.drainNow();
  await loud.close();
  expect(lines.join()).toContain('request.crashed');
  expect(lines.join()).toContain('session.refused');
  for (const secret of secrets) expect(lines.join(), secret).not.toContain(secret);
});

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { assign } from '../../../src/bucketing/assign.ts';
import { compile } from '../../../src/bucketing/compile.ts';
import { PACE } from '../../../src/sdk/backoff.ts';
import { openClient } from '../../../src/sdk/client.ts';
import {
  type Assay,
  type AssayOptions,
  type AssayWarning,
  createAssay,
} from '../../../src/sdk/index.ts';
import { readOptions } from '../../../src/sdk/options.ts';
import {
  closedPort,
  eventsOf,
  experiment,
  type FakeServer,
  KEY,
  startFakeServer,
  until,
} from './fake-server.ts';

let server: FakeServer;
let warnings: AssayWarning[];
let open: Assay[];

beforeEach(async () => {
  server = await startFakeServer();
  warnings = [];
  open = [];
});

afterEach(async () => {
  await Promise.all(open.map((assay) => assay.close({ timeoutMs: 50 })));
  await server.stop();
});

function client(options: Partial<AssayOptions> = {}): Assay {
  const assay = createAssay({
    url: server.url,
    key: KEY,
    flushIntervalMs: 10,
    onWarning: (warning) => warnings.push(warning),
    ...options,
  });
  open.push(assay);
  return assay;
}

const codes = () => warnings.map((warning) => warning.code);

describe('assign', () => {
  test('answers as the law does, for every unit, and frozen', async () => {
    const assay = client();
    expect(await assay.ready()).toBe(true);
    const compiled = compile(server.snapshot).experiments.get('ranker');
    if (compiled === undefined) throw new Error('the experiment is in the snapshot');
    for (let i = 0; i < 500; i += 1) {
      const units = { user: `u${i}` };
      const answer = assay.assign('ranker', { units });
      expect(answer).toEqual(assign(compiled, units, {}));
      expect(Object.isFrozen(answer)).toBe(true);
      expect(answer.reason).toBe('SPLIT');
    }
  });

  test('nobody can change what others are served', async () => {
    const payload = { rows: 10, order: ['price'] };
    const [control, challenger] = experiment().variants;
    if (control === undefined || challenger === undefined) throw new Error('two variants');
    const variants = [
      { ...control, payload },
      { ...challenger, payload },
    ];
    server.snapshot = { ...server.snapshot, experiments: [experiment({ variants })] };
    const assay = client();
    await assay.ready();
    const served = assay.assign('ranker', { units: { user: 'u1' } }).payload as typeof payload;
    expect(() => served.order.push('rating')).toThrow(TypeError);
    expect(assay.assign('ranker', { units: { user: 'u1' } }).payload).toEqual(payload);
  });

  test('records one exposure a unit, as the server takes it', async () => {
    const assay = client({ now: () => 1_700_000_000_000 });
    await assay.ready();
    for (let i = 0; i < 5; i += 1) {
      assay.assign('ranker', {
        units: { user: 'u1', device: 7 },
        attributes: { country: 'NL', cart: { items: 2 } },
      });
    }
    const { variant } = assay.assign('ranker', { units: { user: 'u1' } });
    expect(await assay.flush()).toBe(true);
    expect(eventsOf(server)).toEqual([
      {
        kind: 'exposure',
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        ts: 1_700_000_000_000,
        units: { user: 'u1', device: '7' },
        experiment: 'ranker',
        version: 3,
        variant,
        attributes: { country: 'NL', cart: { items: 2 } },
      },
    ]);
    expect(assay.status()).toMatchObject({ sent: 1, queued: 0, dropped: 0, refused: 0 });
  });

  test('records again for an earlier time, another unit, another version, and after a day', async () => {
    let now = Date.UTC(2026, 0, 10);
    const assay = client({ now: () => now, pollIntervalMs: 10 });
    await assay.ready();
    const ask = (user: string, ts: string) => assay.assign('ranker', { units: { user }, ts });
    ask('u1', '2026-01-05T00:00:00Z');
    ask('u1', '2026-01-05T00:00:00Z');
    ask('u1', '2026-01-06T00:00:00Z');
    expect(assay.status().queued).toBe(1);
    ask('u1', '2026-01-04T00:00:00Z');
    ask('u1', '2026-01-04T12:00:00Z');
    expect(assay.status().queued).toBe(2);
    ask('u2', '2026-01-04T00:00:00Z');
    expect(assay.status().queued).toBe(3);
    await assay.flush();
    server.snapshot = { ...server.snapshot, version: 2, experiments: [experiment({ version: 4 })] };
    await until(() => assay.status().snapshotVersion === 2);
    ask('u1', '2026-01-06T00:00:00Z');
    now += 86_400_000;
    ask('u2', '2026-01-06T00:00:00Z');
    await assay.flush();
    expect(eventsOf(server).map(({ ts, version }) => [ts, version])).toEqual([
      [Date.UTC(2026, 0, 5), 3],
      [Date.UTC(2026, 0, 4), 3],
      [Date.UTC(2026, 0, 4), 3],
      [Date.UTC(2026, 0, 6), 4],
      [Date.UTC(2026, 0, 6), 4],
    ]);
  });

  test('records nothing when asked not to, or when the answer carries no variant', async () => {
    server.snapshot = {
      ...server.snapshot,
      experiments: [
        experiment(),
        experiment({ key: 'stopped', state: 'stopped' }),
        experiment({ key: 'nobody', traffic: 0 }),
      ],
    };
    const assay = client();
    await assay.ready();
    const units = { user: 'u1' };
    assay.assign('ranker', { units, expose: false });
    expect(assay.assign('stopped', { units })).toMatchObject({
      reason: 'NOT_RUNNING',
      payload: 'six',
    });
    expect(assay.assign('nobody', { units }).reason).toBe('TRAFFIC');
    expect(assay.assign('ranker', { units: {} })).toMatchObject({
      reason: 'UNIT_MISSING',
      variant: null,
    });
    expect(assay.assign('unknown', { units }).reason).toBe('NOT_FOUND');
    expect(assay.status().queued).toBe(0);
  });

  test('an unknown experiment gives the default of the caller', async () => {
    const assay = client();
    await assay.ready();
    const options = { units: { user: 'u1' }, defaultPayload: { rows: 20 } };
    expect(assay.assign('nothing', options)).toEqual({
      experiment: 'nothing',
      version: 0,
      variant: null,
      reason: 'NOT_FOUND',
      payload: { rows: 20 },
      model: null,
    });
    expect(assay.assign('nothing', { units: { user: 'u1' } }).payload).toBeNull();
    expect(codes()).toEqual(['experiment_unknown']);
  });

  test('whatever it is given, it answers', async () => {
    const assay = client();
    await assay.ready();
    const hostile = {
      get units(): never {
        throw new Error('boom');
      },
    };
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    const calls: [unknown, unknown][] = [
      ['ranker', undefined],
      ['ranker', null],
      ['ranker', 'u1'],
      ['ranker', { units: null }],
      ['ranker', { units: 'u1' }],
      ['ranker', { units: { user: {} } }],
      ['ranker', { units: { user: 'u1' }, attributes: null }],
      ['ranker', { units: { user: 'u1' }, attributes: 'x' }],
      ['ranker', { units: { user: 'u2' }, attributes: cyclic }],
      ['ranker', { units: { user: 'u3' }, attributes: { big: 10n } }],
      ['ranker', { units: { user: 'u4' }, ts: 'yesterday' }],
      ['ranker', { units: { user: 'u5' }, ts: new Date(Number.NaN) }],
      ['ranker', { units: { user: 'u6' }, colour: 'red' }],
      ['ranker', hostile],
      [undefined, { units: { user: 'u1' } }],
      [Symbol('key'), { units: { user: 'u1' } }],
      [{}, { units: { user: 'u1' } }],
      ['__proto__', { units: { user: 'u1' } }],
    ];
    const ask = assay.assign as (experiment: unknown, options: unknown) => object;
    for (const [key, options] of calls) {
      expect(Object.keys(ask(key, options)).sort()).toEqual(
        ['experiment', 'model', 'payload', 'reason', 'variant', 'version'].sort(),
      );
    }
    expect(await assay.flush()).toBe(true);
    expect(eventsOf(server).every((event) => event.kind === 'exposure')).toBe(true);
    expect(assay.status().refused).toBe(2);
    expect(new Set(codes()).size).toBeGreaterThan(3);
  });

  test('an exposure whose attributes no server would take goes without them', async () => {
    const assay = client();
    await assay.ready();
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`a${i}`, i]));
    assay.assign('ranker', { units: { user: 'u1' }, attributes: many });
    assay.assign('ranker', { units: { user: 'u2' }, attributes: { text: 'x'.repeat(9000) } });
    assay.assign('ranker', { units: { user: 'u3' }, attributes: { price: Number.NaN } });
    await assay.flush();
    expect(eventsOf(server).map((event) => event.attributes)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(codes()).toEqual(['attributes_left_out', 'attributes_left_out', 'attributes_left_out']);
  });

  test('takes no noticeable time', async () => {
    const assay = client();
    await assay.ready();
    const times: number[] = [];
    for (let i = 0; i < 5000; i += 1) {
      const start = performance.now();
      assay.assign('ranker', { units: { user: `user-${i % 3000}` } });
      times.push(performance.now() - start);
    }
    times.sort((a, b) => a - b);
    // The promise is 50 microseconds; a busy machine is given ten times that.
    expect(times[4950]).toBeLessThan(0.5);
  });
});

describe('track', () => {
  test('sends the event as it was when it was tracked', async () => {
    const assay = client({ now: () => 1_700_000_000_000 });
    const properties = { nights: 3, hotel: { city: 'Utrecht' } };
    const id = assay.track('booking', {
      units: { user: 'u1' },
      value: 129.5,
      properties,
      requestId: 'r1',
    });
    properties.hotel.city = 'Delft';
    assay.track('booking', {
      units: { user: 1 },
      ts: new Date(1_690_000_000_000),
      id: 'mine',
      value: -129.5,
      ...(id === null ? {} : { corrects: id }),
    });
    await assay.flush();
    expect(eventsOf(server)).toEqual([
      {
        kind: 'outcome',
        id,
        ts: 1_700_000_000_000,
        units: { user: 'u1' },
        name: 'booking',
        value: 129.5,
        properties: { nights: 3, hotel: { city: 'Utrecht' } },
        requestId: 'r1',
      },
      {
        kind: 'outcome',
        id: 'mine',
        ts: 1_690_000_000_000,
        units: { user: '1' },
        name: 'booking',
        value: -129.5,
        corrects: id,
      },
    ]);
  });

  test.each([
    ['a Date', new Date(1_690_000_000_123), 1_690_000_000_123],
    ['milliseconds', 1_690_000_000_123, 1_690_000_000_123],
    ['fractions of a millisecond', 1_690_000_000_123.9, 1_690_000_000_123],
    ['text with a zone', '2023-07-22T06:26:40.123+02:00', 1_690_000_000_123],
  ])('a time may be %s', async (_, ts, expected) => {
    const assay = client();
    assay.track('booking', { units: { user: 'u1' }, ts });
    await assay.flush();
    expect(eventsOf(server)[0]?.ts).toBe(expected);
  });

  test('what cannot be an event is refused, said once for each cause, and counted', async () => {
    const assay = client();
    const units = { user: 'u1' };
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    const calls: [unknown, unknown][] = [
      ['booking', undefined],
      ['booking', { units: undefined }],
      ['booking', { units: {} }],
      ['booking', { units: { user: '' } }],
      ['booking', { units: { user: null } }],
      ['booking', { units: { user: '\ud800' } }],
      ['booking', { units: { 'no spaces': 'u1' } }],
      ['', { units }],
      [undefined, { units }],
      ['x'.repeat(201), { units }],
      ['booking', { units, value: Number.NaN }],
      ['booking', { units, value: '12' }],
      ['booking', { units, value: 2e12 }],
      ['booking', { units, ts: '2026-01-01' }],
      ['booking', { units, ts: Number.POSITIVE_INFINITY }],
      ['booking', { units, ts: null }],
      ['booking', { units, properties: [] }],
      ['booking', { units, properties: cyclic }],
      ['booking', { units, properties: { price: Number.NaN } }],
      ['booking', { units, properties: { price: 1n } }],
      ['booking', { units, id: '' }],
      ['booking', { units, corrects: 7 }],
      ['booking', { units, requestId: 'x'.repeat(1001) }],
      ['booking', { units, properties: { text: 'x'.repeat(200_000) } }],
    ];
    const track = assay.track as (name: unknown, options: unknown) => string | null;
    for (const [name, options] of calls) expect(track(name, options)).toBeNull();
    const before = warnings.length;
    for (const [name, options] of calls) expect(track(name, options)).toBeNull();
    expect(warnings.length).toBe(before);
    expect(new Set(codes())).toEqual(new Set(['event_refused']));
    expect(assay.status()).toMatchObject({ queued: 0, refused: 2 * calls.length });
  });

  test('a misspelt option is said, and the event is kept', async () => {
    const assay = client();
    const misspelt: object = { units: { user: 'u1' }, propertes: { nights: 3 } };
    assay.track('booking', misspelt as never);
    assay.track('booking', misspelt as never);
    await assay.flush();
    expect(server.events.size).toBe(2);
    expect(codes()).toEqual(['option_unknown']);
  });

  test('an id that is undefined counts as absent', async () => {
    const assay = client();
    expect(
      assay.track('booking', { units: { user: 'u1', device: undefined } as never }),
    ).not.toBeNull();
    await assay.flush();
    expect(eventsOf(server)[0]?.units).toEqual({ user: 'u1' });
  });
});

describe('a server that is down', () => {
  test('costs neither an exception nor more time or memory than was allowed', async () => {
    const rejections: unknown[] = [];
    const onRejection = (error: unknown) => rejections.push(error);
    process.on('unhandledRejection', onRejection);
    try {
      const assay = client({ url: `http://127.0.0.1:${await closedPort()}`, timeoutMs: 200 });
      const start = performance.now();
      expect(await assay.ready()).toBe(false);
      expect(performance.now() - start).toBeLessThan(1500);
      expect(assay.assign('ranker', { units: { user: 'u1' }, defaultPayload: true })).toEqual({
        experiment: 'ranker',
        version: 0,
        variant: null,
        reason: 'ERROR',
        payload: true,
        model: null,
      });
      for (let i = 0; i < 25_000; i += 1) assay.track('booking', { units: { user: i } });
      expect(await assay.flush({ timeoutMs: 50 })).toBe(false);
      const status = assay.status();
      expect(status).toMatchObject({ ready: false, queued: 10_000, dropped: 15_000, sent: 0 });
      expect(status.lastError).toMatch(/ECONNREFUSED/);
      expect(await assay.close({ timeoutMs: 50 })).toBe(false);
      expect(assay.status()).toMatchObject({ queued: 0, dropped: 25_000 });
      expect(new Set(codes())).toEqual(
        new Set([
          'snapshot_unavailable',
          'not_ready',
          'queue_full',
          'events_unavailable',
          'events_dropped',
        ]),
      );
      expect(codes().length).toBe(new Set(codes()).size);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(rejections).toEqual([]);
    } finally {
      process.off('unhandledRejection', onRejection);
    }
  });

  test('that made an exposure be dropped hears of it when the unit comes again', async () => {
    server.onEvents = (response) => {
      response.writeHead(503, { 'retry-after': '600' }).end();
      return true;
    };
    const assay = client({ queueSize: 2 });
    await assay.ready();
    const ask = (user: string) => assay.assign('ranker', { units: { user } });
    ask('u1');
    await assay.flush({ timeoutMs: 500 });
    for (const user of ['u2', 'u2', 'u3', 'u3']) ask(user);
    expect(assay.status()).toMatchObject({ queued: 2, dropped: 1 });
    ask('u1');
    expect(assay.status()).toMatchObject({ queued: 2, dropped: 2 });
  });

  test('that comes up later gets everything', async () => {
    const port = await closedPort();
    const quick = { ...PACE, baseMs: 5 };
    const assay = openClient(
      readOptions({ url: `http://127.0.0.1:${port}/`, key: KEY, onWarning: () => undefined }),
      quick,
    );
    open.push(assay);
    for (let i = 0; i < 250; i += 1) assay.track('booking', { units: { user: i } });
    expect(await assay.flush({ timeoutMs: 30 })).toBe(false);
    await server.stop();
    server = await startFakeServer(port);
    expect(await assay.ready()).toBe(true);
    expect(await assay.flush()).toBe(true);
    expect(server.events.size).toBe(250);
    expect(assay.status()).toMatchObject({ sent: 250, dropped: 0, queued: 0 });
  });
});

describe('the end', () => {
  test('close delivers what is queued; afterwards assign answers and nothing is recorded', async () => {
    const assay = client({ flushIntervalMs: 60_000 });
    await assay.ready();
    for (let i = 0; i < 350; i += 1) assay.assign('ranker', { units: { user: i } });
    expect(await assay.close()).toBe(true);
    expect(server.events.size).toBe(350);
    expect(assay.assign('ranker', { units: { user: 'later' } }).reason).toBe('SPLIT');
    expect(assay.track('booking', { units: { user: 'later' } })).toBeNull();
    expect(await assay.close()).toBe(true);
    expect(await assay.flush()).toBe(true);
    expect(await assay.ready()).toBe(true);
    expect(server.events.size).toBe(350);
    expect(codes()).toEqual(['closed', 'closed']);
  });

  test('a service that forgets to close can still end', async () => {
    const script = `
      import { createAssay } from './src/sdk/index.ts';
      const assay = createAssay({ url: '${server.url}', key: '${KEY}', flushIntervalMs: 60000 });
      await assay.ready();
      assay.track('booking', { units: { user: 'u1' } });
      console.log('done');
    `;
    const run = promisify(execFile);
    const { stdout } = await run(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', script],
      { cwd: new URL('../../..', import.meta.url).pathname, timeout: 10_000 },
    );
    expect(stdout).toBe('done\n');
  });
});

describe('options', () => {
  const right = { url: 'https://assay.example.com', key: KEY };
  test.each<[string, object, string]>([
    ['a misspelt name', { ...right, pollInterval: 5 }, 'unknown option pollInterval'],
    ['no url', { key: KEY }, 'url'],
    ['no key', { url: right.url }, 'key'],
    ['a url that is none', { ...right, url: 'assay.example.com' }, 'url'],
    ['another protocol', { ...right, url: 'ftp://assay.example.com' }, 'url'],
    ['a url with a query', { ...right, url: 'https://assay.example.com/?a=1' }, 'url'],
    ['a key with a line break', { ...right, key: 'a\nb' }, 'key'],
    ['an interval of 0', { ...right, pollIntervalMs: 0 }, 'pollIntervalMs'],
    ['an interval beyond timers', { ...right, flushIntervalMs: 2 ** 31 }, 'flushIntervalMs'],
    ['text for a number', { ...right, timeoutMs: '5' }, 'timeoutMs'],
    ['a batch too large', { ...right, batchSize: 10_001 }, 'batchSize'],
    ['a fetch that is none', { ...right, fetch: 'fetch' }, 'fetch'],
  ])('%s throws at once', (_, options, message) => {
    expect(() => createAssay(options as AssayOptions)).toThrow(message);
  });

  test('a clock that fails is replaced', async () => {
    const assay = client({
      now: () => {
        throw new Error('no clock');
      },
    });
    assay.track('booking', { units: { user: 'u1' } });
    await assay.flush();
    expect(Math.abs(Number(eventsOf(server)[0]?.ts) - Date.now())).toBeLessThan(60_000);
  });

  test('a listener that throws does no harm', async () => {
    const assay = client({
      onWarning: () => {
        throw new Error('no ear');
      },
    });
    expect(assay.track('', { units: { user: 'u1' } })).toBeNull();
  });

  test('methods may be taken off the client', async () => {
    const { ready, assign: ask, track, flush } = client();
    await ready();
    ask('ranker', { units: { user: 'u1' } });
    track('booking', { units: { user: 'u1' } });
    expect(await flush()).toBe(true);
    expect(server.events.size).toBe(2);
  });
});

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PACE, type Pace } from '../../../src/sdk/backoff.ts';
import { type AssayWarning, SDK_VERSION } from '../../../src/sdk/index.ts';
import { Outbox } from '../../../src/sdk/outbox.ts';
import { createWarn } from '../../../src/sdk/warnings.ts';
import { createRandom } from '../../../src/stats/variates.ts';
import { eventsOf, type FakeServer, KEY, startFakeServer, until } from './fake-server.ts';

let server: FakeServer;
let warnings: AssayWarning[];
let open: Outbox[];

beforeEach(async () => {
  server = await startFakeServer();
  warnings = [];
  open = [];
});

afterEach(async () => {
  await Promise.all(open.map((outbox) => outbox.close(0)));
  await server.stop();
});

const QUICK: Pace = { ...PACE, baseMs: 4, maxMs: 20, slowMs: 40 };

type Changes = {
  flushIntervalMs?: number;
  batchSize?: number;
  queueSize?: number;
  timeoutMs?: number;
  pace?: Pace;
};

function outbox(changes: Changes = {}): Outbox {
  const { timeoutMs = 2000, ...rest } = changes;
  const made = new Outbox({
    transport: { url: server.url, key: KEY, timeoutMs, fetch },
    flushIntervalMs: 5,
    batchSize: 100,
    queueSize: 10_000,
    pace: QUICK,
    now: () => 1_700_000_000_000,
    warn: createWarn((warning) => warnings.push(warning)),
    onTrouble: () => undefined,
    ...rest,
  });
  open.push(made);
  return made;
}

let made = 0;

function outcome(changes: object = {}): string {
  made += 1;
  return JSON.stringify({
    kind: 'outcome',
    id: `e${made}`,
    ts: 1_700_000_000_000 + made,
    units: { user: 'u1' },
    name: 'booking',
    ...changes,
  });
}

function fill(box: Outbox, count: number): void {
  for (let i = 0; i < count; i += 1) box.add({ json: outcome(), isExposure: false });
}

const codes = () => warnings.map((warning) => warning.code);
const posts = () => server.requests.filter((request) => request.path === '/v1/events');
const sizes = () =>
  posts().map((request) => (JSON.parse(request.body) as { events: object[] }).events.length);
const gaps = () =>
  posts().map((request, index) => request.at - (posts()[index - 1]?.at ?? request.at));

describe('batches', () => {
  test('have at most a hundred events, in order, with who sent them', async () => {
    const box = outbox();
    fill(box, 250);
    expect(await box.flush(2000)).toBe(true);
    expect(sizes()).toEqual([100, 100, 50]);
    const first = posts()[0];
    expect(first?.headers.authorization).toBe(`Bearer ${KEY}`);
    expect(first?.headers['content-type']).toBe('application/json');
    expect(JSON.parse(first?.body ?? '')).toMatchObject({
      sentAt: 1_700_000_000_000,
      sdk: { name: 'assay-js', version: SDK_VERSION },
    });
    const ids = eventsOf(server).map((event) => Number(String(event.id).slice(1)));
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
  });

  test('have at most half a megabyte, counted in bytes and not in characters', async () => {
    const box = outbox();
    const value = '汉'.repeat(2500);
    for (let i = 0; i < 100; i += 1) {
      box.add({ json: outcome({ properties: { value } }), isExposure: false });
    }
    expect(await box.flush(2000)).toBe(true);
    expect(server.events.size).toBe(100);
    expect(posts().length).toBe(2);
    for (const { body } of posts()) expect(Buffer.byteLength(body)).toBeLessThan(512_500);
  });

  test('wait for company, but not for ever, and not once there is a full one', async () => {
    const box = outbox({ flushIntervalMs: 250 });
    fill(box, 3);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(posts().length).toBe(0);
    await until(() => server.events.size === 3);
    const patient = outbox({ flushIntervalMs: 60_000 });
    fill(patient, 100);
    await until(() => server.events.size === 103);
  });

  test('may be large when asked for', async () => {
    const box = outbox({ batchSize: 10_000, queueSize: 40_000 });
    fill(box, 12_000);
    expect(await box.flush(5000)).toBe(true);
    expect(sizes()).toEqual([10_000, 2000]);
  });
});

describe('a server in trouble', () => {
  test('that answers 500, 503 and 408 gets the same events again until it takes them', async () => {
    const answers = [500, 503, 408, 502];
    server.onEvents = (response) => {
      const status = answers.shift();
      if (status === undefined) return false;
      response.writeHead(status).end('{"title":"trouble"}');
      return true;
    };
    const box = outbox();
    fill(box, 5);
    expect(await box.flush(2000)).toBe(true);
    expect(new Set(posts().map(({ body }) => JSON.stringify(JSON.parse(body).events))).size).toBe(
      1,
    );
    expect(posts().length).toBe(5);
    expect(box.counts).toEqual({ queued: 0, sent: 5, dropped: 0, refused: 0 });
    expect(codes()).toEqual(['events_unavailable']);
  });

  test('that cut the connection after it had committed counts nothing twice', async () => {
    let cuts = 3;
    server.onEvents = (response, request) => {
      if (cuts === 0) return false;
      cuts -= 1;
      server.accept(request);
      response.socket?.destroy();
      return true;
    };
    const box = outbox();
    fill(box, 10);
    expect(await box.flush(2000)).toBe(true);
    expect(server.events.size).toBe(10);
    expect([...server.events.values()].every(({ times }) => times === 4)).toBe(true);
    expect(box.counts).toMatchObject({ sent: 10, dropped: 0 });
  });

  test('that is slow is not waited for beyond the time-out', async () => {
    let slow = true;
    server.onEvents = (response, request) => {
      if (!slow) return false;
      slow = false;
      server.accept(request);
      // Headers, then nothing: the whole answer must come in time.
      response.writeHead(202).write('{');
      return true;
    };
    const box = outbox({ timeoutMs: 60 });
    fill(box, 4);
    const start = performance.now();
    expect(await box.flush(2000)).toBe(true);
    expect(performance.now() - start).toBeLessThan(1000);
    expect(server.events.size).toBe(4);
  });

  test('that asks for a second of patience gets it, also from flush', async () => {
    let busy = true;
    server.onEvents = (response) => {
      if (!busy) return false;
      busy = false;
      response.writeHead(429, { 'retry-after': '1' }).end();
      return true;
    };
    const box = outbox();
    fill(box, 1);
    await until(() => !busy);
    await new Promise((resolve) => setTimeout(resolve, 50));
    fill(box, 150);
    expect(await box.flush(3000)).toBe(true);
    expect(gaps()[1]).toBeGreaterThan(950);
    expect(server.events.size).toBe(151);
  });

  test('that asks for patience by a date is read by its own clock', async () => {
    let busy = true;
    server.onEvents = (response) => {
      if (!busy) return false;
      busy = false;
      response.writeHead(503, {
        date: 'Fri, 01 Jan 2010 00:00:00 GMT',
        'retry-after': 'Fri, 01 Jan 2010 00:00:01 GMT',
      });
      response.end();
      return true;
    };
    const box = outbox();
    fill(box, 1);
    expect(await box.flush(3000)).toBe(true);
    expect(gaps()[1]).toBeGreaterThan(950);
  });

  test('that asks for an hour does not hold up flush', async () => {
    server.onEvents = (response) => {
      response.writeHead(429, { 'retry-after': '3600' }).end();
      return true;
    };
    const box = outbox();
    fill(box, 1);
    const start = performance.now();
    expect(await box.flush(5000)).toBe(false);
    expect(performance.now() - start).toBeLessThan(1000);
    expect(box.counts.queued).toBe(1);
  });

  test('that refuses the key is asked again, slowly, and said once', async () => {
    let wrong = 3;
    server.onEvents = (response) => {
      if (wrong === 0) return false;
      wrong -= 1;
      response.writeHead(wrong === 1 ? 403 : 401).end();
      return true;
    };
    const box = outbox();
    fill(box, 2);
    await until(() => server.events.size === 2);
    expect(
      gaps()
        .slice(1)
        .every((gap) => gap > 35),
    ).toBe(true);
    expect(codes()).toEqual(['events_unauthorized']);
  });

  test('that answers like somebody else is not believed', async () => {
    const answers = [
      [200, '<html>Please sign in</html>'],
      [302, ''],
    ] as const;
    let asked = 0;
    server.onEvents = (response) => {
      const answer = answers[asked];
      asked += 1;
      if (answer === undefined) return false;
      response.writeHead(answer[0], { location: `${server.url}/sign-in` }).end(answer[1]);
      return true;
    };
    const box = outbox();
    fill(box, 2);
    expect(await box.flush(2000)).toBe(true);
    expect(server.events.size).toBe(2);
    expect(server.requests.map(({ path }) => path)).not.toContain('/sign-in');
  });

  test('that cannot use a batch at all loses it visibly, and the next ones go on', async () => {
    let first = true;
    server.onEvents = (response) => {
      if (!first) return false;
      first = false;
      response.writeHead(400).end('{"code":"invalid"}');
      return true;
    };
    const box = outbox({ batchSize: 10 });
    fill(box, 25);
    expect(await box.flush(2000)).toBe(true);
    expect(box.counts).toEqual({ queued: 0, sent: 15, dropped: 10, refused: 0 });
    expect(codes()).toEqual(['events_dropped']);
    expect(warnings[0]?.message).toContain('400');
  });
});

describe('too large', () => {
  test('a batch is split until it fits, and grows again', async () => {
    server.onEvents = (response, request) => {
      if (request.body.length <= 3000) return false;
      response.writeHead(413).end();
      return true;
    };
    const box = outbox();
    fill(box, 200);
    expect(await box.flush(5000)).toBe(true);
    expect(server.events.size).toBe(200);
    expect(box.counts).toEqual({ queued: 0, sent: 200, dropped: 0, refused: 0 });
  });

  test('one event that never fits is dropped alone', async () => {
    server.onEvents = (response, request) => {
      if (request.body.length <= 3000) return false;
      response.writeHead(413).end();
      return true;
    };
    const box = outbox();
    fill(box, 20);
    box.add({ json: outcome({ properties: { text: 'x'.repeat(4000) } }), isExposure: false });
    fill(box, 20);
    expect(await box.flush(5000)).toBe(true);
    expect(server.events.size).toBe(40);
    expect(box.counts).toEqual({ queued: 0, sent: 40, dropped: 1, refused: 0 });
    expect(codes()).toEqual(['events_dropped']);
  });
});

describe('events refused one by one', () => {
  test('are counted, said once for each reason, and not sent again', async () => {
    const box = outbox();
    fill(box, 3);
    for (let i = 0; i < 2; i += 1) box.add({ json: outcome({ colour: 'red' }), isExposure: false });
    box.add({ json: outcome({ units: {} }), isExposure: false });
    expect(await box.flush(2000)).toBe(true);
    expect(posts().length).toBe(1);
    expect(box.counts).toEqual({ queued: 0, sent: 3, dropped: 0, refused: 3 });
    expect(codes()).toEqual(['events_refused', 'events_refused']);
    expect(warnings.map(({ message }) => message).join()).toMatch(/\(invalid\).*\(unit_invalid\)/);
  });

  test.each(['', 'not json', '[]', 'null', '{"rejected":[null]}', '{"rejected":7}'])(
    'in an answer that cannot be read (%j) do no harm',
    async (body) => {
      server.onEvents = (response) => {
        response.writeHead(207).end(body);
        return true;
      };
      const box = outbox();
      fill(box, 2);
      expect(await box.flush(2000)).toBe(true);
      expect(box.counts).toMatchObject({ queued: 0, sent: 2 });
      expect(codes()).toEqual(['receipt_unreadable']);
    },
  );
});

describe('no room', () => {
  test('the oldest that is no exposure goes first, then the oldest exposure', async () => {
    server.onEvents = (response) => {
      response.writeHead(429, { 'retry-after': '600' }).end();
      return true;
    };
    const dropped: string[] = [];
    const box = outbox({ queueSize: 6 });
    const add = (name: string, isExposure: boolean) =>
      box.add({ json: outcome({ id: name }), isExposure, onDropped: () => dropped.push(name) });
    add('exposure 1', true);
    add('outcome 1', false);
    add('exposure 2', true);
    add('outcome 2', false);
    await box.flush(500);
    for (let i = 3; i <= 6; i += 1) add(`exposure ${i}`, true);
    expect(dropped).toEqual(['outcome 1', 'outcome 2']);
    add('exposure 7', true);
    expect(dropped.at(-1)).toBe('exposure 1');
    add('outcome 3', false);
    expect(dropped.at(-1)).toBe('outcome 3');
    expect(box.counts).toEqual({ queued: 6, sent: 0, dropped: 4, refused: 0 });
    expect(codes().filter((code) => code === 'queue_full').length).toBe(1);
  });

  test('is also a matter of bytes', () => {
    server.onEvents = () => true;
    const box = outbox();
    const text = 'x'.repeat(100_000);
    for (let i = 0; i < 400; i += 1) box.add({ json: `{"text":"${text}"}`, isExposure: false });
    expect(box.counts.queued).toBeLessThan(340);
    expect(box.counts.dropped + box.counts.queued).toBe(400);
  });
});

test('through every kind of trouble at once, each event is counted once', async () => {
  const random = createRandom(7);
  const kinds = ['cut', 'cut after', 'status', 'garbage', 'split', 'slow', 'fine', 'fine', 'fine'];
  server.onEvents = (response, request) => {
    switch (random.pick(kinds)) {
      case 'cut':
        response.socket?.destroy();
        return true;
      case 'cut after':
        server.accept(request);
        response.socket?.destroy();
        return true;
      case 'status':
        response.writeHead(random.pick([408, 429, 500, 502, 503, 504, 200, 302])).end('?');
        return true;
      case 'garbage':
        server.accept(request);
        response.writeHead(202).end('<garbage');
        return true;
      case 'split':
        if ((JSON.parse(request.body) as { events: object[] }).events.length < 2) return false;
        response.writeHead(413).end();
        return true;
      case 'slow':
        server.accept(request);
        setTimeout(() => response.writeHead(202).end('{}'), 40);
        return true;
      default:
        return false;
    }
  };
  const box = outbox({ batchSize: 20, timeoutMs: 30 });
  for (let i = 0; i < 50; i += 1) {
    fill(box, 20);
    if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(await box.flush(15_000)).toBe(true);
  expect(server.events.size).toBe(1000);
  expect(box.counts).toEqual({ queued: 0, sent: 1000, dropped: 0, refused: 0 });
});

test('closing in the middle of a request ends it, and counts what is left', async () => {
  server.onEvents = () => true;
  const box = outbox({ batchSize: 10 });
  fill(box, 25);
  const start = performance.now();
  expect(await box.close(50)).toBe(false);
  expect(performance.now() - start).toBeLessThan(2000);
  expect(box.counts).toEqual({ queued: 0, sent: 0, dropped: 25, refused: 0 });
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(posts().length).toBe(1);
  expect(box.counts.dropped).toBe(25);
});

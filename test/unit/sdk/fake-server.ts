/** A server that speaks Assay's wire and can misbehave on demand. Counts an event once, by time and id. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventBatchSchema, parseEvent } from '../../../src/domain/event.ts';
import type { Snapshot, SnapshotExperiment } from '../../../src/domain/snapshot.ts';

export type Received = {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly at: number;
};

/** Answers instead of the usual behaviour; returns false to let that go on. */
export type Misbehaviour = (response: ServerResponse, request: Received) => boolean | undefined;

export type FakeServer = {
  readonly url: string;
  readonly requests: Received[];
  /** Every event as first received, by time and id; and how often each was received. */
  readonly events: Map<string, { event: Record<string, unknown>; times: number }>;
  snapshot: Snapshot;
  onSnapshot: Misbehaviour | undefined;
  onEvents: Misbehaviour | undefined;
  /** Takes the events of a request in, as the usual behaviour does. */
  accept(request: Received): { accepted: number; duplicates: number; rejected: object[] };
  stop(): Promise<void>;
};

export const KEY = 'test-key-of-thirty-two-characters';

export async function startFakeServer(port = 0): Promise<FakeServer> {
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const request: Received = {
        method: incoming.method ?? '',
        path: incoming.url ?? '',
        headers: incoming.headers,
        body: Buffer.concat(chunks).toString('utf8'),
        at: performance.now(),
      };
      fake.requests.push(request);
      if (request.path === '/v1/snapshot') answerSnapshot(request, response);
      else if (request.path === '/v1/events') answerEvents(request, response);
      else response.writeHead(404).end();
    });
  });
  const answerSnapshot = (request: Received, response: ServerResponse) => {
    if (fake.onSnapshot?.(response, request) ?? false) return;
    const etag = `"${fake.snapshot.version}"`;
    if (request.headers['if-none-match'] === etag) {
      response.writeHead(304, { etag }).end();
      return;
    }
    response.writeHead(200, { etag, 'content-type': 'application/json' });
    response.end(JSON.stringify(fake.snapshot));
  };
  const answerEvents = (request: Received, response: ServerResponse) => {
    if (fake.onEvents?.(response, request) ?? false) return;
    const receipt = fake.accept(request);
    response.writeHead(receipt.rejected.length === 0 ? 202 : 207);
    response.end(JSON.stringify(receipt));
  };
  const fake: FakeServer = {
    url: '',
    requests: [],
    events: new Map(),
    snapshot: { version: 1, environment: 'test', experiments: [experiment()] },
    onSnapshot: undefined,
    onEvents: undefined,
    accept(request) {
      const batch = eventBatchSchema.parse(JSON.parse(request.body));
      const receipt = { accepted: 0, duplicates: 0, rejected: [] as object[] };
      batch.events.forEach((sent, index) => {
        const parsed = parseEvent(sent, Date.now());
        if (!parsed.ok) {
          receipt.rejected.push({ index, id: parsed.id, ...parsed.rejection });
          return;
        }
        const identity = `${parsed.event.ts}/${parsed.event.id}`;
        const known = fake.events.get(identity);
        if (known === undefined) receipt.accepted += 1;
        else receipt.duplicates += 1;
        fake.events.set(identity, {
          event: sent as Record<string, unknown>,
          times: (known?.times ?? 0) + 1,
        });
      });
      return receipt;
    },
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return Object.assign(fake, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

export function experiment(changes: Partial<SnapshotExperiment> = {}): SnapshotExperiment {
  return {
    key: 'ranker',
    version: 3,
    state: 'running',
    assignment: 'assay',
    unit: 'user',
    salt: 'a-salt',
    layer: null,
    slot: { from: 0, to: 1 },
    traffic: 1,
    targeting: null,
    variants: [
      { key: 'control', role: 'control', weight: 1, payload: 'six', model: 'ranker@6' },
      { key: 'challenger', role: 'treatment', weight: 1, payload: 'seven', model: 'ranker@7' },
    ],
    ...changes,
  };
}

export function eventsOf(server: FakeServer): Record<string, unknown>[] {
  return [...server.events.values()].map(({ event }) => event);
}

/** A port nobody listens on. */
export async function closedPort(): Promise<number> {
  const server = await startFakeServer();
  const port = Number(new URL(server.url).port);
  await server.stop();
  return port;
}

export async function until(holds: () => boolean, withinMs = 5000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error('did not come true in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Clients that send every batch until it is answered, and keep the books of what they did. */

import type { Load, LoadBatch } from './load.ts';
import { KEY } from './server.ts';
import { sleep } from './waiting.ts';

export type Books = {
  /** Events and refusals in requests that were begun, and in those that were answered. */
  readonly attempted: { requests: number; events: number; refused: number };
  readonly acknowledged: { requests: number; events: number; refused: number };
  /** Requests that got no answer and were sent again. */
  unanswered: number;
  /** Requests that were answered 503 and were sent again. */
  putOff: number;
  /** Answers that should not be: another status, or one that does not add up. */
  readonly strange: string[];
};

export type Sending = {
  readonly books: Books;
  /** Identities of all acknowledged events. */
  readonly acknowledged: ReadonlySet<string>;
  readonly done: Promise<void>;
  /** No further attempts. */
  cancel(): void;
};

export function newBooks(): Books {
  return {
    attempted: { requests: 0, events: 0, refused: 0 },
    acknowledged: { requests: 0, events: 0, refused: 0 },
    unanswered: 0,
    putOff: 0,
    strange: [],
  };
}

/** Every seventh acknowledged batch is sent once more later, as a client does that lost its memory. */
export function send(options: {
  load: Pick<Load, 'batches'>;
  clients: number;
  url: () => string | undefined;
  again?: boolean;
  books?: Books;
  /** Between two batches of one client. */
  pauseMs?: number;
  patience?: number;
}): Sending {
  const { load, clients, url, again = true, pauseMs = 0, patience = 300_000 } = options;
  const books = options.books ?? newBooks();
  const acknowledged = new Set<string>();
  const end = performance.now() + patience;
  let cancelled = false;
  let next = 0;
  const once = [...load.batches];
  const queue = again ? withRepeats(once) : once;

  const client = async (): Promise<void> => {
    while (!cancelled) {
      const batch = queue[next];
      next += 1;
      if (batch === undefined) return;
      while (!cancelled && !(await attempt(batch, url(), books))) {
        if (performance.now() > end) throw new Error('a batch was not answered in time');
        await sleep(25);
      }
      if (!cancelled) for (const key of batch.keys) acknowledged.add(key);
      if (pauseMs > 0) await sleep(pauseMs);
    }
  };
  return {
    books,
    acknowledged,
    done: Promise.all(Array.from({ length: clients }, client)).then(() => undefined),
    cancel() {
      cancelled = true;
    },
  };
}

function withRepeats(batches: readonly LoadBatch[]): LoadBatch[] {
  return batches.flatMap((batch, index) => {
    const old = index % 7 === 6 ? batches[Math.max(0, index - 40)] : undefined;
    return old === undefined ? [batch] : [batch, old];
  });
}

/** True when the batch was answered for good. */
async function attempt(batch: LoadBatch, url: string | undefined, books: Books): Promise<boolean> {
  if (url === undefined) return false;
  count(books.attempted, batch);
  let status: number;
  let answer: { accepted: number; duplicates: number; rejected: unknown[] };
  try {
    const response = await fetch(`${url}/v1/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      body: batch.body,
      signal: AbortSignal.timeout(15_000),
    });
    status = response.status;
    answer = (await response.json()) as typeof answer;
  } catch {
    books.unanswered += 1;
    return false;
  }
  if (status === 503) {
    books.putOff += 1;
    return false;
  }
  if (status !== (batch.refused === 0 ? 202 : 207)) {
    books.strange.push(`${status} ${JSON.stringify(answer)}`.slice(0, 500));
    return false;
  }
  const total = answer.accepted + answer.duplicates + answer.rejected.length;
  if (total !== batch.events || answer.rejected.length !== batch.refused) {
    books.strange.push(
      `${batch.events} events were answered ${JSON.stringify(answer)}`.slice(0, 500),
    );
  }
  count(books.acknowledged, batch);
  return true;
}

function count(tally: { requests: number; events: number; refused: number }, batch: LoadBatch) {
  tally.requests += 1;
  tally.events += batch.events;
  tally.refused += batch.refused;
}

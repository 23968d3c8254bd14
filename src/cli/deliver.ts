/** Where imported events go: into the data directory of this machine, or to a running server. */
import type { EventReceipt } from '../domain/event.ts';
import { AppError } from '../domain/problem.ts';
import { ingest, UnreadableEvent } from '../engine/ingest.ts';
import type { Platform } from '../engine/platform.ts';

export type Deliver = (events: readonly unknown[]) => Promise<EventReceipt>;

export function deliverHere(platform: Platform, source: string): Deliver {
  return (events) => ingest(platform.inbox, platform.clock, { events, source, keyId: 'import' });
}

const TRIES = 8;

/** Sends a batch until it is answered: a retry repeats ids and times, so it counts nothing twice. */
export function deliverTo(url: string, key: string, source: string): Deliver {
  return async (events) => {
    const body = JSON.stringify({ events: events.map(sendable), source });
    for (let attempt = 1; ; attempt += 1) {
      const answer = await post(url, key, body);
      if (answer.receipt !== undefined) return answer.receipt;
      if (!answer.worthRetrying || attempt === TRIES) {
        throw new AppError('unavailable', `${url} did not take the events: ${answer.problem}`);
      }
      await new Promise((resolve) => setTimeout(resolve, answer.waitMs ?? 250 * 2 ** attempt));
    }
  };
}

type PostAnswer = {
  readonly receipt?: EventReceipt;
  readonly problem?: string;
  readonly worthRetrying?: boolean;
  readonly waitMs?: number;
};

async function post(url: string, key: string, body: string): Promise<PostAnswer> {
  let response: Response;
  try {
    response = await fetch(new URL('/v1/events', url), {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body,
      signal: AbortSignal.timeout(60_000),
    });
  } catch (error) {
    return { problem: String(error), worthRetrying: true };
  }
  if (response.status === 202 || response.status === 207) {
    return { receipt: (await response.json()) as EventReceipt };
  }
  const after = Number(response.headers.get('retry-after'));
  return {
    problem: `${response.status} ${(await response.text()).slice(0, 500)}`,
    worthRetrying: response.status === 429 || response.status >= 500,
    ...(Number.isFinite(after) && after > 0 ? { waitMs: Math.min(after, 30) * 1000 } : {}),
  };
}

/** What could not be mapped goes along as it is, so that the server keeps it with its refusal. */
function sendable(event: unknown): unknown {
  return event instanceof UnreadableEvent
    ? { kind: 'unreadable row', problem: event.problem, row: event.line }
    : event;
}

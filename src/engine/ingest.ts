/** A request's events: judged one by one, kept for good or refused with a reason, then acknowledged. */
import { type AssayEvent, EVENT_LIMITS, type EventReceipt, parseEvent } from '../domain/event.ts';
import { BODY_DEPTH_MAX, isShallow } from '../domain/json.ts';
import type { Inbox, RefusedEvent } from '../inbox/inbox.ts';
import type { Clock } from '../runtime/clock.ts';

export type IncomingEvents = {
  readonly events: readonly unknown[];
  readonly source: string;
  readonly keyId: string;
};

/**
 * Answers after the inbox has committed. An event that could not even be read as JSON comes as an
 * `UnreadableEvent`, so that it is counted and kept like any other refusal.
 */
export async function ingest(
  inbox: Inbox,
  clock: Clock,
  incoming: IncomingEvents,
): Promise<EventReceipt> {
  const receivedAt = clock.now();
  const events: AssayEvent[] = [];
  const refused: RefusedEvent[] = [];
  incoming.events.forEach((sent, index) => {
    if (sent instanceof UnreadableEvent) {
      refused.push({ index, id: null, code: 'invalid', detail: sent.problem, body: sent.line });
      return;
    }
    const parsed = parseEvent(sent, receivedAt);
    if (parsed.ok) events.push(parsed.event);
    else refused.push({ index, id: parsed.id, ...parsed.rejection, body: textOf(sent) });
  });
  const { accepted, duplicates } = await inbox.accept({
    receivedAt,
    source: incoming.source,
    keyId: incoming.keyId,
    events,
    refused,
  });
  return {
    accepted,
    duplicates,
    rejected: refused.map(({ index, id, code, detail }) => ({ index, id, code, detail })),
  };
}

/** A line of NDJSON, or a row of a file, that is no JSON. */
export class UnreadableEvent {
  readonly line: string;
  readonly problem: string;

  constructor(line: string, problem: string) {
    this.line = line;
    this.problem = problem;
  }
}

/** A refused event as it is kept; what is nested too deeply to be written down is named and not kept. */
function textOf(sent: unknown): string {
  if (!isShallow(sent, BODY_DEPTH_MAX)) return `(nested deeper than ${BODY_DEPTH_MAX} levels)`;
  return JSON.stringify(sent).slice(0, EVENT_LIMITS.charactersPerEvent * 2);
}

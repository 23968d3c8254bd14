/** What happened: accepted for good, a duplicate, or refused with the reason. */
import { EVENT_LIMITS, eventBatchSchema } from '../../domain/event.ts';
import { parse } from '../../domain/parse.ts';
import { AppError } from '../../domain/problem.ts';
import { ingest, UnreadableEvent } from '../../engine/ingest.ts';
import type { Platform } from '../../engine/platform.ts';
import type { ApiRequest, Route } from '../route.ts';

export function eventRoutes({ inbox, clock }: Platform): Route[] {
  return [
    {
      method: 'post',
      path: '/v1/events',
      scope: 'client',
      summary: 'Report events; 202 means committed with fsync on this node, counted exactly once',
      body: eventBatchSchema,
      takesNdjson: true,
      answers: {
        202: { says: 'Every event is committed or a duplicate' },
        207: { says: 'Some events were refused: {accepted, duplicates, rejected}' },
      },
      async handle(request) {
        const batch = batchOf(request);
        const receipt = await ingest(inbox, clock, { ...batch, keyId: request.key.id });
        return { status: receipt.rejected.length === 0 ? 202 : 207, body: receipt };
      },
    },
  ];
}

/** A JSON batch, or NDJSON: one event a line, its batch fields in headers. */
function batchOf(request: ApiRequest): { events: readonly unknown[]; source: string } {
  if (request.isNdjson && typeof request.body === 'string') {
    const sdk = request.header('x-assay-sdk');
    return {
      events: linesOf(request.body),
      source: sourceOf(request.header('x-assay-source') ?? sdk),
    };
  }
  const batch = parse(eventBatchSchema, request.body);
  const sdk = batch.sdk === undefined ? undefined : `${batch.sdk.name}/${batch.sdk.version}`;
  return { events: batch.events, source: sourceOf(batch.source ?? sdk) };
}

function linesOf(text: string): unknown[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length > EVENT_LIMITS.eventsPerRequest) {
    const detail = `at most ${EVENT_LIMITS.eventsPerRequest} events a request`;
    throw new AppError('invalid', detail, { problems: [{ pointer: '', detail }] });
  }
  return lines.map((line) => {
    try {
      return JSON.parse(line) as unknown;
    } catch (error) {
      return new UnreadableEvent(line, `the line is not valid JSON: ${(error as Error).message}`);
    }
  });
}

function sourceOf(sent: string | undefined): string {
  return (sent ?? 'http').slice(0, 200);
}

/**
 * What services report: who met which variant (exposure), what they then did (outcome), and which
 * model calls served them (inference). Intake judges shape only; whether an experiment or a metric of
 * that name exists is asked when it is analysed.
 */
import { z } from 'zod';
import { roundToMicros, VALUE_LIMIT } from './exact.ts';
import { isShallow, unkeepable } from './json.ts';
import { problemsOf } from './parse.ts';
import { formatInstant, INSTANT_MAX, INSTANT_MIN, MS_PER_DAY, parseInstant } from './time.ts';
import { UNIT_ID_BYTES_MAX, unitIdOf } from './unit.ts';
import { isWellFormed, type Json, keySchema, modelRefSchema } from './words.ts';

export const EVENT_LIMITS = {
  eventsPerRequest: 10_000,
  bytesPerRequest: 8 * 1024 * 1024,
  charactersPerEvent: 8192,
  properties: 64,
  depth: 10,
  futureMs: MS_PER_DAY,
} as const;

export type RejectionCode =
  | 'invalid'
  | 'id_invalid'
  | 'ts_invalid'
  | 'ts_in_future'
  | 'unit_invalid'
  | 'value_out_of_range'
  | 'too_large'
  | 'too_deep'
  | 'too_many_properties';

export type Rejection = { readonly code: RejectionCode; readonly detail: string };

type Properties = { readonly [name: string]: Json };
type Common = {
  readonly id: string;
  readonly ts: number;
  readonly units: { readonly [unitType: string]: string };
};

export type Exposure = Common & {
  readonly kind: 'exposure';
  readonly experiment: string;
  readonly version?: number;
  readonly variant: string;
  readonly attributes?: Properties;
  readonly requestId?: string;
};

export type Outcome = Common & {
  readonly kind: 'outcome';
  readonly name: string;
  readonly value?: number;
  readonly properties?: Properties;
  readonly requestId?: string;
  readonly corrects?: string;
};

export type Inference = Common & {
  readonly kind: 'inference';
  readonly experiment: string;
  readonly version?: number;
  readonly variant: string;
  readonly requestId?: string;
} & { readonly [field: string]: unknown };

export type AssayEvent = Exposure | Outcome | Inference;

const id = z.string().min(1).max(200).refine(isWellFormed, 'must be well-formed Unicode');
const shortText = z
  .string()
  .min(1, 'must not be empty')
  .max(200)
  .refine(isWellFormed, 'must be well-formed Unicode');
const reference = z.string().min(1).max(1000).refine(isWellFormed, 'must be well-formed Unicode');
const properties = z.record(z.string(), z.json(), { error: 'must be an object' });
const version = z.number().int().min(1, 'must be at least 1').max(1_000_000_000);
const measured = z.number({ error: 'must be a number' });
// Judged by hand, with codes of their own.
const judged = z.unknown();

const schemas = {
  exposure: z.strictObject({
    kind: z.literal('exposure'),
    id,
    ts: judged,
    units: judged,
    experiment: keySchema,
    version: version.optional(),
    variant: keySchema,
    attributes: properties.optional(),
    requestId: reference.optional(),
  }),
  outcome: z.strictObject({
    kind: z.literal('outcome'),
    id,
    ts: judged,
    units: judged,
    name: shortText,
    value: measured.optional(),
    properties: properties.optional(),
    requestId: reference.optional(),
    corrects: id.optional(),
  }),
  inference: z.strictObject({
    kind: z.literal('inference'),
    id,
    ts: judged,
    units: judged,
    experiment: keySchema,
    version: version.optional(),
    variant: keySchema,
    requestId: reference.optional(),
    attributes: properties.optional(),
    eligible: z.boolean().optional(),
    triggered: z.boolean().optional(),
    served: z
      .strictObject({
        model: modelRefSchema.optional(),
        action: shortText.optional(),
        fallback: z.boolean().optional(),
        cached: z.boolean().optional(),
      })
      .optional(),
    totalMs: measured.optional(),
    scored: z
      .array(
        z.strictObject({
          model: modelRefSchema,
          purpose: z.enum(['served', 'counterfactual', 'shadow']),
          status: z.enum(['ok', 'timeout', 'error', 'ineligible']),
          score: measured.optional(),
          action: shortText.optional(),
          latencyMs: measured.optional(),
          cached: z.boolean().optional(),
        }),
      )
      .max(20)
      .optional(),
  }),
};

/** For the published API: the shape of one event. */
export const eventSchema = z.union([schemas.exposure, schemas.outcome, schemas.inference]);

export type ParsedEvent =
  | { readonly ok: true; readonly event: AssayEvent }
  | { readonly ok: false; readonly id: string | null; readonly rejection: Rejection };

/**
 * One event as sent, to the event as stored: instants in milliseconds, unit ids as text, numbers
 * rounded to millionths. Refused events say why; nothing is mended silently.
 */
export function parseEvent(sent: unknown, now: number): ParsedEvent {
  if (typeof sent !== 'object' || sent === null || Array.isArray(sent)) {
    return refuse(null, 'invalid', 'an event is an object');
  }
  const raw = sent as Record<string, unknown>;
  const eventId = typeof raw.id === 'string' ? raw.id.slice(0, 200) : null;
  const schema = Object.hasOwn(schemas, String(raw.kind))
    ? schemas[raw.kind as AssayEvent['kind']]
    : undefined;
  if (schema === undefined) {
    return refuse(eventId, 'invalid', '/kind: must be exposure, outcome or inference');
  }
  if (!isShallow(raw, EVENT_LIMITS.depth)) {
    return refuse(eventId, 'too_deep', `nested deeper than ${EVENT_LIMITS.depth} levels`);
  }
  for (const bag of ['properties', 'attributes'] as const) {
    const problem = Object.hasOwn(raw, bag) ? unkeepable(raw[bag]) : undefined;
    if (problem !== undefined) return refuse(eventId, 'invalid', `/${bag}: ${problem}`);
  }
  const parsed = schema.safeParse(raw);
  if (!parsed.success) {
    const problems = problemsOf(parsed.error.issues);
    const onlyId = problems.every((problem) => problem.pointer === '/id');
    return refuse(
      eventId,
      onlyId ? 'id_invalid' : 'invalid',
      problems.map((problem) => `${problem.pointer}: ${problem.detail}`).join('; '),
    );
  }
  return normalise(parsed.data, now);
}

type ParsedShape = z.output<typeof eventSchema>;

function normalise(shape: ParsedShape, now: number): ParsedEvent {
  const ts = instantOf(shape.ts);
  if (ts === undefined) {
    return refuse(
      shape.id,
      'ts_invalid',
      '/ts: must be RFC 3339 with a zone, or epoch milliseconds',
    );
  }
  if (ts > now + EVENT_LIMITS.futureMs) {
    return refuse(
      shape.id,
      'ts_in_future',
      `/ts: ${formatInstant(ts)} is over 24 h ahead of the server`,
    );
  }
  const units = unitsOf(shape.units);
  if (typeof units === 'string') return refuse(shape.id, 'unit_invalid', units);
  const rounded = roundNumbers(shape);
  if (typeof rounded === 'string') return refuse(shape.id, 'value_out_of_range', rounded);
  for (const bag of ['properties', 'attributes'] as const) {
    const content = bag in rounded ? rounded[bag as keyof typeof rounded] : undefined;
    if (content !== undefined && Object.keys(content as object).length > EVENT_LIMITS.properties) {
      return refuse(
        shape.id,
        'too_many_properties',
        `/${bag}: more than ${EVENT_LIMITS.properties}`,
      );
    }
  }
  const event = { ...rounded, ts, units } as AssayEvent;
  const unitCharacters = Object.values(units).reduce((sum, unit) => sum + unit.length, 0);
  if (JSON.stringify(event).length - unitCharacters > EVENT_LIMITS.charactersPerEvent) {
    return refuse(
      shape.id,
      'too_large',
      `more than ${EVENT_LIMITS.charactersPerEvent} characters of JSON beside the unit ids`,
    );
  }
  return { ok: true, event };
}

/** Unit ids as stored, or the sentence that says which one cannot be used. */
function unitsOf(units: unknown): Record<string, string> | string {
  if (typeof units !== 'object' || units === null || Array.isArray(units)) {
    return '/units: must map unit types to ids, such as {"user": "u1"}';
  }
  const entries = Object.entries(units);
  if (entries.length === 0) return '/units: must name at least one unit';
  if (entries.length > 10) return '/units: at most 10 unit types';
  const result: Record<string, string> = {};
  for (const [type, value] of entries) {
    if (!keySchema.safeParse(type).success)
      return `/units: "${type.slice(0, 100)}" is not a unit type`;
    const unit = unitIdOf(value);
    if (unit === undefined) {
      return `/units/${type}: must be non-empty well-formed text of at most ${UNIT_ID_BYTES_MAX} bytes, or a safe integer`;
    }
    result[type] = unit;
  }
  return result;
}

/** Every number that can enter a metric, rounded to millionths; or the sentence that names one too large. */
function roundNumbers(shape: ParsedShape): ParsedShape | string {
  let tooLarge: string | undefined;
  const round = (value: unknown, path: string): unknown => {
    if (typeof value === 'number') {
      const rounded = roundToMicros(value);
      if (rounded === undefined) tooLarge ??= `${path}: beyond ${VALUE_LIMIT}`;
      return rounded === 0 ? 0 : rounded;
    }
    if (Array.isArray(value)) return value.map((item, index) => round(item, `${path}/${index}`));
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [key, round(item, `${path}/${key}`)]),
      );
    }
    return value;
  };
  const result: Record<string, unknown> = { ...shape };
  for (const field of ['value', 'properties', 'totalMs', 'scored']) {
    if (result[field] !== undefined) result[field] = round(result[field], `/${field}`);
  }
  return tooLarge ?? (result as ParsedShape);
}

function instantOf(ts: unknown): number | undefined {
  if (typeof ts === 'string') return parseInstant(ts);
  if (typeof ts !== 'number' || !Number.isInteger(ts)) return undefined;
  return ts >= INSTANT_MIN && ts <= INSTANT_MAX ? ts : undefined;
}

function refuse(id: string | null, code: RejectionCode, detail: string): ParsedEvent {
  return { ok: false, id, rejection: { code, detail: detail.slice(0, 1000) } };
}

/** The body of `POST /v1/events` around its events; these are judged one by one. */
export const eventBatchSchema = z.strictObject({
  events: z
    .array(z.unknown(), { error: 'must be a list of events' })
    .max(
      EVENT_LIMITS.eventsPerRequest,
      `at most ${EVENT_LIMITS.eventsPerRequest} events a request`,
    ),
  sentAt: z.union([z.string(), z.number()]).optional(),
  sdk: z.strictObject({ name: shortText, version: shortText }).optional(),
  source: shortText.optional(),
});

/** The answer: every event is accepted, a duplicate, or refused with its reason. */
export type EventReceipt = {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: readonly {
    readonly index: number;
    readonly id: string | null;
    readonly code: RejectionCode;
    readonly detail: string;
  }[];
};

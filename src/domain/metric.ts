/** What is measured about a unit after it met the experiment. Defined once, shared by experiments. */
import { z } from 'zod';
import { nameSchema, noteSchema, tagsSchema, textSchema } from './words.ts';

const hoursSchema = z.number({ error: 'must be a number of hours' });

const windowSchema = z
  .strictObject({
    fromHours: hoursSchema.min(0, 'must be at least 0').default(0),
    toHours: hoursSchema.positive('must be above 0').nullable().default(null),
  })
  .refine((window) => window.toHours === null || window.toHours > window.fromHours, {
    message: 'toHours must be above fromHours',
    path: ['toHours'],
  });

/** 'value', or a numeric property of the event: 'properties.nights'. */
const valuePathSchema = z
  .string()
  .regex(/^(value|properties\.[^.]{1,200})$/, 'must be "value" or "properties.NAME"');

const eventNameSchema = textSchema(200).min(1, 'must not be empty');

/** A field of the design that this release cannot honour: absent or null, anything else is refused. */
function notYet(what: string) {
  return z.null({ error: `${what}: not offered in this release` }).optional();
}

const shared = {
  name: nameSchema.optional(),
  description: noteSchema.optional(),
  owner: nameSchema.optional(),
  tags: tagsSchema.default([]),
  event: eventNameSchema,
  direction: z
    .enum(['increase', 'decrease'], { error: 'must be increase or decrease' })
    .default('increase'),
  // Part of the published shape; refused until the warehouse can honour them, never ignored.
  filter: notYet('filters'),
  winsorize: notYet('capping'),
  cuped: notYet('CUPED'),
  window: windowSchema.default({ fromHours: 0, toHours: null }),
  maturityDays: z.number().min(0, 'must be at least 0').max(3650).optional(),
  unitLabel: textSchema(40).optional(),
};

/** The body of `PUT /v1/metrics/:key`. */
export const metricDefinitionSchema = z.discriminatedUnion(
  'kind',
  [
    z.strictObject({ kind: z.literal('conversion'), ...shared }),
    z.strictObject({ kind: z.literal('count'), ...shared }),
    z.strictObject({ kind: z.literal('sum'), value: valuePathSchema.default('value'), ...shared }),
  ],
  { error: 'kind must be conversion, count or sum' },
);

export type MetricDefinition = z.output<typeof metricDefinitionSchema>;
export type MetricKind = MetricDefinition['kind'];

/** A metric as stored: its definition with the key, and which version of it this is. */
export type Metric = MetricDefinition & {
  readonly key: string;
  readonly version: number;
  readonly createdAt: number;
};

/**
 * Days a unit must have been followed before it is analysed: as defined, else until the end of a
 * bounded window, else 0.
 */
export function maturityDaysOf(metric: Pick<MetricDefinition, 'maturityDays' | 'window'>): number {
  if (metric.maturityDays !== undefined) return metric.maturityDays;
  return metric.window.toHours === null ? 0 : metric.window.toHours / 24;
}

/** How the rows of somebody's file become events: the mapping file of `assay import`. */
import { z } from 'zod';
import { conditionSchema } from './condition.ts';
import { instantSchema, keySchema, textSchema } from './words.ts';

/** '{userid}' or 'h{row}': columns and the 1-based row number in braces. */
const templateSchema = textSchema(1000).min(1, 'must not be empty');

const cellSchema = z.union(
  [
    templateSchema,
    z.strictObject({
      column: z.string().min(1),
      as: z.enum(['text', 'number', 'boolean']).default('text'),
      /** Renames values; a value that is not listed is refused. */
      values: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
    }),
  ],
  { error: 'must be a template such as "{userid}", or {column, as?, values?}' },
);
export type Cell = z.output<typeof cellSchema>;

const plusHours = z.number().default(0);
const timeSchema = z.union(
  [
    z.strictObject({ column: z.string().min(1), plusHours }),
    /** For data without times: row n stands at `at` + n * everySeconds, wrapped. */
    z.strictObject({
      at: instantSchema,
      everySeconds: z.number().min(0).default(0),
      wrapDays: z.number().positive().optional(),
      plusHours,
    }),
  ],
  { error: 'must be {column, plusHours?} or {at, everySeconds?, wrapDays?, plusHours?}' },
);
export type TimeMapping = z.output<typeof timeSchema>;

const shared = {
  /** The event id; a re-import with the same ids and times counts nothing twice. */
  id: templateSchema,
  ts: timeSchema,
  /** Only rows that meet this make the event; a cell that is a decimal number counts as a number. */
  when: conditionSchema.optional(),
};

const eventMappingSchema = z.discriminatedUnion(
  'kind',
  [
    z.strictObject({
      kind: z.literal('exposure'),
      experiment: templateSchema,
      variant: cellSchema,
      version: z.number().int().positive().optional(),
      attributes: z.record(z.string(), cellSchema).optional(),
      ...shared,
    }),
    z.strictObject({
      kind: z.literal('outcome'),
      name: templateSchema,
      value: cellSchema.optional(),
      properties: z.record(z.string(), cellSchema).optional(),
      ...shared,
    }),
  ],
  { error: 'kind must be exposure or outcome' },
);
export type EventMapping = z.output<typeof eventMappingSchema>;

export const importMappingSchema = z.strictObject({
  units: z
    .record(keySchema, cellSchema)
    .refine((units) => Object.keys(units).length > 0, 'must name at least one unit type'),
  events: z.array(eventMappingSchema).min(1, 'at least one event').max(100),
});
export type ImportMapping = z.output<typeof importMappingSchema>;

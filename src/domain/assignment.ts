/** The question "which variant serves this unit?" and its answer with the reason. */
import { z } from 'zod';
import { EVENT_LIMITS } from './event.ts';
import type { Payload } from './experiment.ts';
import { isShallow, unkeepable } from './json.ts';
import { keySchema } from './words.ts';

export type AssignmentReason =
  | 'NOT_RUNNING'
  | 'UNIT_MISSING'
  | 'FORCED'
  | 'HOLDOUT'
  | 'LAYER'
  | 'TARGETING'
  | 'TRAFFIC'
  | 'SPLIT'
  | 'SHIPPED'
  | 'DROPPED'
  | 'NOT_FOUND'
  | 'ERROR';

export type Attributes = { readonly [name: string]: unknown };
export type Units = { readonly [unitType: string]: string | number };

/** Only SPLIT and FORCED carry a variant; every other reason serves control's payload. */
export type Assignment = {
  readonly experiment: string;
  readonly version: number;
  readonly variant: string | null;
  readonly reason: AssignmentReason;
  readonly payload: Payload;
  readonly model: string | null;
};

export const attributesSchema = z
  .record(z.string().max(200), z.json(), { error: 'must be an object' })
  .refine((attributes) => Object.keys(attributes).length <= 200, 'at most 200 attributes')
  .refine(
    (attributes) => isShallow(attributes, EVENT_LIMITS.depth),
    `must be nested at most ${EVENT_LIMITS.depth} levels deep`,
  )
  .superRefine((attributes, context) => {
    const problem = unkeepable(attributes);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  });

/** The body of `POST /v1/assign`. A unit id that cannot be used answers UNIT_MISSING, not an error. */
export const assignRequestSchema = z.strictObject({
  units: z.record(keySchema, z.unknown(), { error: 'must map unit types to ids' }),
  attributes: attributesSchema.optional(),
  experiments: z.array(keySchema).min(1, 'must not be empty').max(1000).optional(),
  expose: z.boolean({ error: 'must be true or false' }).optional(),
});

export type AssignRequest = z.output<typeof assignRequestSchema>;

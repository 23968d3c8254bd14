/** Models, their versions, and what was measured about a version offline. */
import { z } from 'zod';
import {
  instantSchema,
  keySchema,
  nameSchema,
  noteSchema,
  tagsSchema,
  textSchema,
} from './words.ts';

/** The body of `PUT /v1/models/:key`. */
export const modelDefinitionSchema = z.strictObject({
  name: nameSchema.optional(),
  description: noteSchema.optional(),
  kind: z.enum(['specialised', 'semantic']).optional(),
  family: nameSchema.optional(),
  task: z.enum(['binary', 'multiclass', 'regression', 'ranking', 'other']).optional(),
  owner: nameSchema.optional(),
  tier: z
    .union([z.literal(1), z.literal(2), z.literal(3)], { error: 'must be 1, 2 or 3' })
    .optional(),
  surface: keySchema.optional(),
  tags: tagsSchema.default([]),
});

export type ModelDefinition = z.output<typeof modelDefinitionSchema>;
export type Model = ModelDefinition & { readonly key: string; readonly createdAt: number };

const digestSchema = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in lower-case hex');

/** The body of `PUT /v1/models/:key/versions/:version`. */
export const modelVersionDefinitionSchema = z.strictObject({
  description: noteSchema.optional(),
  parent: keySchema.optional(),
  artifact: z
    .strictObject({ reference: textSchema(2000), sha256: digestSchema.optional() })
    .optional(),
  trainingData: z
    .strictObject({
      reference: textSchema(2000),
      from: instantSchema.optional(),
      to: instantSchema.optional(),
    })
    .optional(),
  intendedUse: noteSchema.optional(),
  limits: noteSchema.optional(),
  assumptions: noteSchema.optional(),
  budgets: z
    .strictObject({
      latencyMs: z.number().positive().optional(),
      memoryMb: z.number().positive().optional(),
      costPerThousand: z.number().min(0).optional(),
    })
    .optional(),
});

export type ModelVersionDefinition = z.output<typeof modelVersionDefinitionSchema>;

/** The body of `POST /v1/models/:key/versions/:version/offline-evaluations`. */
export const offlineEvaluationSchema = z.strictObject({
  metric: nameSchema,
  value: z.number({ error: 'must be a number' }),
  higherIsBetter: z.boolean({ error: 'must be true or false' }),
  standardError: z.number().positive('must be above 0').optional(),
  n: z.number().int().positive().optional(),
  testSet: z
    .strictObject({ reference: textSchema(2000), sha256: digestSchema.optional() })
    .optional(),
  labelSource: textSchema(200).optional(),
  evaluatedAt: instantSchema.optional(),
});

export type OfflineEvaluationDefinition = z.output<typeof offlineEvaluationSchema>;
export type OfflineEvaluation = OfflineEvaluationDefinition & {
  readonly id: string;
  readonly createdAt: number;
};
export type ModelVersion = ModelVersionDefinition & {
  readonly model: string;
  readonly version: string;
  readonly createdAt: number;
  readonly offlineEvaluations: readonly OfflineEvaluation[];
};

/** 'ranker@7' to its parts. The form is checked where a reference is parsed. */
export function splitModelRef(reference: string): { model: string; version: string } {
  const at = reference.lastIndexOf('@');
  return { model: reference.slice(0, at), version: reference.slice(at + 1) };
}

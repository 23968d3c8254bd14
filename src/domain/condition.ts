/** Conditions on attributes: who is targeted, which events a metric counts. */
import { z } from 'zod';
import { textSchema } from './words.ts';

/** An attribute's name, or a dotted path into nested attributes; '__proto__' and its kin are refused. */
export const attributeNameSchema = textSchema(200)
  .min(1, 'must not be empty')
  .refine(
    (name) =>
      !name.split('.').some((part) => ['__proto__', 'constructor', 'prototype'].includes(part)),
    'is a reserved word',
  );

const scalarSchema = z.union([textSchema(1000), z.number(), z.boolean()], {
  error: 'must be text, a number, true or false',
});
const orderedSchema = z.union([textSchema(1000), z.number()], {
  error: 'must be text or a number',
});

function test<const Operators extends readonly [string, ...string[]], Value extends z.ZodType>(
  operators: Operators,
  value: Value,
) {
  return z.strictObject({ attribute: attributeNameSchema, op: z.enum(operators), value });
}

const testSchema = z.discriminatedUnion(
  'op',
  [
    test(['eq', 'ne'], scalarSchema),
    test(['in', 'not_in'], z.array(scalarSchema).min(1, 'must not be empty').max(10_000)),
    test(['lt', 'lte', 'gt', 'gte'], orderedSchema),
    test(['contains', 'starts_with', 'ends_with'], textSchema(1000)),
    z.strictObject({
      attribute: attributeNameSchema,
      op: z.literal('exists'),
      value: z.boolean({ error: 'must be true or false' }).default(true),
    }),
  ],
  {
    error: (issue) =>
      issue.code === 'invalid_union'
        ? 'unknown operator; known: eq, ne, in, not_in, lt, lte, gt, gte, contains, starts_with, ends_with, exists'
        : undefined,
  },
);

export type Test = z.output<typeof testSchema>;
export type Operator = Test['op'];
export type Condition =
  | Test
  | { readonly all: readonly Condition[] }
  | { readonly any: readonly Condition[] }
  | { readonly not: Condition };

const DEPTH_MAX = 10;

/** A tree of tests joined by all, any and not; at most 10 levels deep. */
export const conditionSchema: z.ZodType<Condition> = conditionAt(0);

function conditionAt(depth: number): z.ZodType<Condition> {
  if (depth === DEPTH_MAX) return testSchema;
  const inner = z.lazy(() => conditionAt(depth + 1));
  const shapes = {
    all: z.strictObject({ all: z.array(inner).max(100) }),
    any: z.strictObject({ any: z.array(inner).max(100) }),
    not: z.strictObject({ not: inner }),
  };
  // The shape is chosen by its key first, so that a problem is reported where it is and not as "no union member fits".
  return z.unknown().transform((value, context): Condition => {
    const shape = shapeOf(value);
    const schema = shape === undefined ? testSchema : shapes[shape];
    const result = schema.safeParse(value);
    if (result.success) return result.data as Condition;
    for (const issue of result.error.issues) context.addIssue({ ...issue } as never);
    return z.NEVER;
  });
}

function shapeOf(value: unknown): 'all' | 'any' | 'not' | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return (['all', 'any', 'not'] as const).find((key) => Object.hasOwn(value, key));
}

/** The small shapes every definition is made of. */
import { z } from 'zod';
import { INSTANT_MAX, INSTANT_MIN, parseInstant } from './time.ts';

/** Text that survives every store: well-formed UTF-16 (a lone surrogate would become another id). */
export function isWellFormed(text: string): boolean {
  return text.isWellFormed();
}

export const keySchema = z
  .string({ error: 'must be text' })
  .regex(/^[A-Za-z0-9._-]{1,100}$/, 'must be 1 to 100 of A-Z a-z 0-9 . _ -')
  .refine((key) => !['__proto__', 'constructor', 'prototype'].includes(key), 'is a reserved word');

/** 'ranker@7': a model and one of its versions. */
export const modelRefSchema = z
  .string({ error: 'must be text such as ranker@7' })
  .regex(
    /^[A-Za-z0-9._-]{1,100}@[A-Za-z0-9._-]{1,100}$/,
    'must be MODEL@VERSION, such as ranker@7',
  );

export function textSchema(maxLength: number) {
  return z
    .string({ error: 'must be text' })
    .max(maxLength, `must be at most ${maxLength} characters`)
    .refine(isWellFormed, 'must be well-formed Unicode');
}

export const nameSchema = textSchema(200).min(1, 'must not be empty');
export const noteSchema = textSchema(10_000);
export const tagsSchema = z.array(keySchema).max(50, 'at most 50 tags');

/** A proportion, 0 to 1; percent signs exist only on pages. */
export const shareSchema = z
  .number({ error: 'must be a number from 0 to 1' })
  .min(0, 'must be at least 0')
  .max(1, 'must be at most 1: shares are proportions, not percentages');

export const instantSchema = z
  .union([z.string(), z.number()], { error: 'must be RFC 3339 with a zone, or epoch milliseconds' })
  .transform((value, context): number => {
    const instant =
      typeof value === 'number'
        ? Number.isInteger(value) && value >= INSTANT_MIN && value <= INSTANT_MAX
          ? value
          : undefined
        : parseInstant(value);
    if (instant === undefined) {
      context.addIssue({
        code: 'custom',
        message: 'must be RFC 3339 with a zone (2026-11-24T08:30:00Z), or epoch milliseconds',
      });
      return z.NEVER;
    }
    return instant;
  });

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

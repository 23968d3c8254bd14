/** Does a unit meet the conditions an experiment is aimed at? */
import type { Attributes } from '../domain/assignment.ts';
import type { Condition, Test } from '../domain/condition.ts';

/**
 * Evaluates a tree of tests on a unit's attributes.
 *
 * A missing attribute meets only the negations (ne, not_in, exists: false). Text is compared as text and
 * numbers as numbers: a test never converts one into the other, so "10" is not 10.
 *
 * @param condition tests joined by all (true when empty), any (false when empty) and not.
 * @param attributes by name; a dotted name reaches into nested objects when no attribute has that very name.
 * @returns whether the condition is met.
 * @source DESIGN part 7, step 5.
 */
export function meets(condition: Condition, attributes: Attributes): boolean {
  if ('all' in condition) return condition.all.every((inner) => meets(inner, attributes));
  if ('any' in condition) return condition.any.some((inner) => meets(inner, attributes));
  if ('not' in condition) return !meets(condition.not, attributes);
  return passes(condition, valueAt(attributes, condition.attribute));
}

function passes(test: Test, value: unknown): boolean {
  switch (test.op) {
    case 'eq':
      return value === test.value;
    case 'ne':
      return value !== test.value;
    case 'in':
      return test.value.some((option) => option === value);
    case 'not_in':
      return !test.value.some((option) => option === value);
    case 'lt':
      return ordered(value, test.value, (difference) => difference < 0);
    case 'lte':
      return ordered(value, test.value, (difference) => difference <= 0);
    case 'gt':
      return ordered(value, test.value, (difference) => difference > 0);
    case 'gte':
      return ordered(value, test.value, (difference) => difference >= 0);
    case 'contains':
      return (
        (typeof value === 'string' && value.includes(test.value)) ||
        (Array.isArray(value) && value.includes(test.value))
      );
    case 'starts_with':
      return typeof value === 'string' && value.startsWith(test.value);
    case 'ends_with':
      return typeof value === 'string' && value.endsWith(test.value);
    case 'exists':
      return (value !== undefined && value !== null) === test.value;
  }
}

/** Numbers by size, text by UTF-16 code unit; values of two kinds are not in order at all. */
function ordered(
  value: unknown,
  bound: string | number,
  holds: (difference: number) => boolean,
): boolean {
  if (typeof value === 'number' && typeof bound === 'number') return holds(value - bound);
  if (typeof value === 'string' && typeof bound === 'string') {
    return holds(value < bound ? -1 : value > bound ? 1 : 0);
  }
  return false;
}

function valueAt(attributes: Attributes, name: string): unknown {
  if (Object.hasOwn(attributes, name)) return attributes[name];
  let value: unknown = attributes;
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part))
      return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

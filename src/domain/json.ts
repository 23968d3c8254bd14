/** JSON that came from outside: how deep it goes, and whether every store can keep its text. */

/** Deeper bodies are refused before anything that walks them by recursion sees them. */
export const BODY_DEPTH_MAX = 100;

/** Is a value nested at most `levels` deep? Scalars are level 0. */
export function isShallow(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (levels === 0) return false;
  return Object.values(value).every((item) => isShallow(item, levels - 1));
}

/**
 * Why can a value not be kept as it is? A lone surrogate has no UTF-8, so one such text would stop the whole
 * warehouse; `__proto__` would be dropped on the way. Undefined when all is well.
 *
 * @param value JSON that is shallow.
 */
export function unkeepable(value: unknown): string | undefined {
  if (typeof value === 'string')
    return value.isWellFormed() ? undefined : 'must be well-formed Unicode';
  if (typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value)) return firstProblem(value);
  const names = Object.keys(value);
  if (names.includes('__proto__')) return '"__proto__" is a reserved word';
  return firstProblem(names) ?? firstProblem(Object.values(value));
}

function firstProblem(values: readonly unknown[]): string | undefined {
  for (const value of values) {
    const problem = unkeepable(value);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

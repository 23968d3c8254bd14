import type { z } from 'zod';
import { AppError, type Problem, pointerOf } from './problem.ts';

type Issue = z.core.$ZodIssue;

/** Reads `value` by `schema`, or throws one AppError that names every problem at its pointer. */
export function parse<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  at: readonly PropertyKey[] = [],
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = problemsOf(result.error.issues, at);
  throw new AppError('invalid', summary(problems), { problems });
}

/** Every issue as a pointer and a sentence; an unknown key is pointed at itself. */
export function problemsOf(issues: readonly Issue[], at: readonly PropertyKey[] = []): Problem[] {
  return issues.flatMap((issue): Problem[] => {
    const path = [...at, ...issue.path];
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        pointer: pointerOf([...path, key]),
        detail: 'unknown field',
      }));
    }
    return [{ pointer: pointerOf(path), detail: issue.message }];
  });
}

function summary(problems: readonly Problem[]): string {
  const first = problems[0];
  if (first === undefined) return 'The request is not valid.';
  const where = first.pointer === '' ? 'the body' : first.pointer;
  const more = problems.length === 1 ? '' : ` (and ${problems.length - 1} more)`;
  return `${where}: ${first.detail}${more}`;
}

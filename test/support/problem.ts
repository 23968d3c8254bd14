/** What every refused request must look like. */
import { expect } from 'vitest';
import type { Answer } from './app.ts';

/** Checks the form of a problem (RFC 9457) and gives back its pointers, in order. */
export function pointersOf(answer: Answer, status: number, code: string): string[] {
  const { body, headers } = answer;
  expect({ status: answer.status, code: body?.code, detail: body?.detail }).toMatchObject({
    status,
    code,
  });
  expect(headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  expect(body).toEqual({
    type: `urn:assay:problem:${code}`,
    title: expect.any(String),
    status,
    detail: expect.any(String),
    code,
    errors: expect.any(Array),
    requestId: headers.get('x-request-id'),
  });
  for (const problem of body.errors) {
    expect(problem).toEqual({ pointer: expect.any(String), detail: expect.any(String) });
    expect(problem.detail).not.toBe('');
  }
  return [
    ...new Set<string>(body.errors.map((problem: { pointer: string }) => problem.pointer)),
  ].sort();
}

/** A request that could not be answered: what happened, what to do, and the id to ask about. */
import type { Problem } from '../../domain/problem.ts';
import { type Frame, type Layout, layoutOf } from './frame.ts';

export type ProblemPage = {
  readonly layout: Layout;
  readonly status: string;
  readonly title: string;
  readonly detail: string;
  readonly problems: readonly { readonly where: string; readonly detail: string }[];
  readonly requestId: string | null;
};

export function problemPage(input: {
  status: number;
  title: string;
  detail: string;
  requestId: string | null;
  problems?: readonly Problem[];
  frame: Frame;
}): ProblemPage {
  const { status, title, detail, requestId, problems = [], frame } = input;
  return {
    layout: layoutOf(frame, title, status === 401),
    status: String(status),
    title,
    detail,
    problems: problems.map(({ pointer, detail: says }) => ({
      where: pointer === '' ? 'the whole body' : pointer,
      detail: says,
    })),
    requestId,
  };
}

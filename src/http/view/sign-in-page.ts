/** The door: a name, a password, and words when they are wrong. */
import { type Frame, type Layout, layoutOf } from './frame.ts';

export type SignInPage = {
  readonly layout: Layout;
  readonly csrf: string;
  readonly name: string;
  /** Where to go after it; null when nobody was on the way to a page. */
  readonly next: string | null;
  readonly error: string | null;
};

/** `name` is what was typed before a refusal, so that it need not be typed again; `next` a path of ours. */
export function signInPage(input: {
  frame: Frame;
  name?: string | undefined;
  next?: string | null | undefined;
  error?: string | null | undefined;
}): SignInPage {
  const { frame, name = '', next = null, error = null } = input;
  return {
    layout: layoutOf(frame, error === null ? 'Sign in' : 'Not signed in', true),
    csrf: frame.csrf ?? '',
    name: name.slice(0, 200),
    next,
    error,
  };
}

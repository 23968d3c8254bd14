/** One request to Assay: bounded in time from the first byte to the last, answered or failed, nothing else. */

export type Reply = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
};

export type Transport = {
  readonly url: string;
  readonly key: string;
  readonly timeoutMs: number;
  readonly fetch: typeof globalThis.fetch;
};

export type Ask = {
  /** Begins with a slash. */
  readonly path: string;
  readonly method: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Ends the request early. */
  readonly closing: AbortSignal;
};

/** @throws Error when there is no complete answer: network trouble, time-out, or `closing`. */
export async function request(transport: Transport, ask: Ask): Promise<Reply> {
  const { closing } = ask;
  if (closing.aborted) throw new Error('closed');
  const controller = new AbortController();
  // Raced, because a fetch that was passed in may ignore its signal.
  return new Promise<Reply>((resolve, reject) => {
    const end = (why: string) => {
      settle(() => reject(new Error(why)));
      controller.abort();
    };
    const onClosing = () => end('closed');
    const timer = setTimeout(
      () => end(`no answer within ${transport.timeoutMs} ms`),
      transport.timeoutMs,
    );
    const settle = (how: () => void) => {
      clearTimeout(timer);
      closing.removeEventListener('abort', onClosing);
      how();
    };
    closing.addEventListener('abort', onClosing);
    exchange(transport, ask, controller.signal).then(
      (reply) => settle(() => resolve(reply)),
      (error: unknown) => settle(() => reject(error)),
    );
  });
}

async function exchange(transport: Transport, ask: Ask, signal: AbortSignal): Promise<Reply> {
  const response = await transport.fetch(`${transport.url}${ask.path}`, {
    method: ask.method,
    headers: { ...ask.headers, authorization: `Bearer ${transport.key}` },
    ...(ask.body === undefined ? {} : { body: ask.body }),
    // A redirected POST becomes a GET, and the events would be gone.
    redirect: 'manual',
    signal,
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** What went wrong, in a line: `fetch failed` hides the useful half in its cause. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  const code =
    typeof cause === 'object' && cause !== null && 'code' in cause && typeof cause.code === 'string'
      ? cause.code
      : undefined;
  if (code !== undefined) return `${error.message}: ${code}`;
  return cause instanceof Error && cause.message !== ''
    ? `${error.message}: ${cause.message}`
    : error.message;
}

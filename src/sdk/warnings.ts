/** The SDK never throws at its caller; what goes wrong is said here, once for each cause. */

export type WarningCode =
  | 'snapshot_unavailable'
  | 'snapshot_unauthorized'
  | 'snapshot_unreadable'
  | 'experiment_unreadable'
  | 'not_ready'
  | 'experiment_unknown'
  | 'assign_failed'
  | 'option_unknown'
  | 'exposure_refused'
  | 'attributes_left_out'
  | 'event_refused'
  | 'events_unavailable'
  | 'events_unauthorized'
  | 'events_refused'
  | 'events_dropped'
  | 'receipt_unreadable'
  | 'queue_full'
  | 'closed';

export type AssayWarning = {
  readonly code: WarningCode;
  readonly message: string;
  /** What was caught, when something was. */
  readonly cause?: unknown;
};

export type Warn = {
  /** Says it unless the same code was said for the same `about` before. Never throws. */
  (warning: AssayWarning, about?: string): void;
  /** The trouble is over: the next one of this code is news again, a minute after the last was said. */
  over(code: WarningCode): void;
};

/** More causes than this are no longer told apart, so that a service with made-up names cannot fill memory. */
const CAUSES_MAX = 1000;

type Said = { readonly about: Set<string>; lastAt: number };

/**
 * @param listen hears each warning [console.warn].
 * @param silenceMs how long trouble that comes and goes is said only once.
 */
export function createWarn(
  listen: ((warning: AssayWarning) => void) | undefined,
  silenceMs = 60_000,
): Warn {
  const said = new Map<WarningCode, Said>();
  const tell = listen ?? toConsole;
  let causes = 0;
  const warn = (warning: AssayWarning, about = ''): void => {
    const known = said.get(warning.code) ?? { about: new Set(), lastAt: 0 };
    if (known.about.has(about) || causes >= CAUSES_MAX) return;
    known.about.add(about);
    known.lastAt = performance.now();
    said.set(warning.code, known);
    causes += 1;
    try {
      tell(warning);
    } catch {
      // A listener that fails is not the caller's problem either.
    }
  };
  return Object.assign(warn, {
    over(code: WarningCode) {
      const known = said.get(code);
      if (known === undefined || performance.now() - known.lastAt < silenceMs) return;
      causes -= known.about.size;
      said.delete(code);
    },
  });
}

function toConsole({ code, message, cause }: AssayWarning): void {
  // biome-ignore lint/suspicious/noConsole: a library nobody listens to has no other voice.
  console.warn(`assay: ${message} (${code})`, ...(cause === undefined ? [] : [cause]));
}

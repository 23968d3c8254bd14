/** A timer that does not keep the process alive, where the platform can do that. */
export type Timer = { cancel(): void };

export function startTimer(delayMs: number, run: () => void): Timer {
  const handle: unknown = setTimeout(run, delayMs);
  if (canUnref(handle)) handle.unref();
  return { cancel: () => clearTimeout(handle as NodeJS.Timeout) };
}

function canUnref(handle: unknown): handle is { unref(): void } {
  return typeof handle === 'object' && handle !== null && 'unref' in handle;
}

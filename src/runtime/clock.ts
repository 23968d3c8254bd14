/** The time of day, handed down so that tests can turn it. */
export interface Clock {
  /** Milliseconds since 1970, UTC. */
  now(): number;
  /** Milliseconds that never go back: for durations only. */
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

/** A clock that stands still until it is turned. */
export function handClock(start: number): Clock & { turnTo(instant: number): void } {
  let current = start;
  return {
    now: () => current,
    monotonic: () => current,
    turnTo(instant) {
      current = instant;
    },
  };
}

/**
 * What every calibration shares: seeded draws, and rows that state their arithmetic. A row is a
 * promise, what was measured in so many runs, and the bound within which chance may move it.
 */
import { createRandom } from '../../src/stats/index.ts';

/** Chance moves a right row beyond its bound once in 1000 times (two-sided normal). */
export const Z = 3.29;

export type Row = {
  readonly name: string;
  /** In words, with its number. */
  readonly promise: string;
  readonly runs: number;
  readonly measured: string;
  /** What would still be chance. */
  readonly bound: string;
  readonly ok: boolean;
};

export type Section = { readonly title: string; readonly text: string; readonly rows: Row[] };

/** How much of the full number of runs is made: 1 for the page, less for the test suite. */
export type Scale = number;

export function runsOf(full: number, scale: Scale): number {
  return Math.max(200, Math.round(full * scale));
}

export type Promised =
  /** The rate is this, up to Monte Carlo error. */
  | { readonly is: number }
  /** The rate is at most (at least) this, up to Monte Carlo error. */
  | { readonly atMost: number }
  | { readonly atLeast: number }
  /** No promise: shown to compare, with the value expected from theory or from elsewhere. */
  | { readonly about: number; readonly within: number };

/**
 * A counted rate against its promise.
 *
 *   error = Z sqrt(p (1 - p) / runs)
 */
export function rate(name: string, hits: number, runs: number, promised: Promised): Row {
  const measured = hits / runs;
  const p =
    'is' in promised
      ? promised.is
      : 'atMost' in promised
        ? promised.atMost
        : 'atLeast' in promised
          ? promised.atLeast
          : promised.about;
  const error = Z * Math.sqrt((p * (1 - p)) / runs);
  const common = { name, runs, measured: percent(measured) };
  if ('is' in promised) {
    return {
      ...common,
      promise: `= ${percent(p)}`,
      bound: `${percent(p - error)} to ${percent(p + error)}`,
      ok: Math.abs(measured - p) <= error,
    };
  }
  if ('atMost' in promised) {
    const bound = p + error;
    return {
      ...common,
      promise: `≤ ${percent(p)}`,
      bound: `≤ ${percent(bound)}`,
      ok: measured <= bound,
    };
  }
  if ('atLeast' in promised) {
    const bound = p - error;
    return {
      ...common,
      promise: `≥ ${percent(p)}`,
      bound: `≥ ${percent(bound)}`,
      ok: measured >= bound,
    };
  }
  const bound = promised.within + error;
  return {
    ...common,
    promise: `about ${percent(p)}`,
    bound: `${percent(Math.max(0, p - bound))} to ${percent(p + bound)}`,
    ok: Math.abs(measured - p) <= bound,
  };
}

/** A number against what it should be, within a stated error. */
export function value(options: {
  readonly name: string;
  readonly promise: string;
  readonly measured: number;
  readonly expected: number;
  readonly error: number;
  readonly runs: number;
  readonly digits?: number;
}): Row {
  const { name, promise, measured, expected, error, runs, digits = 4 } = options;
  return {
    name,
    promise,
    runs,
    measured: measured.toFixed(digits),
    bound: `${(expected - error).toFixed(digits)} to ${(expected + error).toFixed(digits)}`,
    ok: Math.abs(measured - expected) <= error,
  };
}

export function percent(p: number): string {
  const size = Math.abs(p);
  return `${(100 * p).toFixed(size < 0.005 ? 3 : size > 0.2 ? 1 : 2)}%`;
}

/** Draws that are cheap enough for a hundred million of them. */
export type Draws = {
  uniform(): number;
  normal(): number;
  /** 0, 1, 2, ... with this mean; variance mean (1 + mean). */
  geometric(mean: number): number;
  binomial(n: number, p: number): number;
};

export function drawsOf(seed: number): Draws {
  const { uniform } = createRandom(seed);
  let spare: number | undefined;
  const normal = (): number => {
    if (spare !== undefined) {
      const kept = spare;
      spare = undefined;
      return kept;
    }
    for (;;) {
      // Marsaglia's polar method.
      const u = 2 * uniform() - 1;
      const v = 2 * uniform() - 1;
      const square = u * u + v * v;
      if (square >= 1 || square === 0) continue;
      const factor = Math.sqrt((-2 * Math.log(square)) / square);
      spare = v * factor;
      return u * factor;
    }
  };
  return {
    uniform,
    normal,
    geometric: (mean) => Math.floor(Math.log(uniform()) / Math.log(mean / (1 + mean))),
    binomial: (n, p) => {
      if (p > 0.5) {
        let hits = 0;
        for (let i = 0; i < n; i += 1) if (uniform() < p) hits += 1;
        return hits;
      }
      // From one success to the next.
      const logMiss = Math.log1p(-p);
      let hits = 0;
      for (let i = Math.floor(Math.log(uniform()) / logMiss); i < n; hits += 1) {
        i += 1 + Math.floor(Math.log(uniform()) / logMiss);
      }
      return hits;
    },
  };
}

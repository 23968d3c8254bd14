/**
 * The random walk behind group-sequential looks: S = Z sqrt(t) has independent normal increments,
 * and only the paths that did not stop go on. Each look is one integral over where they are, by
 * Gauss-Legendre panels no wider than the step is smooth.
 *
 * @source Armitage, McPherson, Rowe (1969), JRSS A 132, for the recursion.
 */
import { normalUpperQuantile, normalUpperTail } from './distributions.ts';
import { gaussLegendre } from './quadrature.ts';
import { solveLogTail } from './special.ts';

/** Width of a quadrature panel of 12 points, in standard deviations of a step. */
const PANEL = 2.5;
/** A step whose standard deviation is below this share of sqrt(t) is short. */
const SHORT_STEP = 0.02;
/** A spend too small for a boundary below this demands this. */
const CRITICAL_MAX = 30;

/** Where S may be after a look, and how densely; at t = 0 all paths are at 0. */
export type Walk = {
  readonly t: number;
  readonly sides: 1 | 2;
  readonly drift: number;
  readonly low: number;
  readonly high: number;
  /** Standard deviation of the step that led here: the density is smooth on this scale. */
  readonly sd: number;
  readonly density: (s: number) => number;
};

/** One step of the walk: weighted points to start from, and where to. */
export type Step = {
  readonly from: Walk;
  readonly t: number;
  readonly sd: number;
  /** Expected change of S. */
  readonly shift: number;
  /** Increasing. */
  readonly points: readonly number[];
  /** Quadrature weight times density at each point. */
  readonly masses: readonly number[];
};

export function startOf(sides: 1 | 2, drift: number): Walk {
  return { t: 0, sides, drift, low: 0, high: 0, sd: 0, density: () => 0 };
}

/** Prepares the integrals over a step to t: points close enough for the shorter of two steps. */
export function stepTo(from: Walk, t: number): Step {
  const sd = Math.sqrt(t - from.t);
  const common = { from, t, sd, shift: from.drift * (t - from.t) };
  if (from.t === 0) return { ...common, points: [0], masses: [1] };
  const { points, weights } = gaussLegendre(from.low, from.high, PANEL * Math.min(sd, from.sd));
  return {
    ...common,
    points,
    masses: points.map((s, i) => (weights[i] as number) * from.density(s)),
  };
}

/** P(no stop so far, Z_t > criticalValue). */
export function upperCrossing(step: Step, criticalValue: number): number {
  const level = criticalValue * Math.sqrt(step.t) - step.shift;
  return integrate(step, level - window(step), Infinity, (u) =>
    normalUpperTail((level - u) / step.sd),
  );
}

/** P(no stop so far, Z_t < -criticalValue). */
export function lowerCrossing(step: Step, criticalValue: number): number {
  const level = -criticalValue * Math.sqrt(step.t) - step.shift;
  return integrate(step, -Infinity, level + window(step), (u) =>
    normalUpperTail((u - level) / step.sd),
  );
}

/** Sub-density of S at s after the step. */
function density(step: Step, s: number): number {
  const centre = s - step.shift;
  const reach = window(step);
  const { sd } = step;
  const sum = integrate(step, centre - reach, centre + reach, (u) => {
    const x = (centre - u) / sd;
    return Math.exp((-x * x) / 2);
  });
  return (sum * 0.3989422804014327) / sd;
}

/** Farther than this a step does not go: 38 deviations where doubles end, 12 among many points. */
function window({ sd, t }: Step): number {
  return sd * (sd < SHORT_STEP * Math.sqrt(t) ? 12 : 38);
}

/** Sum over the points in [low, high] of mass times kernel. */
function integrate(step: Step, low: number, high: number, kernel: (u: number) => number): number {
  const { points, masses } = step;
  let sum = 0;
  for (let i = firstNotBelow(points, low); i < points.length; i += 1) {
    const u = points[i] as number;
    if (u > high) break;
    sum += (masses[i] as number) * kernel(u);
  }
  return sum;
}

function firstNotBelow(points: readonly number[], low: number): number {
  let from = 0;
  let to = points.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((points[middle] as number) < low) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** The critical value whose crossing has exactly this probability. */
export function solveCritical(step: Step, tail: number): number {
  if (!(tail > 0) || upperCrossing(step, CRITICAL_MAX) >= tail) return CRITICAL_MAX;
  const scale = Math.sqrt(step.t);
  return solveLogTail({
    logTail: (c) => Math.log(upperCrossing(step, c)),
    logSlope: (c) => Math.log(density(step, c * scale) * scale),
    rising: false,
    target: Math.log(tail),
    start: normalUpperQuantile(Math.min(tail, 0.5)),
  });
}

/** The walk after a look that stops beyond the critical value. */
export function advance(step: Step, criticalValue: number): Walk {
  const { from, t, sd } = step;
  const scale = Math.sqrt(t);
  // A short step needs many points; then only the bulk of the paths is followed.
  const reach = sd < SHORT_STEP * scale ? 12 : 25;
  const centre = from.drift * t;
  const bound = criticalValue * scale;
  return {
    t,
    sides: from.sides,
    drift: from.drift,
    low:
      from.sides === 2
        ? -Math.min(bound, Math.max(0, -centre) + reach * scale)
        : Math.min(0, centre, bound) - 12 * scale,
    high: Math.min(bound, Math.max(0, centre) + reach * scale),
    sd,
    density: (s) => density(step, s),
  };
}

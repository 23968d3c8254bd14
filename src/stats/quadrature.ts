/** Integrals by Gauss-Legendre panels: fixed ones, and adaptive ones of log-concave functions. */

/** Positive abscissas and weights of the 12-point Gauss-Legendre rule on [-1, 1]. */
const GAUSS_LEGENDRE: readonly (readonly [number, number])[] = [
  [0.1252334085114689, 0.2491470458134028],
  [0.3678314989981802, 0.2334925365383548],
  [0.5873179542866175, 0.2031674267230659],
  [0.7699026741943047, 0.1600783285433462],
  [0.9041172563704749, 0.1069393259953184],
  [0.9815606342467192, 0.0471753363865118],
];
/** Beyond this fall (in logarithms) from its peak, an integrand is nothing. */
const NEGLIGIBLE = 42;
/** Two halves of a panel that agree with the whole to this share of the integral are good. */
const AGREEMENT = 1e-13;
/** Rounding error of a logarithm, of its size. */
const ROUNDING = 1e-15;
const DEPTH_MAX = 12;
const DOUBLINGS_MAX = 200;
const GOLDEN = 0.6180339887498949;

/** Points (increasing) and weights on [low, high], in equal panels of at most this width. */
export function gaussLegendre(
  low: number,
  high: number,
  panelWidth: number,
): { readonly points: number[]; readonly weights: number[] } {
  const points: number[] = [];
  const weights: number[] = [];
  const panels = Math.max(1, Math.ceil((high - low) / panelWidth));
  const half = (high - low) / panels / 2;
  for (let k = 0; k < panels; k += 1) {
    const middle = low + (2 * k + 1) * half;
    for (let i = GAUSS_LEGENDRE.length - 1; i >= 0; i -= 1) {
      const [x, weight] = GAUSS_LEGENDRE[i] as readonly [number, number];
      points.push(middle - half * x);
      weights.push(half * weight);
    }
    for (const [x, weight] of GAUSS_LEGENDRE) {
      points.push(middle + half * x);
      weights.push(half * weight);
    }
  }
  return { points, weights };
}

/**
 * The logarithm of the integral of exp(log(x)) over the real line, of a function with one peak.
 *
 * Finds the peak and where the function has fallen to nothing on both sides, then halves panels
 * until they agree. All relative to the peak, so that an integral that underflows has its digits.
 *
 * @param log    Concave (one peak is enough in practice), falling without end on both sides.
 * @param start  A point to search from.
 * @param scale  A rough width of the peak, > 0.
 * @returns log of the integral; relative error of the integral about 1e-12, or 1e-15 of the
 *          logarithm's size where that is more.
 */
export function logIntegral(log: (x: number) => number, start: number, scale: number): number {
  const peak = findPeak(log, start, scale);
  const top = log(peak);
  const low = peak - fallDistance((distance) => top - log(peak - distance), scale);
  const high = peak + fallDistance((distance) => top - log(peak + distance), scale);
  const f = (x: number): number => Math.exp(log(x) - top);

  const halves = [panel(f, low, peak), panel(f, peak, high)] as const;
  // Values of exp(-1e9) have no more than eight digits to agree in.
  const tolerance = Math.max(AGREEMENT, ROUNDING * Math.abs(top)) * (halves[0] + halves[1]);
  const sum =
    refine(f, low, peak, halves[0], tolerance, DEPTH_MAX) +
    refine(f, peak, high, halves[1], tolerance, DEPTH_MAX);
  return top + Math.log(sum);
}

/** A point near the highest one: steps uphill that double, then a golden section. */
function findPeak(log: (x: number) => number, start: number, scale: number): number {
  let step = log(start + scale) >= log(start - scale) ? scale : -scale;
  let before = start - step;
  let at = start;
  let after = start + step;
  for (let k = 0; k < DOUBLINGS_MAX && log(after) > log(at); k += 1) {
    step *= 2;
    before = at;
    at = after;
    after += step;
  }
  let low = Math.min(before, after);
  let high = Math.max(before, after);
  let left = high - GOLDEN * (high - low);
  let right = low + GOLDEN * (high - low);
  let atLeft = log(left);
  let atRight = log(right);
  while (high - low > 0.01 * scale) {
    if (atLeft < atRight) {
      low = left;
      left = right;
      atLeft = atRight;
      right = low + GOLDEN * (high - low);
      atRight = log(right);
    } else {
      high = right;
      right = left;
      atRight = atLeft;
      left = high - GOLDEN * (high - low);
      atLeft = log(left);
    }
  }
  return (low + high) / 2;
}

/** How far from the peak the fall exceeds NEGLIGIBLE, up to a fifth too far. */
function fallDistance(fall: (distance: number) => number, scale: number): number {
  let far = scale;
  for (let k = 0; k < DOUBLINGS_MAX && fall(far) <= NEGLIGIBLE; k += 1) far *= 2;
  let near = far / 2;
  for (let k = 0; k < DOUBLINGS_MAX && fall(near) > NEGLIGIBLE; k += 1) {
    far = near;
    near /= 2;
  }
  while (far > 1.2 * near) {
    const middle = (near + far) / 2;
    if (fall(middle) > NEGLIGIBLE) far = middle;
    else near = middle;
  }
  return far;
}

function panel(f: (x: number) => number, low: number, high: number): number {
  const middle = (low + high) / 2;
  const half = (high - low) / 2;
  let sum = 0;
  for (const [x, weight] of GAUSS_LEGENDRE) {
    sum += weight * (f(middle - half * x) + f(middle + half * x));
  }
  return half * sum;
}

function refine(
  f: (x: number) => number,
  low: number,
  high: number,
  whole: number,
  tolerance: number,
  depth: number,
): number {
  const middle = (low + high) / 2;
  const left = panel(f, low, middle);
  const right = panel(f, middle, high);
  if (Math.abs(left + right - whole) <= tolerance || depth === 0) return left + right;
  return (
    refine(f, low, middle, left, tolerance, depth - 1) +
    refine(f, middle, high, right, tolerance, depth - 1)
  );
}

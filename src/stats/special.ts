/**
 * Incomplete gamma and beta functions at any size of their parameters, and the small tools around
 * them. All in logarithms, so that a tail that underflows still has its digits, with prefixes
 * written so that nothing cancels (Didonato and Morris 1986, 1992).
 */

/** From this shape on, an expansion in its inverse is exact to a rounding. */
const LARGE_SHAPE = 150;
const HALF_LOG_TWO_PI = 0.9189385332046728;
/** Half the distance from 1 to the next double. */
const EPSILON = 2 ** -53;
const ITERATIONS_MAX = 5_000_000;

/** A probability and its complement, each kept with full relative accuracy, as logarithms. */
export type LogTails = { readonly logLower: number; readonly logUpper: number };

/**
 * How far is log Gamma(z) from Stirling's main term?
 *
 *   correction(z) = log Gamma(z) - [(z - 1/2) log z - z + log(2 pi) / 2]
 *
 * @param z  > 0.
 * @returns The correction; absolute error below 1e-15 for z >= 1.
 * @source Abramowitz and Stegun (1964), 6.1.41; below 10 by the recurrence Gamma(z+1) = z Gamma(z).
 */
export function stirlingCorrection(z: number): number {
  let shift = 0;
  let x = z;
  for (; x < 10; x += 1) shift += (x + 0.5) * Math.log1p(1 / x) - 1;
  const r = 1 / x;
  const r2 = r * r;
  const series =
    r *
    (1 / 12 +
      r2 *
        (-1 / 360 +
          r2 *
            (1 / 1260 +
              r2 *
                (-1 / 1680 +
                  r2 *
                    (1 / 1188 + r2 * (-691 / 360360 + r2 * (1 / 156 - (r2 * 3617) / 122400)))))));
  return shift + series;
}

/**
 * w - log(1 + w) without cancellation near 0.
 *
 * @param w  > -1.
 * @returns A value >= 0, with full relative accuracy.
 */
export function logExcess(w: number): number {
  if (Math.abs(w) > 0.4) return w - Math.log1p(w);
  // log(1 + w) = 2 atanh(r) with r = w / (w + 2), and w - 2 r = w r.
  const r = w / (w + 2);
  const r2 = r * r;
  let power = r * r2;
  let sum = 0;
  for (let k = 3; ; k += 2) {
    const term = power / k;
    sum += term;
    if (Math.abs(term) <= EPSILON * Math.abs(sum)) break;
    power *= r2;
  }
  return w * r - 2 * sum;
}

/**
 * log(x^a e^-x / Gamma(a)): the density of a gamma variate times x.
 *
 * @param a  Shape > 0.
 * @param x  > 0.
 */
export function logGammaPrefix(a: number, x: number): number {
  const w = (x - a) / a;
  const exponent = Math.abs(w) < 0.4 ? -a * logExcess(w) : a * Math.log(x / a) - (x - a);
  return exponent + 0.5 * Math.log(a) - HALF_LOG_TWO_PI - stirlingCorrection(a);
}

/**
 * Both tails of the gamma distribution with shape a and rate 1, at any size of a and x.
 *
 * Left of the mean a series, right of it a continued fraction; about 10 sqrt(a) steps near the
 * mean, a few in the tails. Near the mean of a large shape: uniformGamma.
 *
 * @param a  Shape > 0.
 * @param x  >= 0.
 * @source Abramowitz and Stegun (1964), 6.5.29 (series) and 6.5.31 (fraction).
 */
export function logGammaTails(a: number, x: number): LogTails {
  if (x <= 0) return { logLower: -Infinity, logUpper: 0 };
  const prefix = logGammaPrefix(a, x);
  if (x < a + 1) {
    const logLower = prefix - Math.log(a) + Math.log(gammaSeries(a, x));
    return { logLower, logUpper: Math.log1p(-Math.exp(logLower)) };
  }
  const logUpper = prefix + Math.log(gammaFraction(a, x));
  return { logLower: Math.log1p(-Math.exp(logUpper)), logUpper };
}

/**
 * What the gamma tails near the mean of a large shape are made of, in a fixed number of steps.
 *
 *   smaller tail = exp(-exponent) (erfcx(sqrt(exponent)) / 2 + correction),
 *   exponent = a (w - log(1 + w)) with w = (x - a) / a,
 *   correction = +- sum c_k(eta) a^-k / sqrt(2 pi a),  eta = +- sqrt(2 exponent / a)
 *
 * @returns undefined where the shape is not large, or x not near it.
 * @source Temme (1979), SIAM Journal on Mathematical Analysis 10; DLMF 8.12.7, coefficients by
 *         8.12.12 and 8.12.13.
 */
export function uniformGamma(
  a: number,
  x: number,
): { readonly exponent: number; readonly correction: number } | undefined {
  if (!(a >= LARGE_SHAPE && Math.abs(x - a) < 0.4 * a)) return undefined;
  const half = logExcess((x - a) / a);
  const size = Math.sqrt(2 * half);
  const eta = x < a ? -size : size;
  let sum = 0;
  for (let k = TEMME.length - 1; k >= 0; k -= 1) {
    const coefficients = TEMME[k] as readonly number[];
    let value = 0;
    for (let n = coefficients.length - 1; n >= 0; n -= 1) {
      value = value * eta + (coefficients[n] as number);
    }
    sum = sum / a + value;
  }
  const correction = sum / Math.sqrt(2 * Math.PI * a);
  return { exponent: a * half, correction: x < a ? -correction : correction };
}

/** Stirling's coefficients of Gamma itself. */
const STIRLING = [1, 1 / 12, 1 / 288, -139 / 51840, -571 / 2488320, 163879 / 209018880];
/** How many terms each c_k(eta) needs for |eta| < 0.48 and a >= LARGE_SHAPE. */
const TEMME_TERMS = [20, 14, 11, 8, 5, 2];
const TEMME = temmeCoefficients();

/** d_kn of c_k(eta) = sum d_kn eta^n. */
function temmeCoefficients(): number[][] {
  const most = 40;
  const alpha = [0, 1, 1 / 3];
  for (let n = 3; n <= most + 2; n += 1) {
    let sum = alpha[n - 1] as number;
    for (let j = 2; j < n; j += 1) sum -= j * (alpha[j] as number) * (alpha[n - j + 1] as number);
    alpha.push(sum / (n + 1));
  }
  const first = Array.from({ length: most }, (_, n) =>
    n === 0 ? -1 / 3 : (n + 2) * (alpha[n + 2] as number),
  );
  const rows = [first];
  for (let k = 1; k < TEMME_TERMS.length; k += 1) {
    const before = rows[k - 1] as number[];
    const sign = (k % 2 === 0 ? 1 : -1) * (STIRLING[k] as number);
    rows.push(before.slice(2).map((value, n) => sign * (first[n] as number) + (n + 2) * value));
  }
  return rows.map((row, k) => row.slice(0, TEMME_TERMS[k]));
}

/** 1 + x/(a+1) + x^2/((a+1)(a+2)) + ... */
function gammaSeries(a: number, x: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; k < ITERATIONS_MAX; k += 1) {
    term *= x / (a + k);
    sum += term;
    if (term < EPSILON * sum && x < a + k) return sum;
  }
  throw new RangeError(`shape = ${a}: the series did not converge at x = ${x}`);
}

/** 1/(x+1-a - 1(1-a)/(x+3-a - 2(2-a)/(x+5-a - ...))), by Lentz's method. */
function gammaFraction(a: number, x: number): number {
  const tiny = 1e-300;
  let b = x + 1 - a;
  let c = 1 / tiny;
  let d = 1 / (b === 0 ? tiny : b);
  let h = d;
  for (let k = 1; k < ITERATIONS_MAX; k += 1) {
    const numerator = -k * (k - a);
    b += 2;
    d = numerator * d + b;
    d = 1 / (d === 0 ? tiny : d);
    c = b + numerator / c;
    if (c === 0) c = tiny;
    const factor = c * d;
    h *= factor;
    if (Math.abs(factor - 1) <= EPSILON * 2) return h;
  }
  throw new RangeError(`shape = ${a}: the fraction did not converge at x = ${x}`);
}

/**
 * log(x^a y^b / B(a, b)): the density of a beta variate times x y, with y = 1 - x.
 *
 * @param a  > 0.
 * @param b  > 0.
 * @param x  In (0, 1).
 * @param y  1 - x, given apart so that neither loses digits.
 */
export function logBetaPrefix(a: number, b: number, x: number, y: number): number {
  const lambda = betaOffset(a, b, x, y);
  const wa = -lambda / a;
  const wb = lambda / b;
  const near = Math.abs(wa) < 0.4 && Math.abs(wb) < 0.4;
  const exponent = near
    ? -a * logExcess(wa) - b * logExcess(wb)
    : a * logRatio(wa, x, (a + b) / a) + b * logRatio(wb, y, (a + b) / b);
  const correction = stirlingCorrection(a) + stirlingCorrection(b) - stirlingCorrection(a + b);
  // log(a b / (a + b)) / 2, without overflow.
  const scale = 0.5 * (Math.log(Math.min(a, b)) - Math.log1p(Math.min(a, b) / Math.max(a, b)));
  return exponent + scale - HALF_LOG_TWO_PI - correction;
}

/** log(1 + w) where 1 + w = x * factor: whichever of the two forms keeps the digits. */
function logRatio(w: number, x: number, factor: number): number {
  return Math.abs(w) < 0.5 ? Math.log1p(w) : Math.log(x) + Math.log(factor);
}

/** a - (a + b) x, the distance from the mean, with the product's rounding error recovered. */
function betaOffset(a: number, b: number, x: number, y: number): number {
  const sum = a + b;
  const sumLost = Math.abs(a) >= Math.abs(b) ? a - sum + b : b - sum + a;
  if (x <= y) {
    const product = sum * x;
    return a - product - productError(sum, x, product) - sumLost * x;
  }
  const product = sum * y;
  return product - b + productError(sum, y, product) + sumLost * y;
}

/** x * y - product, exactly (Dekker 1971). */
function productError(x: number, y: number, product: number): number {
  const splitter = 134217729;
  const xHigh = splitter * x - (splitter * x - x);
  const yHigh = splitter * y - (splitter * y - y);
  const xLow = x - xHigh;
  const yLow = y - yHigh;
  return xLow * yLow - (product - xHigh * yHigh - xLow * yHigh - xHigh * yLow);
}

/**
 * Both tails of the beta distribution, at any size of a and b.
 *
 * A continued fraction on the side of the mean where it converges; about sqrt(max(a, b)) steps
 * near the mean, a few in the tails.
 *
 * @param a  > 0.
 * @param b  > 0.
 * @param x  In [0, 1].
 * @param y  1 - x, given apart so that neither loses digits.
 * @source Didonato and Morris (1992), Algorithm 708, ACM TOMS 18 (BFRAC).
 */
export function logBetaTails(a: number, b: number, x: number, y: number): LogTails {
  if (x <= 0) return { logLower: -Infinity, logUpper: 0 };
  if (y <= 0) return { logLower: 0, logUpper: -Infinity };
  const lambda = betaOffset(a, b, x, y);
  const prefix = logBetaPrefix(a, b, x, y);
  if (lambda >= 0) {
    const logLower = prefix + Math.log(betaFraction(a, b, x, y, lambda));
    return { logLower, logUpper: Math.log1p(-Math.exp(logLower)) };
  }
  const { logLower, logUpper } = logBetaTails(b, a, y, x);
  return { logLower: logUpper, logUpper: logLower };
}

/** The fraction that turns the prefix into the lower tail; lambda = a - (a + b) x. */
function betaFraction(a: number, b: number, x: number, y: number, lambda: number): number {
  const c = 1 + lambda;
  const c0 = b / a;
  const c1 = 1 + 1 / a;
  let p = 1;
  let s = a + 1;
  let an = 0;
  let bn = 1;
  let anNext = 1;
  let bnNext = c / c1;
  let r = c1 / c;
  for (let n = 1; n < ITERATIONS_MAX; n += 1) {
    let t = n / a;
    const w = n * (b - n) * x;
    let e = a / s;
    const alpha = p * (p + c0) * e * e * (w * x);
    e = (1 + t) / (c1 + t + t);
    const beta = n + w / s + e * (c + n * (1 + y));
    p = 1 + t;
    s += 2;
    t = alpha * an + beta * anNext;
    an = anNext;
    anNext = t;
    t = alpha * bn + beta * bnNext;
    bn = bnNext;
    bnNext = t;
    const before = r;
    r = anNext / bnNext;
    if (Math.abs(r - before) <= 2 * EPSILON * Math.abs(r)) return r;
    an /= bnNext;
    bn /= bnNext;
    anNext = r;
    bnNext = 1;
  }
  throw new RangeError(`a = ${a}, b = ${b}: the fraction did not converge at x = ${x}`);
}

/**
 * Where does an increasing log-probability reach a target? Newton's method inside a bracket.
 *
 * @param logTail  Increasing when `rising`, else decreasing, in theta.
 * @param logSlope Logarithm of the absolute derivative of the probability (not of its log).
 * @returns theta with logTail(theta) = target.
 */
export function solveLogTail(options: {
  readonly logTail: (theta: number) => number;
  readonly logSlope: (theta: number) => number;
  readonly rising: boolean;
  readonly target: number;
  readonly start: number;
}): number {
  const { logTail, logSlope, rising, target } = options;
  const sign = rising ? 1 : -1;
  const excess = (theta: number): number => sign * (logTail(theta) - target);
  let low = options.start;
  let high = options.start;
  for (let step = 1; excess(low) > 0 && step < 1e5; step *= 2) low -= step;
  for (let step = 1; excess(high) < 0 && step < 1e5; step *= 2) high += step;
  let theta = Math.min(Math.max(options.start, low), high);
  for (let k = 0; k < 200; k += 1) {
    const value = excess(theta);
    if (value === 0) return theta;
    if (value < 0) low = theta;
    else high = theta;
    const newton = theta - value * Math.exp(target + sign * value - logSlope(theta));
    const next = newton > low && newton < high ? newton : (low + high) / 2;
    if (Math.abs(next - theta) <= 4e-16 * Math.max(1e-3, Math.abs(next))) return next;
    theta = next;
  }
  return theta;
}

/**
 * Where does a continuous function fall to zero inside a bracket?
 *
 * @param f          Falls from f(low) > 0 to f(high) <= 0.
 * @param low        Start of the bracket.
 * @param high       End of the bracket.
 * @param tolerance  Width of the last bracket, > 0.
 * @returns The end of the last bracket where f <= 0.
 * @source Chandrupatla (1997), Advances in Engineering Software 28.
 */
export function findFall(
  f: (x: number) => number,
  low: number,
  high: number,
  tolerance: number,
): number {
  let a = high;
  let b = low;
  let fa = f(high);
  let fb = f(low);
  let c = a;
  let fc = fa;
  let share = 0.5;
  for (let step = 0; step < 200; step += 1) {
    const least = tolerance / Math.abs(b - a);
    if (least >= 1 || fa === 0) break;
    const x = a + Math.min(Math.max(share, least / 2), 1 - least / 2) * (b - a);
    const fx = f(x);
    if (fx > 0 === fa > 0) {
      c = a;
      fc = fa;
    } else {
      c = b;
      fc = fb;
      b = a;
      fb = fa;
    }
    a = x;
    fa = fx;
    const xi = (a - b) / (c - b);
    const phi = (fa - fb) / (fc - fb);
    const smooth = phi * phi < xi && (1 - phi) * (1 - phi) < 1 - xi;
    share = smooth
      ? (fa / (fb - fa)) * (fc / (fb - fc)) +
        ((c - a) / (b - a)) * (fa / (fc - fa)) * (fb / (fc - fb))
      : 0.5;
  }
  return fa <= 0 ? a : b;
}

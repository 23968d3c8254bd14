/**
 * The one door to distribution functions. Everything printed as a p-value or an interval passes
 * here. @stdlib is used where it was measured to be accurate (1e-10 relative, body and tails): the
 * error functions, log gamma, Student's t. Its incomplete gamma is off by 0.1% at integer and half
 * shapes from 324.5 on and by percents from 500 on, its incomplete beta by 7e-10 at half integers
 * and by percents at 1e9: those two are our own, in special.ts. An upper tail is never 1 - cdf.
 */
import erfc from '@stdlib/math-base-special-erfc';
import erfcinv from '@stdlib/math-base-special-erfcinv';
import erfcx from '@stdlib/math-base-special-erfcx';
import gammaln from '@stdlib/math-base-special-gammaln';
import studentT from '@stdlib/stats-base-dists-t';
import { requireBetween, requireFinite, requirePositive, requireProbability } from './checks.ts';
import { logIntegral } from './quadrature.ts';
import {
  type LogTails,
  logBetaPrefix,
  logBetaTails,
  logExcess,
  logGammaPrefix,
  logGammaTails,
  solveLogTail,
  stirlingCorrection,
  uniformGamma,
} from './special.ts';

/** Under this a double is, or may soon be, subnormal: the logarithm carries the digits. */
const TINY = 1e-290;

// --- normal ---------------------------------------------------------------------------------

/**
 * How likely is a standard normal variate at most x?
 *
 *   Phi(x) = erfc(-x / sqrt 2) / 2
 *
 * @param x  Finite.
 * @returns A probability; relative error below 1e-12 down to x = -37.
 * @throws RangeError when x is not finite.
 * @source Abramowitz and Stegun (1964), 26.2. Checked in test/golden/vectors/distributions.json.
 */
export function normalCdf(x: number): number {
  requireFinite('x', x);
  return erfc(-x / Math.SQRT2) / 2;
}

/**
 * How likely is a standard normal variate above x?
 *
 *   1 - Phi(x) = erfc(x / sqrt 2) / 2
 *
 * @param x  Finite.
 * @returns A probability; relative error below 1e-12 up to x = 37; 0 only where doubles end.
 * @throws RangeError when x is not finite.
 * @source As normalCdf.
 */
export function normalUpperTail(x: number): number {
  return normalCdf(-x);
}

/**
 * What is the logarithm of the normal upper tail, also where the tail itself underflows?
 *
 *   log(1 - Phi(x)) = log(erfcx(x / sqrt 2) / 2) - x^2 / 2
 *
 * @param x  |x| <= 1e150.
 * @returns A natural logarithm <= 0.
 * @throws RangeError when x is out of range.
 * @source As normalCdf.
 */
export function logNormalUpperTail(x: number): number {
  if (!(Math.abs(x) <= 1e150)) throw new RangeError(`x = ${x}: must be at most 1e150 in size`);
  if (x < -1) return Math.log1p(-normalUpperTail(-x));
  if (x < 5) return Math.log(normalUpperTail(x));
  return Math.log(erfcx(x / Math.SQRT2) / 2) - (x * x) / 2;
}

/**
 * Which x has a standard normal variate at most x with probability p?
 *
 * @param p  In (0, 1). For upper tails use normalUpperQuantile(p), not normalQuantile(1 - p).
 * @returns x with Phi(x) = p.
 * @throws RangeError when p is out of range.
 * @source As normalCdf.
 */
export function normalQuantile(p: number): number {
  return -normalUpperQuantile(p);
}

/**
 * Which x does a standard normal variate exceed with probability p?
 *
 *   x = sqrt 2 * erfcinv(2 p)
 *
 * @param p  In (0, 1), as small as 1e-300.
 * @returns x with 1 - Phi(x) = p.
 * @throws RangeError when p is out of range.
 * @source As normalCdf.
 */
export function normalUpperQuantile(p: number): number {
  requireProbability('p', p);
  return p === 0.5 ? 0 : Math.SQRT2 * erfcinv(2 * p);
}

// --- Student's t ----------------------------------------------------------------------------

/**
 * How likely is a t variate above x?
 *
 *   I_u(df / 2, 1 / 2) / 2  with u = df / (df + x^2), for x >= 0
 *
 * @param x   Finite.
 * @param df  Degrees of freedom > 0, any real number.
 * @returns A probability; relative error below 1e-12 for x up to 37, at any df.
 * @throws RangeError when an argument is out of range.
 * @source Abramowitz and Stegun (1964), 26.7.1. Checked in test/golden/vectors/distributions.json.
 */
export function tUpperTail(x: number, df: number): number {
  requireFinite('x', x);
  requirePositive('df', df);
  if (x < 0) return 1 - tUpperTail(-x, df);
  const library = x > 0.1 && df <= 1e9 ? studentT.cdf(-x, df) : 0;
  return library > TINY ? library : Math.exp(logTUpperTail(x, df));
}

/**
 * What is the logarithm of the t upper tail, also where the tail itself underflows?
 *
 * @param x   Finite.
 * @param df  Degrees of freedom > 0.
 * @returns A natural logarithm <= 0.
 * @throws RangeError when an argument is out of range.
 * @source As tUpperTail.
 */
export function logTUpperTail(x: number, df: number): number {
  requireFinite('x', x);
  requirePositive('df', df);
  if (x < 0) return Math.log1p(-tUpperTail(-x, df));
  if (x === 0) return -Math.LN2;
  const ratio = x / Math.sqrt(df);
  if (ratio > 1e100) {
    // u = df / x^2 would underflow; there I_u(a, 1/2) is u^a / (a B(a, 1/2)) to all digits.
    const logU = Math.log(df) - 2 * Math.log(x);
    const a = df / 2;
    return a * logU - Math.log(a) - logBeta(a, 0.5) - Math.LN2;
  }
  const square = ratio * ratio;
  const { logLower } = logBetaTails(df / 2, 0.5, 1 / (1 + square), square / (1 + square));
  return logLower - Math.LN2;
}

/**
 * Which x does a t variate exceed with probability p?
 *
 * @param p   In (0, 1), as small as 1e-300.
 * @param df  Degrees of freedom > 0.
 * @returns x with upper tail p.
 * @throws RangeError when an argument is out of range, or the quantile exceeds the doubles.
 * @source As tUpperTail.
 */
export function tUpperQuantile(p: number, df: number): number {
  requireProbability('p', p);
  requirePositive('df', df);
  if (p > 0.5) return -tUpperQuantile(1 - p, df);
  if (p === 0.5) return 0;
  if (df > 1e9) return nearlyNormalQuantile(p, df);
  // The library gives up on far quantiles (-Infinity at p = 1e-182 and one degree of freedom).
  const library = -studentT.quantile(p, df);
  const isSound = library > 0 && library < 1e100;
  if (df >= 0.1 && isSound) return library;
  const size = (t: number): number => Math.min(Math.exp(t), Number.MAX_VALUE);
  if (logTUpperTail(Number.MAX_VALUE, df) > Math.log(p)) {
    throw new RangeError(`p = ${p}: the quantile at df = ${df} exceeds the doubles`);
  }
  const theta = solveLogTail({
    logTail: (t) => logTUpperTail(size(t), df),
    logSlope: (t) => t + logTDensity(size(t), df),
    rising: false,
    target: Math.log(p),
    start: Math.log(isSound ? library : normalUpperQuantile(p)),
  });
  return size(theta);
}

/** Cornish and Fisher's expansion: at df > 1e9 its third term is below 1e-17. */
function nearlyNormalQuantile(p: number, df: number): number {
  const z = normalUpperQuantile(p);
  const square = z * z;
  const first = (square + 1) / (4 * df);
  const second = ((5 * square + 16) * square + 3) / (96 * df * df);
  return z * (1 + first + second);
}

function logTDensity(x: number, df: number): number {
  const ratio = x / Math.sqrt(df);
  const logOnePlusSquare =
    ratio > 1e100 ? 2 * Math.log(x) - Math.log(df) : Math.log1p(ratio * ratio);
  return -logBeta(df / 2, 0.5) - 0.5 * Math.log(df) - ((df + 1) / 2) * logOnePlusSquare;
}

/**
 * How likely is a noncentral t variate above x: the power of a t test?
 *
 * The variate is (Z + noncentrality) / sqrt(V / df), with Z standard normal and V chi-square.
 *
 *   P(T > x) = E[Phi(noncentrality - x sqrt(V / df))], over log V, where it is log-concave
 *
 * @param x              Finite, at most 1e8 in size.
 * @param df             Degrees of freedom in [0.1, 1e13].
 * @param noncentrality  Finite, at most 1e8 in size.
 * @returns A probability; relative error below 1e-11 for x >= 0, else absolute.
 * @throws RangeError when an argument is out of range.
 * @source Johnson, Kotz, Balakrishnan (1995), Continuous Univariate Distributions 2, ch. 31.
 *         Checked against mpmath in test/golden/vectors/noncentral_t.json.
 */
export function noncentralTUpperTail(x: number, df: number, noncentrality: number): number {
  requireBetween('x', x, -1e8, 1e8);
  requireBetween('df', df, 0.1, 1e13);
  requireBetween('noncentrality', noncentrality, -1e8, 1e8);
  if (x === 0) return normalUpperTail(-noncentrality);
  if (x < 0) return 1 - noncentralTUpperTail(-x, df, -noncentrality);
  const shape = df / 2;
  const log = logIntegral(
    (theta) => {
      const size = x * Math.exp(theta / 2);
      if (!(size < 1e150)) return -Infinity;
      return (
        logGammaPrefix(shape, shape * Math.exp(theta)) + logNormalUpperTail(size - noncentrality)
      );
    },
    0,
    Math.min(1, 1 / Math.sqrt(shape)),
  );
  return Math.min(1, Math.exp(log));
}

// --- chi-square and gamma -------------------------------------------------------------------

/**
 * How likely is a chi-square variate at most x?
 *
 * @param x   >= 0.
 * @param df  Degrees of freedom > 0.
 * @returns A probability.
 * @throws RangeError when an argument is out of range.
 * @source Abramowitz and Stegun (1964), 26.4.19.
 */
export function chiSquareCdf(x: number, df: number): number {
  return gammaCdf(x / 2, df / 2);
}

/**
 * How likely is a chi-square variate above x?
 *
 * @param x   >= 0.
 * @param df  Degrees of freedom > 0.
 * @returns A probability, with full relative accuracy in the tail.
 * @throws RangeError when an argument is out of range.
 * @source As chiSquareCdf.
 */
export function chiSquareUpperTail(x: number, df: number): number {
  return gammaUpperTail(x / 2, df / 2);
}

/**
 * What is the logarithm of the chi-square upper tail, also where the tail underflows?
 *
 * @param x   >= 0.
 * @param df  Degrees of freedom > 0.
 * @returns A natural logarithm <= 0.
 * @throws RangeError when an argument is out of range.
 * @source As chiSquareCdf.
 */
export function logChiSquareUpperTail(x: number, df: number): number {
  return gammaLogTails(x / 2, df / 2).logUpper;
}

/** @returns x with chi-square lower tail p (in (0, 1)) at df > 0 degrees of freedom. */
export function chiSquareQuantile(p: number, df: number): number {
  return 2 * gammaQuantile(p, df / 2);
}

/** @returns x with chi-square upper tail p (in (0, 1)) at df > 0 degrees of freedom. */
export function chiSquareUpperQuantile(p: number, df: number): number {
  return 2 * gammaUpperQuantile(p, df / 2);
}

/**
 * How likely is a gamma variate (rate 1) at most x?
 *
 * @param x      >= 0.
 * @param shape  > 0.
 * @returns A probability.
 * @throws RangeError when an argument is out of range.
 * @source Abramowitz and Stegun (1964), 6.5. Checked in test/golden/vectors/distributions.json.
 */
export function gammaCdf(x: number, shape: number): number {
  return Math.exp(gammaLogTails(x, shape).logLower);
}

/**
 * How likely is a gamma variate (rate 1) above x?
 *
 * @param x      >= 0.
 * @param shape  > 0.
 * @returns A probability, with full relative accuracy in the tail.
 * @throws RangeError when an argument is out of range.
 * @source As gammaCdf.
 */
export function gammaUpperTail(x: number, shape: number): number {
  return Math.exp(gammaLogTails(x, shape).logUpper);
}

/**
 * What are the logarithms of both gamma tails (rate 1), also where a tail underflows?
 *
 * @param x      >= 0.
 * @param shape  > 0.
 * @returns Natural logarithms of the lower and the upper tail.
 * @throws RangeError when an argument is out of range.
 * @source As gammaCdf.
 */
export function gammaLogTails(x: number, shape: number): LogTails {
  if (!(x >= 0 && x < Infinity)) throw new RangeError(`x = ${x}: must be finite and >= 0`);
  requirePositive('shape', shape);
  return bothGammaTails(shape, x);
}

function bothGammaTails(shape: number, x: number): LogTails {
  const near = uniformGamma(shape, x);
  if (near === undefined) return logGammaTails(shape, x);
  const { exponent, correction } = near;
  const logSmaller = Math.log(erfcx(Math.sqrt(exponent)) / 2 + correction) - exponent;
  const logLarger = Math.log1p(-Math.exp(logSmaller));
  return x < shape
    ? { logLower: logSmaller, logUpper: logLarger }
    : { logLower: logLarger, logUpper: logSmaller };
}

/** @returns x with gamma (rate 1) lower tail p (in (0, 1)) at shape > 0. */
export function gammaQuantile(p: number, shape: number): number {
  return invertGamma(p, shape, false);
}

/** @returns x with gamma (rate 1) upper tail p (in (0, 1)) at shape > 0. */
export function gammaUpperQuantile(p: number, shape: number): number {
  return invertGamma(p, shape, true);
}

function invertGamma(p: number, shape: number, upper: boolean): number {
  requireProbability('p', p);
  requirePositive('shape', shape);
  // Work on the smaller tail: the other one has lost its digits.
  const onUpper = p <= 0.5 ? upper : !upper;
  const rest = Math.min(p, 1 - p);
  const target = Math.log(rest);
  const tail = (theta: number): number => {
    const tails = bothGammaTails(shape, Math.exp(theta));
    return onUpper ? tails.logUpper : tails.logLower;
  };
  const logSlope = (theta: number): number => logGammaPrefix(shape, Math.exp(theta));
  const start = gammaStart(rest, shape, onUpper);
  // There the first term of the series is all of it, and the quantile may underflow.
  if (start < -40) return Math.exp(start);
  // From so near, Newton's method needs two or three steps; elsewhere it gets a bracket.
  let theta = start;
  for (let k = 0; k < 5; k += 1) {
    const log = tail(theta);
    const step = (log - target) * Math.exp(log - logSlope(theta));
    theta += onUpper ? step : -step;
    // The next step would be the square of this one.
    if (Math.abs(step) < 1e-8) return Math.exp(theta);
    if (!(Math.abs(step) < 1)) break;
  }
  const settled = solveLogTail({ logTail: tail, logSlope, rising: !onUpper, target, start });
  return Math.exp(settled);
}

/** log of roughly the quantile: Wilson and Hilferty's cube, or the first term of the series. */
function gammaStart(p: number, shape: number, upper: boolean): number {
  const z = normalUpperQuantile(p);
  const cube = 1 - 1 / (9 * shape) + ((upper ? 1 : -1) * z) / (3 * Math.sqrt(shape));
  const byCube = shape * cube * cube * cube;
  if (upper || byCube > 0.2 * (shape + 1)) return Math.log(Math.max(byCube, 1e-3 * shape));
  return Math.min(Math.log(shape), (Math.log(p) + gammaln(shape + 1)) / shape);
}

// --- beta and F -----------------------------------------------------------------------------

/**
 * How likely is a beta variate at most x: the regularized incomplete beta function I_x(a, b)?
 *
 * @param x  In [0, 1].
 * @param a  > 0.
 * @param b  > 0.
 * @returns A probability; relative error below 1e-10 for a + b up to 1e9.
 * @throws RangeError when an argument is out of range.
 * @source Didonato and Morris (1992), ACM TOMS 18. Checked in test/golden/vectors/.
 */
export function betaCdf(x: number, a: number, b: number): number {
  return Math.exp(betaLogTails(x, a, b).logLower);
}

/**
 * How likely is a beta variate above x?
 *
 * @param x  In [0, 1].
 * @param a  > 0.
 * @param b  > 0.
 * @returns A probability, with full relative accuracy in the tail.
 * @throws RangeError when an argument is out of range.
 * @source As betaCdf.
 */
export function betaUpperTail(x: number, a: number, b: number): number {
  return Math.exp(betaLogTails(x, a, b).logUpper);
}

/**
 * What are the logarithms of both beta tails, also where a tail underflows?
 *
 * @param x  In [0, 1].
 * @param a  > 0.
 * @param b  > 0.
 * @returns Natural logarithms of the lower and the upper tail.
 * @throws RangeError when an argument is out of range.
 * @source As betaCdf.
 */
export function betaLogTails(x: number, a: number, b: number): LogTails {
  if (!(x >= 0 && x <= 1)) throw new RangeError(`x = ${x}: must be in [0, 1]`);
  requirePositive('a', a);
  requirePositive('b', b);
  return logBetaTails(a, b, x, 1 - x);
}

/** @returns x with beta lower tail p (in (0, 1)) at a, b > 0. */
export function betaQuantile(p: number, a: number, b: number): number {
  return 1 / (1 + Math.exp(-betaLogit(p, a, b)));
}

/** @returns x with beta upper tail p (in (0, 1)) at a, b > 0. */
export function betaUpperQuantile(p: number, a: number, b: number): number {
  return 1 / (1 + Math.exp(betaLogit(p, b, a)));
}

/** log(x / (1 - x)) of the beta quantile: keeps the digits at both ends. */
function betaLogit(p: number, a: number, b: number): number {
  requireProbability('p', p);
  requirePositive('a', a);
  requirePositive('b', b);
  const onUpper = p > 0.5;
  const x = (theta: number): number => 1 / (1 + Math.exp(-theta));
  return solveLogTail({
    logTail: (theta) => {
      const tails = logBetaTails(a, b, x(theta), x(-theta));
      return onUpper ? tails.logUpper : tails.logLower;
    },
    logSlope: (theta) => logBetaPrefix(a, b, x(theta), x(-theta)),
    rising: !onUpper,
    target: Math.log(Math.min(p, 1 - p)),
    start: Math.log(a / b),
  });
}

/**
 * How likely is an F variate at most x?
 *
 * @param x    >= 0.
 * @param df1  Numerator degrees of freedom > 0.
 * @param df2  Denominator degrees of freedom > 0.
 * @returns A probability.
 * @throws RangeError when an argument is out of range.
 * @source Abramowitz and Stegun (1964), 26.6.2.
 */
export function fCdf(x: number, df1: number, df2: number): number {
  return Math.exp(fLogTails(x, df1, df2).logLower);
}

/**
 * How likely is an F variate above x?
 *
 * @param x    >= 0.
 * @param df1  Numerator degrees of freedom > 0.
 * @param df2  Denominator degrees of freedom > 0.
 * @returns A probability, with full relative accuracy in the tail.
 * @throws RangeError when an argument is out of range.
 * @source As fCdf.
 */
export function fUpperTail(x: number, df1: number, df2: number): number {
  return Math.exp(fLogTails(x, df1, df2).logUpper);
}

/**
 * What are the logarithms of both F tails, also where a tail underflows?
 *
 * @param x    >= 0.
 * @param df1  Numerator degrees of freedom > 0.
 * @param df2  Denominator degrees of freedom > 0.
 * @returns Natural logarithms of the lower and the upper tail.
 * @throws RangeError when an argument is out of range.
 * @source As fCdf.
 */
export function fLogTails(x: number, df1: number, df2: number): LogTails {
  if (!(x >= 0 && x < Infinity)) throw new RangeError(`x = ${x}: must be finite and >= 0`);
  requirePositive('df1', df1);
  requirePositive('df2', df2);
  const odds = (df1 / df2) * x;
  return logBetaTails(df1 / 2, df2 / 2, odds / (1 + odds), 1 / (1 + odds));
}

/** @returns x with F lower tail p (in (0, 1)) at df1, df2 > 0 degrees of freedom. */
export function fQuantile(p: number, df1: number, df2: number): number {
  return (df2 / df1) * Math.exp(betaLogit(p, df1 / 2, df2 / 2));
}

// --- log gamma ------------------------------------------------------------------------------

/**
 * What is the logarithm of the gamma function?
 *
 * @param z  > 0, finite.
 * @returns log Gamma(z).
 * @throws RangeError when z is out of range.
 * @source FreeBSD's lgamma, by @stdlib/math-base-special-gammaln.
 */
export function logGamma(z: number): number {
  requirePositive('z', z);
  return gammaln(z);
}

/**
 * How much does log Gamma grow from z to z + step?
 *
 * The two values agree to many digits when z is large (1e9 and more), so their difference is
 * formed term by term from Stirling's expansion, where nothing cancels.
 *
 *   log Gamma(z + step) - log Gamma(z)
 *
 * @param z     > 0, finite.
 * @param step  >= 0, finite.
 * @returns The difference; its error is about 1e-15 of max(1, |difference|).
 * @throws RangeError when an argument is out of range.
 * @source Abramowitz and Stegun (1964), 6.1.40.
 */
export function logGammaDifference(z: number, step: number): number {
  requirePositive('z', z);
  if (!(step >= 0 && step < Infinity)) {
    throw new RangeError(`step = ${step}: must be finite and >= 0`);
  }
  const w = step / z;
  const main =
    w < 0.4
      ? step * Math.log(z + step) - z * logExcess(w) - 0.5 * Math.log1p(w)
      : (z - 0.5) * Math.log1p(w) + step * (Math.log(z + step) - 1);
  return main + (stirlingCorrection(z + step) - stirlingCorrection(z));
}

function logBeta(a: number, b: number): number {
  return logGamma(b) - logGammaDifference(a, b);
}

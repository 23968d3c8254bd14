/**
 * Seeded random draws for simulators and tests. The same seed gives the same draws on every
 * machine. Draws of distributions go through jstat, whose hook is set to this generator for the
 * length of one draw and then given back: two generators never disturb one another, and
 * Math.random is never asked.
 */
import jstatPackage from 'jstat';
import { requireFinite, requirePositive } from './checks.ts';
import { logGamma } from './distributions.ts';

const { jStat } = jstatPackage;

export type Random = {
  /** Uniform in the open interval (0, 1), 52 random bits. */
  uniform(): number;
  /** An integer from `low` to `high`, both included; high - low < 2^32. */
  integer(low: number, high: number): number;
  bernoulli(probability: number): boolean;
  /** One of the items, each equally likely. */
  pick<Item>(items: readonly Item[]): Item;
  normal(mean?: number, sd?: number): number;
  lognormal(mu: number, sigma: number): number;
  exponential(rate: number): number;
  gamma(shape: number, scale?: number): number;
  beta(alpha: number, beta: number): number;
  poisson(rate: number): number;
  /** A generator of its own, for a part of a simulation that must not shift the others. */
  fork(): Random;
};

/**
 * A source of random draws that a seed fully determines.
 *
 * @param seed  A safe integer (negative is fine).
 * @returns A generator with its own state.
 * @throws RangeError when the seed is not a safe integer; draws throw it for parameters out of
 *         range.
 * @source Doty-Humphrey, PractRand (sfc32: 128 bits of state, period at least 2^32 whatever the
 *         seed, 15 rounds of warm-up); jstat 1.9.6 for the distributions.
 */
export function createRandom(seed: number): Random {
  if (!Number.isSafeInteger(seed)) {
    throw new RangeError(`seed = ${seed}: must be a safe integer`);
  }
  const next = sfc32(seed);
  const uniform = (): number => {
    const high = next() >>> 6;
    const low = next() >>> 6;
    return (high * 2 ** 26 + low + 0.5) / 2 ** 52;
  };
  /** jstat keeps its source in one global hook: ours during the draw, the former one after it. */
  const draw = (sample: () => number): number => {
    const former = jStat._random_fn;
    jStat.setRandom(uniform);
    try {
      return sample();
    } finally {
      jStat.setRandom(former);
    }
  };
  const integer = (low: number, high: number): number => {
    const span = high - low + 1;
    if (
      !(Number.isSafeInteger(low) && Number.isSafeInteger(high) && span >= 1 && span <= 2 ** 32)
    ) {
      throw new RangeError(
        `low = ${low}, high = ${high}: must be integers, low <= high < low + 2^32`,
      );
    }
    return low + Math.floor(uniform() * span);
  };

  return {
    uniform,
    integer,
    bernoulli(probability) {
      if (!(probability >= 0 && probability <= 1)) {
        throw new RangeError(`probability = ${probability}: must be in [0, 1]`);
      }
      return uniform() < probability;
    },
    pick(items) {
      if (items.length === 0) throw new RangeError('items: must not be empty');
      return items[integer(0, items.length - 1)] as (typeof items)[number];
    },
    normal(mean = 0, sd = 1) {
      requireFinite('mean', mean);
      requirePositive('sd', sd);
      return draw(() => jStat.normal.sample(mean, sd));
    },
    lognormal(mu, sigma) {
      requireFinite('mu', mu);
      requirePositive('sigma', sigma);
      return draw(() => jStat.lognormal.sample(mu, sigma));
    },
    exponential(rate) {
      requirePositive('rate', rate);
      return draw(() => jStat.exponential.sample(rate));
    },
    gamma(shape, scale = 1) {
      requirePositive('shape', shape);
      requirePositive('scale', scale);
      return draw(() => jStat.gamma.sample(shape, scale));
    },
    beta(alpha, beta) {
      requirePositive('alpha', alpha);
      requirePositive('beta', beta);
      return draw(() => jStat.beta.sample(alpha, beta));
    },
    poisson(rate) {
      if (!(rate > 0 && rate <= 1e9)) throw new RangeError(`rate = ${rate}: must be in (0, 1e9]`);
      return rate < 10 ? draw(() => jStat.poisson.sample(rate)) : poissonLarge(rate, uniform);
    },
    fork: () => createRandom(next() * 2 ** 21 + (next() >>> 11)),
  };
}

/** sfc32: small fast counting generator; returns uniform 32-bit unsigned integers. */
function sfc32(seed: number): () => number {
  const size = Math.abs(seed);
  // Different seeds are different states; the sign sits above the 53 bits of the size.
  let a = 0;
  let b = size | 0;
  let c = Math.floor(size / 2 ** 32) | (seed < 0 ? 1 << 30 : 0);
  let counter = 1;
  const next = (): number => {
    const result = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + result) | 0;
    return result >>> 0;
  };
  for (let k = 0; k < 15; k += 1) next();
  return next;
}

/**
 * A Poisson draw at rates >= 10: transformed rejection with squeeze. (jstat's own does not listen
 * to its hook there: it asks Math.random.)
 *
 * @source Hörmann (1993), Insurance: Mathematics and Economics 12, algorithm PTRS.
 */
function poissonLarge(rate: number, uniform: () => number): number {
  const b = 0.931 + 2.53 * Math.sqrt(rate);
  const a = -0.059 + 0.02483 * b;
  const inverseAlpha = 1.1239 + 1.1328 / (b - 3.4);
  const squeeze = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const u = uniform() - 0.5;
    const v = uniform();
    const edge = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / edge + b) * u + rate + 0.43);
    if (edge >= 0.07 && v <= squeeze) return k;
    if (k < 0 || (edge < 0.013 && v > edge)) continue;
    const accepted = Math.log((v * inverseAlpha) / (a / (edge * edge) + b));
    if (accepted <= k * Math.log(rate) - rate - logGamma(k + 1)) return k;
  }
}

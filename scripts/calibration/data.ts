/** Units as metrics have them: four kinds of outcome, each with a past and a denominator. */
import type { CoMoments } from '../../src/stats/index.ts';
import type { Draws } from './harness.ts';

export type Kind = 'normal' | 'Bernoulli 1%' | 'zero-inflated log-normal' | 'counts';
export const KINDS: readonly Kind[] = [
  'normal',
  'Bernoulli 1%',
  'zero-inflated log-normal',
  'counts',
];

/** Units an arm where one look is taken: enough for the sum to be nearly normal. */
export const UNITS: Record<Kind, number> = {
  normal: 500,
  'Bernoulli 1%': 6000,
  'zero-inflated log-normal': 4000,
  counts: 1000,
};

/** Outcome now and before, drawn for one unit; a treatment multiplies the mean by 1 + lift. */
type Unit = (draws: Draws, lift: number) => { y: number; x: number };

/**
 * Every unit has a level of its own, which makes its past and its present alike.
 *   normal: mean 10, sd 2, correlation 0.6 · Bernoulli: 2% of units at a rate of 40%, the others at
 *   0.2% · log-normal: half of a fifth of all units buy, log sd 1 · counts: geometric of mean 0.5 or 6
 */
const UNIT: Record<Kind, Unit> = {
  normal: (draws, lift) => {
    const level = draws.normal();
    return {
      y: 10 * (1 + lift) + 2 * (Math.sqrt(0.6) * level + Math.sqrt(0.4) * draws.normal()),
      x: Math.sqrt(0.6) * level + Math.sqrt(0.4) * draws.normal(),
    };
  },
  'Bernoulli 1%': (draws, lift) => {
    const fan = draws.uniform() < 0.02;
    return {
      y: draws.uniform() < (fan ? 0.4 : 0.002) * (1 + lift) ? 1 : 0,
      x: draws.geometric(fan ? 5 : 0.5),
    };
  },
  'zero-inflated log-normal': (draws, lift) => {
    const buyer = draws.uniform() < 0.2;
    return {
      y: buyer && draws.uniform() < 0.5 ? (1 + lift) * Math.exp(draws.normal()) : 0,
      x: draws.geometric(buyer ? 6 : 0.5),
    };
  },
  counts: (draws, lift) => {
    const mean = draws.uniform() < 0.5 ? 0.5 : 6;
    return { y: draws.geometric(mean * (1 + lift)), x: mean + draws.normal() };
  },
};

/** Means of the outcome without treatment, for coverage. */
export const MEAN: Record<Kind, number> = {
  normal: 10,
  'Bernoulli 1%': 0.02 * 0.4 + 0.98 * 0.002,
  'zero-inflated log-normal': 0.1 * Math.exp(0.5),
  counts: 3.25,
};

/**
 * Co-moments of one arm: variable 0 the outcome, 1 the past, 2 a numerator (outcome times
 * sessions), 3 the sessions. Sums are formed around 0: the numbers are small.
 */
export function armOf(kind: Kind, n: number, draws: Draws, lift = 0): CoMoments {
  const unit = UNIT[kind];
  const sums = [0, 0, 0, 0];
  const products = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  for (let i = 0; i < n; i += 1) {
    const { y, x } = unit(draws, lift);
    const sessions = draws.uniform() < 0.5 ? 1 : draws.uniform() < 0.5 ? 2 : 4;
    const numerator = y * sessions;
    sums[0] = (sums[0] as number) + y;
    sums[1] = (sums[1] as number) + x;
    sums[2] = (sums[2] as number) + numerator;
    sums[3] = (sums[3] as number) + sessions;
    products[0] = (products[0] as number) + y * y;
    products[1] = (products[1] as number) + y * x;
    products[2] = (products[2] as number) + x * x;
    products[3] = (products[3] as number) + y * numerator;
    products[4] = (products[4] as number) + x * numerator;
    products[5] = (products[5] as number) + numerator * numerator;
    products[6] = (products[6] as number) + y * sessions;
    products[7] = (products[7] as number) + x * sessions;
    products[8] = (products[8] as number) + numerator * sessions;
    products[9] = (products[9] as number) + sessions * sessions;
  }
  const means = sums.map((sum) => sum / n);
  const cross = means.map((_, i) =>
    means.map((__, j) => {
      const [row, column] = i >= j ? [i, j] : [j, i];
      const product = products[(row * (row + 1)) / 2 + column] as number;
      const centred = product - n * (means[row] as number) * (means[column] as number);
      return i === j ? Math.max(0, centred) : centred;
    }),
  );
  return { n, means, cross };
}

/** Outcomes alone, for methods that need the values. */
export function valuesOf(kind: Kind, n: number, draws: Draws, lift = 0): number[] {
  const unit = UNIT[kind];
  return Array.from({ length: n }, () => unit(draws, lift).y);
}

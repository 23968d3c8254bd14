/**
 * A booking site whose truth is known: users who come back, look and sometimes book, three experiments, and
 * by how much each model really changes what users do.
 *
 * The world is drawn once from a seed. A user's and a visit's draws do not depend on any variant: the variant
 * only moves the thresholds the draws are held against, so every visit has its potential outcome under every
 * combination of variants, and the same draws serve them all (common random numbers). Every visit asks for the
 * ranker and the suggestions; the 85% that reach an offer ask for the pricer as well, and only those can book.
 *
 * The effects of the experiments multiply, for every user alike:
 *
 *   P(visit books) = reaches an offer * propensity of the user * product of booking factors
 *   price paid     = nights * price of the room * product of price factors, in whole cents
 *   P(cancelled)   = tendency of the user * product of cancelling factors
 *
 * So the expectation of each metric is one factor times what it is without the experiment, whatever else the
 * user is in, wherever the visit falls: the relative effects in `truth` are exact and not estimated. (Caps keep
 * each product below 1, so none is ever cut off; rounding to cents moves a mean by less than a millionth.)
 */
import type { ExperimentDefinition } from '../domain/experiment.ts';
import type { MetricDefinition } from '../domain/metric.ts';
import { MS_PER_DAY, MS_PER_HOUR } from '../domain/time.ts';
import { createRandom, type Random } from '../stats/variates.ts';
import {
  bookingExperiments,
  bookingMetrics,
  bookingModels,
  type ModelEntry,
} from './booking-definitions.ts';

export type { ModelEntry, ModelVersionEntry } from './booking-definitions.ts';

/** What a user does, ready to be tracked. Ids make a second run of the same world the same events. */
export type SimulatedOutcome = {
  readonly id: string;
  readonly at: number;
  readonly name: string;
  readonly value?: number;
  readonly properties?: { readonly [name: string]: number };
  readonly corrects?: string;
};

/** The variants a visit was served, by experiment; null or absent is control's experience. */
export type ServedVariants = { readonly [experiment: string]: string | null | undefined };

export type Visit = {
  readonly at: number;
  readonly user: string;
  readonly attributes: VisitAttributes;
  /** The experiments this visit asks about, all of them at `at`. */
  readonly experiments: readonly string[];
  /** What follows from this visit under these variants, in order of time, none after the world's end. */
  outcomes(variants: ServedVariants): SimulatedOutcome[];
};

export type VisitAttributes = {
  readonly country: string;
  readonly device: string;
  readonly member: boolean;
};

export type BookingWorld = {
  /** Bodies for `PUT`, by key. */
  readonly metrics: { readonly [key: string]: MetricDefinition };
  readonly models: { readonly [key: string]: ModelEntry };
  readonly experiments: { readonly [key: string]: ExperimentDefinition };
  /** True relative effect on the mean per user, by experiment and metric: -0.07 is 7% less. */
  readonly truth: { readonly [experiment: string]: { readonly [metric: string]: number } };
  /** The first moment after the last visit and the last outcome. */
  readonly endAt: number;
  readonly visitCount: number;
  /** Visits in order of time; may be run through more than once. */
  visits(): Iterable<Visit>;
};

/** So many users show the truth in four weeks: each effect is found with 99% power. */
export const USERS = 25_000;

type Factors = { readonly books: number; readonly price: number; readonly cancels: number };

/** What the treatment arm of each experiment really does. */
const FACTORS: Readonly<Record<string, { readonly variant: string } & Factors>> = {
  'ranker-7-vs-6': { variant: 'challenger', books: 0.93, price: 1.01, cancels: 1.06 },
  'pricer-3-vs-2': { variant: 'challenger', books: 1.08, price: 0.985, cancels: 0.88 },
  'aa-search': { variant: 'same', books: 1, price: 1, cancels: 1 },
};

const EFFECTS = Object.entries(FACTORS);

const AT_SEARCH = ['aa-search', 'ranker-7-vs-6'];
const AT_OFFER = [...AT_SEARCH, 'pricer-3-vs-2'];

/** Above all products of booking and of cancelling factors, so that a probability never reaches 1. */
const PROBABILITY_MAX = 0.85;
const REACHES_OFFER = 0.85;
/** Beta(a, b): mean 0.14, so that 12% of visits book; one user in ten books twice as readily as another one in ten. */
const PROPENSITY = { a: 8.4, b: 51.6 };
/** Beta(a, b): mean 0.3. */
const CANCELLING = { a: 6, b: 14 };
/** Returns a day: gamma with this mean; some come three times as often as others. */
const RETURNS = { mean: 0.4, shape: 6 };
/** Users arrive at a rate that falls by e in this share of the world's length. */
const ARRIVAL_SCALE = 0.4;
const ROOM_PRICE = { logMean: Math.log(86), sigma: 0.45, sigmaOfUsers: 0.35 };
const NIGHTS = [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 5, 7];
const MISTAKEN = 0.015;
const CANCELS_AFTER_DAYS = 4;

const COUNTRIES = ['NL', 'NL', 'NL', 'DE', 'DE', 'BE', 'FR', 'GB', 'SE', 'IT'];
const DEVICES = ['mobile', 'mobile', 'mobile', 'desktop', 'desktop', 'tablet'];
const DEVICE_FACTORS: Readonly<Record<string, number>> = { mobile: 0.9, desktop: 1.15, tablet: 1 };

/** Visits by weekday, Sunday first, and by hour (UTC); relative to the busiest. */
const WEEKDAYS = [1, 0.82, 0.78, 0.76, 0.74, 0.66, 0.84];
const HOURS = [
  0.12, 0.08, 0.06, 0.05, 0.06, 0.12, 0.26, 0.42, 0.55, 0.62, 0.66, 0.68, 0.74, 0.7, 0.66, 0.64,
  0.66, 0.74, 0.86, 1, 0.98, 0.78, 0.48, 0.24,
];

/**
 * Draws a world.
 *
 * @param options.seed a safe integer; the same options give the same world, to the last visit and cent.
 * @param options.users 1 to 2,000,000 [25,000]; all of them appear. A larger world begins with the users of a
 *        smaller one.
 * @param options.startAt instant of the start, in milliseconds since 1970.
 * @param options.days 1 to 365 whole days; visits and outcomes lie in [startAt, startAt + days).
 * @returns definitions, the truth, and the visits.
 * @throws RangeError when an option is out of range.
 */
export function bookingWorld(options: {
  readonly seed: number;
  readonly users?: number;
  readonly startAt: number;
  readonly days: number;
}): BookingWorld {
  const { seed, users = USERS, startAt, days } = options;
  requireWhole('users', users, 1, 2_000_000);
  requireWhole('startAt', startAt, 0, 4e12);
  requireWhole('days', days, 1, 365);
  const calendar = fillCalendar(createRandom(seed), { users, startAt, days });
  return {
    metrics: bookingMetrics(),
    models: bookingModels(startAt),
    experiments: bookingExperiments(users),
    truth: Object.fromEntries(
      EFFECTS.map(([experiment, factors]) => [experiment, trueEffects(factors)]),
    ),
    endAt: startAt + days * MS_PER_DAY,
    visitCount: calendar.order.length,
    visits: () => ({
      *[Symbol.iterator]() {
        for (const index of calendar.order) yield visitOf(calendar, index);
      },
    }),
  };
}

/**
 * What a treatment does to the mean of each metric.
 *
 *   bookings, nights  books - 1
 *   revenue           books * price - 1
 *   cancellations     books * cancels - 1
 *
 * The share of bookings taken back by a correction, and of cancellations that come before the world ends, is
 * the same in both arms and leaves the ratio.
 */
function trueEffects({ books, price, cancels }: Factors): { readonly [metric: string]: number } {
  return {
    bookings: books - 1,
    nights: books - 1,
    revenue: books * price - 1,
    cancellations: books * cancels - 1,
  };
}

type User = {
  readonly id: string;
  readonly attributes: VisitAttributes;
  readonly propensity: number;
  readonly cancelling: number;
  readonly logPrice: number;
};

/** All visits, in columns: a million of them should fit. */
type Calendar = {
  readonly users: readonly User[];
  readonly endAt: number;
  readonly at: readonly number[];
  readonly userOf: readonly number[];
  /** A uniform draw: whether the visit reaches an offer and, within those, whether it books. */
  readonly intent: readonly number[];
  /** Where the draws of the rest come from; most visits never need them. */
  readonly seedOf: readonly number[];
  /** Indices into the columns, in order of time. */
  readonly order: Uint32Array;
};

function fillCalendar(
  random: Random,
  size: { readonly users: number; readonly startAt: number; readonly days: number },
): Calendar {
  const { startAt, days } = size;
  const users: User[] = [];
  const at: number[] = [];
  const userOf: number[] = [];
  const intent: number[] = [];
  const seedOf: number[] = [];
  for (let index = 0; index < size.users; index += 1) {
    const own = random.fork();
    users.push(drawUser(own, index));
    for (const offset of drawVisits(own, { startAt, days })) {
      at.push(startAt + offset);
      userOf.push(index);
      intent.push(own.uniform());
      seedOf.push(Math.floor(own.uniform() * 2 ** 52));
    }
  }
  const order = Uint32Array.from(at.keys()).sort((a, b) => (at[a] ?? 0) - (at[b] ?? 0) || a - b);
  return { users, endAt: startAt + days * MS_PER_DAY, at, userOf, intent, seedOf, order };
}

function drawUser(random: Random, index: number): User {
  const device = random.pick(DEVICES);
  const member = random.bernoulli(0.35);
  const factor = (DEVICE_FACTORS[device] ?? 1) * (member ? 1.1 : 0.95);
  return {
    id: `user-${String(index + 1).padStart(6, '0')}`,
    attributes: { country: random.pick(COUNTRIES), device, member },
    propensity: Math.min(PROBABILITY_MAX, factor * random.beta(PROPENSITY.a, PROPENSITY.b)),
    cancelling: Math.min(PROBABILITY_MAX, random.beta(CANCELLING.a, CANCELLING.b)),
    logPrice: random.normal(0, ROOM_PRICE.sigmaOfUsers),
  };
}

/** Offsets from the start in milliseconds: the arrival, then returns, day and hour weighed by their traffic. */
function drawVisits(
  random: Random,
  { startAt, days }: { readonly startAt: number; readonly days: number },
): number[] {
  const length = days * MS_PER_DAY;
  const cut = 1 - Math.exp(-1 / ARRIVAL_SCALE);
  const arrival = thinned(random, startAt, () =>
    Math.floor(-Math.log(1 - random.uniform() * cut) * ARRIVAL_SCALE * length),
  );
  const rest = length - arrival;
  const rate = random.gamma(RETURNS.shape, RETURNS.mean / RETURNS.shape);
  const returns = random.poisson((rate * rest) / MS_PER_DAY);
  const offsets = Array.from({ length: returns }, () =>
    thinned(random, startAt, () => arrival + Math.floor(random.uniform() * rest)),
  );
  return [arrival, ...offsets].sort((a, b) => a - b);
}

/** Draws until a moment is kept; each is kept as often as its weekday and hour are busy. */
function thinned(random: Random, startAt: number, draw: () => number): number {
  for (;;) {
    const offset = draw();
    const at = startAt + offset;
    // 1970 began on a Thursday.
    const weekday = (Math.floor(at / MS_PER_DAY) + 4) % 7;
    const hour = Math.floor(at / MS_PER_HOUR) % 24;
    if (random.bernoulli((WEEKDAYS[weekday] ?? 1) * (HOURS[hour] ?? 1))) return offset;
  }
}

/** What a booking at a visit would be like, before any variant has its say. */
type Latent = {
  readonly bookedAfterMs: number;
  readonly nights: number;
  readonly roomPrice: number;
  readonly isMistaken: boolean;
  readonly correctedAfterMs: number;
  /** The booking is cancelled when this uniform draw is below the user's tendency. */
  readonly patience: number;
  readonly cancelledAfterMs: number;
};

function drawLatent(seed: number, user: User): Latent {
  const random = createRandom(seed);
  const minutes = (count: number) => Math.floor(count * 60_000);
  return {
    bookedAfterMs: minutes(2 + 23 * random.uniform()),
    nights: random.pick(NIGHTS),
    roomPrice: Math.exp(ROOM_PRICE.logMean + user.logPrice + random.normal(0, ROOM_PRICE.sigma)),
    isMistaken: random.bernoulli(MISTAKEN),
    correctedAfterMs: minutes(30 + 2880 * random.uniform()),
    patience: random.uniform(),
    cancelledAfterMs:
      minutes(20) + Math.floor(random.exponential(1 / CANCELS_AFTER_DAYS) * MS_PER_DAY),
  };
}

function visitOf(calendar: Calendar, index: number): Visit {
  const user = calendar.users[calendar.userOf[index] ?? -1];
  const at = calendar.at[index];
  const intent = calendar.intent[index];
  const seed = calendar.seedOf[index];
  if (user === undefined || at === undefined || intent === undefined || seed === undefined) {
    throw new RangeError(`visit ${index} is not in the calendar`);
  }
  const reachesOffer = intent < REACHES_OFFER;
  return {
    at,
    user: user.id,
    attributes: user.attributes,
    experiments: reachesOffer ? AT_OFFER : AT_SEARCH,
    outcomes(variants) {
      const factors = factorsOf(variants);
      if (intent >= REACHES_OFFER * user.propensity * factors.books) return [];
      const visit = { id: `${user.id}-${seed.toString(36)}`, at, user };
      return outcomesOf(visit, drawLatent(seed, user), factors).filter(
        (outcome) => outcome.at < calendar.endAt,
      );
    },
  };
}

/** What follows from a visit that books, in order of time. */
function outcomesOf(
  visit: { readonly id: string; readonly at: number; readonly user: User },
  latent: Latent,
  factors: Factors,
): SimulatedOutcome[] {
  const { nights } = latent;
  const value = Math.round(nights * latent.roomPrice * factors.price * 100) / 100;
  const bookedAt = visit.at + latent.bookedAfterMs;
  const booking: SimulatedOutcome = {
    id: `${visit.id}-booking`,
    at: bookedAt,
    name: 'booking',
    value,
    properties: { nights },
  };
  if (latent.isMistaken) {
    const correction: SimulatedOutcome = {
      id: `${visit.id}-correction`,
      at: bookedAt + latent.correctedAfterMs,
      name: 'booking',
      value: -value,
      properties: { nights: -nights },
      corrects: booking.id,
    };
    return [booking, correction];
  }
  if (latent.patience >= visit.user.cancelling * factors.cancels) return [booking];
  const cancellation: SimulatedOutcome = {
    id: `${visit.id}-cancellation`,
    at: bookedAt + latent.cancelledAfterMs,
    name: 'cancellation',
    value,
    properties: { nights },
  };
  return [booking, cancellation];
}

function factorsOf(variants: ServedVariants): Factors {
  const product = { books: 1, price: 1, cancels: 1 };
  for (const [experiment, { variant, books, price, cancels }] of EFFECTS) {
    if (variants[experiment] !== variant) continue;
    product.books *= books;
    product.price *= price;
    product.cancels *= cancels;
  }
  return product;
}

function requireWhole(name: string, value: number, low: number, high: number): void {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new RangeError(`${name} = ${value}: must be a whole number from ${low} to ${high}`);
  }
}

import { afterEach, describe, expect, test, vi } from 'vitest';
import { parseEvent } from '../../../src/domain/event.ts';
import { experimentDefinitionSchema } from '../../../src/domain/experiment.ts';
import { metricDefinitionSchema } from '../../../src/domain/metric.ts';
import {
  modelDefinitionSchema,
  modelVersionDefinitionSchema,
  offlineEvaluationSchema,
} from '../../../src/domain/model.ts';
import type { Snapshot } from '../../../src/domain/snapshot.ts';
import { MS_PER_DAY } from '../../../src/domain/time.ts';
import { createAssay } from '../../../src/sdk/index.ts';
import {
  type BookingWorld,
  bookingWorld,
  type ServedVariants,
  type Visit,
} from '../../../src/simulator/booking.ts';
import {
  BOOKINGS_PER_USER,
  detectableEffect,
  PRICED_SHARE,
} from '../../../src/simulator/booking-definitions.ts';
import { normalUpperTail } from '../../../src/stats/distributions.ts';
import { momentsOf, variance } from '../../../src/stats/moments.ts';
import { createRandom, type Random } from '../../../src/stats/variates.ts';
import { welch } from '../../../src/stats/welch.ts';
import { eventsOf, KEY, startFakeServer } from '../sdk/fake-server.ts';

const START = Date.UTC(2026, 0, 5);
const RANKER = 'ranker-7-vs-6';
const PRICER = 'pricer-3-vs-2';
const AA = 'aa-search';
const TREATMENTS: Readonly<Record<string, string>> = {
  [RANKER]: 'challenger',
  [PRICER]: 'challenger',
  [AA]: 'same',
};
const METRICS = ['bookings', 'revenue', 'cancellations', 'nights'] as const;
type MetricKey = (typeof METRICS)[number];
type Totals = Record<MetricKey, number>;

const small = bookingWorld({ seed: 11, users: 2000, startAt: START, days: 28 });

/** A user's totals as the platform would sum them. */
function addOutcomes(totals: Totals, visit: Visit, variants: ServedVariants): void {
  for (const { name, value = 0, properties, corrects } of visit.outcomes(variants)) {
    if (name === 'cancellation') totals.cancellations += 1;
    else {
      totals.bookings += corrects === undefined ? 1 : -1;
      totals.revenue += value;
      totals.nights += properties?.nights ?? 0;
    }
  }
}

const nothing = (): Totals => ({ bookings: 0, revenue: 0, cancellations: 0, nights: 0 });

function totalsByUser(world: BookingWorld, variantsOf: (user: string) => ServedVariants) {
  const users = new Map<string, Totals>();
  for (const visit of world.visits()) {
    const totals = users.get(visit.user) ?? nothing();
    users.set(visit.user, totals);
    addOutcomes(totals, visit, variantsOf(visit.user));
  }
  return users;
}

describe('the same seed', () => {
  const story = (world: BookingWorld) =>
    [...world.visits()].map((visit) => ({
      ...visit,
      outcomes: [visit.outcomes({}), visit.outcomes({ [PRICER]: 'challenger' })],
    }));

  test('tells the same story, again and again', () => {
    const options = { seed: 3, users: 300, startAt: START, days: 28 };
    const world = bookingWorld(options);
    const first = story(world);
    expect(story(world)).toEqual(first);
    expect(story(bookingWorld(options))).toEqual(first);
    expect(story(bookingWorld({ ...options, seed: 4 }))).not.toEqual(first);
  });

  test('in a larger world keeps the users of the smaller one', () => {
    const options = { seed: 3, startAt: START, days: 28 };
    const few = story(bookingWorld({ ...options, users: 50 }));
    const names = new Set(few.map(({ user }) => user));
    const many = story(bookingWorld({ ...options, users: 400 }));
    expect(many.filter(({ user }) => names.has(user))).toEqual(few);
  });

  describe('asks nothing but its arguments', () => {
    afterEach(() => {
      vi.restoreAllMocks();
    });

    test('neither clock nor Math.random', () => {
      const refuse = () => {
        throw new Error('impure');
      };
      vi.spyOn(Math, 'random').mockImplementation(refuse);
      vi.spyOn(Date, 'now').mockImplementation(refuse);
      vi.spyOn(performance, 'now').mockImplementation(refuse);
      const world = bookingWorld({ seed: 3, users: 100, startAt: START, days: 28 });
      expect(story(world).length).toBeGreaterThan(100);
    });
  });
});

describe('visits', () => {
  const visits = [...small.visits()];

  test('come in order of time, within the days asked for, from every user', () => {
    let before = START;
    for (const { at } of visits) {
      expect(Number.isInteger(at) && at >= before && at < small.endAt).toBe(true);
      before = at;
    }
    expect(small.endAt).toBe(START + 28 * MS_PER_DAY);
    expect(new Set(visits.map(({ user }) => user)).size).toBe(2000);
  });

  test('follow the hours and days of a booking site', () => {
    const at = (keep: (visit: Visit) => boolean) => visits.filter(keep).length;
    const hour = (visit: Visit) => new Date(visit.at).getUTCHours();
    const weekday = (visit: Visit) => new Date(visit.at).getUTCDay();
    expect(at((visit) => hour(visit) === 19)).toBeGreaterThan(8 * at((visit) => hour(visit) === 3));
    expect(at((visit) => weekday(visit) === 0)).toBeGreaterThan(
      1.2 * at((visit) => weekday(visit) === 5),
    );
  });

  test('ask for the pricer exactly when they reach an offer, and only those book', () => {
    for (const visit of visits) {
      const offered = visit.experiments.includes(PRICER);
      expect(visit.experiments).toEqual(offered ? [AA, RANKER, PRICER] : [AA, RANKER]);
      if (!offered) expect(visit.outcomes({ [RANKER]: 'control' })).toEqual([]);
    }
    const share =
      visits.filter((visit) => visit.experiments.includes(PRICER)).length / visits.length;
    expect(Math.abs(share - 0.85)).toBeLessThan(4.5 * Math.sqrt((0.85 * 0.15) / visits.length));
  });

  test('lead to outcomes the platform takes, after the visit and before the end', () => {
    const ids = new Set<string>();
    const seen = { booking: 0, cancellation: 0, correction: 0 };
    for (const visit of visits) {
      let before = visit.at;
      const outcomes = visit.outcomes({});
      for (const { at, ...event } of outcomes) {
        expect(at >= before && at < small.endAt).toBe(true);
        before = at;
        const sent = { kind: 'outcome', ts: at, units: { user: visit.user }, ...event };
        expect(parseEvent(sent, small.endAt)).toMatchObject({ ok: true });
        expect(ids.has(event.id)).toBe(false);
        ids.add(event.id);
        const cents = (event.value ?? 0) * 100;
        expect(Math.abs(cents - Math.round(cents))).toBeLessThan(1e-6);
        if (event.corrects !== undefined) {
          seen.correction += 1;
          expect(outcomes[0]).toMatchObject({ id: event.corrects, value: -(event.value ?? 0) });
        } else if (event.name === 'booking') seen.booking += 1;
        else seen.cancellation += 1;
      }
    }
    expect(Math.abs(seen.booking / visits.length - 0.12)).toBeLessThan(0.012);
    expect(seen.cancellation / seen.booking).toBeGreaterThan(0.18);
    expect(seen.correction / seen.booking).toBeGreaterThan(0.005);
    expect(seen.correction / seen.booking).toBeLessThan(0.03);
  });
});

describe('potential outcomes', () => {
  test('are one and the same under both arms of the A/A check', () => {
    for (const visit of small.visits()) {
      const rest = { [RANKER]: 'challenger', [PRICER]: null };
      expect(visit.outcomes({ ...rest, [AA]: 'same' })).toEqual(
        visit.outcomes({ ...rest, [AA]: 'control' }),
      );
    }
  });

  test('under control are those of no experiment at all', () => {
    for (const visit of small.visits()) {
      expect(visit.outcomes({ [RANKER]: 'control', [PRICER]: null })).toEqual(visit.outcomes({}));
    }
  });

  test('differ between variants by their effect only', () => {
    for (const visit of small.visits()) {
      const [control] = visit.outcomes({});
      const [lost] = visit.outcomes({ [RANKER]: 'challenger' });
      const [won] = visit.outcomes({ [PRICER]: 'challenger' });
      // Who books with the worse ranker also books with the better one, the same stay at the same moment.
      if (lost !== undefined) expect({ ...lost, value: 0 }).toEqual({ ...control, value: 0 });
      if (control !== undefined) expect({ ...control, value: 0 }).toEqual({ ...won, value: 0 });
    }
  });

  test('have the effects the world says are true, whatever else a user is in', () => {
    const world = bookingWorld({ seed: 21, users: 5000, startAt: START, days: 28 });
    const random = createRandom(5);
    const others = new Map<string, ServedVariants>();
    const surroundings = (user: string): ServedVariants => {
      const drawn = others.get(user) ?? {
        [RANKER]: random.pick(['control', 'challenger']),
        [PRICER]: random.pick(['control', 'challenger']),
      };
      others.set(user, drawn);
      return drawn;
    };
    for (const [experiment, treatment] of Object.entries(TREATMENTS)) {
      const under = (variant: string) =>
        totalsByUser(world, (user) => ({ ...surroundings(user), [experiment]: variant }));
      const [control, treated] = [under('control'), under(treatment)];
      for (const metric of METRICS) {
        const effect = world.truth[experiment]?.[metric] ?? Number.NaN;
        // Zero in expectation for each user; z = 4.5 is 7 in a million by chance, and the seed is fixed.
        const gaps = momentsOf(
          [...control].map(
            ([user, totals]) => (treated.get(user)?.[metric] ?? 0) - (1 + effect) * totals[metric],
          ),
        );
        const se = Math.sqrt(variance(gaps) / gaps.n);
        expect(Math.abs(gaps.mean)).toBeLessThanOrEqual(4.5 * se + 1e-9);
      }
    }
  });

  test('say that the better prediction loses and the worse one wins', () => {
    expect(small.truth[RANKER]?.bookings).toBeCloseTo(-0.07, 12);
    expect(small.truth[PRICER]?.bookings).toBeCloseTo(0.08, 12);
    expect(small.truth[AA]).toEqual({ bookings: 0, nights: 0, revenue: 0, cancellations: 0 });
    const error = (model: string, version: string) =>
      small.models[model]?.versions[version]?.offlineEvaluations[0];
    const [six, seven, two, three] = [
      error('ranker', '6'),
      error('ranker', '7'),
      error('pricer', '2'),
      error('pricer', '3'),
    ];
    for (const [better, worse] of [
      [seven, six],
      [two, three],
    ]) {
      const se = Math.hypot(better?.standardError ?? 1, worse?.standardError ?? 1);
      expect((worse?.value ?? 0) - (better?.value ?? 0)).toBeGreaterThan(5 * se);
    }
  });
});

describe('definitions', () => {
  test('are taken by the platform unchanged', () => {
    for (const definition of Object.values(small.metrics)) {
      expect(metricDefinitionSchema.parse(definition)).toEqual(definition);
    }
    for (const definition of Object.values(small.experiments)) {
      expect(experimentDefinitionSchema.parse(definition)).toEqual(definition);
    }
    for (const { definition, versions } of Object.values(small.models)) {
      expect(modelDefinitionSchema.parse(definition)).toEqual(definition);
      for (const version of Object.values(versions)) {
        expect(modelVersionDefinitionSchema.parse(version.definition)).toEqual(version.definition);
        for (const evaluation of version.offlineEvaluations) {
          expect(offlineEvaluationSchema.parse(evaluation)).toEqual(evaluation);
          expect(evaluation.evaluatedAt).toBeLessThan(START);
        }
      }
    }
  });

  test('refer only to what is defined, have what a start needs, and the arms the world knows', () => {
    const metrics = new Set(Object.keys(small.metrics));
    const versions = new Set(
      Object.entries(small.models).flatMap(([model, entry]) =>
        Object.keys(entry.versions).map((version) => `${model}@${version}`),
      ),
    );
    expect(Object.keys(small.experiments).sort()).toEqual(Object.keys(TREATMENTS).sort());
    for (const [key, definition] of Object.entries(small.experiments)) {
      const { goals, guardrails, secondary } = definition.metrics;
      for (const { metric } of [...goals, ...guardrails, ...secondary]) {
        expect(metrics.has(metric)).toBe(true);
        expect(small.truth[key]?.[metric]).toBeDefined();
      }
      expect(goals.every(({ mde }) => mde !== undefined)).toBe(true);
      expect(guardrails.every(({ margin }) => margin !== undefined)).toBe(true);
      expect(definition.plan).toMatchObject({
        monitoring: 'group_sequential',
        minDays: 7,
        maxDays: 28,
        plannedUnits: expect.any(Number),
      });
      expect(definition.variants.map((variant) => variant.key)).toEqual([
        'control',
        TREATMENTS[key],
      ]);
      for (const { model } of definition.variants) expect(versions.has(model ?? '')).toBe(true);
      const { because, change, expect: expected, falsifiedBy } = definition.hypothesis ?? {};
      for (const text of [because, change, expected, falsifiedBy]) {
        expect(text?.length).toBeGreaterThan(40);
      }
    }
  });
});

/** One trial: every user is given an arm of each experiment by a fair coin; Welch's test of bookings. */
function trial(seed: number): Record<string, number> {
  const world = bookingWorld({ seed, startAt: START, days: 28 });
  const coin = createRandom(seed + 1_000_000);
  const users = new Map<string, { arms: Record<string, string>; sees: boolean; totals: Totals }>();
  for (const visit of world.visits()) {
    const known = users.get(visit.user);
    const user = known ?? { arms: drawArms(coin), sees: false, totals: nothing() };
    if (known === undefined) users.set(visit.user, user);
    if (!visit.experiments.includes(PRICER)) continue;
    user.sees = true;
    addOutcomes(user.totals, visit, user.arms);
  }
  return Object.fromEntries(
    Object.entries(TREATMENTS).map(([key, treatment]) => {
      const bookings = (arm: string) =>
        momentsOf(
          [...users.values()]
            .filter(({ arms, sees }) => arms[key] === arm && (sees || key !== PRICER))
            .map(({ totals }) => totals.bookings),
        );
      const test = welch(bookings('control'), bookings(treatment), { alpha: 0.05 });
      if (test.status !== 'ok') throw new Error(test.status);
      return [key, test.t];
    }),
  );
}

function drawArms(coin: Random): Record<string, string> {
  return Object.fromEntries(
    Object.entries(TREATMENTS).map(([key, treatment]) => [
      key,
      coin.bernoulli(0.5) ? treatment : 'control',
    ]),
  );
}

/** The last of four O'Brien-Fleming looks at alpha 0.05, two-sided. */
const LAST_LOOK = 2.02;

describe('25,000 users in four weeks', () => {
  test('are as many as the plan needs for what it wants to see', () => {
    const world = bookingWorld({ seed: 31, users: 6000, startAt: START, days: 28 });
    const bookings = momentsOf(
      [...totalsByUser(world, () => ({})).values()].map((u) => u.bookings),
    );
    const sd = Math.sqrt(variance(bookings));
    expect(Math.abs(bookings.mean / BOOKINGS_PER_USER.mean - 1)).toBeLessThan(
      (4.5 * sd) / Math.sqrt(6000) / bookings.mean,
    );
    expect(Math.abs(sd / BOOKINGS_PER_USER.sd - 1)).toBeLessThan(0.05);
    const priced = new Set(
      [...world.visits()].filter((v) => v.experiments.includes(PRICER)).map((v) => v.user),
    );
    expect(Math.abs(priced.size / 6000 - PRICED_SHARE)).toBeLessThan(0.01);
    expect(detectableEffect(25_000)).toBe(0.042);

    // Power at the true effects, by the normal law: at least 99% for both.
    for (const effect of [-0.07, 0.08]) {
      const drift = Math.abs(effect) / ((2 * sd) / bookings.mean / Math.sqrt(25_000));
      expect(normalUpperTail(LAST_LOOK - drift)).toBeGreaterThan(0.99);
    }
  });

  test('show the truth, seed after seed', { timeout: 600_000 }, () => {
    // SIMULATED_SEEDS=40 for the full check, about a minute.
    const seeds = Number(process.env.SIMULATED_SEEDS ?? 1);
    let [harm, gain, alarms] = [0, 0, 0];
    for (let seed = 1; seed <= seeds; seed += 1) {
      const found = trial(seed);
      if ((found[RANKER] ?? 0) < -LAST_LOOK) harm += 1;
      if ((found[PRICER] ?? 0) > LAST_LOOK) gain += 1;
      if (Math.abs(found[AA] ?? 9) > LAST_LOOK) alarms += 1;
    }
    expect(harm).toBeGreaterThanOrEqual(0.95 * seeds);
    expect(gain).toBeGreaterThanOrEqual(0.95 * seeds);
    // At most 4.4% of A/A trials by design; z = 3.29 allows for chance.
    expect(alarms).toBeLessThanOrEqual(0.044 * seeds + 3.29 * Math.sqrt(0.044 * 0.956 * seeds));
  });
});

test('a driver needs no more than assign and track', async () => {
  const world = bookingWorld({ seed: 8, users: 200, startAt: START, days: 28 });
  const server = await startFakeServer();
  server.snapshot = {
    version: 1,
    environment: 'test',
    experiments: Object.entries(world.experiments).map(([key, definition]) => ({
      key,
      version: 1,
      state: 'running',
      assignment: 'assay',
      unit: definition.unit,
      salt: `salt of ${key}`,
      layer: null,
      slot: definition.slot,
      traffic: definition.traffic,
      targeting: definition.targeting,
      variants: definition.variants.map((variant) => ({
        key: variant.key,
        role: variant.role,
        weight: variant.weight,
        payload: variant.payload ?? variant.key,
        model: variant.model ?? null,
      })),
    })),
  } satisfies Snapshot;
  const assay = createAssay({ url: server.url, key: KEY, batchSize: 1000 });
  await assay.ready();
  let outcomes = 0;
  const met = new Set<string>();
  for (const { at, user, attributes, experiments, outcomes: follow } of world.visits()) {
    const units = { user };
    const served: Record<string, string | null> = {};
    for (const experiment of experiments) {
      served[experiment] = assay.assign(experiment, {
        units,
        attributes: { ...attributes },
        ts: at,
      }).variant;
      met.add(`${experiment}/${user}`);
    }
    for (const { at: ts, name, ...rest } of follow(served)) {
      assay.track(name, { units, ts, ...rest });
      outcomes += 1;
    }
  }
  expect(await assay.close()).toBe(true);
  expect(assay.status()).toMatchObject({ dropped: 0, refused: 0, sent: outcomes + met.size });
  const kinds = eventsOf(server).map(({ kind }) => kind);
  expect(kinds.filter((kind) => kind === 'exposure').length).toBe(met.size);
  expect(kinds.filter((kind) => kind === 'outcome').length).toBe(outcomes);
  await server.stop();
});

test.each([
  [{ users: 0 }, 'users'],
  [{ users: 1.5 }, 'users'],
  [{ users: 2_000_001 }, 'users'],
  [{ days: 0 }, 'days'],
  [{ days: 366 }, 'days'],
  [{ startAt: -1 }, 'startAt'],
  [{ startAt: Number.NaN }, 'startAt'],
  [{ seed: 0.5 }, 'seed'],
])('%j is a bug', (changes, name) => {
  const options = { seed: 1, users: 10, startAt: START, days: 28, ...changes };
  expect(() => bookingWorld(options)).toThrow(RangeError);
  expect(() => bookingWorld(options)).toThrow(name);
});

test('one user for one day is a world too', () => {
  const world = bookingWorld({ seed: 1, users: 1, startAt: START, days: 1 });
  expect([...world.visits()].length).toBeGreaterThanOrEqual(1);
  expect(Object.keys(world.experiments).length).toBe(3);
});

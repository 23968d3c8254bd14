/** What the people of the simulated booking site wrote down before their experiments began. */
import { type ExperimentDefinition, experimentDefinitionSchema } from '../domain/experiment.ts';
import { type MetricDefinition, metricDefinitionSchema } from '../domain/metric.ts';
import {
  type ModelDefinition,
  type ModelVersionDefinition,
  modelDefinitionSchema,
  modelVersionDefinitionSchema,
  type OfflineEvaluationDefinition,
  offlineEvaluationSchema,
} from '../domain/model.ts';
import { parse } from '../domain/parse.ts';
import { MS_PER_DAY } from '../domain/time.ts';
import { normalUpperQuantile } from '../stats/distributions.ts';
import { inflationFactor } from '../stats/group-sequential.ts';

export type ModelEntry = {
  readonly definition: ModelDefinition;
  readonly versions: { readonly [version: string]: ModelVersionEntry };
};

export type ModelVersionEntry = {
  readonly definition: ModelVersionDefinition;
  readonly offlineEvaluations: readonly OfflineEvaluationDefinition[];
};

/**
 * What the planners knew of bookings per user in four weeks: mean and standard deviation, as a history of a
 * million users would have shown them. A test holds the world to it.
 */
export const BOOKINGS_PER_USER = { mean: 1.02, sd: 1.19 } as const;

/** The share of users who see a price in four weeks; the others never meet the pricer. */
export const PRICED_SHARE = 0.99;

const ALPHA = 0.05;
const POWER = 0.8;
const LOOKS = [0.25, 0.5, 0.75, 1];

/**
 * Which relative change in bookings per user can a trial of this size see?
 *
 *   mde = (z_{alpha/2} + z_{1-power}) * sqrt(inflation) * (sd / mean) * 2 / sqrt(users)
 *
 * Two arms of equal size; the inflation is what four looks cost.
 *
 * @param users in both arms together; at least 1.
 * @returns a proportion, rounded up to a thousandth.
 * @source Jennison and Turnbull (2000), Group Sequential Methods, 1.3 and 7.2.
 */
export function detectableEffect(users: number): number {
  const z = normalUpperQuantile(ALPHA / 2) + normalUpperQuantile(1 - POWER);
  const inflation = inflationFactor({
    alpha: ALPHA,
    power: POWER,
    information: LOOKS,
    spending: { kind: 'obrien_fleming' },
  });
  const { mean, sd } = BOOKINGS_PER_USER;
  const mde = (z * Math.sqrt(inflation) * (sd / mean) * 2) / Math.sqrt(users);
  return Math.ceil(mde * 1000) / 1000;
}

/** Bodies for `PUT /v1/metrics/:key`. */
export function bookingMetrics(): { readonly [key: string]: MetricDefinition } {
  const owner = 'Analytics';
  return {
    bookings: metric({
      kind: 'count',
      event: 'booking',
      name: 'Bookings per user',
      description:
        'Confirmed bookings after the user first met the experiment. A booking that was a mistake (paid twice, wrong traveller) is taken back by a correction and does not count.',
      owner,
      tags: ['core'],
    }),
    revenue: metric({
      kind: 'sum',
      event: 'booking',
      value: 'value',
      name: 'Revenue per user',
      description: 'Value of confirmed bookings, before cancellations, in euro.',
      owner,
      tags: ['core', 'money'],
      unitLabel: 'EUR',
    }),
    cancellations: metric({
      kind: 'count',
      event: 'cancellation',
      direction: 'decrease',
      name: 'Cancellations per user',
      description:
        'Bookings the guest cancelled. Each costs a call with the hotel, and a room that is hard to sell again.',
      owner,
      tags: ['core', 'cost'],
    }),
    nights: metric({
      kind: 'sum',
      event: 'booking',
      value: 'properties.nights',
      name: 'Nights per user',
      description: 'Nights in confirmed bookings.',
      owner,
      unitLabel: 'nights',
    }),
  };
}

/** Bodies for `PUT /v1/models/:key`, its versions, and their offline evaluations of the time before. */
export function bookingModels(startAt: number): { readonly [key: string]: ModelEntry } {
  return { ranker: ranker(startAt), pricer: pricer(startAt), suggester: suggester(startAt) };
}

function ranker(startAt: number): ModelEntry {
  const evaluated = (value: number, standardError: number, daysBefore: number) =>
    meanAbsoluteError({
      value,
      standardError,
      n: 42_000,
      testSet: { reference: 'stays of the last quarter, random tenth' },
      labelSource: 'rating the guest gave after the stay, 0 to 10',
      evaluatedAt: startAt - daysBefore * MS_PER_DAY,
    });
  const card = {
    name: 'Hotel ranker',
    description: 'Orders the hotels of a search by the rating the guest is expected to give.',
    kind: 'specialised',
    family: 'gradient boosted trees',
    task: 'ranking',
    owner: 'Search team',
    tier: 1,
    surface: 'search',
  };
  const six = {
    description: 'In service since spring.',
    limits: 'Knows little of hotels with fewer than five ratings.',
  };
  const seven = {
    description: 'Trained on twice the ratings, with text features of reviews.',
    parent: '6',
    intendedUse: 'Order of search results for every visitor.',
    limits: 'Learns what guests rate highly, which need not be what they came to book.',
    budgets: { latencyMs: 40 },
  };
  return model(card, {
    6: version(six, evaluated(0.412, 0.0031, 160)),
    7: version(seven, evaluated(0.366, 0.0029, 9)),
  });
}

function pricer(startAt: number): ModelEntry {
  const evaluated = (value: number, standardError: number, daysBefore: number) =>
    meanAbsoluteError({
      value,
      standardError,
      n: 18_500,
      testSet: { reference: 'rooms sold in the last quarter, random tenth' },
      labelSource: 'logarithm of the price the room was sold at',
      evaluatedAt: startAt - daysBefore * MS_PER_DAY,
    });
  const card = {
    name: 'Room pricer',
    description: 'Proposes the price at which a free room is offered.',
    kind: 'specialised',
    family: 'quantile regression',
    task: 'regression',
    owner: 'Pricing team',
    tier: 1,
    surface: 'offer',
  };
  const two = { description: 'Predicts the price the market will pay.' };
  const three = {
    description: 'Aims below the predicted price where rooms would stay empty.',
    parent: '2',
    intendedUse: 'Prices of rooms that are still free within three weeks of arrival.',
    assumptions: 'Demand reacts to price; hotels accept a lower price for a fuller house.',
    budgets: { latencyMs: 25 },
  };
  return model(card, {
    2: version(two, evaluated(0.158, 0.0012, 200)),
    3: version(three, evaluated(0.171, 0.0013, 12)),
  });
}

function suggester(startAt: number): ModelEntry {
  const card = {
    name: 'Search suggestions',
    description: 'Completes what is typed into the search field.',
    kind: 'semantic',
    family: 'small language model',
    task: 'ranking',
    owner: 'Search team',
    tier: 3,
    surface: 'search-field',
  };
  const four = { description: 'In service; both arms of the A/A check use it.' };
  const evaluated = meanAbsoluteError({
    value: 0.214,
    standardError: 0.0024,
    n: 30_000,
    testSet: { reference: 'searches of one week' },
    labelSource: 'share of visitors who took the suggestion',
    evaluatedAt: startAt - 90 * MS_PER_DAY,
  });
  return model(card, { 4: version(four, evaluated) });
}

/** Bodies for `PUT /v1/experiments/:key`. */
export function bookingExperiments(users: number): {
  readonly [key: string]: ExperimentDefinition;
} {
  const priced = Math.max(1, Math.floor(users * PRICED_SHARE));
  return {
    'ranker-7-vs-6': experiment({ ...rankerTrial(), ...planFor(users) }),
    'pricer-3-vs-2': experiment({ ...pricerTrial(), ...planFor(priced) }),
    'aa-search': experiment({ ...suggesterCheck(), ...planFor(users) }),
  };
}

function planFor(plannedUnits: number): object {
  return {
    unit: 'user',
    metrics: {
      goals: [{ metric: 'bookings', mde: detectableEffect(plannedUnits) }],
      guardrails: [
        { metric: 'cancellations', margin: 0.15 },
        { metric: 'revenue', margin: 0.03 },
      ],
      secondary: [{ metric: 'nights' }],
    },
    plan: {
      alpha: ALPHA,
      power: POWER,
      monitoring: 'group_sequential',
      minDays: 7,
      maxDays: 28,
      plannedUnits,
    },
  };
}

function rankerTrial(): object {
  return {
    name: 'Hotel ranker 7 against 6',
    description: 'Does the ranker that predicts ratings better also sell more stays?',
    owner: 'Search team',
    tags: ['search', 'ranking'],
    hypothesis: {
      because:
        'Ranker 7 predicts the rating a guest will give with a mean absolute error of 0.366, where ranker 6 has 0.412. Guests who see hotels they would rate higher should decide sooner.',
      change: 'Every search of a user is ordered by ranker 7 instead of ranker 6.',
      expect:
        'More bookings per user within four weeks, without more cancellations or less revenue.',
      falsifiedBy:
        'Bookings per user that do not rise, or that fall: then a better prediction of ratings is not what guests need from the order of results.',
    },
    surface: 'search',
    variants: [arm('control', 'Ranker 6', 'ranker@6'), arm('challenger', 'Ranker 7', 'ranker@7')],
  };
}

function pricerTrial(): object {
  return {
    name: 'Room pricer 3 against 2',
    description:
      'Is a pricer that misses the market price on purpose worth more than one that hits it?',
    owner: 'Pricing team',
    tags: ['pricing'],
    hypothesis: {
      because:
        'Pricer 2 is close to the price the market pays (mean absolute error 0.158, against 0.171 of pricer 3), but that price leaves rooms empty that a slightly lower one would fill.',
      change:
        'Free rooms are offered at the price of pricer 3, which is lower where demand is slack.',
      expect: 'More bookings per user, at a revenue per user that is no lower than before.',
      falsifiedBy:
        'Bookings that do not rise, or a revenue per user more than 3% lower: then the discount is given away.',
    },
    surface: 'offer',
    variants: [arm('control', 'Pricer 2', 'pricer@2'), arm('challenger', 'Pricer 3', 'pricer@3')],
  };
}

function suggesterCheck(): object {
  return {
    name: 'A/A check of search suggestions',
    description:
      'The same model in both arms: whatever is found here is chance, or a fault of the platform.',
    owner: 'Search team',
    tags: ['aa', 'search'],
    hypothesis: {
      because:
        'Before anybody believes a difference, the platform must find none where there is none.',
      change: 'Nothing: both arms are served by suggester 4.',
      expect: 'No difference beyond chance in any metric, and equal numbers of users.',
      falsifiedBy: 'A difference in bookings at the last look, or unequal numbers of users.',
    },
    surface: 'search-field',
    variants: [
      arm('control', 'Suggester 4', 'suggester@4'),
      arm('same', 'Suggester 4 again', 'suggester@4'),
    ],
  };
}

function arm(key: string, name: string, reference: string): object {
  const role = key === 'control' ? 'control' : 'treatment';
  return { key, name, role, weight: 1, model: reference, payload: reference };
}

function meanAbsoluteError(body: object): OfflineEvaluationDefinition {
  return parse(offlineEvaluationSchema, { metric: 'MAE', higherIsBetter: false, ...body });
}

// Parsed here, so that a definition the platform would refuse is a bug of this file and not of its user.
function metric(body: object): MetricDefinition {
  return parse(metricDefinitionSchema, body);
}

function experiment(body: object): ExperimentDefinition {
  return parse(experimentDefinitionSchema, body);
}

function model(card: object, versions: ModelEntry['versions']): ModelEntry {
  return { definition: parse(modelDefinitionSchema, card), versions };
}

function version(card: object, evaluation: OfflineEvaluationDefinition): ModelVersionEntry {
  return {
    definition: parse(modelVersionDefinitionSchema, card),
    offlineEvaluations: [evaluation],
  };
}

/**
 * Experiments with their stored analyses, made by the real rules from chosen moments, so that a page in a
 * test says what it would say of such data.
 */
import { runChecks } from '../../src/decision/checks.ts';
import { compare, type Monitoring, SPENDING } from '../../src/decision/compare.ts';
import { type ArmFacts, decide } from '../../src/decision/decide.ts';
import { reachedLooks, scheduleLooks } from '../../src/decision/looks.ts';
import {
  type Analysis,
  type AnalysisDetail,
  analysisSchema,
  type MetricRole,
} from '../../src/domain/analysis.ts';
import {
  type ExperimentDefinition,
  experimentDefinitionSchema,
} from '../../src/domain/experiment.ts';
import { type Metric, metricDefinitionSchema } from '../../src/domain/metric.ts';
import {
  type ModelVersion,
  modelVersionDefinitionSchema,
  offlineEvaluationSchema,
} from '../../src/domain/model.ts';
import { formatInstant, MS_PER_DAY, utcDay } from '../../src/domain/time.ts';
import type { Frame } from '../../src/http/view/frame.ts';
import { boundaries, holm, type Moments } from '../../src/stats/index.ts';
import type { StoredExperiment } from '../../src/store/experiments.ts';

export const STARTED_AT = Date.parse('2026-11-02T00:00:00Z');

export type SampleMetric = {
  readonly key: string;
  readonly role: MetricRole;
  readonly name?: string;
  readonly kind?: 'conversion' | 'count' | 'sum';
  readonly direction?: 'increase' | 'decrease';
  readonly unitLabel?: string;
  /** The goal's planned gain or the guardrail's limit, relative. */
  readonly bound?: number;
  readonly mean: number;
  readonly deviation: number;
  /** Relative change of each treatment, in their order; the last one serves all that follow. */
  readonly lifts: readonly number[];
};

export type SampleArm = {
  readonly key: string;
  readonly name?: string;
  readonly model?: string;
  readonly weight?: number;
};

export type Sample = {
  readonly experiment: StoredExperiment;
  readonly metrics: ReadonlyMap<string, Metric>;
  readonly modelVersions: ReadonlyMap<string, ModelVersion>;
  readonly analysis: Analysis;
  readonly detail: AnalysisDetail;
  readonly now: number;
};

type SampleOptions = {
  readonly key?: string;
  readonly definition?: Partial<ExperimentDefinition>;
  readonly plan?: Partial<ExperimentDefinition['plan']>;
  readonly state?: StoredExperiment['state'];
  readonly days?: number;
  readonly unitsADay?: number;
  readonly arms?: readonly SampleArm[];
  readonly metrics?: readonly SampleMetric[];
  /** Units found in each arm over those expected: 0.9 loses a tenth. */
  readonly kept?: readonly number[];
  readonly crossovers?: number;
  readonly waiting?: number;
  readonly stoppedAfterDays?: number;
};

export const BOOKINGS: SampleMetric = {
  key: 'bookings',
  role: 'goal',
  name: 'Bookings per user',
  kind: 'count',
  bound: 0.01,
  mean: 0.1812,
  deviation: 0.43,
  lifts: [-0.012],
};
export const METRICS: readonly SampleMetric[] = [
  BOOKINGS,
  {
    key: 'cancellations',
    role: 'guardrail',
    name: 'Cancellations per user',
    kind: 'count',
    direction: 'decrease',
    bound: 0.02,
    mean: 0.0419,
    deviation: 0.21,
    lifts: [0.007],
  },
  {
    key: 'net_revenue',
    role: 'guardrail',
    name: 'Net revenue per user',
    kind: 'sum',
    unitLabel: 'EUR',
    bound: 0.05,
    mean: 26.83,
    deviation: 74,
    lifts: [-0.009],
  },
  {
    key: 'first_clicks',
    role: 'secondary',
    name: 'Clicks on the first result',
    kind: 'conversion',
    mean: 0.312,
    deviation: 0.463,
    lifts: [0.021],
  },
  {
    key: 'refinements',
    role: 'secondary',
    name: 'Searches refined per user',
    kind: 'count',
    direction: 'decrease',
    mean: 2.84,
    deviation: 2.9,
    lifts: [0.013],
  },
];

const ARMS: readonly SampleArm[] = [
  { key: 'control', model: 'ranker@6' },
  { key: 'challenger', model: 'ranker@7' },
];

export const FRAME: Frame = {
  environment: 'test',
  simulated: false,
  user: 'I. Verhoeven',
  csrf: 'csrf-token',
  path: '/experiments',
};

/** One experiment with its analysis; by default the running trial of ranker@7 against ranker@6. */
export function sample(options: SampleOptions = {}): Sample {
  const days = options.days ?? 18.5;
  const arms = options.arms ?? ARMS;
  const wanted = options.metrics ?? METRICS;
  const experiment = experimentOf(options, arms, wanted);
  const metrics = new Map(wanted.map((metric) => [metric.key, metricOf(metric)]));
  const asOf = STARTED_AT + Math.round(days * MS_PER_DAY);
  const exposures = exposuresOf(options, arms, days);
  const units = new Map(
    arms.map(({ key }) => [key, exposures.reduce((sum, day) => sum + (day.units[key] ?? 0), 0)]),
  );
  const total = [...units.values()].reduce((a, b) => a + b, 0);
  const { plan } = experiment;
  const planned = plan.plannedUnits ?? Number.POSITIVE_INFINITY;
  const schedule = scheduleLooks(plan, STARTED_AT, null);
  const reached = reachedLooks(
    schedule,
    asOf,
    (at) => (total * (at - STARTED_AT)) / (asOf - STARTED_AT),
    planned,
  );
  const last = reached.at(-1);
  const tests = wanted.filter(({ role }) => role === 'goal').length * (arms.length - 1);
  const compared = wanted.map((metric) => ({
    metric,
    arms: arms.slice(1).map((arm, index) =>
      compare({
        role: metric.role,
        variant: arm.key,
        baseline: arms[0]?.key ?? '',
        direction: metric.direction ?? 'increase',
        alpha: metric.role === 'goal' ? plan.alpha / tests : plan.alpha,
        harmAlpha: 0.001,
        margin:
          metric.role === 'guardrail' && metric.bound !== undefined
            ? { size: metric.bound, scale: 'relative' }
            : null,
        monitoring: monitoringOf(
          plan,
          days,
          reached,
          momentsAt(metric, arms, units, index, (last?.at ?? asOf) - STARTED_AT, asOf - STARTED_AT),
        ),
        plannedUnits: Number.isFinite(planned) ? planned : 100_000,
        now: momentsAt(metric, arms, units, index, 1, 1),
      }),
    ),
  }));
  const checks = runChecks({
    arms: arms.map(({ key, weight = 1 }) => ({ variant: key, weight, units: units.get(key) ?? 0 })),
    crossovers: options.crossovers ?? 0,
    strays: new Map(),
    waiting: options.waiting ?? 0,
    metricEvents: new Map(wanted.map(({ key }) => [key, 1000])),
  });
  const next = schedule.find((look) => look.at > asOf);
  const decision = decide({
    checks,
    arms: arms.slice(1).map(
      (arm, index): ArmFacts => ({
        variant: arm.key,
        goals: compared.flatMap(({ metric, arms: found }) => {
          const one = found[index];
          if (metric.role !== 'goal' || one === undefined) return [];
          const mde =
            metric.bound === undefined
              ? null
              : ({ size: metric.bound, scale: 'relative' } as const);
          return [{ ...one, metric: metric.key, mde }];
        }),
        guardrails: compared.flatMap(({ metric, arms: found }) => {
          const one = found[index];
          return metric.role !== 'guardrail' || one === undefined
            ? []
            : [{ ...one, metric: metric.key }];
        }),
      }),
    ),
    timing: {
      days,
      minDays: plan.minDays,
      mayDecide:
        plan.monitoring === 'group_sequential'
          ? last !== undefined
          : plan.monitoring === 'always_valid',
      waitsFor: next === undefined ? 'units with complete data' : `look on day ${next.day}`,
      final: last?.final === true,
    },
  });
  const bounds =
    last === undefined
      ? []
      : boundaries({
          alpha: plan.alpha / tests,
          information: reached.map((look) => look.information),
          spending: SPENDING,
          final: last.final,
        }).criticalValues;
  const goalP = holm(
    compared.flatMap(({ metric, arms: found }) =>
      metric.role === 'goal' ? found.map(({ comparison }) => comparison.p ?? null) : [],
    ),
  );
  const analysis = analysisSchema.parse({
    id: 'an_8f31',
    experiment: experiment.key,
    version: 1,
    asOf: formatInstant(asOf),
    watermark: '41882340',
    fingerprint: `sha256:${'4be0'.repeat(16)}`,
    code: { assay: '0.1.0', warehouse: 'duckdb 1.5.6' },
    units: Object.fromEntries(units),
    planHash: experiment.planHash ?? '',
    looks:
      plan.monitoring === 'group_sequential'
        ? [
            ...reached.map((look, index) => ({
              day: look.day,
              at: formatInstant(look.at),
              information: look.information,
              bound: bounds[index] ?? null,
              state: 'done' as const,
            })),
            ...schedule
              .filter((look) => look.at > asOf)
              .map((look, index) => ({
                day: look.day,
                at: formatInstant(look.at),
                information: null,
                bound: null,
                state: index === 0 ? ('next' as const) : ('planned' as const),
              })),
          ]
        : [],
    counts: {
      assigned: total,
      exposed: total,
      triggered: null,
      crossover: options.crossovers ?? 0,
    },
    checks,
    metrics: compared.map(({ metric, arms: found }) => ({
      metric: metric.key,
      role: metric.role,
      series: [],
      segments: [],
      comparisons: found.map(({ comparison }) => {
        const adjusted = metric.role === 'goal' ? goalP.shift() : comparison.p;
        return typeof adjusted === 'number' ? { ...comparison, pAdjusted: adjusted } : comparison;
      }),
    })),
    recommendation: decision.recommendation,
  });
  return {
    experiment,
    metrics,
    modelVersions: new Map(
      [...new Set(arms.flatMap(({ model }) => (model === undefined ? [] : [model])))].map(
        (model, index) => [model, modelVersionOf(model, index)],
      ),
    ),
    analysis,
    detail: {
      createdAt: asOf + 14 * 60_000,
      rules: decision.rules,
      exposures,
      sql: sqlOf(experiment.key, wanted),
      moments: wanted.flatMap((metric) =>
        arms.map(({ key }, index) => {
          const n = units.get(key) ?? 0;
          const lift = index === 0 ? 0 : (metric.lifts[index - 1] ?? metric.lifts.at(-1) ?? 0);
          const sum = Math.round(n * metric.mean * (1 + lift) * 1e6);
          return {
            metric: metric.key,
            variant: key,
            n: String(n),
            sum: String(sum),
            sumOfSquares: '0',
          };
        }),
      ),
      deciding: compared.flatMap(({ metric, arms: found }) =>
        found.flatMap(({ comparison, deciding, direction }) => {
          if (deciding === null) return [];
          const { lower, upper } = deciding;
          const turned =
            direction === 'increase' ? { lower, upper } : { lower: -upper, upper: -lower };
          return [{ metric: metric.key, variant: comparison.variant, ...turned }];
        }),
      ),
      matureUnits: total,
      intake: { waiting: options.waiting ?? 0 },
    },
    now: asOf + 28 * 60_000,
  };
}

function experimentOf(
  options: SampleOptions,
  arms: readonly SampleArm[],
  metrics: readonly SampleMetric[],
): StoredExperiment {
  const { definition = {}, plan = {}, state = 'running' } = options;
  const of = (role: MetricRole) => metrics.filter((metric) => metric.role === role);
  const parsed = experimentDefinitionSchema.parse({
    name: 'Ranker 7 against ranker 6 on hotel search',
    owner: 'I. Verhoeven',
    surface: 'search',
    hypothesis: {
      because: 'Prices are ranked with 11% less error offline.',
      change: 'Serve ranker@7 on hotel search.',
      expect: 'Bookings per user up 1.0%.',
      falsifiedBy: 'An interval that lies below +1.0%.',
    },
    unit: 'user',
    variants: arms.map((arm, index) => ({ ...arm, role: index === 0 ? 'control' : 'treatment' })),
    metrics: {
      goals: of('goal').map(({ key, bound }) => ({ metric: key, mde: bound })),
      guardrails: of('guardrail').map(({ key, bound }) => ({ metric: key, margin: bound })),
      secondary: of('secondary').map(({ key }) => ({ metric: key })),
    },
    ...definition,
    plan: { minDays: 7, maxDays: 42, plannedUnits: 1_600_000, ...plan },
  });
  const started = state !== 'draft';
  return {
    ...parsed,
    key: options.key ?? 'ranker-7-vs-6',
    version: 1,
    saltVersionFrom: 1,
    salt: 'salt',
    state,
    startedAt: started ? STARTED_AT : null,
    stoppedAt:
      options.stoppedAfterDays === undefined
        ? null
        : STARTED_AT + options.stoppedAfterDays * MS_PER_DAY,
    stopReason: options.stoppedAfterDays === undefined ? null : 'the gain is ruled out',
    planHash: started ? `sha256:${'7c1e'.repeat(16)}` : null,
    frozenMetrics: null,
    createdAt: STARTED_AT - MS_PER_DAY,
    updatedAt: STARTED_AT,
  };
}

export function metricOf({
  key,
  name,
  kind = 'count',
  direction,
  unitLabel,
}: SampleMetric): Metric {
  const definition = metricDefinitionSchema.parse({
    kind,
    event: key,
    ...(name === undefined ? {} : { name }),
    ...(direction === undefined ? {} : { direction }),
    ...(unitLabel === undefined ? {} : { unitLabel }),
  });
  return { ...definition, key, version: 1, createdAt: STARTED_AT };
}

export function modelVersionOf(reference: string, order: number): ModelVersion {
  const [model = '', version = ''] = reference.split('@');
  const better = 0.418 * (1 - 0.11 * order);
  const evaluations = [
    {
      metric: 'MAE',
      value: better,
      higherIsBetter: false,
      standardError: 0.0021,
      n: 214_000,
      testSet: { reference: 's3://tests/2026-09' },
    },
    {
      metric: 'NDCG@10',
      value: 0.667 * (1 + 0.024 * order),
      higherIsBetter: true,
      standardError: 0.0011,
      n: 214_000,
      testSet: { reference: 's3://tests/2026-09' },
    },
  ];
  return {
    ...modelVersionDefinitionSchema.parse({
      description: 'Gradient-boosted trees over two years of searches.',
      trainingData: {
        reference: 's3://train/2026-08',
        from: '2024-08-01T00:00:00Z',
        to: '2026-08-01T00:00:00Z',
      },
      intendedUse: 'Order of hotels on the search page.',
      limits: 'Not trained on stays above 30 nights.',
      budgets: { latencyMs: 60 },
    }),
    model,
    version,
    createdAt: STARTED_AT - (10 - order) * MS_PER_DAY,
    offlineEvaluations: evaluations.map((evaluation, index) => ({
      ...offlineEvaluationSchema.parse(evaluation),
      id: `${reference}-${index}`,
      createdAt: STARTED_AT - MS_PER_DAY,
    })),
  };
}

function exposuresOf(
  options: SampleOptions,
  arms: readonly SampleArm[],
  days: number,
): AnalysisDetail['exposures'] {
  const aDay = options.unitsADay ?? 25_000;
  const weights = arms.reduce((sum, { weight = 1 }) => sum + weight, 0);
  return Array.from({ length: Math.ceil(days) }, (_, day) => ({
    day: utcDay(STARTED_AT + day * MS_PER_DAY),
    units: Object.fromEntries(
      arms.map(({ key, weight = 1 }, index) => {
        const part =
          Math.min(1, days - day) *
          (1 + 0.07 * Math.sin(day + 0.2 * index)) *
          (day === 0 ? 0.1 : day === 1 ? 0.5 : 1);
        const kept = options.kept?.[index] ?? 1;
        return [key, Math.round((aDay * 2 * part * kept * weight) / weights)];
      }),
    ),
  }));
}

function momentsAt(
  metric: SampleMetric,
  arms: readonly SampleArm[],
  units: ReadonlyMap<string, number>,
  treatment: number,
  part: number,
  whole: number,
): { control: Moments; treatment: Moments } {
  const of = (index: number, lift: number): Moments => {
    const n = Math.round(((units.get(arms[index]?.key ?? '') ?? 0) * part) / whole);
    const mean = metric.mean * (1 + lift);
    return { n, mean: n === 0 ? 0 : mean, m2: n === 0 ? 0 : metric.deviation ** 2 * (n - 1) };
  };
  return {
    control: of(0, 0),
    treatment: of(treatment + 1, metric.lifts[treatment] ?? metric.lifts.at(-1) ?? 0),
  };
}

function monitoringOf(
  plan: ExperimentDefinition['plan'],
  days: number,
  reached: ReturnType<typeof reachedLooks>,
  atLook: { control: Moments; treatment: Moments },
): Monitoring {
  if (plan.monitoring === 'always_valid') return { kind: 'always_valid', ready: days >= 1 };
  if (plan.monitoring === 'fixed') return { kind: 'fixed', ended: days >= plan.maxDays };
  return { kind: 'group_sequential', looks: reached, atLook: reached.length === 0 ? null : atLook };
}

function sqlOf(experiment: string, metrics: readonly SampleMetric[]): AnalysisDetail['sql'] {
  const parameters = {
    experiment,
    watermark: 41882340,
    as_of: 1795348800000,
    unit_type: 'user',
    external: false,
  };
  const shared = { dialect: 'duckdb', rows: 2, parameters };
  return [
    {
      ...shared,
      id: 'units',
      ms: 84.2,
      sql: 'select variant, count(*) as units\nfrom enrolled\ngroup by variant',
    },
    {
      ...shared,
      id: 'outside_trial',
      ms: 12,
      sql: 'select reason, count(*)\nfrom strays\ngroup by reason',
    },
    ...metrics.map(({ key }) => ({
      ...shared,
      id: `metric:${key}`,
      ms: 184,
      parameters: { ...parameters, event: key },
      sql: `-- one row a variant: exact sums of millionths\nwith met as (\n  select units[$unit_type] as unit, variant, ts\n  from events\n  where kind = 'exposure'\n    and experiment = $experiment\n    and seq <= $watermark\n)\nselect variant, count(*) as n, sum(value) as sum, sum(value * value) as sum_of_squares\nfrom followed left join reached using (unit)\ngroup by variant`,
    })),
  ];
}

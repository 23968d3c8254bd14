/** One analysis: the stored result that the page, the API and every export print alike. */
import { z } from 'zod';
import { instantSchema } from './words.ts';

export const METRIC_ROLES = ['goal', 'guardrail', 'secondary'] as const;
export type MetricRole = (typeof METRIC_ROLES)[number];

export const CHECK_STATUSES = ['pass', 'warn', 'fail', 'unknown'] as const;
const checkSchema = z.strictObject({
  id: z.string(),
  status: z.enum(CHECK_STATUSES),
  says: z.string(),
  value: z.number().nullable(),
  threshold: z.number().nullable(),
});
export type Check = z.output<typeof checkSchema>;

export const COMPARISON_STATUSES = [
  'ok',
  'insufficient_data',
  'zero_variance',
  'zero_baseline',
  'baseline_too_noisy',
  'no_data',
  'metric_missing',
] as const;
export type ComparisonStatus = (typeof COMPARISON_STATUSES)[number];

const absoluteSchema = z.strictObject({
  estimate: z.number(),
  se: z.number(),
  lower: z.number(),
  upper: z.number(),
  level: z.number(),
});
const relativeSchema = z.strictObject({
  estimate: z.number(),
  lower: z.number(),
  upper: z.number(),
  method: z.literal('fieller'),
});
const sequentialSchema = z.strictObject({
  lower: z.number(),
  upper: z.number(),
  p: z.number(),
  method: z.enum(['group-sequential', 'always-valid', 'fixed']),
  decides: z.boolean(),
});
const nonInferioritySchema = z.strictObject({
  /** Relative to the baseline mean when the experiment states `margin`, else in the metric's own unit. */
  margin: z.number(),
  /** The worse end of the change, turned so that more is better, on the margin's scale; null when unbounded. */
  lower: z.number().nullable(),
  p: z.number(),
  state: z.enum(['protected', 'harmed', 'unproven']),
});

export const VERDICTS = ['better', 'worse', 'inconclusive', 'not_enough_data'] as const;
export type ComparisonVerdict = (typeof VERDICTS)[number];

/**
 * One variant against control on one metric. `status` speaks of the absolute difference; when only the
 * relative change cannot be given, `relative` is absent and `relativeStatus` says why.
 */
const comparisonSchema = z.strictObject({
  population: z.enum(['exposed', 'triggered', 'site']),
  variant: z.string(),
  baseline: z.string(),
  status: z.enum(COMPARISON_STATUSES),
  n: z.number(),
  baselineN: z.number(),
  mean: z.number().optional(),
  baselineMean: z.number().optional(),
  absolute: absoluteSchema.optional(),
  relative: relativeSchema.optional(),
  relativeStatus: z.enum(COMPARISON_STATUSES).optional(),
  sequential: sequentialSchema.optional(),
  nonInferiority: nonInferioritySchema.optional(),
  p: z.number().optional(),
  pAdjusted: z.number().optional(),
  method: z.literal('welch'),
  adjustments: z.array(z.string()),
  verdict: z.enum(VERDICTS),
});
export type Comparison = z.output<typeof comparisonSchema>;

const metricResultSchema = z.strictObject({
  metric: z.string(),
  role: z.enum(METRIC_ROLES),
  series: z.array(z.unknown()),
  segments: z.array(z.unknown()),
  comparisons: z.array(comparisonSchema),
});
export type MetricResult = z.output<typeof metricResultSchema>;

const lookSchema = z.strictObject({
  day: z.number(),
  at: z.string(),
  /** Share of the planned units that were mature at the look, the smallest over goals; null before it. */
  information: z.number().nullable(),
  /** |Z| a goal must exceed at this look; null while the look is still to come. */
  bound: z.number().nullable(),
  state: z.enum(['done', 'next', 'planned']),
});
export type Look = z.output<typeof lookSchema>;

export const ACTIONS = [
  'invalid',
  'stop_harm',
  'continue',
  'ship',
  'ship_parity',
  'optimise',
  'stop_futile',
  'review',
] as const;
export type Action = (typeof ACTIONS)[number];

const recommendationSchema = z.strictObject({
  action: z.enum(ACTIONS),
  variant: z.string().nullable(),
  reasons: z.array(z.string()),
});
export type Recommendation = z.output<typeof recommendationSchema>;

export const analysisSchema = z.strictObject({
  id: z.string(),
  experiment: z.string(),
  version: z.number(),
  asOf: z.string(),
  watermark: z.string(),
  fingerprint: z.string(),
  code: z.strictObject({ assay: z.string(), warehouse: z.string() }),
  units: z.record(z.string(), z.number()),
  planHash: z.string(),
  looks: z.array(lookSchema),
  counts: z.strictObject({
    assigned: z.number(),
    exposed: z.number(),
    triggered: z.number().nullable(),
    crossover: z.number(),
  }),
  checks: z.array(checkSchema),
  metrics: z.array(metricResultSchema),
  recommendation: recommendationSchema,
});
export type Analysis = z.output<typeof analysisSchema>;

/** A rule of the decision, as asked: what was found, what is needed, and whether it holds. */
export type Rule = {
  readonly id: string;
  readonly says: string;
  readonly found: string;
  readonly needed: string;
  readonly state: 'passed' | 'failed' | 'waiting' | 'not_applicable';
  readonly fired: boolean;
};

/** One statement that was run for an analysis, so that a stranger can run it again. */
export type AnalysisSql = {
  readonly id: string;
  readonly dialect: string;
  readonly sql: string;
  readonly parameters: { readonly [name: string]: string | number | boolean | null };
  readonly rows: number;
  readonly ms: number;
};

/** New units by UTC day of their first exposure. */
export type ExposureDay = {
  readonly day: string;
  readonly units: { readonly [variant: string]: number };
};

/** What is kept beside an analysis for its page: nothing here changes a number of the analysis. */
export type AnalysisDetail = {
  readonly createdAt: number;
  readonly rules: readonly Rule[];
  readonly exposures: readonly ExposureDay[];
  readonly sql: readonly AnalysisSql[];
  readonly moments: readonly {
    readonly metric: string;
    readonly variant: string;
    readonly n: string;
    readonly sum: string;
    readonly sumOfSquares: string;
  }[];
  /** The intervals that decide, as relative changes: what is stored beside is in the metric's own unit. */
  readonly deciding: readonly {
    readonly metric: string;
    readonly variant: string;
    readonly lower: number;
    readonly upper: number;
  }[];
  /** Units whose goals are complete: what the planned units are counted against. */
  readonly matureUnits: number;
  readonly intake: { readonly waiting: number };
};

/** The body of `POST /v1/experiments/:key/analyses`. The watermark repeats an earlier analysis. */
export const analysisRequestSchema = z.strictObject({
  asOf: instantSchema.optional(),
  watermark: z
    .string()
    .regex(/^\d{1,18}$/, 'must be the watermark of an earlier analysis')
    .optional(),
});

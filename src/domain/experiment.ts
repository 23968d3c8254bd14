/** The experiment: who is in it, what each variant gets, what decides, and how its state may change. */
import { z } from 'zod';
import { conditionSchema } from './condition.ts';
import { unkeepable } from './json.ts';
import {
  keySchema,
  modelRefSchema,
  nameSchema,
  noteSchema,
  shareSchema,
  tagsSchema,
  textSchema,
} from './words.ts';

export const WEIGHT_TOTAL_MAX = 1_000_000;

const payloadSchema = z
  .union([z.boolean(), z.string().max(10_000), z.number(), z.record(z.string(), z.json())], {
    error: 'must be true or false, text, a number or an object',
  })
  .refine((payload) => unkeepable(payload) === undefined, 'must be well-formed Unicode');
export type Payload = z.output<typeof payloadSchema>;

const variantSchema = z.strictObject({
  key: keySchema,
  name: nameSchema.optional(),
  role: z.enum(['control', 'treatment'], {
    error:
      'must be control or treatment; withhold, shadow and latency belong to designs not offered yet',
  }),
  weight: z
    .number({ error: 'must be a whole number' })
    .int('must be a whole number')
    .min(0, 'must be at least 0')
    .max(WEIGHT_TOTAL_MAX)
    .default(1),
  model: modelRefSchema.optional(),
  payload: payloadSchema.optional(),
});

// Rules about a list stand on the list, so that a mistake elsewhere in the body does not hide them.
const variantsSchema = z
  .array(variantSchema, { error: 'must be a list' })
  .min(2, 'at least two variants')
  .max(20)
  .superRefine((variants, context) => {
    for (const problem of variantProblems(variants))
      context.addIssue({ code: 'custom', ...problem });
  });

const positive = z.number({ error: 'must be a number above 0' }).positive('must be above 0');
const oneOfTwo = (a: string, b: string) => ({
  message: `give ${a} or ${b}, not both`,
  path: [b],
});

const goalSchema = z
  .strictObject({ metric: keySchema, mde: positive.optional(), mdeAbsolute: positive.optional() })
  .refine(
    (goal) => goal.mde === undefined || goal.mdeAbsolute === undefined,
    oneOfTwo('mde', 'mdeAbsolute'),
  );
const guardrailSchema = z
  .strictObject({
    metric: keySchema,
    margin: positive.lt(1, 'must be below 1: it is relative to the baseline mean').optional(),
    marginAbsolute: positive.optional(),
  })
  .refine(
    (guardrail) => guardrail.margin === undefined || guardrail.marginAbsolute === undefined,
    oneOfTwo('margin', 'marginAbsolute'),
  );
const secondarySchema = z.strictObject({ metric: keySchema });

const metricsSchema = z
  .strictObject({
    goals: z.array(goalSchema, { error: 'must be a list' }).min(1, 'at least one goal').max(50),
    guardrails: z.array(guardrailSchema).max(50).default([]),
    secondary: z.array(secondarySchema).max(200).default([]),
  })
  .superRefine((metrics, context) => {
    for (const problem of metricProblems(metrics)) context.addIssue({ code: 'custom', ...problem });
  });

const planSchema = z
  .strictObject({
    alpha: z.number().gt(0, 'must be above 0').max(0.5, 'must be at most 0.5').default(0.05),
    power: z.number().gt(0.5, 'must be above 0.5').lt(1, 'must be below 1').default(0.8),
    monitoring: z
      .enum(['group_sequential', 'always_valid', 'fixed'], {
        error: 'must be group_sequential, always_valid or fixed',
      })
      .default('group_sequential'),
    minDays: z.number().min(0).max(3650).default(7),
    maxDays: z.number().positive('must be above 0').max(3650).default(28),
    looks: z.array(positive.max(3650), 'days after start').min(1).max(100).optional(),
    plannedUnits: z.number().int().positive('must be above 0').max(1e12).optional(),
  })
  .refine((plan) => plan.maxDays >= plan.minDays, {
    message: 'must be at least minDays',
    path: ['maxDays'],
  })
  .refine((plan) => plan.looks === undefined || isIncreasing(plan.looks), {
    message: 'must increase',
    path: ['looks'],
  });

const policySchema = z.strictObject({
  preset: z.literal('ship_rule', { error: 'must be ship_rule' }).default('ship_rule'),
  automation: z
    .literal('advise', { error: 'must be advise: the machine does not act alone in this release' })
    .default('advise'),
});

const hypothesisSchema = z.strictObject({
  because: noteSchema.optional(),
  change: noteSchema.optional(),
  expect: noteSchema.optional(),
  falsifiedBy: noteSchema.optional(),
});

/** The body of `PUT /v1/experiments/:key`. */
export const experimentDefinitionSchema = z.strictObject({
  name: nameSchema.optional(),
  description: noteSchema.optional(),
  notes: noteSchema.optional(),
  owner: nameSchema.optional(),
  tags: tagsSchema.default([]),
  hypothesis: hypothesisSchema.optional(),
  design: z.literal('ab', { error: 'must be ab: other designs are not offered yet' }).default('ab'),
  designOptions: z.strictObject({}).default({}),
  assignment: z
    .enum(['assay', 'external'], { error: 'must be assay or external' })
    .default('assay'),
  unit: keySchema,
  surface: keySchema.optional(),
  layer: keySchema.optional(),
  slot: z
    .strictObject({ from: shareSchema, to: shareSchema })
    .refine((slot) => slot.to > slot.from, { message: 'must be above from', path: ['to'] })
    .default({ from: 0, to: 1 }),
  traffic: shareSchema.default(1),
  targeting: conditionSchema.nullable().default(null),
  variants: variantsSchema,
  metrics: metricsSchema,
  plan: planSchema.prefault({}),
  policy: policySchema.prefault({}),
});

export type ExperimentDefinition = z.output<typeof experimentDefinitionSchema>;
export type Variant = ExperimentDefinition['variants'][number];
export type Plan = ExperimentDefinition['plan'];
export type Goal = ExperimentDefinition['metrics']['goals'][number];
export type Guardrail = ExperimentDefinition['metrics']['guardrails'][number];

export const EXPERIMENT_STATES = ['draft', 'running', 'stopped', 'shipped', 'archived'] as const;
export type ExperimentState = (typeof EXPERIMENT_STATES)[number];

/** An experiment as stored. Times are milliseconds. */
export type Experiment = ExperimentDefinition & {
  readonly key: string;
  readonly version: number;
  /** Versions that share the current salt: exposures of any of them enrol. */
  readonly saltVersionFrom: number;
  readonly salt: string;
  readonly state: ExperimentState;
  readonly startedAt: number | null;
  readonly stoppedAt: number | null;
  readonly stopReason: string | null;
  /** SHA-256 over plan, metrics, variants and policy as frozen at the start. */
  readonly planHash: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
};

/** The bodies of the state changes. */
export const stopBodySchema = z.strictObject({
  reason: textSchema(1000).min(1, 'must not be empty'),
});

export function controlOf<V extends { role: string }>(variants: readonly V[]): V {
  const control = variants.find((variant) => variant.role === 'control');
  if (control === undefined) throw new RangeError('an experiment has exactly one control');
  return control;
}

/** What a variant serves: its payload, by default its key. */
export function payloadOf(variant: Pick<Variant, 'key' | 'payload'>): Payload {
  return variant.payload ?? variant.key;
}

type MetricList = 'goals' | 'guardrails' | 'secondary';
type Issue = { path: (string | number)[]; message: string };

function variantProblems(variants: readonly z.output<typeof variantSchema>[]): Issue[] {
  const issues: Issue[] = [];
  const controls = variants.filter((variant) => variant.role === 'control').length;
  if (controls !== 1) {
    issues.push({ path: [], message: `exactly one variant has the role control, not ${controls}` });
  }
  variants.forEach((variant, index) => {
    if (variants.findIndex((other) => other.key === variant.key) < index) {
      issues.push({ path: [index, 'key'], message: 'is used twice' });
    }
  });
  const total = variants.reduce((sum, variant) => sum + variant.weight, 0);
  if (total < 1 || total > WEIGHT_TOTAL_MAX) {
    issues.push({
      path: [],
      message: `weights must add up to 1 to ${WEIGHT_TOTAL_MAX}, not ${total}`,
    });
  }
  const types = new Set(variants.map((variant) => typeof payloadOf(variant)));
  if (types.size > 1) {
    issues.push({
      path: [],
      message: `payloads must be of one type across variants, not ${[...types].join(' and ')}`,
    });
  }
  return issues;
}

function metricProblems(
  metrics: Readonly<Record<MetricList, readonly { metric: string }[]>>,
): Issue[] {
  const seen = new Set<string>();
  const issues: Issue[] = [];
  for (const role of ['goals', 'guardrails', 'secondary'] as const) {
    metrics[role].forEach(({ metric }, index) => {
      if (seen.has(metric)) {
        issues.push({ path: [role, index, 'metric'], message: 'has a role already' });
      }
      seen.add(metric);
    });
  }
  return issues;
}

function isIncreasing(values: readonly number[]): boolean {
  return values.every((value, index) => index === 0 || value > (values[index - 1] ?? value));
}

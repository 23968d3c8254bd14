/**
 * One analysis, top to bottom: plan, exact sums from the warehouse, estimates, checks, verdict, stored result.
 * With the same asOf and watermark it gives the same units, counts, checks, metrics and recommendation.
 */

import { runChecks } from '../decision/checks.ts';
import {
  type Arms,
  type Compared,
  compare,
  type Monitoring,
  SPENDING,
} from '../decision/compare.ts';
import { type ArmFacts, type Decision, decide, type Timing } from '../decision/decide.ts';
import {
  type ReachedLook,
  reachedLooks,
  type ScheduledLook,
  scheduleLooks,
} from '../decision/looks.ts';
import {
  type Analysis,
  type AnalysisDetail,
  type AnalysisSql,
  analysisSchema,
  type Look,
  type MetricResult,
  type MetricRole,
} from '../domain/analysis.ts';
import { MICROS_PER_UNIT } from '../domain/exact.ts';
import { controlOf, type Variant } from '../domain/experiment.ts';
import { type Metric, maturityDaysOf } from '../domain/metric.ts';
import { AppError } from '../domain/problem.ts';
import { formatInstant, MS_PER_DAY, MS_PER_HOUR, utcDay } from '../domain/time.ts';
import type { Inbox } from '../inbox/inbox.ts';
import { ASSAY_VERSION } from '../runtime/assay-version.ts';
import type { Clock } from '../runtime/clock.ts';
import { canonicalJson, newId, sha256 } from '../runtime/ids.ts';
import type { Log } from '../runtime/log.ts';
import {
  benjaminiHochberg,
  boundaries,
  holm,
  type Moments,
  momentsFromExactSums,
} from '../stats/index.ts';
import { type StoredAnalysis, saveAnalysis } from '../store/analyses.ts';
import { findExperiment, type StoredExperiment } from '../store/experiments.ts';
import type { Store } from '../store/open.ts';
import type { Enrolment, ExactSums, MetricQuestion, Warehouse } from '../warehouse/warehouse.ts';
import type { Drain } from './drain.ts';

/** Total one-sided error rate of all harm alarms of an experiment (MODELS 2.12, G1). */
const HARM_ALPHA = 0.01;

export type Analyst = {
  /** Runs and stores one analysis. Everything acknowledged before the call is in, unless a watermark is given. */
  analyze(key: string, options: { asOf?: number; watermark?: string }): Promise<StoredAnalysis>;
};

export function openAnalyst(options: {
  store: Store;
  inbox: Inbox;
  warehouse: Warehouse;
  drain: Drain;
  clock: Clock;
  log: Log;
}): Analyst {
  const { store, inbox, warehouse, drain, clock, log } = options;
  return {
    async analyze(key, asked) {
      const started = clock.monotonic();
      await drain.drainNow();
      const study = planStudy(findExperiment(store, key), key, asked.asOf, clock.now());
      const watermark = await watermarkOf(warehouse, asked.watermark);
      const measured = await measure(warehouse, study, watermark);
      const waiting = inbox.waiting();
      const stored = conclude(study, measured, { warehouse, watermark, waiting, now: clock.now() });
      saveAnalysis(store, stored);
      log.info('analysis.finished', {
        experiment: key,
        analysis: stored.analysis.id,
        action: stored.analysis.recommendation.action,
        ms: Math.round(clock.monotonic() - started),
      });
      return stored;
    },
  };
}

type StudyMetric = { readonly role: MetricRole; readonly metric: Metric };

type Study = {
  readonly experiment: StoredExperiment;
  readonly control: Variant;
  readonly treatments: readonly Variant[];
  readonly metrics: readonly StudyMetric[];
  readonly startedAt: number;
  readonly asOf: number;
  readonly looks: readonly ScheduledLook[];
  /** How long a unit is followed before it counts as mature for the goals. */
  readonly goalMaturityMs: number;
  readonly plannedUnits: number;
};

function planStudy(
  experiment: StoredExperiment | undefined,
  key: string,
  asOf: number | undefined,
  now: number,
): Study {
  if (experiment === undefined) throw new AppError('not_found', `There is no experiment ${key}.`);
  const { startedAt, frozenMetrics, plan } = experiment;
  if (startedAt === null || frozenMetrics === null) {
    throw new AppError('conflict', 'The experiment has not started: there is nothing to analyse.');
  }
  if (asOf !== undefined && asOf > now) {
    const detail = 'lies in the future';
    throw new AppError('invalid', `/asOf: ${detail}`, { problems: [{ pointer: '/asOf', detail }] });
  }
  const metrics = metricsOf(experiment);
  const goalMaturityMs = Math.max(
    ...metrics.filter(({ role }) => role === 'goal').map(({ metric }) => maturityMsOf(metric)),
  );
  const { stoppedAt } = experiment;
  // As of a moment before the stop, the stop is not known: an analysis of then repeats itself.
  const settledAt =
    stoppedAt === null || stoppedAt > (asOf ?? now) ? null : stoppedAt + goalMaturityMs;
  return {
    experiment,
    control: controlOf(experiment.variants),
    treatments: experiment.variants.filter((variant) => variant.role === 'treatment'),
    metrics,
    startedAt,
    asOf: asOf ?? now,
    looks: scheduleLooks(plan, startedAt, settledAt),
    goalMaturityMs,
    plannedUnits: plan.plannedUnits ?? Number.POSITIVE_INFINITY,
  };
}

function metricsOf(experiment: StoredExperiment): StudyMetric[] {
  const roles = [
    ['goal', experiment.metrics.goals],
    ['guardrail', experiment.metrics.guardrails],
    ['secondary', experiment.metrics.secondary],
  ] as const;
  return roles.flatMap(([role, entries]) =>
    entries.map(({ metric: key }): StudyMetric => {
      const metric = experiment.frozenMetrics?.[key];
      if (metric === undefined) throw new RangeError(`${key} is not pinned in the frozen plan`);
      return { role, metric };
    }),
  );
}

async function watermarkOf(warehouse: Warehouse, asked: string | undefined): Promise<bigint> {
  const known = await warehouse.watermark();
  if (asked === undefined) return known;
  if (BigInt(asked) <= known) return BigInt(asked);
  const detail = `is ahead of the warehouse, which is at ${known}`;
  throw new AppError('invalid', `/watermark: ${detail}`, {
    problems: [{ pointer: '/watermark', detail }],
  });
}

type Measured = {
  readonly units: ReadonlyMap<string, number>;
  readonly crossovers: number;
  readonly strays: ReadonlyMap<string, number>;
  readonly exposures: AnalysisDetail['exposures'];
  readonly reached: readonly ReachedLook[];
  readonly sums: ReadonlyMap<string, ReadonlyMap<string, ExactSums>>;
  /** The same at the latest reached look, for what decides at looks. */
  readonly sumsAtLook: ReadonlyMap<string, ReadonlyMap<string, ExactSums>>;
  readonly matureUnits: number;
  readonly sql: readonly AnalysisSql[];
};

/** All questions to the warehouse, one after another: an analysis must not starve intake of the engine. */
async function measure(warehouse: Warehouse, study: Study, watermark: bigint): Promise<Measured> {
  const sql: AnalysisSql[] = [];
  const keep = <Value>(answer: { value: Value; sql: AnalysisSql }, id: string): Value => {
    sql.push({ ...answer.sql, id });
    return answer.value;
  };
  const enrolment = enrolmentOf(study, study.asOf, watermark);
  const { units, crossovers } = keep(await warehouse.arms(enrolment), 'units');
  const strays = keep(await warehouse.strays(enrolment), 'outside_trial');
  const days = keep(await warehouse.exposureDays(enrolment), 'exposures_by_day');

  const moments = [
    ...study.looks.map((look) => look.at).filter((at) => at <= study.asOf),
    study.asOf,
  ];
  const mature = keep(
    await warehouse.matureUnits(enrolment, moments, study.goalMaturityMs),
    'mature_units',
  );
  const matureAt = (moment: number): number => mature.get(moment) ?? 0;
  const reached = reachedLooks(study.looks, study.asOf, matureAt, study.plannedUnits);
  const lookAt =
    study.experiment.plan.monitoring === 'group_sequential' ? reached.at(-1)?.at : undefined;

  const sums = new Map<string, ReadonlyMap<string, ExactSums>>();
  const sumsAtLook = new Map<string, ReadonlyMap<string, ExactSums>>();
  for (const { role, metric } of study.metrics) {
    const id = `metric:${metric.key}`;
    sums.set(
      metric.key,
      keep(await warehouse.sums(enrolment, questionOf(study, metric, study.asOf)), id),
    );
    if (lookAt === undefined || role === 'secondary') continue;
    const then = enrolmentOf(study, lookAt, watermark);
    const answer = await warehouse.sums(then, questionOf(study, metric, lookAt));
    sumsAtLook.set(metric.key, keep(answer, `${id}@look`));
  }
  return {
    units,
    crossovers,
    strays,
    exposures: exposureDays(days),
    reached,
    sums,
    sumsAtLook,
    matureUnits: matureAt(study.asOf),
    sql,
  };
}

function enrolmentOf(study: Study, asOf: number, watermark: bigint): Enrolment {
  const { experiment } = study;
  return {
    experiment: experiment.key,
    unitType: experiment.unit,
    variants: experiment.variants.map((variant) => variant.key),
    versionFrom: experiment.saltVersionFrom,
    versionTo: experiment.version,
    external: experiment.assignment === 'external',
    startedAt: study.startedAt,
    entryUntil: Math.min(asOf, experiment.stoppedAt ?? asOf),
    asOf,
    watermark,
  };
}

/** DESIGN part 8: at stop, outcomes count until the earlier of window end and stop + maturityDays. */
function questionOf(study: Study, metric: Metric, asOf: number): MetricQuestion {
  const maturityMs = maturityMsOf(metric);
  const bounded = metric.window.toHours !== null;
  const stop = study.experiment.stoppedAt;
  const outcomesEnd = stop === null ? asOf : Math.min(asOf, bounded ? stop + maturityMs : stop);
  const property =
    metric.kind === 'sum' && metric.value !== 'value'
      ? metric.value.slice('properties.'.length)
      : null;
  return {
    kind: metric.kind,
    event: metric.event,
    property,
    windowFromMs: Math.round(metric.window.fromHours * MS_PER_HOUR),
    windowToMs:
      metric.window.toHours === null
        ? Number.POSITIVE_INFINITY
        : Math.round(metric.window.toHours * MS_PER_HOUR),
    outcomesUntil: outcomesEnd,
    matureUntil: asOf - maturityMs,
  };
}

function maturityMsOf(metric: Metric): number {
  return Math.round(maturityDaysOf(metric) * MS_PER_DAY);
}

function exposureDays(
  rows: readonly { day: number; variant: string; units: number }[],
): AnalysisDetail['exposures'] {
  const days = new Map<number, Record<string, number>>();
  for (const { day, variant, units } of rows) {
    days.set(day, { ...days.get(day), [variant]: units });
  }
  return [...days].map(([day, units]) => ({ day: utcDay(day * MS_PER_DAY), units }));
}

type Surroundings = {
  readonly warehouse: Warehouse;
  readonly watermark: bigint;
  readonly waiting: number;
  readonly now: number;
};

/** From exact sums to the stored result: pure but for the id. */
function conclude(study: Study, measured: Measured, around: Surroundings): StoredAnalysis {
  const { experiment, control, treatments } = study;
  const timing = timingOf(study, measured);
  const compared = compareAll(study, measured, timing);
  const checks = runChecks({
    arms: experiment.variants.map(({ key, weight }) => ({
      variant: key,
      weight,
      units: measured.units.get(key) ?? 0,
    })),
    crossovers: measured.crossovers,
    strays: measured.strays,
    waiting: around.waiting,
    metricEvents: new Map(
      [...measured.sums].map(([key, arms]) => [
        key,
        Number([...arms.values()].reduce((sum, arm) => sum + arm.events, 0n)),
      ]),
    ),
  });
  const arms = treatments
    .filter((variant) => variant.weight > 0)
    .map((variant) => armFacts(study, compared, variant.key));
  const decision: Decision = decide({ checks, arms, timing });
  const exposed =
    [...measured.units.values()].reduce((sum, units) => sum + units, 0) + measured.crossovers;
  const moments = momentsDetail(measured);
  const planHash = experiment.planHash ?? '';
  const asOf = formatInstant(study.asOf);
  const watermark = around.watermark.toString();
  const code = { assay: ASSAY_VERSION, warehouse: around.warehouse.name };
  const analysis: Analysis = {
    id: newId(),
    experiment: experiment.key,
    version: experiment.version,
    asOf,
    watermark,
    fingerprint: `sha256:${sha256(canonicalJson({ asOf, watermark, planHash, code, moments }))}`,
    code,
    units: Object.fromEntries(measured.units),
    planHash,
    looks: looksOf(study, measured),
    counts: { assigned: exposed, exposed, triggered: null, crossover: measured.crossovers },
    checks,
    metrics: metricResults(study, compared, control),
    recommendation: decision.recommendation,
  };
  // The shape is a promise to other programs: a result that breaks it is a bug, found here and not by them.
  analysisSchema.parse(analysis);
  return {
    analysis,
    detail: {
      createdAt: around.now,
      rules: decision.rules,
      exposures: measured.exposures,
      sql: measured.sql,
      moments,
      deciding: decidingIntervals(compared),
      matureUnits: measured.matureUnits,
      intake: { waiting: around.waiting },
    },
  };
}

function timingOf(study: Study, measured: Measured): Timing {
  const { plan } = study.experiment;
  const days = (study.asOf - study.startedAt) / MS_PER_DAY;
  const enough = measured.matureUnits >= study.plannedUnits;
  const over = days >= plan.maxDays || enough || isSettled(study);
  if (plan.monitoring === 'group_sequential') {
    const next = study.looks.find((look) => look.at > study.asOf);
    const last = measured.reached.at(-1);
    return {
      days,
      minDays: plan.minDays,
      mayDecide: last !== undefined,
      waitsFor:
        last !== undefined
          ? `a look; the latest was on day ${Number(last.day.toFixed(1))}`
          : next === undefined
            ? 'units with complete data'
            : `look on day ${Number(next.day.toFixed(1))}`,
      final: last?.final === true,
    };
  }
  return {
    days,
    minDays: plan.minDays,
    mayDecide: plan.monitoring === 'always_valid' || over,
    waitsFor: `day ${plan.maxDays}, or ${study.plannedUnits} units`,
    final: over,
  };
}

/** A stopped experiment whose last outcomes are in. */
function isSettled(study: Study): boolean {
  const stop = study.experiment.stoppedAt;
  return stop !== null && study.asOf >= stop + study.goalMaturityMs;
}

/** Every metric and treatment arm, compared with control. */
function compareAll(
  study: Study,
  measured: Measured,
  timing: Timing,
): ReadonlyMap<string, Compared> {
  const { experiment, control, treatments } = study;
  const goalTests = experiment.metrics.goals.length * treatments.length;
  const alarms =
    (experiment.metrics.goals.length + experiment.metrics.guardrails.length) * treatments.length;
  const totalWeight = experiment.variants.reduce((sum, variant) => sum + variant.weight, 0);
  const compared = new Map<string, Compared>();
  for (const { role, metric } of study.metrics) {
    for (const treatment of treatments) {
      const share = (control.weight + treatment.weight) / totalWeight;
      compared.set(
        pairKey(metric.key, treatment.key),
        compare({
          role,
          variant: treatment.key,
          baseline: control.key,
          direction: metric.direction,
          alpha: role === 'goal' ? experiment.plan.alpha / goalTests : experiment.plan.alpha,
          harmAlpha: HARM_ALPHA / alarms,
          margin: marginOf(experiment, metric.key),
          monitoring: monitoringOf(study, measured, timing, metric, treatment.key),
          plannedUnits: Math.max(1, study.plannedUnits * share),
          now: armsOf(measured.sums.get(metric.key), control.key, treatment.key),
        }),
      );
    }
  }
  return compared;
}

function monitoringOf(
  study: Study,
  measured: Measured,
  timing: Timing,
  metric: Metric,
  treatment: string,
): Monitoring {
  switch (study.experiment.plan.monitoring) {
    case 'group_sequential': {
      const then = measured.sumsAtLook.get(metric.key);
      return {
        kind: 'group_sequential',
        looks: measured.reached,
        atLook: then === undefined ? null : armsOf(then, study.control.key, treatment),
      };
    }
    case 'always_valid':
      // At least one whole day, so that the large-sample argument has a day's variety of users behind it.
      return { kind: 'always_valid', ready: timing.days >= 1 };
    case 'fixed':
      return { kind: 'fixed', ended: timing.mayDecide };
  }
}

function marginOf(experiment: StoredExperiment, metric: string) {
  const guardrail = experiment.metrics.guardrails.find((entry) => entry.metric === metric);
  if (guardrail?.margin !== undefined)
    return { size: guardrail.margin, scale: 'relative' as const };
  if (guardrail?.marginAbsolute === undefined) return null;
  return { size: guardrail.marginAbsolute, scale: 'absolute' as const };
}

function armsOf(
  sums: ReadonlyMap<string, ExactSums> | undefined,
  control: string,
  treatment: string,
): Arms {
  return { control: momentsOf(sums?.get(control)), treatment: momentsOf(sums?.get(treatment)) };
}

function momentsOf(sums: ExactSums | undefined): Moments {
  if (sums === undefined || sums.n === 0n) return { n: 0, mean: 0, m2: 0 };
  return momentsFromExactSums({
    n: Number(sums.n),
    sum: sums.sum,
    sumOfSquares: sums.sumOfSquares,
    scale: MICROS_PER_UNIT,
  });
}

function armFacts(
  study: Study,
  compared: ReadonlyMap<string, Compared>,
  variant: string,
): ArmFacts {
  const of = (metric: string): Compared => {
    const found = compared.get(pairKey(metric, variant));
    if (found === undefined) throw new RangeError(`${metric} of ${variant} was not compared`);
    return found;
  };
  return {
    variant,
    goals: study.experiment.metrics.goals.map((goal) => ({
      ...of(goal.metric),
      metric: goal.metric,
      mde:
        goal.mde !== undefined
          ? { size: goal.mde, scale: 'relative' as const }
          : goal.mdeAbsolute === undefined
            ? null
            : { size: goal.mdeAbsolute, scale: 'absolute' as const },
    })),
    guardrails: study.experiment.metrics.guardrails.map((guardrail) => ({
      ...of(guardrail.metric),
      metric: guardrail.metric,
    })),
  };
}

/** Rows with p adjusted within their role: Holm on goals, Benjamini-Hochberg on secondary metrics. */
function metricResults(
  study: Study,
  compared: ReadonlyMap<string, Compared>,
  control: Variant,
): MetricResult[] {
  const rows = study.metrics.flatMap(({ role, metric }) =>
    study.treatments.map((treatment) => {
      const found = compared.get(pairKey(metric.key, treatment.key));
      if (found === undefined)
        throw new RangeError(`${metric.key} was not compared with ${control.key}`);
      return { role, metric: metric.key, comparison: found.comparison };
    }),
  );
  const adjusted = new Map<(typeof rows)[number], number | null>();
  for (const [role, adjust] of [
    ['goal', holm],
    ['secondary', benjaminiHochberg],
  ] as const) {
    const family = rows.filter((row) => row.role === role);
    const values = adjust(family.map((row) => row.comparison.p ?? null));
    family.forEach((row, index) => {
      adjusted.set(row, values[index] ?? null);
    });
  }
  return study.metrics.map(({ role, metric }) => ({
    metric: metric.key,
    role,
    series: [],
    segments: [],
    comparisons: rows
      .filter((row) => row.metric === metric.key)
      .map((row) => {
        const pAdjusted =
          role === 'guardrail' ? row.comparison.p : (adjusted.get(row) ?? undefined);
        return pAdjusted === undefined ? row.comparison : { ...row.comparison, pAdjusted };
      }),
  }));
}

function looksOf(study: Study, measured: Measured): Look[] {
  const { plan, metrics } = study.experiment;
  if (plan.monitoring !== 'group_sequential') return [];
  const { reached } = measured;
  const last = reached.at(-1);
  const bounds =
    last === undefined
      ? []
      : boundaries({
          alpha: plan.alpha / (metrics.goals.length * study.treatments.length),
          information: reached.map((look) => look.information),
          spending: SPENDING,
          final: last.final,
        }).criticalValues;
  const done = reached.map(
    (look, index): Look => ({
      day: look.day,
      at: formatInstant(look.at),
      information: look.information,
      bound: bounds[index] ?? null,
      state: 'done',
    }),
  );
  if (last?.final === true) return done;
  const coming = study.looks
    .filter((look) => look.at > study.asOf)
    .map(
      (look, index): Look => ({
        day: look.day,
        at: formatInstant(look.at),
        information: null,
        bound: null,
        state: index === 0 ? 'next' : 'planned',
      }),
    );
  return [...done, ...coming];
}

function momentsDetail(measured: Measured): AnalysisDetail['moments'] {
  const rows = [
    ...[...measured.sums].map(([key, arms]) => [key, arms] as const),
    ...[...measured.sumsAtLook].map(([key, arms]) => [`${key}@look`, arms] as const),
  ];
  return rows.flatMap(([metric, arms]) =>
    [...arms].map(([variant, sums]) => ({
      metric,
      variant,
      n: sums.n.toString(),
      sum: sums.sum.toString(),
      sumOfSquares: sums.sumOfSquares.toString(),
    })),
  );
}

function decidingIntervals(compared: ReadonlyMap<string, Compared>): AnalysisDetail['deciding'] {
  return [...compared].flatMap(([pair, { deciding, direction }]) => {
    if (deciding === null) return [];
    const [metric = '', variant = ''] = pair.split('\n');
    return direction === 'increase'
      ? [{ metric, variant, lower: deciding.lower, upper: deciding.upper }]
      : [{ metric, variant, lower: -deciding.upper, upper: -deciding.lower }];
  });
}

function pairKey(metric: string, variant: string): string {
  return `${metric}\n${variant}`;
}

/** The analysis plan as it was when it was frozen, with its hash. */
import type { Experiment } from '../domain/experiment.ts';
import type { Metric } from '../domain/metric.ts';
import { AppError, type Problem } from '../domain/problem.ts';
import { canonicalJson, sha256 } from '../runtime/ids.ts';
import type { FrozenMetrics, StoredExperiment } from '../store/experiments.ts';
import { findMetric } from '../store/metrics.ts';
import type { Store } from '../store/open.ts';

export type FrozenPlan = Pick<StoredExperiment, 'planHash' | 'frozenMetrics'>;

/**
 * Pins the metric definitions of a plan and hashes all that decides. A metric that was pinned before stays
 * as it was, whatever became of its definition since.
 *
 * Throws `not_ready` naming everything that is missing.
 */
export function freeze(store: Store, experiment: StoredExperiment): FrozenPlan {
  const problems: Problem[] = missingFrom(experiment);
  const pinned: Record<string, Metric> = {};
  for (const role of ['goals', 'guardrails', 'secondary'] as const) {
    experiment.metrics[role].forEach(({ metric: key }, index) => {
      const metric = experiment.frozenMetrics?.[key] ?? findMetric(store, key);
      if (metric === undefined) {
        problems.push({
          pointer: `/metrics/${role}/${index}/metric`,
          detail: `there is no metric ${key}`,
        });
      } else pinned[key] = metric;
    });
  }
  if (problems.length > 0) {
    throw new AppError('not_ready', 'The experiment cannot start yet.', { problems });
  }
  return { frozenMetrics: pinned, planHash: hashOf(experiment, pinned) };
}

function missingFrom(experiment: Experiment): Problem[] {
  const problems: Problem[] = [];
  if (experiment.plan.plannedUnits === undefined) {
    problems.push({
      pointer: '/plan/plannedUnits',
      detail: 'the number of units planned for is needed: looks and alarms are tuned to it',
    });
  }
  experiment.metrics.goals.forEach((goal, index) => {
    if (goal.mde !== undefined || goal.mdeAbsolute !== undefined) return;
    problems.push({
      pointer: `/metrics/goals/${index}/mde`,
      detail: 'the smallest effect that matters is needed: mde (relative) or mdeAbsolute',
    });
  });
  experiment.metrics.guardrails.forEach((guardrail, index) => {
    if (guardrail.margin !== undefined || guardrail.marginAbsolute !== undefined) return;
    problems.push({
      pointer: `/metrics/guardrails/${index}/margin`,
      detail:
        'the loss that would still be acceptable is needed: margin (relative) or marginAbsolute',
    });
  });
  const treatments = experiment.variants.filter(
    (variant) => variant.role === 'treatment' && variant.weight > 0,
  );
  if (treatments.length === 0) {
    problems.push({ pointer: '/variants', detail: 'a treatment needs a weight above 0' });
  }
  experiment.variants.forEach((variant, index) => {
    if (variant.role !== 'control' || variant.weight > 0) return;
    problems.push({
      pointer: `/variants/${index}/weight`,
      detail: 'control needs a weight above 0',
    });
  });
  return problems;
}

function hashOf(experiment: Experiment, metrics: FrozenMetrics): string {
  const { unit, design, designOptions, assignment, variants, plan, policy, salt } = experiment;
  const content = {
    unit,
    design,
    designOptions,
    assignment,
    salt,
    variants,
    metrics: experiment.metrics,
    definitions: metrics,
    plan,
    policy,
  };
  return `sha256:${sha256(canonicalJson(content))}`;
}

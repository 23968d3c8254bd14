/** What the API shows of stored things: instants as RFC 3339 text, nothing of the inside. */
import type { Experiment } from '../../domain/experiment.ts';
import type { Metric } from '../../domain/metric.ts';
import type { Model, ModelVersion, OfflineEvaluation } from '../../domain/model.ts';
import { formatInstant } from '../../domain/time.ts';
import { definitionOf } from '../../store/experiments.ts';

export function metricView(metric: Metric) {
  return { ...metric, createdAt: formatInstant(metric.createdAt) };
}

export function modelView(model: Model, versions: readonly ModelVersion[]) {
  return {
    ...model,
    createdAt: formatInstant(model.createdAt),
    versions: versions
      .filter((version) => version.model === model.key)
      .map((version) => version.version),
  };
}

export function modelVersionView(version: ModelVersion) {
  const { trainingData, offlineEvaluations, createdAt, ...rest } = version;
  return {
    ...rest,
    ...(trainingData === undefined
      ? {}
      : {
          trainingData: {
            reference: trainingData.reference,
            ...instantsOf({ from: trainingData.from, to: trainingData.to }),
          },
        }),
    createdAt: formatInstant(createdAt),
    offlineEvaluations: offlineEvaluations.map(offlineEvaluationView),
  };
}

export function offlineEvaluationView(evaluation: OfflineEvaluation) {
  const { evaluatedAt, createdAt, ...rest } = evaluation;
  return { ...rest, ...instantsOf({ evaluatedAt }), createdAt: formatInstant(createdAt) };
}

export function experimentView(experiment: Experiment) {
  const instant = (value: number | null) => (value === null ? null : formatInstant(value));
  return {
    key: experiment.key,
    version: experiment.version,
    state: experiment.state,
    ...definitionOf(experiment),
    salt: experiment.salt,
    startedAt: instant(experiment.startedAt),
    stoppedAt: instant(experiment.stoppedAt),
    stopReason: experiment.stopReason,
    planHash: experiment.planHash,
    createdAt: formatInstant(experiment.createdAt),
    updatedAt: formatInstant(experiment.updatedAt),
  };
}

function instantsOf(times: Readonly<Record<string, number | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(times).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, formatInstant(value)] as const],
    ),
  );
}

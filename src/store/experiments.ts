/** Experiments as rows: the definition is JSON, what transitions change has columns of its own. */
import type { Experiment, ExperimentDefinition, ExperimentState } from '../domain/experiment.ts';
import type { Metric } from '../domain/metric.ts';
import type { Store } from './open.ts';

type Row = Readonly<Record<string, unknown>>;

/** The metrics of a plan as they were when it was frozen. */
export type FrozenMetrics = { readonly [key: string]: Metric };
export type StoredExperiment = Experiment & { readonly frozenMetrics: FrozenMetrics | null };

export function findExperiment(store: Store, key: string): StoredExperiment | undefined {
  const row = store.statements.get('experiment', { key });
  return row === undefined ? undefined : experimentOf(row);
}

export function listExperiments(store: Store): StoredExperiment[] {
  return store.statements.all('experiments').map(experimentOf);
}

export function pageOfExperiments(store: Store, after: string, limit: number): StoredExperiment[] {
  return store.statements.all('experimentsPage', { after, limit }).map(experimentOf);
}

/** Writes the row, and the version with it when it is new. To be called inside a transaction. */
export function saveExperiment(
  store: Store,
  experiment: StoredExperiment,
  options: { newVersion: boolean },
): void {
  const definition = JSON.stringify(definitionOf(experiment));
  store.statements.run('saveExperiment', {
    key: experiment.key,
    version: experiment.version,
    salt_version_from: experiment.saltVersionFrom,
    salt: experiment.salt,
    state: experiment.state,
    started_at: experiment.startedAt,
    stopped_at: experiment.stoppedAt,
    stop_reason: experiment.stopReason,
    plan_hash: experiment.planHash,
    frozen_metrics:
      experiment.frozenMetrics === null ? null : JSON.stringify(experiment.frozenMetrics),
    definition,
    created_at: experiment.createdAt,
    updated_at: experiment.updatedAt,
  });
  if (!options.newVersion) return;
  store.statements.run('saveExperimentVersion', {
    key: experiment.key,
    version: experiment.version,
    salt: experiment.salt,
    definition,
    created_at: experiment.updatedAt,
  });
}

/** Records the seeds a salt leads to; false when one of them is taken, and then the salt must be redrawn. */
export function claimSeeds(
  store: Store,
  salt: string,
  seeds: Readonly<Record<string, number>>,
): boolean {
  const entries = Object.entries(seeds);
  const taken = entries.some(
    ([, seed]) => store.statements.get('saltSeed', { seed }) !== undefined,
  );
  if (taken || new Set(entries.map(([, seed]) => seed)).size < entries.length) return false;
  for (const [purpose, seed] of entries) {
    store.statements.run('saveSaltSeed', { seed, salt, purpose });
  }
  return true;
}

/** The part of an experiment that `PUT` wrote. */
export function definitionOf(experiment: Experiment): ExperimentDefinition {
  const {
    key: _key,
    version: _version,
    saltVersionFrom: _saltVersionFrom,
    salt: _salt,
    state: _state,
    startedAt: _startedAt,
    stoppedAt: _stoppedAt,
    stopReason: _stopReason,
    planHash: _planHash,
    createdAt: _createdAt,
    updatedAt: _updatedAt,
    ...definition
  } = experiment;
  const { frozenMetrics: _frozenMetrics, ...rest } = definition as ExperimentDefinition & {
    frozenMetrics?: unknown;
  };
  return rest;
}

function experimentOf(row: Row): StoredExperiment {
  return {
    ...(JSON.parse(String(row.definition)) as ExperimentDefinition),
    key: String(row.key),
    version: Number(row.version),
    saltVersionFrom: Number(row.salt_version_from),
    salt: String(row.salt),
    state: row.state as ExperimentState,
    startedAt: row.started_at as number | null,
    stoppedAt: row.stopped_at as number | null,
    stopReason: row.stop_reason as string | null,
    planHash: row.plan_hash as string | null,
    frozenMetrics:
      row.frozen_metrics === null
        ? null
        : (JSON.parse(String(row.frozen_metrics)) as FrozenMetrics),
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
  };
}

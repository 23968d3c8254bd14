/** Changes of state. A change to the state already held answers unchanged; an impossible one is a conflict. */
import type { Experiment } from '../domain/experiment.ts';
import { AppError } from '../domain/problem.ts';
import type { Clock } from '../runtime/clock.ts';
import {
  findExperiment,
  listExperiments,
  type StoredExperiment,
  saveExperiment,
} from '../store/experiments.ts';
import type { Store } from '../store/open.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import type { Drain } from './drain.ts';
import { freeze } from './frozen-plan.ts';
import type { Snapshots } from './snapshot.ts';

export type Lifecycle = {
  /** Freezes the plan and lets units in. `at` in the past only while no exposure is known. */
  start(key: string, at: number | undefined): Promise<StoredExperiment>;
  stop(key: string, reason: string): StoredExperiment;
};

export function openLifecycle(options: {
  store: Store;
  snapshots: Snapshots;
  warehouse: Warehouse;
  drain: Drain;
  clock: Clock;
}): Lifecycle {
  const { store, snapshots, warehouse, drain, clock } = options;
  return {
    async start(key, at) {
      const found = expect(store, key);
      if (found.state === 'running') return found;
      const now = clock.now();
      const startedAt = at ?? now;
      if (startedAt > now)
        throw refusedStart('is in the future; an experiment starts now or in the past');
      if (startedAt < now && at !== undefined) {
        await drain.drainNow();
        if (await warehouse.hasExposures(key)) {
          throw refusedStart(
            'cannot lie in the past: exposures of this experiment are known already',
          );
        }
      }
      const started = store.transaction(() => {
        // Read again: the warehouse was asked in between.
        const experiment = expect(store, key);
        if (experiment.state === 'running') return experiment;
        if (experiment.state !== 'draft') throw impossible(experiment, 'start');
        const next: StoredExperiment = {
          ...experiment,
          ...freeze(store, experiment),
          state: 'running',
          startedAt,
          updatedAt: now,
        };
        refuseTakenSlot(store, next);
        saveExperiment(store, next, { newVersion: false });
        return next;
      });
      snapshots.rebuild();
      return started;
    },
    stop(key, reason) {
      const stopped = store.transaction(() => {
        const experiment = expect(store, key);
        if (experiment.state === 'stopped') return experiment;
        if (experiment.state !== 'running') throw impossible(experiment, 'stop');
        const now = clock.now();
        const next: StoredExperiment = {
          ...experiment,
          state: 'stopped',
          stoppedAt: Math.max(now, experiment.startedAt ?? now),
          stopReason: reason,
          updatedAt: now,
        };
        saveExperiment(store, next, { newVersion: false });
        return next;
      });
      snapshots.rebuild();
      return stopped;
    },
  };
}

function expect(store: Store, key: string): StoredExperiment {
  const experiment = findExperiment(store, key);
  if (experiment === undefined) throw new AppError('not_found', `There is no experiment ${key}.`);
  return experiment;
}

function impossible(experiment: Experiment, what: string): AppError {
  return new AppError('conflict', `A ${experiment.state} experiment cannot ${what}.`);
}

function refusedStart(detail: string): AppError {
  return new AppError('conflict', `at ${detail}.`, { problems: [{ pointer: '/at', detail }] });
}

/** Two running experiments of one layer share no slot: no unit may be in both. */
function refuseTakenSlot(store: Store, next: StoredExperiment): void {
  if (next.layer === undefined || next.assignment === 'external') return;
  const other = listExperiments(store).find(
    (experiment) =>
      experiment.key !== next.key &&
      experiment.state === 'running' &&
      experiment.assignment === 'assay' &&
      experiment.layer === next.layer &&
      experiment.slot.from < next.slot.to &&
      next.slot.from < experiment.slot.to,
  );
  if (other === undefined) return;
  throw new AppError(
    'slot_taken',
    `${other.key} runs in an overlapping slot of layer ${next.layer}.`,
    {
      problems: [
        {
          pointer: '/slot',
          detail: `overlaps ${other.slot.from} to ${other.slot.to} of ${other.key}`,
        },
      ],
    },
  );
}

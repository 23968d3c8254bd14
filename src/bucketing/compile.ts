/** A snapshot made ready for assignment: seeds, limits and answers are computed once. */
import type { Assignment, AssignmentReason } from '../domain/assignment.ts';
import type { Condition } from '../domain/condition.ts';
import type { Snapshot, SnapshotExperiment } from '../domain/snapshot.ts';
import { seedOf } from './hash.ts';
import { limitOf, upperEnds } from './ranges.ts';

export type CompiledExperiment = {
  readonly key: string;
  readonly unit: string;
  readonly running: boolean;
  readonly layer: { readonly seed: number; readonly from: number; readonly to: number } | null;
  readonly targeting: Condition | null;
  readonly trafficSeed: number;
  readonly trafficLimit: number;
  readonly variantSeed: number;
  readonly variantEnds: readonly number[];
  /** The answer of each variant, and of each reason that serves control; frozen, shared by all units. */
  readonly splits: readonly Assignment[];
  without(reason: AssignmentReason): Assignment;
};

export type CompiledSnapshot = {
  readonly version: number;
  readonly experiments: ReadonlyMap<string, CompiledExperiment>;
};

/**
 * Compiles a snapshot.
 *
 * @param snapshot as downloaded or as made by the server.
 * @returns experiments by key.
 * @throws RangeError when shares or weights break their bounds, or an experiment has no control.
 */
export function compile(snapshot: Snapshot): CompiledSnapshot {
  return {
    version: snapshot.version,
    experiments: new Map(
      snapshot.experiments.map((experiment) => [experiment.key, compileExperiment(experiment)]),
    ),
  };
}

/**
 * The seeds that an experiment's salt leads to; two experiments that shared one would divide units alike.
 *
 * @param salt the experiment's salt.
 */
export function seedsOf(salt: string): { traffic: number; variant: number } {
  return { traffic: seedOf(`traffic:${salt}`), variant: seedOf(`variant:${salt}`) };
}

function compileExperiment(experiment: SnapshotExperiment): CompiledExperiment {
  const control = experiment.variants.find((variant) => variant.role === 'control');
  if (control === undefined) throw new RangeError(`${experiment.key} has no control`);
  const seeds = seedsOf(experiment.salt);
  const answer = (
    variant: SnapshotExperiment['variants'][number],
    reason: AssignmentReason,
  ): Assignment =>
    Object.freeze({
      experiment: experiment.key,
      version: experiment.version,
      variant: reason === 'SPLIT' ? variant.key : null,
      reason,
      payload: variant.payload,
      model: variant.model,
    });
  const others = new Map<AssignmentReason, Assignment>();
  return {
    key: experiment.key,
    unit: experiment.unit,
    running: experiment.state === 'running',
    layer:
      experiment.layer === null
        ? null
        : {
            seed: seedOf(`layer:${experiment.layer}`),
            from: limitOf(experiment.slot.from),
            to: limitOf(experiment.slot.to),
          },
    targeting: experiment.targeting,
    trafficSeed: seeds.traffic,
    trafficLimit: limitOf(experiment.traffic),
    variantSeed: seeds.variant,
    variantEnds: upperEnds(experiment.variants.map((variant) => variant.weight)),
    splits: experiment.variants.map((variant) => answer(variant, 'SPLIT')),
    without(reason) {
      const known = others.get(reason) ?? answer(control, reason);
      others.set(reason, known);
      return known;
    },
  };
}

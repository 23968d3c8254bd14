/** The compiled configuration that servers and SDKs decide from: the same document for all of them. */
import type { Condition } from './condition.ts';
import type { ExperimentState, Payload } from './experiment.ts';

export type SnapshotVariant = {
  readonly key: string;
  readonly role: 'control' | 'treatment';
  readonly weight: number;
  readonly payload: Payload;
  readonly model: string | null;
};

export type SnapshotExperiment = {
  readonly key: string;
  readonly version: number;
  readonly state: ExperimentState;
  readonly assignment: 'assay' | 'external';
  readonly unit: string;
  readonly salt: string;
  readonly layer: string | null;
  readonly slot: { readonly from: number; readonly to: number };
  readonly traffic: number;
  readonly targeting: Condition | null;
  readonly variants: readonly SnapshotVariant[];
};

export type Snapshot = {
  readonly version: number;
  readonly environment: string;
  readonly experiments: readonly SnapshotExperiment[];
};

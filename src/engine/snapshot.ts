/** The compiled configuration: rebuilt when a definition changes, read by every assignment. */
import { type CompiledSnapshot, compile } from '../bucketing/compile.ts';
import { type Experiment, payloadOf } from '../domain/experiment.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import { canonicalJson, sha256 } from '../runtime/ids.ts';
import { readSetting, saveSetting } from '../store/access.ts';
import { listExperiments } from '../store/experiments.ts';
import type { Store } from '../store/open.ts';

export type PublishedSnapshot = {
  readonly snapshot: Snapshot;
  readonly compiled: CompiledSnapshot;
  readonly json: string;
  readonly etag: string;
};

export type Snapshots = {
  current(): PublishedSnapshot;
  /** To be called after a definition or a state changed; the version grows only when the content does. */
  rebuild(): void;
};

const VERSION = 'snapshot.version';
const DIGEST = 'snapshot.digest';

export function openSnapshots(store: Store, environment: string): Snapshots {
  let published = build(store, environment);
  return {
    current: () => published,
    rebuild() {
      published = build(store, environment);
    },
  };
}

function build(store: Store, environment: string): PublishedSnapshot {
  return store.transaction(() => {
    const experiments = listExperiments(store).filter(isServed).map(snapshotOf);
    const digest = sha256(canonicalJson({ environment, experiments }));
    const known = readSetting(store, DIGEST) === digest;
    const version = Number(readSetting(store, VERSION) ?? 0) + (known ? 0 : 1);
    if (!known) {
      saveSetting(store, VERSION, String(version));
      saveSetting(store, DIGEST, digest);
    }
    const snapshot: Snapshot = { version, environment, experiments };
    return {
      snapshot,
      compiled: compile(snapshot),
      json: JSON.stringify(snapshot),
      etag: `"${version}-${digest.slice(0, 16)}"`,
    };
  });
}

/** Experiments that others assign have no answer here; archived ones are gone from the code that asked. */
function isServed(experiment: Experiment): boolean {
  return experiment.assignment === 'assay' && experiment.state !== 'archived';
}

function snapshotOf(experiment: Experiment): Snapshot['experiments'][number] {
  return {
    key: experiment.key,
    version: experiment.version,
    state: experiment.state,
    assignment: experiment.assignment,
    unit: experiment.unit,
    salt: experiment.salt,
    layer: experiment.layer ?? null,
    slot: experiment.slot,
    traffic: experiment.traffic,
    targeting: experiment.targeting,
    variants: experiment.variants.map((variant) => ({
      key: variant.key,
      role: variant.role,
      weight: variant.weight,
      payload: payloadOf(variant),
      model: variant.model ?? null,
    })),
  };
}

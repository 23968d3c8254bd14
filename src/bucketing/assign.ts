/** The assignment law: the same code decides in the server, in the SDK and in the tests. */
import type { Assignment, Attributes, Units } from '../domain/assignment.ts';
import { unitIdOf } from '../domain/unit.ts';
import type { CompiledExperiment } from './compile.ts';
import { fingerprintOf, positionOf } from './hash.ts';
import { rangeOf } from './ranges.ts';
import { meets } from './targeting.ts';

/**
 * Which variant serves a unit, and why? First match answers:
 *
 *   1 not running → NOT_RUNNING; unit id missing → UNIT_MISSING
 *   4 position("layer:" + layer) outside the slot → LAYER
 *   5 targeting not met → TARGETING
 *   6 position("traffic:" + salt) >= round(traffic * 2^32) → TRAFFIC
 *   7 floor(position("variant:" + salt) * totalWeight / 2^32) in a variant's range → SPLIT
 *
 * (Steps 2 and 3, forced variants and holdouts, have no source yet.)
 *
 * @param experiment compiled from a snapshot.
 * @param units ids by unit type; the experiment's own type is used.
 * @param attributes what targeting may ask about.
 * @returns a frozen assignment; only SPLIT carries a variant, every other reason serves control's payload.
 * @source DESIGN part 7.
 */
export function assign(
  experiment: CompiledExperiment,
  units: Units,
  attributes: Attributes,
): Assignment {
  if (!experiment.running) return experiment.without('NOT_RUNNING');
  const unit = unitIdOf(Object.hasOwn(units, experiment.unit) ? units[experiment.unit] : undefined);
  if (unit === undefined) return experiment.without('UNIT_MISSING');
  const fingerprint = fingerprintOf(unit);
  if (experiment.layer !== null) {
    const inLayer = positionOf(experiment.layer.seed, fingerprint);
    if (inLayer < experiment.layer.from || inLayer >= experiment.layer.to) {
      return experiment.without('LAYER');
    }
  }
  if (experiment.targeting !== null && !meets(experiment.targeting, attributes)) {
    return experiment.without('TARGETING');
  }
  if (positionOf(experiment.trafficSeed, fingerprint) >= experiment.trafficLimit) {
    return experiment.without('TRAFFIC');
  }
  const range = rangeOf(experiment.variantEnds, positionOf(experiment.variantSeed, fingerprint));
  const split = experiment.splits[range];
  if (split === undefined) throw new RangeError(`${experiment.key}: no range holds the position`);
  return split;
}

/** Can the data be trusted? Each check says what it found, in a sentence, against a threshold. */
import type { Check } from '../domain/analysis.ts';
import { sampleRatioMismatch, sequentialSampleRatio } from '../stats/index.ts';

export type CheckFacts = {
  readonly arms: readonly {
    readonly variant: string;
    readonly weight: number;
    readonly units: number;
  }[];
  readonly crossovers: number;
  /** Exposures that enrolled nobody, by reason. */
  readonly strays: ReadonlyMap<string, number>;
  /** Acknowledged events that the warehouse does not have yet. */
  readonly waiting: number;
  /** Events that reached an enrolled unit in its window, by metric. */
  readonly metricEvents: ReadonlyMap<string, number>;
};

const SRM_ALARM = 0.001;
const SRM_LOOK_CLOSER = 0.01;
const CROSSOVER_MAX = 0.01;
const STRAY_MAX = 0.01;
const ARM_UNITS_MIN = 100;

/**
 * Runs every check.
 *
 * A failed check makes the verdict INVALID; a warning is shown and blocks nothing; unknown means that there are
 * too few data to ask.
 *
 * @param facts counts from the warehouse and the inbox.
 * @returns checks in the order in which they are shown.
 * @source DESIGN parts 8 and 10; STATISTICS 9; MODELS 2.12, G0.
 */
export function runChecks(facts: CheckFacts): Check[] {
  return [
    sampleRatio(facts),
    emptyArms(facts),
    crossovers(facts),
    unknownVariants(facts),
    outsideTheTrial(facts),
    metricEvents(facts),
    complete(facts),
  ];
}

/**
 * The alarm is the sequential test, valid however often it is looked at; the value shown is the familiar
 * chi-square p, which alone is a reason to look closer.
 */
function sampleRatio({ arms }: CheckFacts): Check {
  const counts = arms.map((arm) => arm.units);
  const weights = arms.map((arm) => arm.weight);
  const once = sampleRatioMismatch(counts, weights);
  const always = sequentialSampleRatio(counts, weights);
  const shell = { id: 'srm', threshold: SRM_ALARM };
  if (once.status === 'impossible_count' || always.status === 'impossible_count') {
    return {
      ...shell,
      status: 'fail',
      value: 0,
      says: 'Units were seen in a variant of weight 0.',
    };
  }
  if (once.status !== 'ok') {
    return { ...shell, status: 'unknown', value: null, says: 'No unit has been exposed yet.' };
  }
  const split = arms.map((arm) => `${arm.variant} ${arm.units}`).join(', ');
  if (always.p < SRM_ALARM) {
    return {
      ...shell,
      status: 'fail',
      value: once.p,
      says: `The split of units is not the one planned (${split}): something loses or misplaces users in one variant.`,
    };
  }
  if (once.p < SRM_LOOK_CLOSER) {
    return {
      ...shell,
      status: 'warn',
      value: once.p,
      says: `The split of units is unusual (${split}), not beyond what chance does over many looks.`,
    };
  }
  return {
    ...shell,
    status: 'pass',
    value: once.p,
    says: `The split of units is as planned (${split}).`,
  };
}

function emptyArms({ arms }: CheckFacts): Check {
  const expected = arms.filter((arm) => arm.weight > 0);
  const empty = expected.filter((arm) => arm.units === 0).map((arm) => arm.variant);
  const most = Math.max(...expected.map((arm) => arm.units));
  const shell = { id: 'arms', value: empty.length, threshold: 0 };
  if (empty.length === 0) {
    return { ...shell, status: 'pass', says: 'Every variant has units.' };
  }
  const says = `No unit has been seen in ${empty.join(', ')}.`;
  return { ...shell, status: most >= ARM_UNITS_MIN ? 'fail' : 'unknown', says };
}

function crossovers({ arms, crossovers: crossed }: CheckFacts): Check {
  const total = crossed + sumOf(arms.map((arm) => arm.units));
  const shell = { id: 'crossover', threshold: CROSSOVER_MAX };
  if (total === 0) {
    return { ...shell, status: 'unknown', value: null, says: 'No unit has been exposed yet.' };
  }
  const share = crossed / total;
  return {
    ...shell,
    status: share > CROSSOVER_MAX ? 'fail' : 'pass',
    value: share,
    says:
      crossed === 0
        ? 'No unit was seen in two variants.'
        : `${crossed} of ${total} units were seen in two variants and are left out.`,
  };
}

function unknownVariants({ arms, strays }: CheckFacts): Check {
  const found = strays.get('unknown_variant') ?? 0;
  const share = found / Math.max(1, found + sumOf(arms.map((arm) => arm.units)));
  return {
    id: 'unknown_variant',
    status: found === 0 ? 'pass' : 'warn',
    value: share,
    threshold: 0,
    says:
      found === 0
        ? 'Every exposure names a variant of this experiment.'
        : `${found} exposures name a variant that this experiment does not have.`,
  };
}

function outsideTheTrial({ arms, strays }: CheckFacts): Check {
  const reasons = ['no_unit', 'other_version', 'before_start', 'after_stop'] as const;
  const words = {
    no_unit: 'without a unit of the right type',
    other_version: 'of another version',
    before_start: 'before the start',
    after_stop: 'after the stop',
  };
  const found = reasons.flatMap((reason) => {
    const count = strays.get(reason) ?? 0;
    return count === 0 ? [] : [`${count} ${words[reason]}`];
  });
  const total = sumOf(reasons.map((reason) => strays.get(reason) ?? 0));
  const share = total / Math.max(1, total + sumOf(arms.map((arm) => arm.units)));
  return {
    id: 'outside_trial',
    status: share > STRAY_MAX ? 'warn' : 'pass',
    value: share,
    threshold: STRAY_MAX,
    says:
      total === 0
        ? 'Every exposure lies between start and stop.'
        : `Exposures that enrol nobody: ${found.join(', ')}.`,
  };
}

function metricEvents({ metricEvents: events }: CheckFacts): Check {
  const silent = [...events].filter(([, count]) => count === 0).map(([metric]) => metric);
  return {
    id: 'metric_events',
    status: silent.length === 0 ? 'pass' : 'warn',
    value: silent.length,
    threshold: 0,
    says:
      silent.length === 0
        ? 'Every metric has received events.'
        : `No event has reached ${silent.join(', ')}: is the event name right, and is it sent?`,
  };
}

function complete({ waiting }: CheckFacts): Check {
  return {
    id: 'complete',
    status: waiting === 0 ? 'pass' : 'warn',
    value: waiting,
    threshold: 0,
    says:
      waiting === 0
        ? 'Every acknowledged event is in.'
        : `${waiting} acknowledged events are still on their way to the warehouse.`,
  };
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

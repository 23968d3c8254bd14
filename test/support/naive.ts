/**
 * What the warehouse must answer, computed the slow and plain way from the list of events: DESIGN part 8 read
 * sentence by sentence, with BigInt sums. It shares no line with the SQL.
 */
import type { AssayEvent, Exposure, Outcome } from '../../src/domain/event.ts';
import type { Enrolment, ExactSums, MetricQuestion } from '../../src/warehouse/warehouse.ts';
import { DAY } from './factories.ts';

type Entry = { readonly variant: string; readonly enteredAt: number };

function exposuresOf(events: readonly AssayEvent[], experiment: string): Exposure[] {
  return events.filter(
    (event): event is Exposure => event.kind === 'exposure' && event.experiment === experiment,
  );
}

function versionFits(exposure: Exposure, enrolment: Enrolment): boolean {
  if (exposure.version === undefined) return enrolment.external;
  return exposure.version >= enrolment.versionFrom && exposure.version <= enrolment.versionTo;
}

function isInTime({ ts }: Exposure, enrolment: Enrolment): boolean {
  return ts >= enrolment.startedAt && ts <= enrolment.entryUntil;
}

function enrols(exposure: Exposure, enrolment: Enrolment): boolean {
  return (
    exposure.units[enrolment.unitType] !== undefined &&
    enrolment.variants.includes(exposure.variant) &&
    versionFits(exposure, enrolment) &&
    isInTime(exposure, enrolment)
  );
}

/** Units with their first exposure by event time, and those seen in two variants. */
export function enrol(events: readonly AssayEvent[], enrolment: Enrolment) {
  const seen = new Map<string, Exposure[]>();
  for (const exposure of exposuresOf(events, enrolment.experiment)) {
    if (!enrols(exposure, enrolment)) continue;
    const unit = exposure.units[enrolment.unitType] as string;
    seen.set(unit, [...(seen.get(unit) ?? []), exposure]);
  }
  const entries = new Map<string, Entry>();
  let crossovers = 0;
  for (const [unit, exposures] of seen) {
    const variants = new Set(exposures.map(({ variant }) => variant));
    if (variants.size > 1) crossovers += 1;
    else {
      const enteredAt = Math.min(...exposures.map(({ ts }) => ts));
      entries.set(unit, { variant: [...variants][0] as string, enteredAt });
    }
  }
  return { entries, crossovers };
}

export function armsOf(events: readonly AssayEvent[], enrolment: Enrolment) {
  const { entries, crossovers } = enrol(events, enrolment);
  const units = new Map(enrolment.variants.map((variant) => [variant, 0]));
  for (const { variant } of entries.values()) units.set(variant, (units.get(variant) ?? 0) + 1);
  return { units, crossovers };
}

export function straysOf(events: readonly AssayEvent[], enrolment: Enrolment): Map<string, number> {
  const strays = new Map<string, number>();
  for (const exposure of exposuresOf(events, enrolment.experiment)) {
    if (exposure.ts > enrolment.asOf || enrols(exposure, enrolment)) continue;
    const reason =
      exposure.units[enrolment.unitType] === undefined
        ? 'no_unit'
        : !enrolment.variants.includes(exposure.variant)
          ? 'unknown_variant'
          : !versionFits(exposure, enrolment)
            ? 'other_version'
            : exposure.ts < enrolment.startedAt
              ? 'before_start'
              : 'after_stop';
    strays.set(reason, (strays.get(reason) ?? 0) + 1);
  }
  return strays;
}

export function daysOf(events: readonly AssayEvent[], enrolment: Enrolment) {
  const days = new Map<string, { day: number; variant: string; units: number }>();
  for (const { variant, enteredAt } of enrol(events, enrolment).entries.values()) {
    const day = Math.floor(enteredAt / DAY);
    const known = days.get(`${day} ${variant}`) ?? { day, variant, units: 0 };
    days.set(`${day} ${variant}`, { ...known, units: known.units + 1 });
  }
  return [...days.values()].sort((a, b) => a.day - b.day || (a.variant < b.variant ? -1 : 1));
}

/** As the moment saw it: with the exposures up to it, and no later ones. */
export function matureOf(
  events: readonly AssayEvent[],
  enrolment: Enrolment,
  moment: number,
  maturityMs: number,
): number {
  const entryUntil = Math.min(enrolment.entryUntil, moment);
  const { entries } = enrol(events, { ...enrolment, entryUntil });
  return [...entries.values()].filter(({ enteredAt }) => enteredAt <= moment - maturityMs).length;
}

/** Millionths of a number that was rounded to six decimals already: the digits it is written with. */
function micros(value: number): bigint {
  const [whole = '0', fraction = ''] = String(value).split('.');
  return BigInt(whole + fraction.padEnd(6, '0'));
}

export function sumsOf(
  events: readonly AssayEvent[],
  enrolment: Enrolment,
  metric: MetricQuestion,
): Map<string, ExactSums> {
  const outcomes = events.filter(
    (event): event is Outcome =>
      event.kind === 'outcome' &&
      event.name === metric.event &&
      event.ts <= enrolment.asOf &&
      event.units[enrolment.unitType] !== undefined,
  );
  const unitOf = (outcome: Outcome) => outcome.units[enrolment.unitType] as string;
  const amountOf = (outcome: Outcome): bigint | null => {
    const value = metric.property === null ? outcome.value : outcome.properties?.[metric.property];
    return typeof value === 'number' ? micros(value) : null;
  };
  const happened = (outcome: Outcome) => amountOf(outcome) === null || amountOf(outcome) !== 0n;

  const result = new Map<string, ExactSums>();
  const none: ExactSums = { n: 0n, sum: 0n, sumOfSquares: 0n, events: 0n };
  for (const variant of enrolment.variants) result.set(variant, none);
  for (const [unit, { variant, enteredAt }] of enrol(events, enrolment).entries) {
    if (enteredAt > metric.matureUntil) continue;
    let reached = 0n;
    let conversions = 0;
    let count = 0n;
    let sum = 0n;
    for (const outcome of outcomes.filter((one) => unitOf(one) === unit)) {
      // A correction stands where the event stands that it takes back; without that event it stands nowhere.
      const original =
        outcome.corrects === undefined
          ? outcome
          : outcomes
              .filter(
                (one) =>
                  one.corrects === undefined && one.id === outcome.corrects && unitOf(one) === unit,
              )
              .sort((a, b) => a.ts - b.ts)[0];
      if (original === undefined) continue;
      const since = original.ts - enteredAt;
      if (since < metric.windowFromMs || since > metric.windowToMs) continue;
      if (original.ts > metric.outcomesUntil) continue;
      const sign = outcome.corrects === undefined ? 1 : -1;
      reached += 1n;
      if (happened(original)) conversions += sign;
      count += BigInt(sign);
      sum += amountOf(outcome) ?? 0n;
    }
    const y =
      metric.kind === 'sum'
        ? sum
        : metric.kind === 'count'
          ? count * 1_000_000n
          : conversions > 0
            ? 1_000_000n
            : 0n;
    const before = result.get(variant) ?? none;
    result.set(variant, {
      n: before.n + 1n,
      sum: before.sum + y,
      sumOfSquares: before.sumOfSquares + y * y,
      events: before.events + reached,
    });
  }
  return result;
}

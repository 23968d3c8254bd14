/** Turns calls into events: exposures once for each unit, outcomes as they are reported. Never throws. */
import type { CompiledExperiment } from '../bucketing/compile.ts';
import { fingerprintOf } from '../bucketing/hash.ts';
import type { Assignment, Attributes, Units } from '../domain/assignment.ts';
import { unitIdOf } from '../domain/unit.ts';
import { type AssignOptions, noteUnknownOptions, type TrackOptions } from './calls.ts';
import {
  attributesOf,
  EventProblem,
  eventText,
  instantOf,
  nameOf,
  propertiesOf,
  referenceOf,
  unitsOf,
  usableUnits,
  valueFrom,
} from './events.ts';
import { ExposureMemory } from './exposure-memory.ts';
import { isRecord } from './is-record.ts';
import type { Outbox } from './outbox.ts';
import { createUuid7 } from './uuid7.ts';
import type { Warn } from './warnings.ts';

export class Recorder {
  readonly #outbox: Outbox;
  readonly #now: () => number;
  readonly #warn: Warn;
  readonly #memory = new ExposureMemory();
  readonly #nextId = createUuid7();
  #refused = 0;
  #isClosed = false;

  constructor(options: { outbox: Outbox; now: () => number; warn: Warn }) {
    this.#outbox = options.outbox;
    this.#now = options.now;
    this.#warn = options.warn;
  }

  /** Calls that could not become events. */
  get refused(): number {
    return this.#refused;
  }

  close(): void {
    this.#isClosed = true;
  }

  /** Records that a unit met a variant, unless that is known. */
  expose(experiment: CompiledExperiment, assignment: Assignment, options: AssignOptions): void {
    if (this.#isClosed) {
      const message = 'the client is closed: exposures are not recorded';
      this.#warn({ code: 'closed', message }, 'assign');
      return;
    }
    try {
      this.#recordExposure(experiment, assignment, options);
    } catch (error) {
      this.#refused += 1;
      const message = `an exposure of ${assignment.experiment} is not recorded: ${reasonOf(error)}`;
      this.#warn({ code: 'exposure_refused', message, cause: error }, aboutOf(error));
    }
  }

  /** Records what a unit did; null when that cannot be an event. */
  track(name: string, options: TrackOptions): string | null {
    try {
      return this.#recordOutcome(name, options);
    } catch (error) {
      this.#refused += 1;
      const code = this.#isClosed ? 'closed' : 'event_refused';
      const message = `an event is refused: ${reasonOf(error)}`;
      this.#warn({ code, message, cause: error }, aboutOf(error));
      return null;
    }
  }

  #recordExposure(
    experiment: CompiledExperiment,
    assignment: Assignment,
    options: AssignOptions,
  ): void {
    const now = this.#now();
    const ts = instantOf(options.ts, now);
    const key = memoryKey(experiment, assignment, options.units);
    if (!this.#memory.isNews(key, { ts, now })) return;
    const attributes = this.#attributesFor(options.attributes ?? {});
    const json = eventText({
      kind: 'exposure',
      id: this.#nextId(now),
      ts,
      units: usableUnits(options.units, experiment.unit),
      experiment: assignment.experiment,
      version: assignment.version,
      variant: assignment.variant,
      ...(attributes === undefined ? {} : { attributes }),
    });
    this.#outbox.add({ json, isExposure: true, onDropped: () => this.#memory.forget(key) });
  }

  #attributesFor(attributes: Attributes): object | undefined {
    try {
      return attributesOf(attributes);
    } catch (error) {
      const message = `exposures go without attributes: ${reasonOf(error)}`;
      this.#warn({ code: 'attributes_left_out', message, cause: error }, aboutOf(error));
      return undefined;
    }
  }

  #recordOutcome(name: string, options: TrackOptions): string {
    if (this.#isClosed) throw new EventProblem('closed', 'the client is closed');
    if (!isRecord(options)) throw new EventProblem('options', 'units are needed');
    noteUnknownOptions('track', options, this.#warn);
    const now = this.#now();
    const id = referenceOf('id', options.id) ?? this.#nextId(now);
    const value = valueFrom(options.value);
    const properties = propertiesOf(options.properties);
    const requestId = referenceOf('requestId', options.requestId);
    const corrects = referenceOf('corrects', options.corrects);
    const json = eventText({
      kind: 'outcome',
      id,
      ts: instantOf(options.ts, now),
      units: unitsOf(options.units),
      name: nameOf(name),
      ...(value === undefined ? {} : { value }),
      ...(properties === undefined ? {} : { properties }),
      ...(requestId === undefined ? {} : { requestId }),
      ...(corrects === undefined ? {} : { corrects }),
    });
    this.#outbox.add({ json, isExposure: false });
    return id;
  }
}

/** The unit by its 64-bit fingerprint: ids may have 10 kB each, and a hundred thousand are remembered. */
function memoryKey(experiment: CompiledExperiment, assignment: Assignment, units: Units): string {
  const { low, high } = fingerprintOf(unitIdOf(units[experiment.unit]) ?? '');
  return `${assignment.experiment}/${assignment.version}/${assignment.variant}/${low}/${high}`;
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : 'something was thrown that is no Error';
}

function aboutOf(error: unknown): string {
  return error instanceof EventProblem ? error.about : 'unexpected';
}

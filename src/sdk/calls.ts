/** What a service says when it asks or reports. */
import type { Attributes, Units } from '../domain/assignment.ts';
import type { Payload } from '../domain/experiment.ts';
import type { Json } from '../domain/words.ts';
import type { Warn } from './warnings.ts';

export type Instant = Date | number | string;

export type AssignOptions = {
  /** Ids by unit type; the experiment's own type decides. */
  readonly units: Units;
  /** What targeting may ask about; they also travel with the exposure. */
  readonly attributes?: Attributes;
  /** When the unit met the experiment: a Date, milliseconds, or RFC 3339 with a zone [now]. */
  readonly ts?: Instant;
  /** Whether to record an exposure when the answer carries a variant [true]. */
  readonly expose?: boolean;
  /** The payload of an answer that has no other [null]. */
  readonly defaultPayload?: Payload;
};

export type TrackOptions = {
  readonly units: Units;
  /** Finite, at most 1e12 in size; the server rounds it to 6 decimals. */
  readonly value?: number;
  readonly properties?: { readonly [name: string]: Json };
  /** When it happened: a Date, milliseconds, or RFC 3339 with a zone [now]. */
  readonly ts?: Instant;
  /** Makes the event one event however often it is tracked with the same `ts` [a new UUID]. */
  readonly id?: string;
  readonly requestId?: string;
  /** The id of an earlier event of the same name and unit that this one takes back. */
  readonly corrects?: string;
};

type Names = { readonly [name: string]: true };

const OPTIONS = {
  assign: {
    units: true,
    attributes: true,
    ts: true,
    expose: true,
    defaultPayload: true,
  } satisfies Record<keyof AssignOptions, true>,
  track: {
    units: true,
    value: true,
    properties: true,
    ts: true,
    id: true,
    requestId: true,
    corrects: true,
  } satisfies Record<keyof TrackOptions, true>,
};

/** A misspelt option would be lost in silence. */
export function noteUnknownOptions(call: keyof typeof OPTIONS, options: object, warn: Warn): void {
  const known: Names = OPTIONS[call];
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(known, name)) continue;
    const message = `${call} has no option ${name}; it is ignored`;
    warn({ code: 'option_unknown', message }, `${call}.${name}`);
  }
}

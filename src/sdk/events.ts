/** What the caller said, as the text of one event; or the reason why it cannot be one. */
import type { Attributes } from '../domain/assignment.ts';
import { VALUE_LIMIT } from '../domain/exact.ts';
import { INSTANT_MAX, INSTANT_MIN, parseInstant } from '../domain/time.ts';
import { unitIdOf } from '../domain/unit.ts';
import { isRecord } from './is-record.ts';

/** A problem the caller should hear of: `about` tells causes apart, so that each is said once. */
export class EventProblem extends Error {
  readonly about: string;

  constructor(about: string, message: string) {
    super(message);
    this.about = about;
  }
}

export type UnitIds = { readonly [unitType: string]: string };

const KEY = /^[A-Za-z0-9._-]{1,100}$/;
const UNIT_TYPES_MAX = 10;
const NAME_MAX = 200;
const REFERENCE_MAX = 1000;
/** The server takes 8,192 characters beside the unit ids; ten of those may have 10 kB each. */
const CHARACTERS_MAX = 128 * 1024;
const ATTRIBUTES_MAX = 64;
const ATTRIBUTE_CHARACTERS_MAX = 7000;

/**
 * An event's time in whole milliseconds.
 *
 * @param ts a Date, milliseconds since 1970, or RFC 3339 text with a zone; absent means now.
 * @throws EventProblem when it is none of these.
 */
export function instantOf(ts: unknown, now: number): number {
  if (ts === undefined) return now;
  const instant =
    ts instanceof Date ? ts.getTime() : typeof ts === 'string' ? parseInstant(ts) : ts;
  if (typeof instant !== 'number' || !(instant >= INSTANT_MIN && instant <= INSTANT_MAX)) {
    throw new EventProblem('ts', 'ts must be a Date, milliseconds, or RFC 3339 text with a zone');
  }
  return Math.floor(instant);
}

/**
 * The ids of an outcome, all of which must be usable; undefined ones count as absent.
 *
 * @throws EventProblem when there is none, or one cannot be used.
 */
export function unitsOf(units: unknown): UnitIds {
  if (!isRecord(units)) {
    throw new EventProblem('units', 'units must map unit types to ids, such as { user: "u1" }');
  }
  const usable: Record<string, string> = {};
  for (const [type, value] of Object.entries(units)) {
    if (value === undefined) continue;
    const unit = unitIdOf(value);
    if (!KEY.test(type) || unit === undefined) {
      throw new EventProblem(
        `units.${type}`.slice(0, 100),
        `units.${type.slice(0, 100)} must be non-empty text of at most 10 kB, or a safe integer`,
      );
    }
    usable[type] = unit;
  }
  const types = Object.keys(usable).length;
  if (types === 0) throw new EventProblem('units', 'units must name at least one unit');
  if (types > UNIT_TYPES_MAX)
    throw new EventProblem('units', 'units must name at most 10 unit types');
  return usable;
}

/** The ids of an exposure: those that can be used, the experiment's own among them. */
export function usableUnits(units: object, own: string): UnitIds {
  const usable: Record<string, string> = {};
  for (const [type, value] of Object.entries(units)) {
    const unit = KEY.test(type) ? unitIdOf(value) : undefined;
    if (unit === undefined) continue;
    if (type === own || Object.keys(usable).length < UNIT_TYPES_MAX - 1) usable[type] = unit;
  }
  return usable;
}

export function valueFrom(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !(Math.abs(value) <= VALUE_LIMIT)) {
    throw new EventProblem(
      'value',
      `value must be a finite number of at most ${VALUE_LIMIT} in size`,
    );
  }
  return value;
}

export function nameOf(name: unknown): string {
  if (!isText(name, NAME_MAX)) {
    throw new EventProblem(
      'name',
      `the name of an event must be text of 1 to ${NAME_MAX} characters`,
    );
  }
  return name;
}

export function referenceOf(
  field: 'id' | 'requestId' | 'corrects',
  text: unknown,
): string | undefined {
  if (text === undefined) return undefined;
  const longest = field === 'requestId' ? REFERENCE_MAX : NAME_MAX;
  if (!isText(text, longest)) {
    throw new EventProblem(field, `${field} must be text of 1 to ${longest} characters`);
  }
  return text;
}

/** Checked here only for what JSON would silently change; the rest is the server's to judge. */
export function propertiesOf(properties: unknown): object | undefined {
  if (properties === undefined) return undefined;
  if (!isRecord(properties)) throw new EventProblem('properties', 'properties must be an object');
  try {
    return JSON.parse(textOf(properties)) as object;
  } catch (error) {
    throw new EventProblem('properties', `properties cannot be written as JSON: ${String(error)}`);
  }
}

/**
 * Attributes as an exposure carries them; undefined when they are none, or more than the server would take
 * in: then the exposure goes without.
 *
 * @throws EventProblem when there were attributes, but they are left out.
 */
export function attributesOf(attributes: Attributes): object | undefined {
  const names = Object.keys(attributes);
  if (names.length === 0) return undefined;
  if (names.length > ATTRIBUTES_MAX) {
    throw new EventProblem('count', `more than ${ATTRIBUTES_MAX} attributes`);
  }
  let text: string;
  try {
    text = textOf(attributes);
  } catch (error) {
    throw new EventProblem('json', `attributes cannot be written as JSON: ${String(error)}`);
  }
  if (text.length > ATTRIBUTE_CHARACTERS_MAX) {
    throw new EventProblem(
      'size',
      `attributes of more than ${ATTRIBUTE_CHARACTERS_MAX} characters`,
    );
  }
  return JSON.parse(text) as object;
}

/** @throws EventProblem when the event is too large to be taken by any server. */
export function eventText(event: object): string {
  const text = textOf(event);
  if (text.length > CHARACTERS_MAX) {
    throw new EventProblem('size', `an event must have at most ${CHARACTERS_MAX} characters`);
  }
  return text;
}

/** JSON, but a number that JSON cannot hold is an error and not null. */
function textOf(value: object): string {
  return JSON.stringify(value, (_name, item: unknown) => {
    if (typeof item === 'number' && !Number.isFinite(item))
      throw new TypeError(`${item} is no JSON`);
    return item;
  });
}

function isText(value: unknown, longest: number): value is string {
  return (
    typeof value === 'string' && value.length > 0 && value.length <= longest && value.isWellFormed()
  );
}

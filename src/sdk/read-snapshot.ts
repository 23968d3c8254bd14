/**
 * The downloaded configuration, judged before it is trusted. No zod here: the SDK carries no dependency for
 * it. Fields that are not known are ignored; an experiment that cannot be understood, perhaps because the
 * server is newer, is left out as a whole: better the caller's default than a wrong variant.
 */
import { type CompiledExperiment, type CompiledSnapshot, compile } from '../bucketing/compile.ts';
import type { Operator } from '../domain/condition.ts';
import type { ExperimentState } from '../domain/experiment.ts';
import type { SnapshotExperiment, SnapshotVariant } from '../domain/snapshot.ts';
import { isRecord } from './is-record.ts';

export type ReadSnapshot = {
  readonly compiled: CompiledSnapshot;
  readonly leftOut: readonly { readonly key: string; readonly problem: string }[];
};

/**
 * @param text the body as received.
 * @returns the compiled snapshot and the experiments that were left out of it.
 * @throws Error when the text is no snapshot at all.
 */
export function readSnapshot(text: string): ReadSnapshot {
  const { version, environment, experiments } = headOf(JSON.parse(text));
  const compiled = new Map<string, CompiledExperiment>();
  const leftOut: { key: string; problem: string }[] = [];
  for (const entry of experiments) {
    const key = isRecord(entry) ? String(entry.key) : '?';
    try {
      const readable = { version, environment, experiments: [readableExperiment(entry)] };
      for (const experiment of compile(readable).experiments.values())
        compiled.set(key, experiment);
    } catch (error) {
      leftOut.push({ key, problem: error instanceof Error ? error.message : String(error) });
    }
  }
  return { compiled: { version, experiments: compiled }, leftOut };
}

type Head = {
  readonly version: number;
  readonly environment: string;
  readonly experiments: readonly unknown[];
};

function headOf(document: unknown): Head {
  if (!isRecord(document)) throw new Error('it is not an object');
  const { version, environment, experiments } = document;
  if (typeof version !== 'number' || !Number.isInteger(version))
    throw new Error('it has no version');
  if (typeof environment !== 'string') throw new Error('it has no environment');
  if (!Array.isArray(experiments)) throw new Error('it has no list of experiments');
  return { version, environment, experiments };
}

function readableExperiment(entry: unknown): SnapshotExperiment {
  const problem = problemOf(entry);
  if (problem !== undefined) throw new Error(problem);
  return deepFreeze(entry as SnapshotExperiment);
}

/** One payload serves all units: a caller that changes it would change it for everybody. */
function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}

type Fields = { readonly [name: string]: unknown };

const STATES: Readonly<Record<ExperimentState, true>> = {
  draft: true,
  running: true,
  stopped: true,
  shipped: true,
  archived: true,
};
const ROLES: Readonly<Record<SnapshotVariant['role'], true>> = { control: true, treatment: true };
const ASSIGNMENTS: Readonly<Record<SnapshotExperiment['assignment'], true>> = {
  assay: true,
  external: true,
};

type Kind = 'scalar' | 'scalars' | 'ordered' | 'text' | 'boolean';
const OPERATORS: Readonly<Record<Operator, Kind>> = {
  eq: 'scalar',
  ne: 'scalar',
  in: 'scalars',
  not_in: 'scalars',
  lt: 'ordered',
  lte: 'ordered',
  gt: 'ordered',
  gte: 'ordered',
  contains: 'text',
  starts_with: 'text',
  ends_with: 'text',
  exists: 'boolean',
};

function problemOf(experiment: unknown): string | undefined {
  if (!isRecord(experiment)) return 'is not an object';
  const { slot, variants } = experiment;
  const found: readonly (readonly [string, boolean])[] = [
    ['key', typeof experiment.key === 'string'],
    ['version', Number.isInteger(experiment.version)],
    ['state', isOneOf(STATES, experiment.state)],
    ['assignment', isOneOf(ASSIGNMENTS, experiment.assignment)],
    ['unit', typeof experiment.unit === 'string'],
    ['salt', typeof experiment.salt === 'string'],
    ['layer', experiment.layer === null || typeof experiment.layer === 'string'],
    ['slot', isRecord(slot) && isNumber(slot.from) && isNumber(slot.to)],
    ['traffic', isNumber(experiment.traffic)],
    ['targeting', experiment.targeting === null || isCondition(experiment.targeting)],
    ['variants', Array.isArray(variants) && variants.every(isVariant)],
  ];
  const wrong = found.filter(([, fine]) => !fine).map(([name]) => name);
  return wrong.length === 0 ? undefined : `cannot be understood: ${wrong.join(', ')}`;
}

function isVariant(variant: unknown): boolean {
  return (
    isRecord(variant) &&
    typeof variant.key === 'string' &&
    isOneOf(ROLES, variant.role) &&
    isNumber(variant.weight) &&
    ['boolean', 'string', 'number', 'object'].includes(typeof variant.payload) &&
    variant.payload !== null &&
    (variant.model === null || typeof variant.model === 'string')
  );
}

function isCondition(condition: unknown): boolean {
  if (!isRecord(condition)) return false;
  for (const joint of ['all', 'any'] as const) {
    if (!Object.hasOwn(condition, joint)) continue;
    const inner = condition[joint];
    return Array.isArray(inner) && inner.every(isCondition);
  }
  if (Object.hasOwn(condition, 'not')) return isCondition(condition.not);
  return isTest(condition);
}

function isTest({ attribute, op, value }: Fields): boolean {
  if (typeof attribute !== 'string' || !isOneOf(OPERATORS, op)) return false;
  switch (OPERATORS[op]) {
    case 'scalar':
      return isScalar(value);
    case 'scalars':
      return Array.isArray(value) && value.every(isScalar);
    case 'ordered':
      return typeof value === 'string' || isNumber(value);
    case 'text':
      return typeof value === 'string';
    case 'boolean':
      return typeof value === 'boolean';
  }
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}

function isScalar(value: unknown): boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}

function isOneOf<Name extends string>(
  names: Readonly<Record<Name, unknown>>,
  value: unknown,
): value is Name {
  return typeof value === 'string' && Object.hasOwn(names, value);
}

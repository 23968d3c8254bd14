/** Metrics, models and experiments as people define them. The store writes; a frozen plan stays frozen. */
import { seedsOf } from '../bucketing/compile.ts';
import { type ExperimentDefinition, experimentDefinitionSchema } from '../domain/experiment.ts';
import { type Metric, metricDefinitionSchema } from '../domain/metric.ts';
import {
  type Model,
  type ModelVersion,
  modelDefinitionSchema,
  modelVersionDefinitionSchema,
  type OfflineEvaluation,
  offlineEvaluationSchema,
} from '../domain/model.ts';
import { parse } from '../domain/parse.ts';
import { AppError, type Problem, pointerOf } from '../domain/problem.ts';
import { keySchema } from '../domain/words.ts';
import type { Clock } from '../runtime/clock.ts';
import { canonicalJson, newId } from '../runtime/ids.ts';
import {
  claimSeeds,
  definitionOf,
  findExperiment,
  type StoredExperiment,
  saveExperiment,
} from '../store/experiments.ts';
import { findMetric, saveMetric } from '../store/metrics.ts';
import {
  findModel,
  findModelVersion,
  saveModel,
  saveModelVersion,
  saveOfflineEvaluation,
} from '../store/models.ts';
import type { Store } from '../store/open.ts';
import { freeze } from './frozen-plan.ts';

export type Put<Value> = { readonly value: Value; readonly created: boolean };

/** What may change while an experiment runs or after: nothing that decides. */
const FREE_FIELDS = ['name', 'description', 'notes', 'owner', 'tags'] as const;

export function putMetric(store: Store, clock: Clock, key: string, body: unknown): Put<Metric> {
  parse(keySchema, key, ['key']);
  const definition = parse(metricDefinitionSchema, withoutKey(body, key));
  return store.transaction(() => {
    const before = findMetric(store, key);
    if (before !== undefined) {
      const { key: _key, version: _version, createdAt: _createdAt, ...same } = before;
      if (canonicalJson(same) === canonicalJson(definition))
        return { value: before, created: false };
    }
    const version = (before?.version ?? 0) + 1;
    const value: Metric = { ...definition, key, version, createdAt: clock.now() };
    saveMetric(store, value);
    return { value, created: before === undefined };
  });
}

export function putModel(store: Store, clock: Clock, key: string, body: unknown): Put<Model> {
  parse(keySchema, key, ['key']);
  const definition = parse(modelDefinitionSchema, withoutKey(body, key));
  const before = findModel(store, key);
  const value: Model = { ...definition, key, createdAt: before?.createdAt ?? clock.now() };
  saveModel(store, value);
  return { value, created: before === undefined };
}

export function putModelVersion(
  store: Store,
  clock: Clock,
  of: { model: string; version: string },
  body: unknown,
): Put<ModelVersion> {
  parse(keySchema, of.version, ['version']);
  const definition = parse(modelVersionDefinitionSchema, body ?? {});
  if (findModel(store, of.model) === undefined) throw missing('model', of.model);
  if (definition.parent !== undefined && definition.parent === of.version) {
    const problems = [{ pointer: '/parent', detail: 'a version is not its own parent' }];
    throw new AppError('invalid', '/parent: a version is not its own parent', { problems });
  }
  const before = findModelVersion(store, of.model, of.version);
  saveModelVersion(store, {
    ...definition,
    ...of,
    createdAt: before?.createdAt ?? clock.now(),
  });
  const value = findModelVersion(store, of.model, of.version);
  if (value === undefined) throw new RangeError('a saved model version can be read');
  return { value, created: before === undefined };
}

export function addOfflineEvaluation(
  store: Store,
  clock: Clock,
  of: { model: string; version: string },
  body: unknown,
): OfflineEvaluation {
  const definition = parse(offlineEvaluationSchema, body);
  if (findModelVersion(store, of.model, of.version) === undefined) {
    throw missing('model version', `${of.model}@${of.version}`);
  }
  const evaluation: OfflineEvaluation = { ...definition, id: newId(), createdAt: clock.now() };
  saveOfflineEvaluation(store, of, evaluation);
  return evaluation;
}

/** Where salts come from: the machine's randomness, but for simulations that must repeat. */
export type DrawSalt = () => string;

export function putExperiment(
  around: { readonly store: Store; readonly clock: Clock; readonly drawSalt: DrawSalt },
  key: string,
  body: unknown,
): Put<StoredExperiment> {
  const { store, clock } = around;
  parse(keySchema, key, ['key']);
  const definition = parse(experimentDefinitionSchema, withoutKey(body, key));
  return store.transaction(() => {
    const before = findExperiment(store, key);
    const now = clock.now();
    if (before === undefined) {
      const value = newExperiment(key, definition, freeSalt(store, around.drawSalt), now);
      saveExperiment(store, value, { newVersion: true });
      return { value, created: true };
    }
    if (canonicalJson(definitionOf(before)) === canonicalJson(definition)) {
      return { value: before, created: false };
    }
    if (before.state !== 'draft') refuseFrozen(before, definition);
    const changed = { ...before, ...cleared(before), ...definition };
    const value: StoredExperiment = {
      ...changed,
      version: before.version + 1,
      updatedAt: now,
      ...(before.state === 'draft' ? {} : freeze(store, changed)),
    };
    saveExperiment(store, value, { newVersion: true });
    return { value, created: false };
  });
}

function newExperiment(
  key: string,
  definition: ExperimentDefinition,
  salt: string,
  now: number,
): StoredExperiment {
  return {
    ...definition,
    key,
    version: 1,
    saltVersionFrom: 1,
    salt,
    state: 'draft',
    startedAt: null,
    stoppedAt: null,
    stopReason: null,
    planHash: null,
    frozenMetrics: null,
    createdAt: now,
    updatedAt: now,
  };
}

/** Random, never derived from a name, and redrawn while one of its seeds is taken. */
function freeSalt(store: Store, drawSalt: DrawSalt): string {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const salt = drawSalt();
    if (claimSeeds(store, salt, seedsOf(salt))) return salt;
  }
  throw new RangeError('no free salt in 100 draws');
}

/** Optional fields that the new definition leaves out must not survive from the old one. */
function cleared(before: StoredExperiment): Partial<Record<keyof ExperimentDefinition, undefined>> {
  return Object.fromEntries(Object.keys(definitionOf(before)).map((field) => [field, undefined]));
}

function refuseFrozen(before: StoredExperiment, definition: ExperimentDefinition): void {
  const old = frozenPart(definitionOf(before));
  const next = frozenPart(definition);
  const problems: Problem[] = [...new Set([...Object.keys(old), ...Object.keys(next)])]
    .filter((field) => canonicalJson(old[field]) !== canonicalJson(next[field]))
    .map((field) => ({
      pointer: pointerOf(field === 'goals' ? ['metrics', 'goals'] : [field]),
      detail: `is frozen since the start; ${FREE_FIELDS.join(', ')}, guardrails and secondary metrics may change`,
    }));
  if (problems.length === 0) return;
  throw new AppError('frozen', `The experiment is ${before.state}: its plan is frozen.`, {
    problems,
  });
}

function frozenPart(definition: ExperimentDefinition): Record<string, unknown> {
  const { metrics, ...rest } = definition;
  const part: Record<string, unknown> = { ...rest, goals: metrics.goals };
  for (const field of FREE_FIELDS) delete part[field];
  return part;
}

/** A body may repeat the key of its address, and nothing else. */
function withoutKey(body: unknown, key: string): unknown {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, 'key')) return body;
  const { key: sent, ...rest } = body as Record<string, unknown>;
  if (sent === key) return rest;
  const problems = [{ pointer: '/key', detail: `must be ${key}, as in the address` }];
  throw new AppError('invalid', `/key: must be ${key}, as in the address`, { problems });
}

function missing(what: string, key: string): AppError {
  return new AppError('not_found', `There is no ${what} ${key}.`);
}

/** Metrics, models and experiments: defined by PUT, read by GET, moved by POST. */
import { z } from 'zod';
import { experimentDefinitionSchema, stopBodySchema } from '../../domain/experiment.ts';
import { metricDefinitionSchema } from '../../domain/metric.ts';
import {
  modelDefinitionSchema,
  modelVersionDefinitionSchema,
  offlineEvaluationSchema,
} from '../../domain/model.ts';
import { parse } from '../../domain/parse.ts';
import { AppError } from '../../domain/problem.ts';
import { instantSchema } from '../../domain/words.ts';
import {
  addOfflineEvaluation,
  putExperiment,
  putMetric,
  putModel,
  putModelVersion,
} from '../../engine/definitions.ts';
import type { Platform } from '../../engine/platform.ts';
import { findExperiment, pageOfExperiments } from '../../store/experiments.ts';
import { findMetric, pageOfMetrics } from '../../store/metrics.ts';
import {
  findModel,
  findModelVersion,
  listModelVersions,
  pageOfModels,
} from '../../store/models.ts';
import {
  type ApiAnswer,
  type ApiRequest,
  etagOf,
  isUnchanged,
  type Route,
  refuseStale,
} from '../route.ts';
import {
  experimentView,
  metricView,
  modelVersionView,
  modelView,
  offlineEvaluationView,
} from './views.ts';

const startBodySchema = z.strictObject({ at: instantSchema.optional() });
const listQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(200).optional(),
});

const STORED = { 200: { says: 'As stored, with its ETag' }, 201: { says: 'Created' } };
const FOUND = { 200: { says: 'As stored, with its ETag' } };
const LISTED = { 200: { says: 'A page: {items, next}; next is null on the last one' } };

export function definitionRoutes(platform: Platform): Route[] {
  const { store, clock, snapshots, lifecycle } = platform;
  const param = (request: ApiRequest, name: string) => request.parameters[name] ?? '';

  const metricOf = (key: string) => view(findMetric(store, key), metricView);
  const modelOf = (key: string) =>
    view(findModel(store, key), (model) => modelView(model, listModelVersions(store)));
  const versionOf = (request: ApiRequest) =>
    view(
      findModelVersion(store, param(request, 'key'), param(request, 'version')),
      modelVersionView,
    );
  const experimentOf = (key: string) => view(findExperiment(store, key), experimentView);

  return [
    {
      method: 'put',
      path: '/v1/metrics/:key',
      scope: 'admin',
      summary: 'Define a metric; a change makes a new version',
      body: metricDefinitionSchema,
      answers: STORED,
      handle(request) {
        const key = param(request, 'key');
        refuseStale(request, metricOf(key));
        const { value, created } = putMetric(store, clock, key, request.body);
        return stored(metricView(value), created);
      },
    },
    {
      method: 'get',
      path: '/v1/metrics/:key',
      scope: 'admin',
      summary: 'Read a metric',
      answers: FOUND,
      handle: (request) => found(request, metricOf(param(request, 'key'))),
    },
    {
      method: 'get',
      path: '/v1/metrics',
      scope: 'admin',
      summary: 'List metrics by key',
      query: listQuerySchema,
      answers: LISTED,
      handle: (request) =>
        listed(request, (after, limit) => pageOfMetrics(store, after, limit).map(metricView)),
    },
    {
      method: 'put',
      path: '/v1/models/:key',
      scope: 'admin',
      summary: 'Register a model',
      body: modelDefinitionSchema,
      answers: STORED,
      handle(request) {
        const key = param(request, 'key');
        refuseStale(request, modelOf(key));
        const { value, created } = putModel(store, clock, key, request.body);
        return stored(modelView(value, listModelVersions(store)), created);
      },
    },
    {
      method: 'get',
      path: '/v1/models/:key',
      scope: 'admin',
      summary: 'Read a model and the names of its versions',
      answers: FOUND,
      handle: (request) => found(request, modelOf(param(request, 'key'))),
    },
    {
      method: 'get',
      path: '/v1/models',
      scope: 'admin',
      summary: 'List models by key',
      query: listQuerySchema,
      answers: LISTED,
      handle(request) {
        const versions = listModelVersions(store);
        return listed(request, (after, limit) =>
          pageOfModels(store, after, limit).map((model) => modelView(model, versions)),
        );
      },
    },
    {
      method: 'put',
      path: '/v1/models/:key/versions/:version',
      scope: 'admin',
      summary: 'Register a version of a model',
      body: modelVersionDefinitionSchema,
      answers: STORED,
      handle(request) {
        refuseStale(request, versionOf(request));
        const of = { model: param(request, 'key'), version: param(request, 'version') };
        const { value, created } = putModelVersion(store, clock, of, request.body);
        return stored(modelVersionView(value), created);
      },
    },
    {
      method: 'get',
      path: '/v1/models/:key/versions/:version',
      scope: 'admin',
      summary: 'Read a version with its offline evaluations',
      answers: FOUND,
      handle: (request) => found(request, versionOf(request)),
    },
    {
      method: 'post',
      path: '/v1/models/:key/versions/:version/offline-evaluations',
      scope: 'admin',
      summary: 'Record what was measured of a version offline',
      body: offlineEvaluationSchema,
      answers: { 201: { says: 'Recorded' } },
      handle(request) {
        const of = { model: param(request, 'key'), version: param(request, 'version') };
        const evaluation = addOfflineEvaluation(store, clock, of, request.body);
        return { status: 201, body: offlineEvaluationView(evaluation) };
      },
    },
    {
      method: 'put',
      path: '/v1/experiments/:key',
      scope: 'admin',
      summary: 'Define an experiment; after the start only what does not decide may change',
      body: experimentDefinitionSchema,
      answers: STORED,
      handle(request) {
        const key = param(request, 'key');
        refuseStale(request, experimentOf(key));
        const { value, created } = putExperiment(platform, key, request.body);
        snapshots.rebuild();
        return stored(experimentView(value), created);
      },
    },
    {
      method: 'get',
      path: '/v1/experiments/:key',
      scope: 'admin',
      summary: 'Read an experiment',
      answers: FOUND,
      handle: (request) => found(request, experimentOf(param(request, 'key'))),
    },
    {
      method: 'get',
      path: '/v1/experiments',
      scope: 'admin',
      summary: 'List experiments by key',
      query: listQuerySchema,
      answers: LISTED,
      handle: (request) =>
        listed(request, (after, limit) =>
          pageOfExperiments(store, after, limit).map(experimentView),
        ),
    },
    {
      method: 'post',
      path: '/v1/experiments/:key/start',
      scope: 'admin',
      summary: 'Freeze the plan and let units in; in the past only while no exposure is known',
      body: startBodySchema,
      answers: { 200: { says: 'The experiment as it is now' } },
      async handle(request) {
        const { at } = parse(startBodySchema, request.body ?? {});
        const experiment = await lifecycle.start(param(request, 'key'), at);
        return { status: 200, body: experimentView(experiment) };
      },
    },
    {
      method: 'post',
      path: '/v1/experiments/:key/stop',
      scope: 'admin',
      summary: 'Let no more units in',
      body: stopBodySchema,
      answers: { 200: { says: 'The experiment as it is now' } },
      handle(request) {
        const { reason } = parse(stopBodySchema, request.body ?? {});
        const experiment = lifecycle.stop(param(request, 'key'), reason);
        return { status: 200, body: experimentView(experiment) };
      },
    },
  ];
}

function view<Stored, View>(
  value: Stored | undefined,
  show: (value: Stored) => View,
): View | undefined {
  return value === undefined ? undefined : show(value);
}

function stored(body: unknown, created: boolean): ApiAnswer {
  return { status: created ? 201 : 200, body, headers: { ETag: etagOf(body) } };
}

function found(request: ApiRequest, body: unknown): ApiAnswer {
  if (body === undefined) throw new AppError('not_found', 'There is nothing of this key.');
  const etag = etagOf(body);
  const headers = { ETag: etag, 'Cache-Control': 'private, no-cache' };
  if (isUnchanged(request, etag)) return { status: 304, body: null, headers };
  return { status: 200, body, headers };
}

function listed(
  request: ApiRequest,
  read: (after: string, limit: number) => readonly { readonly key: string }[],
): ApiAnswer {
  const { limit, cursor } = request.query as z.output<typeof listQuerySchema>;
  const after = cursor === undefined ? '' : Buffer.from(cursor, 'base64url').toString('utf8');
  const rows = read(after, limit + 1);
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const next =
    rows.length > limit && last !== undefined ? Buffer.from(last.key).toString('base64url') : null;
  return { status: 200, body: { items, next } };
}

/** Models, their versions and what was measured of them offline. */
import type {
  Model,
  ModelDefinition,
  ModelVersion,
  ModelVersionDefinition,
  OfflineEvaluation,
  OfflineEvaluationDefinition,
} from '../domain/model.ts';
import type { Store } from './open.ts';

type Row = Readonly<Record<string, unknown>>;

export function findModel(store: Store, key: string): Model | undefined {
  const row = store.statements.get('model', { key });
  return row === undefined ? undefined : modelOf(row);
}

export function listModels(store: Store): Model[] {
  return store.statements.all('models').map(modelOf);
}

export function pageOfModels(store: Store, after: string, limit: number): Model[] {
  return store.statements.all('modelsPage', { after, limit }).map(modelOf);
}

export function saveModel(store: Store, model: Model): void {
  const { key, createdAt, ...definition } = model;
  store.statements.run('saveModel', {
    key,
    definition: JSON.stringify(definition),
    created_at: createdAt,
  });
}

export function findModelVersion(
  store: Store,
  model: string,
  version: string,
): ModelVersion | undefined {
  const row = store.statements.get('modelVersion', { model, version });
  return row === undefined ? undefined : modelVersionOf(store, row);
}

export function listModelVersions(store: Store): ModelVersion[] {
  return store.statements.all('modelVersions').map((row) => modelVersionOf(store, row));
}

export function saveModelVersion(
  store: Store,
  version: Omit<ModelVersion, 'offlineEvaluations'>,
): void {
  const { model, version: name, createdAt, ...definition } = version;
  store.statements.run('saveModelVersion', {
    model,
    version: name,
    definition: JSON.stringify(definition),
    created_at: createdAt,
  });
}

export function saveOfflineEvaluation(
  store: Store,
  of: { model: string; version: string },
  evaluation: OfflineEvaluation,
): void {
  const { id, createdAt, ...definition } = evaluation;
  store.statements.run('saveOfflineEvaluation', {
    id,
    model: of.model,
    version: of.version,
    definition: JSON.stringify(definition),
    created_at: createdAt,
  });
}

function modelOf(row: Row): Model {
  return {
    ...(JSON.parse(String(row.definition)) as ModelDefinition),
    key: String(row.key),
    createdAt: Number(row.created_at),
  };
}

function modelVersionOf(store: Store, row: Row): ModelVersion {
  const model = String(row.model);
  const version = String(row.version);
  return {
    ...(JSON.parse(String(row.definition)) as ModelVersionDefinition),
    model,
    version,
    createdAt: Number(row.created_at),
    offlineEvaluations: store.statements.all('offlineEvaluations', { model, version }).map(
      (evaluation): OfflineEvaluation => ({
        ...(JSON.parse(String(evaluation.definition)) as OfflineEvaluationDefinition),
        id: String(evaluation.id),
        createdAt: Number(evaluation.created_at),
      }),
    ),
  };
}

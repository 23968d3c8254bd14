/** Metric definitions; every version is kept. */
import type { Metric, MetricDefinition } from '../domain/metric.ts';
import type { Store } from './open.ts';

type Row = Readonly<Record<string, unknown>>;

export function findMetric(store: Store, key: string): Metric | undefined {
  const row = store.statements.get('metric', { key });
  return row === undefined ? undefined : metricOf(row);
}

export function listMetrics(store: Store): Metric[] {
  return store.statements.all('metrics').map(metricOf);
}

export function pageOfMetrics(store: Store, after: string, limit: number): Metric[] {
  return store.statements.all('metricsPage', { after, limit }).map(metricOf);
}

/** Writes a new version. To be called inside a transaction. */
export function saveMetric(store: Store, metric: Metric): void {
  const { key, version, createdAt, ...definition } = metric;
  const row = { key, version, definition: JSON.stringify(definition), created_at: createdAt };
  store.statements.run('saveMetric', row);
  store.statements.run('saveMetricVersion', row);
}

function metricOf(row: Row): Metric {
  return {
    ...(JSON.parse(String(row.definition)) as MetricDefinition),
    key: String(row.key),
    version: Number(row.version),
    createdAt: Number(row.created_at),
  };
}

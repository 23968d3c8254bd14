/** Stored analyses: written once, never changed. */
import type { Analysis, AnalysisDetail } from '../domain/analysis.ts';
import { parseInstant } from '../domain/time.ts';
import type { Store } from './open.ts';

export type StoredAnalysis = { readonly analysis: Analysis; readonly detail: AnalysisDetail };

export function findAnalysis(
  store: Store,
  experiment: string,
  id: string,
): StoredAnalysis | undefined {
  return storedOf(store.statements.get('analysis', { experiment, id }));
}

export function latestAnalysis(store: Store, experiment: string): StoredAnalysis | undefined {
  return storedOf(store.statements.get('latestAnalysis', { experiment }));
}

export function saveAnalysis(store: Store, { analysis, detail }: StoredAnalysis): void {
  store.statements.run('saveAnalysis', {
    id: analysis.id,
    experiment: analysis.experiment,
    created_at: detail.createdAt,
    as_of: parseInstant(analysis.asOf) ?? 0,
    watermark: analysis.watermark,
    analysis: JSON.stringify(analysis),
    detail: JSON.stringify(detail),
  });
}

function storedOf(row: Readonly<Record<string, unknown>> | undefined): StoredAnalysis | undefined {
  if (row === undefined) return undefined;
  return {
    analysis: JSON.parse(String(row.analysis)) as Analysis,
    detail: JSON.parse(String(row.detail)) as AnalysisDetail,
  };
}

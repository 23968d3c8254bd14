/** What pages may read. They read; the engine writes. */
import type { Request } from 'express';
import type { Analysis, AnalysisDetail } from '../../domain/analysis.ts';
import type { Metric } from '../../domain/metric.ts';
import type { Model, ModelVersion } from '../../domain/model.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { StoredExperiment } from '../../store/experiments.ts';
import type { Frame } from '../view/frame.ts';

export type Reads = {
  listExperiments(): StoredExperiment[];
  experiment(key: string): StoredExperiment | undefined;
  metrics(): Metric[];
  models(): Model[];
  modelVersions(): ModelVersion[];
  latestAnalysis(key: string): { analysis: Analysis; detail: AnalysisDetail } | undefined;
};

export type PagesDeps = {
  readonly reads: Reads;
  readonly frameOf: (request: Request) => Frame;
  readonly clock: Clock;
};

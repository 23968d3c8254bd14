/** Every page that only reads. Signing in and out is the business of `http/auth.ts`. */
import { type Request, type Response, Router } from 'express';
import type { Metric } from '../../domain/metric.ts';
import { AppError } from '../../domain/problem.ts';
import type { StoredExperiment } from '../../store/experiments.ts';
import { experimentPage } from '../view/experiment-page.ts';
import { type ExperimentRow, experimentsPage } from '../view/experiments-page.ts';
import { metricsPage } from '../view/metrics-page.ts';
import { modelPage, modelsPage } from '../view/models-page.ts';
import { renderPage } from '../view/page.ts';
import { sqlText } from '../view/sql.ts';
import type { PagesDeps, Reads } from './reads.ts';

export function createPagesRouter(deps: PagesDeps): Router {
  const router = Router();
  router.get('/', (_request, response) => {
    response.redirect(303, '/experiments');
  });
  addExperimentPages(router, deps);
  addMetricPages(router, deps);
  addModelPages(router, deps);
  return router;
}

function addExperimentPages(router: Router, { reads, frameOf, clock }: PagesDeps): void {
  router.get('/experiments', (request, response) => {
    const page = experimentsPage({
      rows: rowsOf(reads, reads.listExperiments()),
      query: { q: queryText(request, 'q'), state: queryText(request, 'state') },
      metrics: metricsByKey(reads),
      frame: frameOf(request),
      now: clock.now(),
    });
    renderPage(response, 'experiments', page);
  });

  router.get('/experiments/:key', (request, response) => {
    const experiment = experimentOf(reads, request);
    const stored = reads.latestAnalysis(experiment.key);
    const page = experimentPage({
      experiment,
      metrics: metricsOf(metricsByKey(reads), experiment),
      modelVersions: new Map(
        reads.modelVersions().map((version) => [`${version.model}@${version.version}`, version]),
      ),
      analysis: stored?.analysis,
      detail: stored?.detail,
      now: clock.now(),
      frame: frameOf(request),
    });
    renderPage(response, 'experiment', page);
  });

  router.get('/experiments/:key/sql', (request, response) => {
    const { key } = experimentOf(reads, request);
    const stored = reads.latestAnalysis(key);
    if (stored === undefined) {
      throw new AppError(
        'not_found',
        `The experiment ${key} has no analysis yet, so no SQL was run.`,
      );
    }
    const wanted = queryText(request, 'statement');
    const text = sqlText(
      stored.analysis,
      stored.detail,
      wanted === undefined ? undefined : Number(wanted),
    );
    if (text === undefined) {
      throw new AppError('not_found', `The analysis has no statement ${wanted}.`);
    }
    sendText(response, text);
  });

  router.get('/experiments/:key/analysis.json', (request, response) => {
    const { key } = experimentOf(reads, request);
    const stored = reads.latestAnalysis(key);
    if (stored === undefined) {
      throw new AppError('not_found', `The experiment ${key} has no analysis yet.`);
    }
    response.set('Cache-Control', 'no-store').json(stored.analysis);
  });
}

function addMetricPages(router: Router, { reads, frameOf }: PagesDeps): void {
  router.get('/metric-definitions', (request, response) => {
    const page = metricsPage({
      metrics: reads.metrics(),
      experiments: reads.listExperiments(),
      frame: frameOf(request),
    });
    renderPage(response, 'metrics', page);
  });
}

function addModelPages(router: Router, { reads, frameOf, clock }: PagesDeps): void {
  router.get('/models', (request, response) => {
    const page = modelsPage({
      models: reads.models(),
      versions: reads.modelVersions(),
      experiments: reads.listExperiments(),
      frame: frameOf(request),
    });
    renderPage(response, 'models', page);
  });

  router.get('/models/:key', (request, response) => {
    const key = String(request.params.key);
    const model = reads.models().find((candidate) => candidate.key === key);
    if (model === undefined) throw new AppError('not_found', `There is no model ${key}.`);
    const page = modelPage({
      model,
      versions: reads.modelVersions(),
      rows: rowsOf(reads, reads.listExperiments()),
      metrics: metricsByKey(reads),
      frame: frameOf(request),
      now: clock.now(),
    });
    renderPage(response, 'model', page);
  });
}

function experimentOf(reads: Reads, request: Request): StoredExperiment {
  const key = String(request.params.key);
  const experiment = reads.experiment(key);
  if (experiment === undefined) throw new AppError('not_found', `There is no experiment ${key}.`);
  return experiment;
}

function rowsOf(reads: Reads, experiments: readonly StoredExperiment[]): ExperimentRow[] {
  const metrics = metricsByKey(reads);
  return experiments.map((experiment) => {
    const stored = reads.latestAnalysis(experiment.key);
    return {
      experiment,
      analysis: stored?.analysis,
      detail: stored?.detail,
      metrics: metricsOf(metrics, experiment),
    };
  });
}

/** A result is read by the definitions it was computed with: those of the frozen plan. */
function metricsOf(
  now: ReadonlyMap<string, Metric>,
  { frozenMetrics }: StoredExperiment,
): ReadonlyMap<string, Metric> {
  return frozenMetrics === null ? now : new Map([...now, ...Object.entries(frozenMetrics)]);
}

function metricsByKey(reads: Reads): ReadonlyMap<string, Metric> {
  return new Map(reads.metrics().map((metric) => [metric.key, metric]));
}

/** One text of the query string; lists and objects count as absent. */
function queryText(request: Request, name: string): string | undefined {
  const value = request.query[name];
  return typeof value === 'string' ? value : undefined;
}

function sendText(response: Response, text: string): void {
  response.set('Cache-Control', 'no-store').type('text/plain').send(text);
}

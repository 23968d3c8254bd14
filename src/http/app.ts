/** The Express app: the order of what every request passes, from its id to the error handler. */
import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import express, { type Express, type Request, type RequestHandler } from 'express';
import helmet from 'helmet';
import { EVENT_LIMITS } from '../domain/event.ts';
import { AppError } from '../domain/problem.ts';
import { openKeyring } from '../engine/access.ts';
import type { Platform } from '../engine/platform.ts';
import { latestAnalysis } from '../store/analyses.ts';
import { findExperiment, listExperiments } from '../store/experiments.ts';
import { listMetrics } from '../store/metrics.ts';
import { listModels, listModelVersions } from '../store/models.ts';
import { analysisRoutes } from './api/analyses.ts';
import { assignmentRoutes } from './api/assignments.ts';
import { definitionRoutes } from './api/definitions.ts';
import { eventRoutes } from './api/events.ts';
import { type Health, healthRoutes } from './api/health.ts';
import { errorHandler } from './errors.ts';
import { openApiOf } from './openapi.ts';
import { createPagesRouter } from './pages/router.ts';
import { mount, type Route } from './route.ts';
import { openSessions } from './sessions.ts';
import { ASSETS_DIRECTORY, renderPage, setUpViews } from './view/page.ts';
import { problemPage } from './view/problem-page.ts';

export function createApp(platform: Platform, health: Health): Express {
  const { store, clock, log, config, analyst } = platform;
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.set('query parser', 'simple');
  setUpViews(app);

  app.use(requestId);
  app.use(
    helmet({
      contentSecurityPolicy: {
        useDefaults: false,
        directives: {
          'default-src': ["'none'"],
          'script-src': ["'self'"],
          'style-src': ["'self'"],
          'img-src': ["'self'", 'data:'],
          'connect-src': ["'self'"],
          'form-action': ["'self'"],
          'frame-ancestors': ["'none'"],
          'base-uri': ["'none'"],
        },
      },
      referrerPolicy: { policy: 'same-origin' },
      strictTransportSecurity: config.publicUrl?.startsWith('https:') === true,
    }),
  );

  const routes: Route[] = [
    ...assignmentRoutes(platform),
    ...eventRoutes(platform),
    ...definitionRoutes(platform),
    ...analysisRoutes(platform),
    ...healthRoutes(platform, health),
  ];
  const description = JSON.stringify(openApiOf(routes));
  routes.push({
    method: 'get',
    path: '/openapi.json',
    scope: 'public',
    summary: 'This description',
    answers: { 200: { says: 'OpenAPI 3.1' } },
    handle: () => ({ status: 200, body: null, text: description }),
  });

  mount(app, routes, { platform, holderOf: openKeyring(store, config), readers: bodyReaders() });
  app.use('/v1', (request) => {
    throw new AppError(
      'not_found',
      `There is no ${request.method} ${request.baseUrl}${request.path}.`,
    );
  });

  app.use(
    '/assets',
    express.static(ASSETS_DIRECTORY, { index: false, redirect: false, maxAge: '1h', etag: true }),
  );
  const sessions = openSessions(platform);
  app.use(sessions.read, sessions.router);
  app.post(
    '/experiments/:key/analyses',
    sessions.need,
    express.urlencoded({ extended: false, limit: '10kb', parameterLimit: 10 }),
    sessions.refuseForged,
    async (request, response) => {
      const key = String(request.params.key);
      await analyst.analyze(key, {});
      response.redirect(303, `/experiments/${encodeURIComponent(key)}`);
    },
  );
  app.use(
    sessions.need,
    createPagesRouter({
      reads: {
        listExperiments: () => listExperiments(store),
        experiment: (key) => findExperiment(store, key),
        metrics: () => listMetrics(store),
        models: () => listModels(store),
        modelVersions: () => listModelVersions(store),
        latestAnalysis: (key) => latestAnalysis(store, key),
      },
      frameOf: sessions.frameOf,
      clock,
    }),
  );
  app.use((request: Request) => {
    throw new AppError('not_found', `There is no page ${request.path}.`);
  });
  app.use(
    errorHandler(log, (request, response, problem) => {
      response.status(problem.status);
      renderPage(
        response,
        'problem',
        problemPage({ ...problem, problems: problem.errors, frame: sessions.frameOf(request) }),
      );
    }),
  );
  return app;
}

const requestId: RequestHandler = (_request, response, next) => {
  const id = randomUUID();
  response.locals.requestId = id;
  response.set('X-Request-Id', id);
  next();
};

/** JSON and NDJSON, gzip and br; the limit counts inflated bytes. */
function bodyReaders(): RequestHandler[] {
  const shared = { limit: EVENT_LIMITS.bytesPerRequest, verify: refuseBrokenUtf8 };
  return [
    express.json({ ...shared, strict: false, type: ['application/json', 'application/*+json'] }),
    express.text({ ...shared, type: 'application/x-ndjson' }),
  ];
}

/** Bytes that are no UTF-8 would be read as U+FFFD, and two ids could become one. */
function refuseBrokenUtf8(
  _request: unknown,
  _response: unknown,
  body: Buffer,
  encoding: string,
): void {
  if (encoding.toLowerCase() === 'utf-8' && !isUtf8(body)) {
    throw new AppError('invalid', 'The body is not valid UTF-8.');
  }
}

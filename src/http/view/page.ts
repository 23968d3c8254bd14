/** The one door to the templates. */
import { fileURLToPath } from 'node:url';
import ejs from 'ejs';
import type { Express, Response } from 'express';
import type { ExperimentPage } from './experiment-page.ts';
import type { ExperimentsPage } from './experiments-page.ts';
import type { MetricsPage } from './metrics-page.ts';
import type { ModelPage, ModelsPage } from './models-page.ts';
import type { ProblemPage } from './problem-page.ts';
import type { SignInPage } from './sign-in-page.ts';

export type Pages = {
  readonly 'sign-in': SignInPage;
  readonly experiments: ExperimentsPage;
  readonly experiment: ExperimentPage;
  readonly metrics: MetricsPage;
  readonly models: ModelsPage;
  readonly model: ModelPage;
  readonly problem: ProblemPage;
};

/** Where the style sheet lies; served under `/assets`. */
export const ASSETS_DIRECTORY: string = fileURLToPath(
  new URL('../../../views/assets', import.meta.url),
);
const VIEWS_DIRECTORY = fileURLToPath(new URL('../../../views', import.meta.url));

/** A template sees `page` and nothing else; a page is compiled once. */
const EJS_OPTIONS = { strict: true, _with: false, localsName: 'page', cache: true } as const;

/** Tells an Express app where the templates are and how they are read. */
export function setUpViews(app: Express): void {
  app.set('views', VIEWS_DIRECTORY);
  app.set('view engine', 'ejs');
  app.engine('ejs', (path, page, done) => {
    ejs.renderFile(path, page, EJS_OPTIONS, done);
  });
}

/** Answers with a page. Pages are of one person at one moment: no store keeps them. */
export function renderPage<Name extends keyof Pages>(
  response: Response,
  name: Name,
  page: Pages[Name],
): void {
  response.set('Cache-Control', 'no-store');
  response.render(`pages/${name}`, page);
}

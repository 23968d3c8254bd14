/** Every page, rendered with what it will meet: little, much, nothing, failed, and text meant to break it. */
import { describe, expect, test } from 'vitest';
import { COMPARISON_STATUSES, type Comparison } from '../../src/domain/analysis.ts';
import type { Model, ModelVersion } from '../../src/domain/model.ts';
import { experimentPage } from '../../src/http/view/experiment-page.ts';
import { experimentsPage } from '../../src/http/view/experiments-page.ts';
import { metricsPage } from '../../src/http/view/metrics-page.ts';
import { modelPage, modelsPage } from '../../src/http/view/models-page.ts';
import { problemPage } from '../../src/http/view/problem-page.ts';
import { signInPage } from '../../src/http/view/sign-in-page.ts';
import {
  BOOKINGS,
  FRAME,
  METRICS,
  type Sample,
  type SampleMetric,
  STARTED_AT,
  sample,
} from '../support/analysis.ts';
import { expectClean, render, textOf } from './html.ts';

const INJECTION = '"><img src=x onerror=alert(1)><script>alert(1)</script>';
const HEBREW = 'הזמנות למשתמש';
const WORD = 'W'.repeat(200);

const lifts = (by: Readonly<Record<string, number>>): SampleMetric[] =>
  METRICS.map((metric) => ({ ...metric, lifts: [by[metric.key] ?? 0] }));

const base = sample();
const ships = sample({
  days: 28.2,
  unitsADay: 90_000,
  metrics: lifts({ bookings: 0.015, cancellations: -0.01, net_revenue: 0.02 }),
});
const harms = sample({ days: 12.5, metrics: lifts({ bookings: -0.06, cancellations: 0.04 }) });
const broken = sample({ kept: [1, 0.93] });
const nobody = sample({ days: 3, unitsADay: 0 });
const early = sample({ days: 2.2 });
const fixed = sample({ plan: { monitoring: 'fixed' } });
const stopped = sample({ state: 'stopped', stoppedAfterDays: 18.5 });
const arms = sample({
  plan: { monitoring: 'always_valid' },
  arms: ['pick@1', 'pick@2', 'pick@3', 'pick@4'].map((model, index) => ({
    key: `v${index}`,
    model,
  })),
  metrics: METRICS.map((metric) => ({ ...metric, lifts: [...metric.lifts, 0.03, -0.002] })),
});
const huge = sample({
  key: 'k'.repeat(100),
  definition: { name: WORD, owner: INJECTION, surface: 's'.repeat(100), tags: ['t'] },
  plan: { monitoring: 'always_valid' },
  crossovers: 123_456,
  waiting: 7,
  arms: [
    { key: 'control', name: INJECTION },
    { key: 'b'.repeat(100), name: HEBREW },
    { key: 'c', name: WORD },
    { key: 'd', name: `${INJECTION} d` },
    { key: 'e' },
  ],
  metrics: Array.from({ length: 50 }, (_, index) => ({
    ...(METRICS[index % METRICS.length] ?? BOOKINGS),
    key: `m${index}`,
    role:
      index < 3 ? ('goal' as const) : index < 15 ? ('guardrail' as const) : ('secondary' as const),
    bound: 0.02,
    name: [HEBREW, WORD, INJECTION, `Metric ${index}`][index % 4] ?? '',
    lifts: [0.01 * index, -3 * index * index, 0.0004, 2],
  })),
});
const noDetail = (one: Sample) => ({ ...one, detail: undefined });
const notAnalysed = (one: Sample) => ({ ...one, analysis: undefined, detail: undefined });
const draft = notAnalysed(sample({ state: 'draft' }));

type Input = Omit<Sample, 'analysis' | 'detail'> & {
  analysis: Sample['analysis'] | undefined;
  detail: Sample['detail'] | undefined;
};

async function experimentHtml(one: Input, frame = FRAME): Promise<string> {
  const html = await render('experiment', experimentPage({ ...one, frame }));
  expectClean(html);
  return html;
}

/** The same analysis with every comparison changed. */
function withComparisons(one: Sample, change: (comparison: Comparison) => Comparison): Sample {
  return {
    ...one,
    analysis: {
      ...one.analysis,
      metrics: one.analysis.metrics.map((metric) => ({
        ...metric,
        comparisons: metric.comparisons.map(change),
      })),
    },
  };
}

describe('the page of an experiment', () => {
  test.each(
    Object.entries<Input>({
      small: base,
      'ready to ship': ships,
      'harmed by its variant': harms,
      'with a failed check': broken,
      'that nobody met': nobody,
      'before its first look': early,
      'with a fixed plan': fixed,
      stopped,
      'of four variants': arms,
      'of 50 metrics and 5 variants with names made to break it': huge,
      'whose detail is lost': noDetail(base),
      'not analysed yet': notAnalysed(base),
      'not started': draft,
      'without models': { ...base, modelVersions: new Map() },
      'whose metrics are gone': { ...base, metrics: new Map() },
    }),
  )('%s is whole', async (_name, one) => {
    await experimentHtml(one);
  });

  test.each(COMPARISON_STATUSES.filter((status) => status !== 'ok'))(
    'says why there is no number when the status is %s',
    async (status) => {
      const one = withComparisons(base, ({ population, variant, baseline, n, baselineN }) => ({
        population,
        variant,
        baseline,
        status,
        n,
        baselineN,
        method: 'welch',
        adjustments: [],
        verdict: 'not_enough_data',
      }));
      const html = await experimentHtml(one);
      expect(html).not.toContain('class="i-band"');
      expect(html).not.toMatch(/<td[^>]*class="change"[^>]*><\/td>/);
    },
  );

  test('shows the absolute change, and why, where no relative change exists', async () => {
    const one = withComparisons(base, ({ relative: _relative, ...rest }) => ({
      ...rest,
      relativeStatus: 'zero_baseline',
    }));
    const text = textOf(await experimentHtml(one));
    expect(text).toContain('no relative change: the baseline mean is 0');
    expect(text).toContain('−0.002174');
  });

  test('draws no effect and says so when a check fails', async () => {
    const html = await experimentHtml(broken);
    const text = textOf(html);
    expect(html).not.toContain('class="i-band"');
    expect(html).toMatch(/<details class="health" open>/);
    expect(text).toContain('Do not trust these results');
    expect(text).toContain('withheld');
    for (const { comparisons } of broken.analysis.metrics) {
      const estimate = comparisons[0]?.relative?.estimate ?? 0;
      expect(text).not.toContain(`${(Math.abs(estimate) * 100).toFixed(1)}% (`);
    }
  });

  test('keeps health closed when all checks pass', async () => {
    expect(await experimentHtml(base)).toContain('<details class="health">');
  });

  test('states the change with the interval that decides', async () => {
    const text = textOf(await experimentHtml(ships));
    expect(text).toMatch(
      /Bookings per user rose by 1\.5% \(\+\d\.\d% to \+\d\.\d% over all looks\) with ranker@7/,
    );
    expect(text).toContain('Both guardrails are within their limits.');
    expect(text).toContain('Ship');
  });

  test('colours desirability, not sign', async () => {
    const html = await experimentHtml(base);
    const row = (name: string) =>
      html.slice(html.indexOf(`<title>${name}`) - 60, html.indexOf(`<title>${name}`));
    expect(row('Clicks on the first result')).toContain('i-better');
    expect(row('Searches refined per user')).toContain('i-worse');
    expect(row('Bookings per user')).toContain('i-neutral');
  });

  test('gives every rule in its order, the fired one in bold', async () => {
    const html = await experimentHtml(base);
    const rules = base.detail.rules.map(({ says }) => html.indexOf(`"rowheader">${says}`));
    expect(rules.every((at) => at > 0)).toBe(true);
    expect([...rules].sort((a, b) => a - b)).toEqual(rules);
    const fired = base.detail.rules.find((rule) => rule.fired)?.says ?? '';
    expect(html).toMatch(new RegExp(`class="fired [^"]*"><th[^>]*>${fired}`));
  });

  test('puts the offline metric beside the business effect, and says that it does not decide', async () => {
    const text = textOf(await experimentHtml(base));
    expect(text).toMatch(
      /MAE improved 11\.0%\. Bookings per user fell 1\.2% \([^)]*\), no difference shown\./,
    );
    expect(text).toContain('It never decides');
  });

  test('compares no offline metric across test sets', async () => {
    const [first, second] = [...base.modelVersions.entries()];
    if (first === undefined || second === undefined) throw new Error('two versions are needed');
    const other = {
      ...second[1],
      offlineEvaluations: second[1].offlineEvaluations.map((evaluation) => ({
        ...evaluation,
        testSet: { reference: 'another' },
      })),
    };
    const modelVersions = new Map<string, ModelVersion>([first, [second[0], other]]);
    const text = textOf(await experimentHtml({ ...base, modelVersions }));
    expect(text).toContain('different test sets');
    expect(text).not.toContain('MAE improved');
  });

  test('shows every statement with its parameters', async () => {
    const html = await experimentHtml(base);
    const text = textOf(html);
    for (const [index, { id }] of base.detail.sql.entries()) {
      expect(html).toContain(`id="sql-${index + 1}"`);
      expect(text).toContain(id);
    }
    expect(text).toContain("$event 'bookings'");
  });

  test('says before the first look that nothing is decided', async () => {
    const text = textOf(await experimentHtml(early));
    expect(text).toContain('Not decided yet');
    expect(text).toContain('before its first look');
    expect(text).not.toContain('Cannot rule out');
  });

  test('says that data are simulated only where they are', async () => {
    expect(textOf(await experimentHtml(base))).not.toContain('simulated');
    const html = await experimentHtml(base, { ...FRAME, simulated: true });
    expect(textOf(html)).toContain('All data here is simulated');
  });

  test('offers a new analysis only to somebody signed in', async () => {
    expect(await experimentHtml(base)).toContain('action="/experiments/ranker-7-vs-6/analyses"');
    const html = await experimentHtml(base, { ...FRAME, user: null, csrf: null });
    expect(html).not.toContain('<form');
  });
});

describe('the list of experiments', () => {
  const named = (one: Input, key: string) => ({ ...one, experiment: { ...one.experiment, key } });
  const rows = Object.entries<Input>({
    base,
    ships,
    harms,
    broken,
    nobody,
    early,
    fixed,
    stopped,
    arms,
    draft,
  })
    .map(([key, one]) => named(one, key))
    .concat(huge, named(notAnalysed(base), 'waiting'));
  const list = async (input: Partial<Parameters<typeof experimentsPage>[0]> = {}) => {
    const html = await render(
      'experiments',
      experimentsPage({
        rows,
        query: {},
        frame: FRAME,
        now: base.now,
        metrics: base.metrics,
        ...input,
      }),
    );
    expectClean(html);
    return html;
  };

  test('has a row for each, what waits for a person first', async () => {
    const html = await list();
    for (const { experiment } of rows)
      expect(html).toContain(`href="/experiments/${experiment.key}"`);
    const order = ['Waits for you', 'Running', 'Not started', 'Ended'].map((title) =>
      html.indexOf(`>${title}</h2>`),
    );
    expect([...order].sort((a, b) => a - b)).toEqual(order);
    expect(textOf(html)).toContain('withheld');
  });

  test('finds by text and by state, and repeats what was asked', async () => {
    const html = await list({ query: { q: 'pick@3', state: 'running' } });
    expect(html).toContain('href="/experiments/arms"');
    expect(html).not.toContain('href="/experiments/ships"');
    expect(html).toContain('value="pick@3"');
    expect(html).toContain('<option value="running" selected>');
  });

  test('says when nothing answers, without trusting the question', async () => {
    const html = await list({ query: { q: `${INJECTION}!`, state: 'nonsense' } });
    expect(textOf(html)).toContain('No experiment answers');
  });

  test('helps when there is none', async () => {
    const text = textOf(await list({ rows: [] }));
    expect(text).toContain('No experiment is defined');
    expect(text).toContain('curl -X PUT');
  });

  test('of a thousand says how many it shows', async () => {
    const many = Array.from({ length: 1000 }, (_, index) => named(notAnalysed(base), `e${index}`));
    expect(textOf(await list({ rows: many }))).toContain('The first 200 of 1000');
  });
});

describe('the other pages', () => {
  const model: Model = {
    key: 'ranker',
    name: `${INJECTION} ${HEBREW}`,
    description: WORD,
    kind: 'specialised',
    task: 'ranking',
    owner: INJECTION,
    tags: [],
    createdAt: STARTED_AT,
  };
  const versions = [...base.modelVersions.values()];

  test('metrics', async () => {
    const metrics = [...base.metrics.values(), ...huge.metrics.values()];
    const experiments = [base.experiment];
    const html = await render('metrics', metricsPage({ metrics, experiments, frame: FRAME }));
    expectClean(html);
    expect(html).toContain('id="metric-bookings"');
    expect(textOf(html)).toContain('all events');
    expectClean(
      await render('metrics', metricsPage({ metrics: [], experiments: [], frame: FRAME })),
    );
  });

  test('models', async () => {
    const experiments = [base.experiment];
    const html = await render(
      'models',
      modelsPage({ models: [model], versions, experiments, frame: FRAME }),
    );
    expectClean(html);
    const empty = modelsPage({ models: [], versions: [], experiments: [], frame: FRAME });
    expectClean(await render('models', empty));
  });

  test('one model, with its offline numbers and its trials', async () => {
    const shared = { model, metrics: base.metrics, now: base.now, frame: FRAME };
    const html = await render('model', modelPage({ ...shared, versions, rows: [base, draft] }));
    expectClean(html);
    const text = textOf(html);
    expect(text).toContain('ranker@7');
    expect(text).toContain('0.0021');
    expect(html).toContain('href="/experiments/ranker-7-vs-6"');
    expectClean(await render('model', modelPage({ ...shared, versions: [], rows: [] })));
  });

  test('sign-in lets passwords be filled in and pasted, and says what is wrong', async () => {
    const frame = { ...FRAME, user: null, path: '/sign-in' };
    const html = await render(
      'sign-in',
      signInPage({ frame, error: 'Wrong.', name: INJECTION, next: '/models' }),
    );
    expectClean(html);
    expect(html).toContain('autocomplete="username"');
    expect(html).toContain('autocomplete="current-password"');
    expect(html).toMatch(
      /<form[^>]*action="\/sign-in" method="post"><input type="hidden" name="csrf" value="csrf-token">/,
    );
    expect(html).toContain('role="alert"');
    expect(html).toContain('name="next" value="/models"');
    expect(html).not.toContain('onpaste');
    expectClean(await render('sign-in', signInPage({ frame })));
  });

  test('a problem says what, where and which request', async () => {
    const page = problemPage({
      status: 404,
      title: 'Not found',
      detail: INJECTION,
      requestId: 'r-1',
      problems: [{ pointer: '', detail: INJECTION }],
      frame: FRAME,
    });
    const html = await render('problem', page);
    expectClean(html);
    expect(textOf(html)).toContain('r-1');
  });
});

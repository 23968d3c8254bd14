/** The list of experiments: what waits for a person first, then what runs, then what ended. */
import type { Analysis, AnalysisDetail, Comparison } from '../../domain/analysis.ts';
import {
  EXPERIMENT_STATES,
  type Experiment,
  type ExperimentState,
} from '../../domain/experiment.ts';
import type { Metric } from '../../domain/metric.ts';
import { type Axis, type Interval, type IntervalBar, intervalBar, liftAxis } from './charts.ts';
import { changeOf, effectCell, shownAnalysis, statedInterval } from './effect.ts';
import { dayFact, type EmptyState } from './experiment-page.ts';
import { capitalise, isolate, listWords, numberWord } from './format.ts';
import { type Frame, type Layout, layoutOf } from './frame.ts';
import { isTrusted } from './health.ts';
import { boundOf, guardrailTally } from './scorecard.ts';
import { focusOf } from './verdict.ts';
import {
  ACTION_WORDS,
  checkName,
  comparesWords,
  type Icon,
  type Mark,
  metricName,
  STATE_WORDS,
} from './words.ts';

export type ExperimentRow = {
  readonly experiment: Experiment;
  readonly analysis: Analysis | undefined;
  readonly detail: AnalysisDetail | undefined;
  /** The metrics as this experiment froze them, where that is known. */
  readonly metrics?: ReadonlyMap<string, Metric>;
};

export type ListRow = {
  readonly href: string;
  readonly name: string;
  readonly key: string;
  readonly owner: string | null;
  readonly compares: string;
  readonly badge: { readonly icon: Icon; readonly word: string; readonly style: string };
  readonly estimate: string | null;
  readonly interval: string | null;
  /** Said in place of numbers. */
  readonly none: string;
  readonly bar: IntervalBar;
  readonly barTitle: string;
  readonly mark: Mark | null;
  readonly goal: string | null;
  readonly notes: readonly string[];
};

export type ListSection = {
  readonly id: string;
  readonly title: string;
  readonly note: string | null;
  readonly axis: Axis;
  readonly rows: readonly ListRow[];
};

export type ExperimentsPage = {
  readonly layout: Layout;
  readonly lede: string;
  readonly query: { readonly q: string; readonly state: string };
  readonly states: readonly {
    readonly value: string;
    readonly label: string;
    readonly selected: boolean;
  }[];
  readonly sections: readonly ListSection[];
  readonly omitted: string | null;
  readonly empty: EmptyState | null;
  /** Words when there are experiments but none answers the search. */
  readonly noMatch: string | null;
};

const ROWS_SHOWN = 200;
const WAITING_ACTIONS = ['stop_harm', 'ship', 'ship_parity', 'optimise', 'stop_futile', 'review'];

export function experimentsPage(input: {
  rows: readonly ExperimentRow[];
  query: { readonly q?: string | undefined; readonly state?: string | undefined };
  frame: Frame;
  now: number;
  metrics?: ReadonlyMap<string, Metric>;
}): ExperimentsPage {
  const { frame, now } = input;
  const rows = input.rows.map((row) =>
    row.analysis === undefined || row.detail === undefined
      ? row
      : { ...row, analysis: shownAnalysis(row.analysis, row.detail) },
  );
  const metrics = input.metrics ?? new Map<string, Metric>();
  const q = (input.query.q ?? '').slice(0, 200);
  const state = EXPERIMENT_STATES.find((known) => known === input.query.state);
  const found = rows.filter((row) => answers(row.experiment, q, state));
  const shown = found.slice(0, ROWS_SHOWN);
  return {
    layout: layoutOf(frame, 'Experiments'),
    lede: ledeOf(rows),
    query: { q, state: state ?? '' },
    states: [
      { value: '', label: 'Any', selected: state === undefined },
      ...EXPERIMENT_STATES.map((value) => ({
        value,
        label: STATE_WORDS[value].word,
        selected: value === state,
      })),
    ],
    sections: sectionsOf(shown, now, metrics),
    omitted:
      found.length > shown.length
        ? `The first ${ROWS_SHOWN} of ${found.length} are shown. Search to find the others.`
        : null,
    empty: rows.length === 0 ? emptyState() : null,
    noMatch: rows.length > 0 && found.length === 0 ? noMatchWords(q, state) : null,
  };
}

/** Rows in sections, each section on one axis; sections without rows are left out. */
export function sectionsOf(
  rows: readonly ExperimentRow[],
  now: number,
  metrics: ReadonlyMap<string, Metric>,
): ListSection[] {
  const sections = [
    { id: 'waits', title: 'Waits for you', note: null },
    { id: 'running', title: 'Running', note: null },
    { id: 'draft', title: 'Not started', note: null },
    { id: 'ended', title: 'Ended', note: 'A stopped trial is a result.' },
  ];
  return sections.flatMap((section) => {
    const own = rows.filter((row) => sectionOf(row) === section.id);
    if (own.length === 0) return [];
    const axis = sparse(liftAxis(own.flatMap(goalIntervals)));
    return [{ ...section, axis, rows: own.map((row) => listRow(row, axis, now, metrics)) }];
  });
}

/** A narrow column has room for the outer labels and the zero. */
function sparse(axis: Axis): Axis {
  return { ...axis, ticks: axis.ticks.filter((_, index) => index % 2 === 0) };
}

function sectionOf({ experiment, analysis }: ExperimentRow): string {
  if (experiment.state === 'draft') return 'draft';
  if (experiment.state !== 'running') return 'ended';
  if (analysis === undefined) return 'running';
  const waits = !isTrusted(analysis) || WAITING_ACTIONS.includes(analysis.recommendation.action);
  return waits ? 'waits' : 'running';
}

function listRow(
  row: ExperimentRow,
  axis: Axis,
  now: number,
  metrics: ReadonlyMap<string, Metric>,
): ListRow {
  const { experiment, analysis } = row;
  const focus = analysis === undefined ? undefined : goalOf(analysis);
  const withheld = analysis !== undefined && !isTrusted(analysis);
  const metric =
    focus === undefined ? undefined : (row.metrics ?? metrics).get(focus.result.metric);
  const name = experiment.name ?? experiment.key;
  const none = noneWords(row);
  const effect =
    focus === undefined || withheld
      ? null
      : effectCell({
          name,
          comparison: focus.comparison,
          metric,
          role: 'goal',
          bound: boundOf(experiment, 'goal', focus.result.metric),
          axis,
          monitoring: experiment.plan.monitoring,
        });
  return {
    href: `/experiments/${encodeURIComponent(experiment.key)}`,
    name,
    key: experiment.key,
    owner: experiment.owner ?? null,
    compares: comparesWords(experiment),
    badge: badgeOf(row, now),
    estimate: effect?.estimate ?? null,
    interval: effect === null ? null : statedWords(focus?.comparison, metric),
    none: effect?.none ?? none,
    bar: effect?.bar ?? intervalBar(axis, null),
    barTitle: effect?.barTitle ?? `${isolate(name)}: ${none}`,
    mark: effect?.mark ?? null,
    goal: focus === undefined ? null : metricName(metric, focus.result.metric),
    notes: notesOf(row, now),
  };
}

function noneWords({ experiment, analysis }: ExperimentRow): string {
  if (analysis !== undefined && !isTrusted(analysis)) return 'withheld';
  return experiment.state === 'draft' ? 'not started' : 'not yet';
}

function statedWords(
  comparison: Comparison | undefined,
  metric: Metric | undefined,
): string | null {
  const change = comparison === undefined ? null : changeOf(comparison);
  if (comparison === undefined || change === null) return null;
  return statedInterval(comparison, change, metric).words;
}

function badgeOf({ experiment, analysis }: ExperimentRow, now: number): ListRow['badge'] {
  const state = STATE_WORDS[experiment.state];
  if (experiment.state !== 'running') {
    return { ...state, style: experiment.state === 'draft' ? '' : 'badge-quiet' };
  }
  if (analysis === undefined)
    return { icon: 'open', word: 'No analysis yet', style: 'badge-quiet' };
  if (!isTrusted(analysis)) return { icon: 'fail', word: 'Cannot be trusted', style: 'badge-fail' };
  if (WAITING_ACTIONS.includes(analysis.recommendation.action)) {
    return { icon: 'diamond', word: 'Ready to decide', style: 'badge-loud' };
  }
  const { startedAt, plan } = experiment;
  const past = startedAt !== null && now - startedAt > plan.maxDays * 86_400_000;
  return past ? { icon: 'warn', word: 'Wrap up', style: 'badge-warn' } : { ...state, style: '' };
}

function notesOf({ experiment, analysis }: ExperimentRow, now: number): string[] {
  const day = dayFact(experiment, now);
  const days = day === null ? [] : [`${day.before}${day.strong}${day.after}`.toLowerCase()];
  if (analysis === undefined) return days;
  if (!isTrusted(analysis)) {
    const failed = analysis.checks.filter(({ status }) => status === 'fail');
    return [listWords(failed.map(({ id }) => `${checkName(id).toLowerCase()} fails`)), ...days];
  }
  const { action, variant } = analysis.recommendation;
  const focus = goalOf(analysis);
  const arm = variant ?? focus?.comparison.variant;
  const rails = arm === undefined ? { within: 0, all: 0 } : guardrailTally(analysis, arm);
  const guarded =
    rails.all === 0 ? '' : `; ${rails.within} of ${rails.all} guardrails within limits`;
  return [`${ACTION_WORDS[action].brief}${guarded}`, ...days];
}

/** The goal a row shows: of the recommended variant, else of the first. */
function goalOf(analysis: Analysis) {
  const focus = focusOf(analysis);
  if (focus?.result.role === 'goal') return focus;
  const result = analysis.metrics.find(({ role }) => role === 'goal');
  const comparison =
    result?.comparisons.find(({ variant }) => variant === analysis.recommendation.variant) ??
    result?.comparisons[0];
  return result === undefined || comparison === undefined ? undefined : { result, comparison };
}

function goalIntervals({ analysis }: ExperimentRow): Interval[] {
  if (analysis === undefined || !isTrusted(analysis)) return [];
  const focus = goalOf(analysis);
  const change = focus === undefined ? null : changeOf(focus.comparison);
  return change?.scale === 'relative' ? [change] : [];
}

function answers(experiment: Experiment, q: string, state: ExperimentState | undefined): boolean {
  if (state !== undefined && experiment.state !== state) return false;
  const wanted = q.trim().toLowerCase();
  if (wanted === '') return true;
  const { key, name, owner, hypothesis, tags, variants } = experiment;
  return [
    key,
    name,
    owner,
    ...tags,
    ...Object.values(hypothesis ?? {}),
    ...variants.flatMap((variant) => [variant.key, variant.name, variant.model]),
  ].some((text) => typeof text === 'string' && text.toLowerCase().includes(wanted));
}

/** 'Two trials are ready for a decision, and one cannot be trusted. Four more run as planned.' */
function ledeOf(rows: readonly ExperimentRow[]): string {
  const running = rows.filter(({ experiment }) => experiment.state === 'running');
  const broken = running.filter(({ analysis }) => analysis !== undefined && !isTrusted(analysis));
  const waiting = running.filter((row) => sectionOf(row) === 'waits' && !broken.includes(row));
  const planned = running.length - broken.length - waiting.length;
  if (rows.length === 0) return 'An experiment says what a model is worth, with its error rate.';
  if (running.length === 0) return 'No experiment is running.';
  const trials = (count: number) => `${numberWord(count)} ${count === 1 ? 'trial' : 'trials'}`;
  const ready = waiting.length === 1 ? 'is ready for a decision' : 'are ready for a decision';
  const parts = [
    ...(waiting.length === 0 ? [] : [`${trials(waiting.length)} ${ready}`]),
    ...(broken.length === 0
      ? []
      : [`${trials(broken.length)} cannot be trusted until the failing check is explained`]),
  ];
  const first = parts.length === 0 ? '' : `${capitalise(listWords(parts))}. `;
  if (planned === 0) return first.trim();
  const more =
    parts.length === 0 ? capitalise(trials(planned)) : `${capitalise(numberWord(planned))} more`;
  return `${first}${more} ${planned === 1 ? 'runs' : 'run'} as planned.`;
}

function noMatchWords(q: string, state: ExperimentState | undefined): string {
  const of = state === undefined ? '' : ` in the state ${STATE_WORDS[state].word.toLowerCase()}`;
  return q.trim() === '' ? `No experiment is${of}.` : `No experiment${of} answers “${q.trim()}”.`;
}

function emptyState(): EmptyState {
  return {
    title: 'No experiment is defined',
    lead: 'An experiment needs a unit, two variants and one goal. Define the metric first, then:',
    causes: [
      'A new installation: define one with the command below.',
      'Another environment: its name stands at the top of the page.',
    ],
    commandTitle: 'Defines a draft of two variants and one goal',
    command: `curl -X PUT "$ASSAY_URL/v1/experiments/ranker-7-vs-6" \\\n  -H "Authorization: Bearer $ASSAY_ADMIN_KEY" -H "Content-Type: application/json" \\\n  -d '{"unit": "user", "variants": [{"key": "control", "role": "control"}, {"key": "challenger", "role": "treatment"}], "metrics": {"goals": [{"metric": "bookings", "mde": 0.02}]}}'`,
  };
}

/** The page of one experiment: first the sentence, then why, then the evidence. */
import type { Analysis, AnalysisDetail } from '../../domain/analysis.ts';
import type { Experiment } from '../../domain/experiment.ts';
import type { Metric } from '../../domain/metric.ts';
import type { ModelVersion } from '../../domain/model.ts';
import { parseInstant } from '../../domain/time.ts';
import { shownAnalysis } from './effect.ts';
import { type Exposures, exposuresOf, type Split, splitOf } from './exposures.ts';
import {
  countOf,
  dateWords,
  dayNumber,
  durationWords,
  formatCount,
  formatPlain,
  formatShare,
  instantMachine,
  instantWords,
  shorten,
} from './format.ts';
import { type Frame, type Layout, layoutOf } from './frame.ts';
import { type Health, healthOf, isTrusted } from './health.ts';
import { type OfflineFigure, offlineFigures } from './offline.ts';
import { type LookRow, lookRows, type PlanSection, planOf } from './plan.ts';
import { type Scorecard, scorecardOf } from './scorecard.ts';
import { type CodeBlock, codeBlocks } from './sql.ts';
import { type Verdict, verdictOf } from './verdict.ts';
import { comparesWords, type Icon, STATE_WORDS, unitsNoun } from './words.ts';

export type ExperimentPage = {
  readonly layout: Layout;
  readonly head: {
    readonly key: string;
    readonly surface: string | null;
    readonly name: string;
    readonly compares: string;
    readonly state: string;
    readonly icon: Icon;
    readonly facts: readonly Fact[];
    readonly links: readonly { readonly href: string; readonly label: string }[];
    /** The form that computes a new analysis; null when nobody is signed in or nothing has started. */
    readonly refresh: { readonly action: string; readonly csrf: string } | null;
  };
  /** Null before the first analysis. */
  readonly results: Results | null;
  /** Said instead of the results before the first analysis. */
  readonly waiting: EmptyState | null;
  readonly plan: PlanSection;
};

/** Quiet words around a loud one; `machine` is the time for `<time>`. */
export type Fact = {
  readonly before: string;
  readonly strong: string;
  readonly after: string;
  readonly machine: string | null;
};

export type EmptyState = {
  readonly title: string;
  readonly lead: string;
  readonly causes: readonly string[];
  readonly commandTitle: string;
  readonly command: string;
};

export type Results = {
  readonly verdict: Verdict;
  readonly health: Health;
  readonly progress: Progress;
  readonly scorecard: Scorecard | null;
  readonly looks: readonly LookRow[];
  readonly offline: readonly OfflineFigure[];
  readonly exposures: Exposures | null;
  readonly noExposures: EmptyState | null;
  readonly split: Split;
  readonly counts: readonly {
    readonly label: string;
    readonly count: string;
    readonly width: number;
  }[];
  readonly countNotes: readonly string[];
  readonly sql: readonly CodeBlock[];
  readonly sqlHref: string;
  readonly footer: readonly { readonly label: string; readonly value: string }[];
  readonly jsonHref: string;
};

export type Progress = {
  readonly strong: string;
  readonly rest: string;
  readonly side: string;
  /** 0 to 100, or null when nothing was planned to progress towards. */
  readonly percent: number | null;
  readonly label: string;
};

export type ExperimentPageInput = {
  readonly experiment: Experiment;
  readonly metrics: ReadonlyMap<string, Metric>;
  readonly modelVersions: ReadonlyMap<string, ModelVersion>;
  readonly analysis: Analysis | undefined;
  readonly detail: AnalysisDetail | undefined;
  readonly now: number;
  readonly frame: Frame;
};

export function experimentPage(input: ExperimentPageInput): ExperimentPage {
  const { experiment, detail, frame } = input;
  const analysis =
    input.analysis === undefined || detail === undefined
      ? input.analysis
      : shownAnalysis(input.analysis, detail);
  const name = experiment.name ?? experiment.key;
  const { word, icon } = STATE_WORDS[experiment.state];
  return {
    layout: layoutOf(frame, shorten(name, 80)),
    head: {
      key: experiment.key,
      surface: experiment.surface ?? null,
      name,
      compares: comparesWords(experiment),
      state: word,
      icon,
      facts: factsOf(input),
      links:
        analysis === undefined || detail === undefined
          ? []
          : [
              { href: jsonHref(analysis), label: 'JSON' },
              { href: sqlHref(experiment.key), label: 'All SQL' },
            ],
      refresh:
        frame.csrf === null || experiment.startedAt === null
          ? null
          : {
              action: `/experiments/${encodeURIComponent(experiment.key)}/analyses`,
              csrf: frame.csrf,
            },
    },
    results: analysis === undefined ? null : resultsOf(input, analysis, detail),
    waiting: analysis === undefined ? waitingState(experiment) : null,
    plan: planOf(experiment),
  };
}

function resultsOf(
  input: ExperimentPageInput,
  analysis: Analysis,
  detail: AnalysisDetail | undefined,
): Results {
  const { experiment, metrics, modelVersions } = input;
  const trusted = isTrusted(analysis);
  const blocks = detail === undefined ? [] : codeBlocks(experiment.key, detail);
  const exposures = detail === undefined ? null : exposuresOf({ experiment, analysis, detail });
  return {
    verdict: verdictOf({ experiment, metrics, analysis, detail }),
    health: healthOf(analysis, detail),
    progress: progressOf(input, analysis),
    scorecard: trusted ? scorecardOf({ experiment, metrics, analysis, detail }) : null,
    looks: experiment.plan.monitoring === 'group_sequential' ? lookRows(analysis.looks) : [],
    offline: offlineFigures({ experiment, metrics, modelVersions, analysis }),
    exposures,
    noExposures: exposures === null ? noExposureState(experiment) : null,
    split: splitOf(experiment, analysis),
    counts: countsOf(analysis),
    countNotes: countNotes(experiment, analysis, detail),
    sql: blocks,
    sqlHref: sqlHref(experiment.key),
    footer: [
      { label: 'Analysis', value: analysis.id },
      { label: 'Watermark', value: analysis.watermark },
      { label: 'Fingerprint', value: analysis.fingerprint },
      { label: 'Plan', value: `version ${analysis.version}, ${analysis.planHash}` },
      { label: 'Code', value: `Assay ${analysis.code.assay}, ${analysis.code.warehouse}` },
    ],
    jsonHref: jsonHref(analysis),
  };
}

function factsOf(input: ExperimentPageInput): Fact[] {
  const { experiment, analysis, detail, now } = input;
  const { startedAt, owner, version, planHash } = experiment;
  const facts: Fact[] = [];
  const day = dayFact(experiment, now);
  if (day !== null) facts.push(day);
  if (startedAt !== null) {
    facts.push({
      before: startedAt > now ? 'Starts ' : 'Started ',
      strong: dateWords(startedAt),
      after: '',
      machine: instantMachine(startedAt),
    });
  }
  if (experiment.stoppedAt !== null) {
    const reason = experiment.stopReason === null ? '' : `: ${shorten(experiment.stopReason, 140)}`;
    facts.push({
      before: 'Stopped ',
      strong: dateWords(experiment.stoppedAt),
      after: reason,
      machine: instantMachine(experiment.stoppedAt),
    });
  }
  if (owner !== undefined)
    facts.push({ before: 'Owner ', strong: owner, after: '', machine: null });
  const asOf = analysis === undefined ? undefined : parseInstant(analysis.asOf);
  if (detail !== undefined) {
    facts.push({
      before: 'Computed ',
      strong: instantWords(detail.createdAt),
      after: now > detail.createdAt ? `, ${durationWords(now - detail.createdAt)} ago` : '',
      machine: instantMachine(detail.createdAt),
    });
  }
  if (asOf !== undefined) {
    facts.push({
      before: 'Data up to ',
      strong: instantWords(asOf),
      after: '',
      machine: instantMachine(asOf),
    });
  }
  const hash = planHash === null ? '' : `, plan ${shortHash(planHash)}`;
  facts.push({ before: 'Version ', strong: String(version), after: hash, machine: null });
  return facts;
}

/** Day N of at most M while it runs; how long it ran when it has ended. */
export function dayFact(experiment: Experiment, now: number): Fact | null {
  const { startedAt, stoppedAt, state, plan } = experiment;
  if (startedAt === null || startedAt > now) return null;
  if (state !== 'running') {
    const days = dayNumber(startedAt, Math.max(startedAt, (stoppedAt ?? now) - 1));
    return { before: 'Ran ', strong: countOf(days, 'day'), after: '', machine: null };
  }
  const day = dayNumber(startedAt, now);
  const after =
    day > Math.ceil(plan.maxDays)
      ? `, past its ${formatPlain(plan.maxDays)} planned`
      : ` of at most ${formatPlain(plan.maxDays)}`;
  return { before: '', strong: `Day ${formatCount(day)}`, after, machine: null };
}

/** Units whose goals are complete, against the planned number. */
function progressOf(input: ExperimentPageInput, analysis: Analysis): Progress {
  const { experiment, detail, now } = input;
  const { plan, unit } = experiment;
  const mature = detail?.matureUnits ?? countedUnits(analysis);
  const day = dayFact(experiment, now);
  const side = day === null ? '' : `${day.before}${day.strong}${day.after}`;
  const nouns = unitsNoun(unit);
  if (plan.plannedUnits === undefined) {
    return {
      strong: countOf(mature, unit),
      rest: ' with complete goals; no number was planned.',
      side,
      percent: null,
      label: 'Units counted',
    };
  }
  const share = mature / plan.plannedUnits;
  return {
    strong: `${formatCount(mature)} of ${formatCount(plan.plannedUnits)}`,
    rest: ` planned ${nouns} have complete goals: ${formatShare(share, share < 0.1 ? 1 : 0)}.`,
    side,
    percent: Math.min(100, Math.max(0, Math.round(share * 1000) / 10)),
    label: `Planned ${nouns} reached`,
  };
}

/** Units of the goal that has fewest. */
function countedUnits(analysis: Analysis): number {
  const counted = analysis.metrics
    .filter(({ role }) => role === 'goal')
    .map(({ comparisons }) =>
      comparisons.reduce((sum, { n }) => sum + n, comparisons[0]?.baselineN ?? 0),
    );
  return counted.length === 0 ? 0 : Math.min(...counted);
}

function countsOf({ counts, units }: Analysis): Results['counts'] {
  const compared = Object.values(units).reduce((sum, count) => sum + count, 0);
  const stages = [
    { label: 'Assigned', count: counts.assigned },
    { label: 'Exposed', count: counts.exposed },
    ...(counts.triggered === null ? [] : [{ label: 'Triggered', count: counts.triggered }]),
    { label: 'Compared', count: compared },
  ];
  const most = Math.max(1, ...stages.map(({ count }) => count));
  return stages.map(({ label, count }) => ({
    label,
    count: formatCount(count),
    width: Math.round((count / most) * 1000) / 10,
  }));
}

function countNotes(
  { unit }: Experiment,
  { counts }: Analysis,
  detail: AnalysisDetail | undefined,
): string[] {
  const { crossover } = counts;
  const waiting = detail?.intake.waiting ?? 0;
  return [
    crossover === 0
      ? `No ${unit} was seen in two variants.`
      : `${countOf(crossover, unit)} ${crossover === 1 ? 'was' : 'were'} seen in two variants and left out.`,
    waiting === 0
      ? 'No accepted event was waiting when this was computed.'
      : `${countOf(waiting, 'accepted event')} ${waiting === 1 ? 'was' : 'were'} still waiting for the warehouse when this was computed.`,
  ];
}

function waitingState(experiment: Experiment): EmptyState {
  const { key, state } = experiment;
  if (state === 'draft') {
    return {
      title: 'Not started yet',
      lead: 'Nobody is assigned until the start. What a start still needs is said all at once:',
      causes: [
        'Every metric in the plan is defined.',
        'A number of planned units and a gain worth finding are stated.',
        'Salt and plan are frozen at the start, with a hash.',
      ],
      commandTitle: 'Starts it; add ?preview=true to only look',
      command: `curl -X POST "$ASSAY_URL/v1/experiments/${key}/start" \\\n  -H "Authorization: Bearer $ASSAY_ADMIN_KEY"`,
    };
  }
  return {
    title: 'No analysis yet',
    lead: 'Nothing has been computed for this experiment. Most frequent causes first:',
    causes: [
      'It started a short while ago, and the first analysis is still due.',
      'No exposure has arrived: the service does not call assign with expose: true.',
      'Accepted events still wait for the warehouse.',
    ],
    commandTitle: 'Computes one now',
    command: `curl -X POST "$ASSAY_URL/v1/experiments/${key}/analyses" \\\n  -H "Authorization: Bearer $ASSAY_ADMIN_KEY" -H "Content-Type: application/json" -d '{}'`,
  };
}

function noExposureState({ key, unit, version, variants, traffic }: Experiment): EmptyState {
  const variant = variants[0]?.key ?? 'control';
  return {
    title: 'No exposure has arrived',
    lead: 'Nobody has met this experiment yet. Most frequent causes first:',
    causes: [
      'The service does not call assign with expose: true.',
      `Traffic is ${formatShare(traffic, 0)} of eligible units, and targeting may exclude the rest.`,
      'Events are refused: the answer to each batch names the reason.',
    ],
    commandTitle: 'Sends one test exposure',
    command: `curl -X POST "$ASSAY_URL/v1/events" \\\n  -H "Authorization: Bearer $ASSAY_CLIENT_KEY" -H "Content-Type: application/json" \\\n  -d '{"events": [{"kind": "exposure", "id": "test-1", "ts": "'$(date -u +%FT%TZ)'", "units": {"${unit}": "test-1"}, "experiment": "${key}", "version": ${version}, "variant": "${variant}"}]}'`,
  };
}

function jsonHref(analysis: Analysis): string {
  return `/experiments/${encodeURIComponent(analysis.experiment)}/analysis.json`;
}

function sqlHref(key: string): string {
  return `/experiments/${encodeURIComponent(key)}/sql`;
}

function shortHash(hash: string): string {
  const digits = hash.replace(/^sha256:/, '');
  return digits.length > 12 ? `${digits.slice(0, 4)}…${digits.slice(-4)}` : digits;
}

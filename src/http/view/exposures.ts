/** Who entered, when, and whether the split is as planned. */
import type { Analysis, AnalysisDetail } from '../../domain/analysis.ts';
import { controlOf, type Experiment } from '../../domain/experiment.ts';
import { parseInstant, utcDay } from '../../domain/time.ts';
import { type StepChart, stepChart } from './charts.ts';
import {
  countOf,
  dayLabel,
  formatCount,
  formatPlainShare,
  formatShare,
  listWords,
  numberWord,
} from './format.ts';
import { labelOf } from './scorecard.ts';
import { unitsNoun, variantLabels } from './words.ts';

export type Exposures = {
  readonly title: string;
  readonly note: string;
  readonly description: string;
  readonly wide: StepChart;
  readonly narrow: StepChart;
  readonly columns: readonly string[];
  readonly days: readonly { readonly day: string; readonly counts: readonly string[] }[];
  readonly omitted: string | null;
};

export type Split = {
  readonly title: string;
  readonly rows: readonly {
    readonly label: string;
    readonly planned: string;
    readonly found: string;
    readonly units: string;
    readonly width: number;
  }[];
};

const DAYS_SHOWN = 366;
const TREATMENT_LINES = ['c-line', 'c-line c-line-b', 'c-line c-line-c', 'c-line c-line-d'];

export function exposuresOf(input: {
  experiment: Experiment;
  analysis: Analysis;
  detail: AnalysisDetail;
}): Exposures | null {
  const { experiment, analysis, detail } = input;
  const all = withoutGaps(detail.exposures);
  if (all.length === 0) return null;
  const shown = all.slice(-DAYS_SHOWN);
  const labels = variantLabels(experiment);
  const control = controlOf(experiment.variants).key;
  const keys = [
    control,
    ...experiment.variants.map(({ key }) => key).filter((key) => key !== control),
  ];
  const series = keys.map((key, index) => ({
    label: labelOf(labels, key),
    line:
      index === 0
        ? 'c-line-2'
        : (TREATMENT_LINES[(index - 1) % TREATMENT_LINES.length] ?? 'c-line'),
    values: shown.map((day) => day.units[key] ?? 0),
  }));
  const days = shown.map(({ day }) => day);
  const total = series.reduce((sum, { values }) => sum + values.reduce((a, b) => a + b, 0), 0);
  const partial = partialDay(analysis.asOf, days.at(-1));
  const first = dayLabel(days[0] ?? '');
  const last = dayLabel(days.at(-1) ?? '');
  return {
    title: `${countOf(total, experiment.unit)} entered in ${countOf(shown.length, 'day')}`,
    note: `New ${unitsNoun(experiment.unit)} of each variant by UTC day of their first exposure, ${first} to ${last}.${
      partial ? ' The last day is not complete.' : ''
    }`,
    description: series
      .map(({ label, values }) => `${label}: ${formatCount(values.reduce((a, b) => a + b, 0))}`)
      .join('; '),
    wide: stepChart(days, series, 900),
    narrow: stepChart(days, series, 360),
    columns: series.map(({ label }) => label),
    days: shown.map(({ day }, index) => ({
      day,
      counts: series.map(({ values }) => formatCount(values[index] ?? 0)),
    })),
    omitted: all.length > shown.length ? `The ${DAYS_SHOWN} latest of ${all.length} days.` : null,
  };
}

/** Planned and found shares; `units` of the analysis are the units that are compared. */
export function splitOf(experiment: Experiment, analysis: Analysis): Split {
  const labels = variantLabels(experiment);
  const weights = experiment.variants.reduce((sum, { weight }) => sum + weight, 0);
  const units = experiment.variants.map(({ key }) => analysis.units[key] ?? 0);
  const total = units.reduce((a, b) => a + b, 0);
  const found = units.map((count) => (total === 0 ? null : count / total));
  const most = Math.max(1, ...units);
  const planned = experiment.variants.map(({ weight }) => (weights === 0 ? 0 : weight / weights));
  return {
    title:
      total === 0
        ? `No ${experiment.unit} has entered`
        : splitTitle(
            found.map((share) => share ?? 0),
            planned,
          ),
    rows: experiment.variants.map((variant, index) => {
      const share = found[index] ?? null;
      return {
        label: labelOf(labels, variant.key),
        planned: weights === 0 ? 'none' : formatShare(variant.weight / weights, 2),
        found: share === null ? 'no data' : formatShare(share, 2),
        units: formatCount(units[index] ?? 0),
        width: Math.round(((units[index] ?? 0) / most) * 1000) / 10,
      };
    }),
  };
}

function splitTitle(found: readonly number[], planned: readonly number[]): string {
  if (found.length > 3)
    return `The split over ${numberWord(found.length)} variants, beside the plan`;
  const words = (shares: readonly number[], write: (share: number) => string) =>
    listWords(shares.map(write));
  return `The split is ${words(found, (share) => formatShare(share, 2))}, where ${words(planned, formatPlainShare)} were planned`;
}

/** Days without an exposure are drawn as zero, not skipped. */
function withoutGaps(exposures: AnalysisDetail['exposures']): AnalysisDetail['exposures'] {
  const sorted = [...exposures].sort((a, b) => (a.day < b.day ? -1 : 1));
  const byDay = new Map(sorted.map((entry) => [entry.day, entry]));
  const first = parseInstant(`${sorted[0]?.day}T00:00:00Z`);
  const last = parseInstant(`${sorted.at(-1)?.day}T00:00:00Z`);
  if (first === undefined || last === undefined) return sorted;
  const count = Math.min(4000, Math.round((last - first) / 86_400_000) + 1);
  return Array.from({ length: count }, (_, index) => {
    const day = utcDay(last - (count - 1 - index) * 86_400_000);
    return byDay.get(day) ?? { day, units: {} };
  });
}

function partialDay(asOf: string, day: string | undefined): boolean {
  return day !== undefined && asOf.slice(0, 10) === day;
}

/** The metrics that experiments share, as they are defined. */
import type { Experiment } from '../../domain/experiment.ts';
import { type Metric, maturityDaysOf } from '../../domain/metric.ts';
import type { EmptyState } from './experiment-page.ts';
import { countOf, formatPlain } from './format.ts';
import { type Frame, type Layout, layoutOf } from './frame.ts';
import { desireWords } from './words.ts';

export type MetricsPage = {
  readonly layout: Layout;
  readonly lede: string;
  readonly rows: readonly {
    readonly key: string;
    readonly name: string;
    readonly description: string | null;
    readonly kind: string;
    readonly event: string;
    readonly filtered: string;
    readonly desire: string;
    readonly window: string;
    readonly maturity: string;
    readonly unit: string;
    readonly owner: string;
    readonly version: string;
    readonly uses: string;
  }[];
  readonly empty: EmptyState | null;
};

const KINDS: Readonly<Record<Metric['kind'], string>> = {
  conversion: 'Conversion',
  count: 'Count',
  sum: 'Sum',
};

export function metricsPage(input: {
  metrics: readonly Metric[];
  experiments: readonly Experiment[];
  frame: Frame;
}): MetricsPage {
  const { metrics, experiments, frame } = input;
  const uses = usesByMetric(experiments);
  return {
    layout: layoutOf(frame, 'Metrics'),
    lede:
      metrics.length === 0
        ? 'A metric is defined once and shared by experiments.'
        : `${countOf(metrics.length, 'metric')}, each defined once and shared by experiments.`,
    rows: metrics.map((metric) => {
      const count = uses.get(metric.key) ?? 0;
      return {
        key: metric.key,
        name: metric.name ?? metric.key,
        description: metric.description ?? null,
        kind: metric.kind === 'sum' ? `${KINDS.sum} of ${metric.value}` : KINDS[metric.kind],
        event: metric.event,
        filtered: (metric.filter ?? null) === null ? 'all events' : 'filtered',
        desire: desireWords(metric),
        window: windowWords(metric),
        maturity: maturityWords(metric),
        unit: metric.unitLabel ?? 'none',
        owner: metric.owner ?? 'none',
        version: String(metric.version),
        uses: count === 0 ? 'none yet' : countOf(count, 'experiment'),
      };
    }),
    empty: metrics.length === 0 ? emptyState() : null,
  };
}

function usesByMetric(experiments: readonly Experiment[]): Map<string, number> {
  const uses = new Map<string, number>();
  for (const { metrics } of experiments) {
    for (const { metric } of [...metrics.goals, ...metrics.guardrails, ...metrics.secondary]) {
      uses.set(metric, (uses.get(metric) ?? 0) + 1);
    }
  }
  return uses;
}

function windowWords({ window }: Metric): string {
  const { fromHours, toHours } = window;
  if (toHours === null) {
    return fromHours === 0 ? 'from first exposure on' : `from ${hourWords(fromHours)} on`;
  }
  return fromHours === 0
    ? `first ${hourWords(toHours)}`
    : `${hourWords(fromHours)} to ${hourWords(toHours)}`;
}

function maturityWords(metric: Metric): string {
  const days = maturityDaysOf(metric);
  return days === 0 ? 'at once' : `after ${formatPlain(days)} ${days === 1 ? 'day' : 'days'}`;
}

function hourWords(hours: number): string {
  const days = hours / 24;
  if (hours >= 48 && Number.isInteger(days)) return countOf(days, 'day');
  return `${formatPlain(hours)} ${hours === 1 ? 'hour' : 'hours'}`;
}

function emptyState(): EmptyState {
  return {
    title: 'No metric is defined',
    lead: 'An experiment needs at least one goal. Most frequent causes first:',
    causes: [
      'A new installation: define a metric with the command below.',
      'Another environment: its name stands at the top of the page.',
    ],
    commandTitle: 'Defines bookings per user',
    command: `curl -X PUT "$ASSAY_URL/v1/metrics/bookings" \\\n  -H "Authorization: Bearer $ASSAY_ADMIN_KEY" -H "Content-Type: application/json" \\\n  -d '{"name": "Bookings per user", "kind": "count", "event": "booking"}'`,
  };
}

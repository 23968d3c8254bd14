/** Models and their record: what each version promised offline, and what trials said of it. */
import type { Experiment } from '../../domain/experiment.ts';
import type { Metric } from '../../domain/metric.ts';
import {
  type Model,
  type ModelVersion,
  type OfflineEvaluation,
  splitModelRef,
} from '../../domain/model.ts';
import type { EmptyState } from './experiment-page.ts';
import { type ExperimentRow, type ListSection, sectionsOf } from './experiments-page.ts';
import {
  capitalise,
  countOf,
  dateWords,
  formatCount,
  formatMeasure,
  formatPlain,
  formatRange,
  measureDecimals,
  shorten,
} from './format.ts';
import { type Frame, type Layout, layoutOf } from './frame.ts';

export type ModelsPage = {
  readonly layout: Layout;
  readonly lede: string;
  readonly rows: readonly {
    readonly href: string;
    readonly key: string;
    readonly name: string;
    readonly kind: string;
    readonly task: string;
    readonly owner: string;
    readonly tier: string;
    readonly versions: string;
    readonly latest: string;
    readonly trials: string;
  }[];
  readonly empty: EmptyState | null;
};

export type ModelPage = {
  readonly layout: Layout;
  readonly key: string;
  readonly name: string;
  readonly description: string | null;
  readonly facts: readonly { readonly term: string; readonly says: string }[];
  readonly trials: readonly ListSection[];
  readonly versions: readonly VersionCard[];
};

export type VersionCard = {
  readonly anchor: string;
  readonly reference: string;
  readonly description: string | null;
  readonly facts: readonly { readonly term: string; readonly says: string }[];
  readonly evaluations: readonly {
    readonly metric: string;
    readonly value: string;
    readonly standardError: string;
    readonly better: string;
    readonly n: string;
    readonly testSet: string;
    readonly labels: string;
    readonly evaluated: string;
  }[];
};

export function modelsPage(input: {
  models: readonly Model[];
  versions: readonly ModelVersion[];
  experiments: readonly Experiment[];
  frame: Frame;
}): ModelsPage {
  const { models, versions, experiments, frame } = input;
  return {
    layout: layoutOf(frame, 'Models'),
    lede:
      models.length === 0
        ? 'A model is registered once; each version keeps its offline numbers and its trials.'
        : `${countOf(models.length, 'model')} with ${countOf(versions.length, 'version')}. What a version did to the business stands in its trials.`,
    rows: models.map((model) => {
      const own = byAge(versions.filter((version) => version.model === model.key));
      const trials = experiments.filter((experiment) => serves(experiment, model.key)).length;
      return {
        href: `/models/${encodeURIComponent(model.key)}`,
        key: model.key,
        name: model.name ?? model.key,
        kind: model.kind === undefined ? 'not stated' : capitalise(model.kind),
        task: model.task ?? 'not stated',
        owner: model.owner ?? 'none',
        tier: model.tier === undefined ? 'not stated' : `Tier ${model.tier}`,
        versions: own.length === 0 ? 'none yet' : formatCount(own.length),
        latest: own[0]?.version ?? 'none yet',
        trials: trials === 0 ? 'none yet' : formatCount(trials),
      };
    }),
    empty: models.length === 0 ? emptyState() : null,
  };
}

export function modelPage(input: {
  model: Model;
  versions: readonly ModelVersion[];
  rows: readonly ExperimentRow[];
  metrics: ReadonlyMap<string, Metric>;
  now: number;
  frame: Frame;
}): ModelPage {
  const { model, rows, metrics, now, frame } = input;
  const name = model.name ?? model.key;
  const own = byAge(input.versions.filter((version) => version.model === model.key));
  const trials = rows.filter(({ experiment }) => serves(experiment, model.key));
  return {
    layout: layoutOf(frame, shorten(name, 80)),
    key: model.key,
    name,
    description: model.description ?? null,
    facts: given([
      ['Kind', model.kind],
      ['Task', model.task],
      ['Family', model.family],
      ['Tier', model.tier === undefined ? undefined : String(model.tier)],
      ['Surface', model.surface],
      ['Owner', model.owner],
      ['Versions', formatCount(own.length)],
      ['Registered', dateWords(model.createdAt)],
    ]),
    trials: sectionsOf(trials, now, metrics),
    versions: own.map(versionCard),
  };
}

function versionCard(version: ModelVersion): VersionCard {
  const { artifact, trainingData, budgets } = version;
  return {
    anchor: `version-${version.version}`,
    reference: `${version.model}@${version.version}`,
    description: version.description ?? null,
    facts: given([
      ['Parent', version.parent],
      ['Registered', dateWords(version.createdAt)],
      ['Artifact', artifact?.reference],
      ['Artifact SHA-256', artifact?.sha256],
      ['Training data', trainingData?.reference],
      ['Trained on', trainingPeriod(trainingData)],
      ['Intended use', version.intendedUse],
      ['Limits', version.limits],
      ['Assumptions', version.assumptions],
      [
        'Latency budget',
        budgets?.latencyMs === undefined ? undefined : `${formatPlain(budgets.latencyMs)} ms`,
      ],
      [
        'Memory budget',
        budgets?.memoryMb === undefined ? undefined : `${formatPlain(budgets.memoryMb)} MB`,
      ],
      [
        'Cost per thousand',
        budgets?.costPerThousand === undefined ? undefined : formatPlain(budgets.costPerThousand),
      ],
    ]),
    evaluations: version.offlineEvaluations.map(evaluationRow),
  };
}

function evaluationRow(evaluation: OfflineEvaluation): VersionCard['evaluations'][number] {
  const { metric, value, standardError, higherIsBetter, n, testSet, labelSource, evaluatedAt } =
    evaluation;
  return {
    metric,
    value: formatMeasure(value, measureDecimals([value])),
    standardError:
      standardError === undefined ? 'not given' : formatPlain(Number(standardError.toPrecision(3))),
    better: higherIsBetter ? 'higher' : 'lower',
    n: n === undefined ? 'not given' : formatCount(n),
    testSet: testSet?.reference ?? 'not given',
    labels: labelSource ?? 'not given',
    evaluated: evaluatedAt === undefined ? 'not given' : dateWords(evaluatedAt),
  };
}

function trainingPeriod(data: ModelVersion['trainingData']): string | undefined {
  if (data?.from === undefined && data?.to === undefined) return undefined;
  return formatRange(
    data.from === undefined ? 'not given' : dateWords(data.from),
    data.to === undefined ? 'not given' : dateWords(data.to),
  );
}

function serves(experiment: Experiment, model: string): boolean {
  return experiment.variants.some(
    (variant) => variant.model !== undefined && splitModelRef(variant.model).model === model,
  );
}

function byAge(versions: readonly ModelVersion[]): ModelVersion[] {
  return [...versions].sort((a, b) => b.createdAt - a.createdAt);
}

function given(entries: readonly (readonly [string, string | undefined])[]) {
  return entries.flatMap(([term, says]) =>
    says === undefined || says === '' ? [] : [{ term, says }],
  );
}

function emptyState(): EmptyState {
  return {
    title: 'No model is registered',
    lead: 'A trial can run without, but only a registered model keeps a record. Most frequent causes first:',
    causes: [
      'A new installation: register a model with the command below.',
      'Another environment: its name stands at the top of the page.',
    ],
    commandTitle: 'Registers a model; its versions follow under /versions',
    command: `curl -X PUT "$ASSAY_URL/v1/models/ranker" \\\n  -H "Authorization: Bearer $ASSAY_ADMIN_KEY" -H "Content-Type: application/json" \\\n  -d '{"name": "Hotel ranker", "kind": "specialised", "task": "ranking"}'`,
  };
}

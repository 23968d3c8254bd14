/** What was planned before the first result: variants, hypothesis, error rates, looks. */
import type { Look } from '../../domain/analysis.ts';
import { type Experiment, type Plan, payloadOf } from '../../domain/experiment.ts';
import { parseInstant } from '../../domain/time.ts';
import {
  capitalise,
  formatCount,
  formatPlain,
  formatPlainShare,
  formatShare,
  instantWords,
  shorten,
} from './format.ts';
import { labelOf } from './scorecard.ts';
import { unitsNoun, variantLabels } from './words.ts';

export type PlanSection = {
  readonly frozen: string;
  readonly description: string | null;
  readonly hypothesis: readonly { readonly term: string; readonly says: string }[];
  readonly facts: readonly { readonly term: string; readonly says: string }[];
  readonly variants: readonly {
    readonly label: string;
    readonly key: string;
    readonly role: string;
    readonly share: string;
    readonly model: string | null;
    readonly modelHref: string | null;
    readonly payload: string;
  }[];
};

export type LookRow = {
  readonly number: string;
  readonly day: string;
  readonly at: string;
  readonly information: string;
  readonly bound: string;
  readonly state: string;
  readonly next: boolean;
};

const MONITORING: Readonly<Record<Plan['monitoring'], string>> = {
  group_sequential: 'Group-sequential: decides at planned looks only, O’Brien-Fleming spending',
  always_valid: 'Always-valid: may decide at any analysis',
  fixed: 'Fixed: decides once, at the end',
};
const HYPOTHESIS = [
  ['because', 'Because'],
  ['change', 'Change'],
  ['expect', 'Expect'],
  ['falsifiedBy', 'Falsified by'],
] as const;
const PAYLOAD_LENGTH = 120;

export function planOf(experiment: Experiment): PlanSection {
  const { plan, hypothesis } = experiment;
  const labels = variantLabels(experiment);
  const weights = experiment.variants.reduce((sum, { weight }) => sum + weight, 0);
  return {
    frozen:
      experiment.planHash === null
        ? 'Not frozen: it may change until the start.'
        : `Version ${experiment.version}, frozen at the start; its hash stands at the end of this page.`,
    description: experiment.description ?? null,
    hypothesis: HYPOTHESIS.flatMap(([key, term]) => {
      const says = hypothesis?.[key];
      return says === undefined || says === '' ? [] : [{ term, says }];
    }),
    facts: [
      {
        term: 'Error rate',
        says: `α ${formatPlainShare(plan.alpha)}, two-sided on goals; power ${formatPlainShare(plan.power)}`,
      },
      { term: 'Monitoring', says: MONITORING[plan.monitoring] },
      {
        term: 'Duration',
        says: `${formatPlain(plan.minDays)} to ${formatPlain(plan.maxDays)} days`,
      },
      {
        term: 'Size',
        says:
          plan.plannedUnits === undefined
            ? 'No number of units is planned'
            : `${formatCount(plan.plannedUnits)} ${unitsNoun(experiment.unit)}`,
      },
      { term: 'Traffic', says: trafficWords(experiment) },
      { term: 'Unit', says: experiment.unit },
      {
        term: 'Assigned by',
        says: experiment.assignment === 'external' ? 'Another system' : 'Assay',
      },
      { term: 'Policy', says: 'Ship rule; the machine advises' },
    ],
    variants: experiment.variants.map((variant) => ({
      label: labelOf(labels, variant.key),
      key: variant.key,
      role: capitalise(variant.role),
      share: weights === 0 ? 'none' : formatShare(variant.weight / weights, 1),
      model: variant.model ?? null,
      modelHref:
        variant.model === undefined
          ? null
          : `/models/${encodeURIComponent(variant.model.slice(0, variant.model.lastIndexOf('@')))}`,
      payload: shorten(JSON.stringify(payloadOf(variant)), PAYLOAD_LENGTH),
    })),
  };
}

export function lookRows(looks: readonly Look[]): LookRow[] {
  return looks.map((look, index) => ({
    number: `${index + 1} of ${looks.length}`,
    day: formatPlain(Math.round(look.day * 10) / 10),
    at: lookTime(look.at),
    information: look.information === null ? 'to come' : formatShare(look.information),
    bound: look.bound === null ? 'to come' : `|Z| above ${look.bound.toFixed(2)}`,
    state: { done: 'Done', next: 'Next', planned: 'Planned' }[look.state],
    next: look.state === 'next',
  }));
}

function lookTime(at: string): string {
  const instant = parseInstant(at);
  return instant === undefined ? at : instantWords(instant);
}

function trafficWords({ traffic, targeting, layer }: Experiment): string {
  const share = `${formatPlainShare(traffic)} of eligible units`;
  const where = layer === undefined ? '' : ` in layer ${layer}`;
  return `${share}${where}${targeting === null ? '' : ', targeted'}`;
}

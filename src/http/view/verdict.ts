/** The recommendation: one action, one sentence with its interval, the rules, and what would change it. */
import type {
  Action,
  Analysis,
  AnalysisDetail,
  Comparison,
  MetricResult,
  Rule,
} from '../../domain/analysis.ts';
import type { Experiment } from '../../domain/experiment.ts';
import type { Metric } from '../../domain/metric.ts';
import { parseInstant } from '../../domain/time.ts';
import {
  type Change,
  changeOf,
  changeWords,
  decidingOf,
  reasonOf,
  statedInterval,
} from './effect.ts';
import {
  capitalise,
  dateWords,
  formatLift,
  formatPEquation,
  formatPlain,
  isolate,
  liftDecimals,
  listWords,
  numberWord,
  shorten,
  withGroups,
} from './format.ts';
import { isTrusted } from './health.ts';
import { boundOf, guardrailTally, labelOf } from './scorecard.ts';
import {
  ACTION_WORDS,
  checkName,
  type Icon,
  metricName,
  RULE_STATES,
  variantLabels,
} from './words.ts';

const VARIANTS_SAID = 3;
/** Longer names are cut where a rule names them; they stand in full elsewhere on the page. */
const NAME_LENGTH = 48;

/** A stretch of the sentence; `as` says how it is set. */
export type Phrase = {
  readonly as: 'text' | 'name' | 'strong' | 'interval';
  readonly text: string;
};

export type Verdict = {
  readonly action: string;
  readonly icon: Icon;
  readonly rail: readonly string[];
  readonly sentence: readonly Phrase[];
  readonly rules: readonly {
    readonly says: string;
    readonly found: string;
    readonly needed: string;
    readonly fired: boolean;
    readonly applies: boolean;
    readonly icon: Icon;
    readonly state: string;
  }[];
  readonly changes: readonly { readonly term: string; readonly says: string }[];
};

type Context = {
  readonly experiment: Experiment;
  readonly metrics: ReadonlyMap<string, Metric>;
  readonly analysis: Analysis;
  readonly detail: AnalysisDetail | undefined;
};

export type Focus = { readonly result: MetricResult; readonly comparison: Comparison };

export function verdictOf(context: Context): Verdict {
  const { experiment, analysis, detail } = context;
  const { action, variant } = analysis.recommendation;
  const { word, icon } = ACTION_WORDS[action];
  const about = variant === null ? [] : [variantWords(experiment, variant)];
  const rules = detail?.rules ?? [];
  return {
    action: word,
    icon,
    rail: [...about, ...nextLook(context), 'The machine advises; a person decides.'],
    sentence: isTrusted(analysis) ? effectSentence(context) : distrustSentence(analysis),
    rules: rules.map((rule) => ruleRow(context, rule)),
    changes: changesOf(context, rules),
  };
}

/** The comparison a sentence about the whole experiment rests on. */
export function focusOf(analysis: Analysis): Focus | undefined {
  const { action, variant } = analysis.recommendation;
  const all = analysis.metrics.flatMap((result) =>
    result.comparisons.map((comparison) => ({ result, comparison })),
  );
  const about = all.filter(({ comparison }) => variant === null || comparison.variant === variant);
  const goals = about.filter(({ result }) => result.role === 'goal');
  const harmed = about.find(
    ({ result, comparison }) =>
      result.role !== 'secondary' &&
      (comparison.verdict === 'worse' || comparison.nonInferiority?.state === 'harmed'),
  );
  if (action === 'stop_harm' && harmed !== undefined) return harmed;
  const better = goals.find(({ comparison }) => comparison.verdict === 'better');
  if (action === 'ship' && better !== undefined) return better;
  return goals[0] ?? about[0];
}

/** '{Metric} rose by 1.5% (+0.5% to +2.4%) with ranker@7 against ranker@6: better.' */
function changePhrases(focus: Focus, context: Context): Phrase[] {
  const { result, comparison } = focus;
  const labels = variantLabels(context.experiment);
  const metric = context.metrics.get(result.metric);
  const name: Phrase = { as: 'name', text: metricName(metric, result.metric) };
  const against: Phrase[] = [
    text(' with '),
    { as: 'name', text: labelOf(labels, comparison.variant) },
    text(' against '),
    { as: 'name', text: labelOf(labels, comparison.baseline) },
  ];
  const change = changeOf(comparison);
  if (change === null) {
    return [name, text(` cannot be compared yet: ${reasonOf(comparison)}.`)];
  }
  const words = changeWords(change, metric);
  const interval = intervalPhrase(comparison, change, metric);
  const decided = comparison.verdict === 'better' || comparison.verdict === 'worse';
  if (!decided) {
    const ending =
      comparison.verdict === 'inconclusive' ? '. No difference shown.' : '. Not decided yet.';
    return [
      name,
      text(' changed by '),
      { as: 'strong', text: words.estimate },
      text(' '),
      interval,
      ...against,
      text(ending),
    ];
  }
  const verb = change.estimate < 0 ? 'fell by' : 'rose by';
  return [
    name,
    text(' '),
    { as: 'strong', text: `${verb} ${words.size}` },
    text(' '),
    interval,
    ...against,
    text(comparison.verdict === 'better' ? ': better.' : ': worse.'),
  ];
}

/** No variant is singled out: the first three are said in the order of the plan. */
function eachVariantPhrases(result: MetricResult, context: Context): Phrase[] {
  const { experiment, metrics } = context;
  const labels = variantLabels(experiment);
  const metric = metrics.get(result.metric);
  const said = result.comparisons.slice(0, VARIANTS_SAID);
  const rest = result.comparisons.length - said.length;
  const parts = said.map((comparison): Phrase[] => {
    const label: Phrase = { as: 'name', text: labelOf(labels, comparison.variant) };
    const change = changeOf(comparison);
    if (change === null) return [label, text(` cannot be compared yet (${reasonOf(comparison)})`)];
    const estimate: Phrase = { as: 'strong', text: changeWords(change, metric).estimate };
    const { words } = statedInterval(comparison, change, metric);
    return [label, text(' '), estimate, text(' '), { as: 'interval', text: `(${words})` }];
  });
  const overLooks = said.some((comparison) => decidingOf(comparison) !== undefined);
  return [
    { as: 'name', text: metricName(metric, result.metric) },
    text(' against '),
    { as: 'name', text: labelOf(labels, said[0]?.baseline ?? '') },
    text(': '),
    ...parts.flatMap((part, index) => (index === 0 ? part : [text('; '), ...part])),
    text(overLooks ? '. The intervals hold over all looks.' : '.'),
    ...(rest === 0 ? [] : [text(` ${capitalise(numberWord(rest))} more in the scorecard.`)]),
  ];
}

function intervalPhrase(
  comparison: Comparison,
  change: Change,
  metric: Metric | undefined,
): Phrase {
  const { words, suffix } = statedInterval(comparison, change, metric);
  return { as: 'interval', text: `(${words}${suffix})` };
}

function effectSentence(context: Context): Phrase[] {
  const { analysis } = context;
  const focus = focusOf(analysis);
  if (focus === undefined) return [text('No metric was compared.')];
  const { action, variant } = analysis.recommendation;
  const single = variant !== null || focus.result.comparisons.length === 1;
  const phrases = single
    ? changePhrases(focus, context)
    : eachVariantPhrases(focus.result, context);
  const further = [
    ...plannedGain(context, focus, action),
    ...(single ? guardrailWords(analysis, focus) : []),
    ...(single ? otherVariants(analysis, focus) : []),
  ];
  return [...phrases, ...further.map((says) => text(` ${says}`))];
}

/** What the plan was for, once it is ruled out. */
function plannedGain({ experiment }: Context, { result }: Focus, action: Action): string[] {
  const bound = boundOf(experiment, result.role, result.metric);
  if (action !== 'stop_futile' || result.role !== 'goal' || bound === null) return [];
  return bound.scale === 'relative'
    ? [`The gain of ${formatPlain(bound.size * 100)}% it was built for is ruled out.`]
    : ['The gain it was built for is ruled out.'];
}

function guardrailWords(analysis: Analysis, { comparison }: Focus): string[] {
  const { within, all } = guardrailTally(analysis, comparison.variant);
  if (all === 0 || comparison.verdict === 'not_enough_data') return [];
  if (within === all) {
    if (all === 1) return ['Its guardrail is within its limit.'];
    return all === 2
      ? ['Both guardrails are within their limits.']
      : [`All ${numberWord(all)} guardrails are within their limits.`];
  }
  if (all === 1) return ['Its guardrail is not shown to be within its limit.'];
  if (within === 0)
    return [`None of ${numberWord(all)} guardrails is shown to be within its limit.`];
  return [
    `${capitalise(numberWord(within))} of ${numberWord(all)} guardrails ${
      within === 1 ? 'is' : 'are'
    } shown to be within limits.`,
  ];
}

function otherVariants(analysis: Analysis, { comparison }: Focus): string[] {
  const others = new Set(
    analysis.metrics.flatMap(({ comparisons }) => comparisons.map(({ variant }) => variant)),
  );
  others.delete(comparison.variant);
  if (others.size === 0) return [];
  return [
    others.size === 1
      ? 'The other variant is in the scorecard.'
      : `The other ${numberWord(others.size)} variants are in the scorecard.`,
  ];
}

function distrustSentence(analysis: Analysis): Phrase[] {
  const failed = analysis.checks.filter(({ status }) => status === 'fail');
  const says = failed.map((check) => lowerFirst(withGroups(check.says).replace(/[.\s]+$/, '')));
  const cause: Phrase[] =
    says.length === 0 ? [] : [text(': '), { as: 'name', text: says.join('; ') }];
  const alarm = analysis.recommendation.action === 'stop_harm';
  return [
    text(
      alarm ? 'The alarm for harm is on, and the data are in doubt' : 'Do not trust these results',
    ),
    ...cause,
    text('. No effect is shown until this is explained.'),
  ];
}

function nextLook({ experiment, analysis }: Context): string[] {
  const next = analysis.looks.find(({ state }) => state === 'next');
  if (experiment.state !== 'running' || next === undefined) return [];
  const number = analysis.looks.indexOf(next) + 1;
  return [
    `Next look ${dateOf(next.at)}, day ${formatPlain(next.day)}: ${number} of ${analysis.looks.length}.`,
  ];
}

function changesOf(context: Context, rules: readonly Rule[]): Verdict['changes'] {
  const { experiment, analysis } = context;
  const { action } = analysis.recommendation;
  if (!isTrusted(analysis)) {
    const failed = analysis.checks.filter(({ status }) => status === 'fail');
    const names = failed.map(({ id }) => checkName(id).toLowerCase());
    return [
      {
        term: 'Any verdict',
        says:
          names.length === 0
            ? 'Only after a check of the data explains what is wrong.'
            : `Only after ${names.length === 1 ? 'the failing check' : 'every failing check'} (${listWords(names)}) is explained and passes.`,
      },
    ];
  }
  const running = experiment.state === 'running';
  const ships = action === 'ship' || action === 'ship_parity';
  const waits = rules
    .filter(({ state }) => state === 'waiting')
    .map(({ needed, found }) => `${capitalise(needed)}; now ${found}.`);
  const unmet = rules
    .filter(({ state, id }) => state === 'failed' && id !== 'still_useful')
    .map((rule) => `${lowerFirst(rule.says)} (${ruleWords(context, rule, rule.needed)})`);
  return [
    ...(waits.length === 0 ? [] : [{ term: 'Waits for', says: waits.join(' ') }]),
    ...(ships || unmet.length === 0
      ? []
      : [{ term: 'Ship', says: `Still needed: ${unmet.join('; ')}.` }]),
    ...(running && action !== 'stop_harm'
      ? [{ term: 'Stop, harm', says: 'At any analysis, as soon as the alarm for harm is raised.' }]
      : []),
    ...(ships
      ? [
          {
            term: 'Stays so',
            says: 'Until a data check fails, harm is shown, or a later look says otherwise.',
          },
        ]
      : []),
    ...(action === 'stop_harm'
      ? [
          {
            term: 'Go on',
            says: 'Only by a person’s decision against the recommendation, with a reason.',
          },
        ]
      : []),
    { term: 'No verdict', says: 'If a data check fails.' },
  ];
}

/** Rules about effects, whose numbers are withheld while the data cannot be trusted. */
const EFFECT_RULES = ['goal_better', 'no_goal_worse', 'guardrails', 'still_useful'];

function ruleRow(context: Context, rule: Rule): Verdict['rules'][number] {
  const { analysis } = context;
  const { icon, word } = RULE_STATES[rule.state];
  const row = {
    says: rule.says,
    found: ruleWords(context, rule, rule.found),
    needed: ruleWords(context, rule, rule.needed),
    applies: rule.state !== 'not_applicable',
    fired: rule.fired,
    icon,
    state: word,
  };
  if (isTrusted(analysis)) return row;
  if (rule.id === 'data_trusted') return { ...row, found: failedWords(analysis) };
  if (!EFFECT_RULES.includes(rule.id)) return row;
  return { ...row, found: 'withheld', applies: false, icon: 'open', state: 'withheld' };
}

function failedWords({ checks }: Analysis): string {
  const failed = checks.filter(({ status }) => status === 'fail').length;
  return `${failed} of ${checks.length} ${failed === 1 ? 'fails' : 'fail'}`;
}

/** Rules that name a goal and its deciding interval as shares with four decimals, as the JSON does. */
const INTERVAL_RULES = ['no_harm', 'goal_better', 'still_useful'];
const SHARE = /[+−]?\d+\.\d{4}(?!\d)|\b0\b/g;

/** A rule's words as a page says them: metrics by their name, relative changes in per cent. */
function ruleWords(context: Context, rule: Rule, words: string): string {
  const { metrics } = context;
  if (rule.id === 'guardrails') {
    return words.replace(
      /\(not (.*)\)$/,
      (_all, keys: string) => `(not ${namesOf(keys, metrics)})`,
    );
  }
  if (rule.id === 'no_goal_worse') return words === 'none is' ? words : namesOf(words, metrics);
  if (!INTERVAL_RULES.includes(rule.id)) return words;
  return words === rule.found ? foundWords(context, words) : neededWords(context, rule);
}

/** 'bookings: −0.0276 to +0.0031' -> 'Bookings per user: −2.8% to +0.3%'. */
function foundWords({ experiment, analysis, metrics }: Context, words: string): string {
  const result = namedResult(analysis, words);
  if (result === undefined) return withP(words);
  const metric = metrics.get(result.metric);
  const name = nameInRule(metric, result.metric);
  const rest = words.slice(result.metric.length);
  const [lower, upper] = rest.match(SHARE) ?? [];
  if (lower === undefined || upper === undefined) return name + withP(rest);
  const stated = statedLike(result, metric, shareOf(lower), shareOf(upper));
  if (stated === undefined) return name + withPerCent(rest);
  const variant = labelOf(variantLabels(experiment), stated.variant);
  const arm = result.comparisons.length > 1 && rest.startsWith(':') ? `, ${variant}` : '';
  return `${name}${arm}${rest.slice(0, rest.indexOf(lower))}${stated.words}`;
}

function neededWords({ experiment, analysis }: Context, rule: Rule): string {
  const result = namedResult(analysis, rule.found);
  if (rule.id === 'no_harm' || result === undefined) return rule.needed;
  const isAbsolute = boundOf(experiment, 'goal', result.metric)?.scale === 'absolute';
  return isAbsolute ? rule.needed : withPerCent(rule.needed);
}

/** The metric that a rule's words begin with. */
function namedResult(analysis: Analysis, words: string): MetricResult | undefined {
  return analysis.metrics.find(
    ({ metric }) => words.startsWith(`${metric}:`) || words.startsWith(`${metric} of `),
  );
}

/** The comparison whose stated interval is the one a rule names, to the digits that the rule gives. */
function statedLike(
  { comparisons }: MetricResult,
  metric: Metric | undefined,
  lower: number,
  upper: number,
): { variant: string; words: string } | undefined {
  for (const comparison of comparisons) {
    const change = changeOf(comparison);
    if (change?.scale !== 'relative') continue;
    const stated = statedInterval(comparison, change, metric);
    const apart = Math.max(Math.abs(stated.lower - lower), Math.abs(stated.upper - upper));
    if (apart < 0.0001) return { variant: comparison.variant, words: stated.words };
  }
  return undefined;
}

/** '−0.0276 to +0.0031' -> '−2.8% to +0.3%'. */
function withPerCent(words: string): string {
  const numbers = /[+−]\d+\.\d{4}(?!\d)/g;
  const decimals = liftDecimals((words.match(numbers) ?? []).map(shareOf));
  return words.replace(numbers, (found) => formatLift(shareOf(found), decimals));
}

function shareOf(text: string): number {
  return Number(text.replace('−', '-'));
}

function namesOf(keys: string, metrics: ReadonlyMap<string, Metric>): string {
  return keys
    .split(', ')
    .map((key) => nameInRule(metrics.get(key), key))
    .join(', ');
}

/** 'p = 3.1e-9' -> 'p < 0.001'. */
function withP(words: string): string {
  return words.replace(/p = ([\d.]+(?:e[+-]?\d+)?)/, (_all, p: string) =>
    formatPEquation(Number(p)),
  );
}

function nameInRule(metric: Metric | undefined, key: string): string {
  return isolate(shorten(metricName(metric, key), NAME_LENGTH));
}

function variantWords(experiment: Experiment, key: string): string {
  const variant = experiment.variants.find((entry) => entry.key === key);
  return variant?.model === undefined
    ? `Variant ${key}`
    : `Variant ${key}, serving ${variant.model}`;
}

function dateOf(iso: string): string {
  const instant = parseInstant(iso);
  return instant === undefined ? iso : dateWords(instant);
}

function lowerFirst(words: string): string {
  return /^[A-Z]([a-z]|\s)/.test(words) ? words.slice(0, 1).toLowerCase() + words.slice(1) : words;
}

function text(words: string): Phrase {
  return { as: 'text', text: words };
}

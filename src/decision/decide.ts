/** Ship, stop or continue: the rules in the order they are asked; the first that fires is the verdict. */
import type { Action, Check, Recommendation, Rule } from '../domain/analysis.ts';
import type { Compared } from './compare.ts';

export type GoalFacts = Compared & {
  readonly metric: string;
  /** The smallest gain that matters, relative or in the metric's own unit. */
  readonly mde: { readonly size: number; readonly scale: 'relative' | 'absolute' } | null;
};
export type GuardrailFacts = Compared & { readonly metric: string };

export type ArmFacts = {
  readonly variant: string;
  readonly goals: readonly GoalFacts[];
  readonly guardrails: readonly GuardrailFacts[];
};

export type Timing = {
  /** Whole and part days from start to the analysis. */
  readonly days: number;
  readonly minDays: number;
  /** May the machine decide on the data at hand? Else the sentence that says what it waits for. */
  readonly mayDecide: boolean;
  readonly waitsFor: string;
  /** No later look can add anything. */
  readonly final: boolean;
};

export type DecisionFacts = {
  readonly checks: readonly Check[];
  readonly arms: readonly ArmFacts[];
  readonly timing: Timing;
};

export type Decision = { readonly recommendation: Recommendation; readonly rules: readonly Rule[] };

type Fired = { readonly rule: Rule; readonly action: Action; readonly variant: string | null };

/**
 * What should be done?
 *
 *   INVALID      a check failed (with an always-valid harm alarm on as well: STOP_HARM, both reasons)
 *   STOP_HARM    that alarm is on, or a goal is worse where the plan may decide
 *   CONTINUE     before minDays, or before the plan may decide
 *   SHIP         a goal is better, no goal is worse, every guardrail is protected
 *   STOP_FUTILE  for every arm and goal, the whole interval lies below the gain that matters
 *   CONTINUE     a later look may tell
 *   REVIEW       anything else at full information
 *
 * SHIP_PARITY and OPTIMISE ask for capabilities this release does not have: not applicable, never passed.
 *
 * @param facts checks, compared arms and timing; pure values, so that a stored state gives the same verdict.
 * @returns the recommendation and every rule as asked.
 * @source MODELS 2.12 and 2.1; DESIGN part 10.
 */
export function decide(facts: DecisionFacts): Decision {
  const trusted = dataTrusted(facts.checks);
  const harm = noHarm(facts.arms, facts.timing);
  const time = enoughTime(facts.timing);
  const ships = facts.arms.map((arm) => shipRules(arm));
  const ship = best(ships);
  const futile = futility(facts.arms);

  const fired = firstFired(facts, { trusted, harm, time, ship, futile });
  const rules = [
    trusted,
    harm,
    time,
    ...(ship?.rules ?? []),
    notApplicable('parity', 'Equal at lower cost', 'a declared gain in cost or complexity'),
    notApplicable('optimise', 'Good but slow', 'a triple-treatment design'),
    futile,
  ].map(
    ({ id, says, found, needed, state }): Rule => ({
      id,
      says,
      found,
      needed,
      state,
      fired: fired.rule.id === id,
    }),
  );
  return {
    rules,
    recommendation: {
      action: fired.action,
      variant: fired.variant,
      reasons: reasonsOf(fired, { trusted, harm, time, ship, futile }),
    },
  };
}

/** `alarm`: the always-valid alarm is on, which no doubt about the data silences. */
type HarmRule = Rule & { readonly variant: string | null; readonly alarm: boolean };

type Asked = {
  readonly trusted: Rule;
  readonly harm: HarmRule;
  readonly time: Rule;
  readonly ship: ShipCase | undefined;
  readonly futile: Rule;
};

function firstFired(facts: DecisionFacts, asked: Asked): Fired {
  const { trusted, harm, time, ship, futile } = asked;
  const stop: Fired = { rule: harm, action: 'stop_harm', variant: harm.variant };
  if (harm.alarm) return stop;
  if (trusted.state === 'failed') return { rule: trusted, action: 'invalid', variant: null };
  if (harm.state === 'failed') return stop;
  if (time.state === 'waiting') return { rule: time, action: 'continue', variant: null };
  if (ship?.passed === true) {
    return { rule: ship.rules[0] ?? time, action: 'ship', variant: ship.variant };
  }
  if (futile.state === 'failed') return { rule: futile, action: 'stop_futile', variant: null };
  const blocking = ship?.rules.find((rule) => rule.state !== 'passed') ?? time;
  return facts.timing.final
    ? { rule: blocking, action: 'review', variant: ship?.variant ?? null }
    : { rule: blocking, action: 'continue', variant: null };
}

function dataTrusted(checks: readonly Check[]): Rule {
  const failed = checks.filter((check) => check.status === 'fail');
  const passed = checks.filter((check) => check.status === 'pass').length;
  const rest = checks.length - passed - failed.length;
  const found =
    failed.length > 0
      ? failed.map((check) => check.says).join(' ')
      : `${passed} of ${checks.length} pass${rest > 0 ? `, ${rest} to note` : ''}`;
  return {
    id: 'data_trusted',
    says: 'Data can be trusted',
    found,
    needed: 'no check fails',
    state: failed.length > 0 ? 'failed' : 'passed',
    fired: false,
  };
}

function noHarm(arms: readonly ArmFacts[], timing: Timing): HarmRule {
  const alarms = arms.flatMap((arm) =>
    [...arm.goals, ...arm.guardrails].flatMap(({ metric, harm }) =>
      harm === null ? [] : [{ variant: arm.variant, metric, ...harm }],
    ),
  );
  const shell = { id: 'no_harm', says: 'No alarm for harm', fired: false, alarm: false };
  const ringing = alarms.filter((alarm) => alarm.fired);
  const smallest = (ringing.length > 0 ? ringing : alarms).reduce<
    (typeof alarms)[number] | undefined
  >((least, alarm) => (least === undefined || alarm.p < least.p ? alarm : least), undefined);
  const needed =
    smallest === undefined ? '100 units in each variant' : `p above ${short(smallest.threshold)}`;
  if (smallest?.fired === true) {
    return {
      ...shell,
      found: `${smallest.metric} of ${smallest.variant}: p = ${short(smallest.p)}`,
      needed,
      state: 'failed',
      variant: smallest.variant,
      alarm: true,
    };
  }
  if (timing.mayDecide) {
    for (const arm of arms) {
      const worse = arm.goals.find((goal) => goal.comparison.verdict === 'worse');
      if (worse === undefined) continue;
      return {
        ...shell,
        found: `${worse.metric} of ${arm.variant} is worse: ${intervalOf(worse)}`,
        needed: 'no goal is worse',
        state: 'failed',
        variant: arm.variant,
      };
    }
  }
  if (smallest === undefined) {
    return { ...shell, found: 'too few units to ask', needed, state: 'waiting', variant: null };
  }
  return { ...shell, found: `p = ${short(smallest.p)}`, needed, state: 'passed', variant: null };
}

function enoughTime(timing: Timing): Rule {
  // Written so that a number that is none waits, and does not pass.
  const young = !(timing.days >= timing.minDays);
  const waiting = young || !timing.mayDecide;
  return {
    id: 'enough_time',
    says: 'Enough time has passed',
    found: `day ${Math.floor(timing.days)}`,
    needed: young ? `day ${timing.minDays} at least` : timing.waitsFor,
    state: waiting ? 'waiting' : 'passed',
    fired: false,
  };
}

type ShipCase = {
  readonly variant: string;
  readonly rules: readonly Rule[];
  readonly passed: boolean;
  readonly strength: number;
};

function shipRules(arm: ArmFacts): ShipCase {
  const better = arm.goals.filter(
    ({ comparison }) => comparison.status === 'ok' && comparison.verdict === 'better',
  );
  const worse = arm.goals.filter((goal) => goal.comparison.verdict === 'worse');
  const shown = better[0] ?? arm.goals[0];
  const protectedOnes = arm.guardrails.filter(
    (guardrail) => guardrail.comparison.nonInferiority?.state === 'protected',
  );
  const open = arm.guardrails.filter((guardrail) => !protectedOnes.includes(guardrail));
  const rules: Rule[] = [
    {
      id: 'goal_better',
      says: 'A goal is better',
      found: shown === undefined ? 'no goal' : `${shown.metric}: ${intervalOf(shown)}`,
      needed: shown?.direction === 'decrease' ? 'upper end below 0' : 'lower end above 0',
      state: better.length > 0 ? 'passed' : 'failed',
      fired: false,
    },
    {
      id: 'no_goal_worse',
      says: 'No goal is worse',
      found: worse.length === 0 ? 'none is' : worse.map((goal) => goal.metric).join(', '),
      needed: 'none',
      state: worse.length === 0 ? 'passed' : 'failed',
      fired: false,
    },
    {
      id: 'guardrails',
      says: 'Guardrails within limits',
      found:
        arm.guardrails.length === 0
          ? 'none set'
          : `${protectedOnes.length} of ${arm.guardrails.length}${
              open.length > 0
                ? ` (not ${open.map((guardrail) => guardrail.metric).join(', ')})`
                : ''
            }`,
      needed:
        arm.guardrails.length === 0
          ? 'nothing'
          : `${arm.guardrails.length} of ${arm.guardrails.length}`,
      state:
        arm.guardrails.length === 0 ? 'not_applicable' : open.length === 0 ? 'passed' : 'failed',
      fired: false,
    },
  ];
  return {
    variant: arm.variant,
    rules,
    passed: rules.every((rule) => rule.state !== 'failed'),
    strength: Math.max(
      Number.NEGATIVE_INFINITY,
      ...arm.goals.map((goal) => goal.deciding?.lower ?? Number.NEGATIVE_INFINITY),
    ),
  };
}

/** The arm that may ship with the strongest goal; else the one that comes nearest. */
function best(cases: readonly ShipCase[]): ShipCase | undefined {
  const passing = cases.filter((one) => one.passed);
  const among = passing.length > 0 ? passing : cases;
  return among.reduce<ShipCase | undefined>(
    (most, one) => (most === undefined || one.strength > most.strength ? one : most),
    undefined,
  );
}

function futility(arms: readonly ArmFacts[]): Rule {
  const shell = {
    id: 'still_useful',
    says: 'The gain that matters is still possible',
    needed: 'upper end at or above it',
    fired: false,
  };
  const goals = arms.flatMap((arm) => arm.goals);
  const upper = goals.map((goal) => {
    if (goal.mde === null) return { goal, possible: true };
    const interval = goal.mde.scale === 'relative' ? goal.deciding : goal.decidingAbsolute;
    return { goal, possible: interval === null || !(interval.upper < goal.mde.size) };
  });
  const hopeless = goals.length > 0 && upper.every(({ possible }) => !possible);
  const shown = upper.find(({ possible }) => possible) ?? upper[0];
  return {
    ...shell,
    found: shown === undefined ? 'no goal' : `${shown.goal.metric}: ${intervalOf(shown.goal)}`,
    needed:
      shown === undefined || shown.goal.mde === null
        ? shell.needed
        : neededOf(shown.goal, shown.goal.mde),
    state: hopeless ? 'failed' : 'passed',
  };
}

function neededOf(goal: GoalFacts, mde: NonNullable<GoalFacts['mde']>): string {
  return goal.direction === 'increase'
    ? `upper end at or above ${sizeOf(mde.size, mde.scale)}`
    : `lower end at or below ${sizeOf(-mde.size, mde.scale)}`;
}

function notApplicable(id: string, says: string, needed: string): Rule {
  return { id, says, found: 'not asked', needed, state: 'not_applicable', fired: false };
}

function reasonsOf(fired: Fired, asked: Asked): string[] {
  const sentence = (rule: Rule) => `${rule.says}: ${rule.found}; needed: ${rule.needed}.`;
  const reasons = [sentence(fired.rule)];
  if (fired.action === 'stop_harm' && asked.trusted.state === 'failed') {
    reasons.push(sentence(asked.trusted));
  }
  if (fired.action === 'ship') {
    for (const rule of asked.ship?.rules.slice(1) ?? []) reasons.push(sentence(rule));
    reasons.push(sentence(asked.harm), sentence(asked.trusted));
  }
  return reasons;
}

/** The deciding interval in words, as it was measured: signed shares with four decimals, as in the JSON. */
function intervalOf({ deciding, decidingAbsolute, comparison, direction }: Compared): string {
  if (comparison.status !== 'ok') return comparison.status.replaceAll('_', ' ');
  const turned = deciding ?? decidingAbsolute;
  if (turned === null) return 'not decided yet';
  const scale = deciding === null ? 'absolute' : 'relative';
  const { lower, upper } =
    direction === 'increase' ? turned : { lower: -turned.upper, upper: -turned.lower };
  return `${sizeOf(lower, scale)} to ${sizeOf(upper, scale)}`;
}

function sizeOf(size: number, scale: 'relative' | 'absolute'): string {
  const digits = scale === 'relative' ? size.toFixed(4) : size.toPrecision(4);
  const text = Number(digits) === 0 ? '0' : digits.replace('-', '−');
  return size > 0 && text !== '0' ? `+${text}` : text;
}

function short(p: number): string {
  return p < 0.0001 ? p.toExponential(1) : String(Number(p.toPrecision(2)));
}

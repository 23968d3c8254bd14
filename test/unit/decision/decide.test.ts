import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type ArmFacts,
  type DecisionFacts,
  decide,
  type GoalFacts,
  type GuardrailFacts,
  type Timing,
} from '../../../src/decision/decide.ts';
import { ACTIONS, type Check, type Comparison } from '../../../src/domain/analysis.ts';

type NonInferiority = NonNullable<Comparison['nonInferiority']>['state'];

const comparison = (fields: Partial<Comparison> = {}): Comparison => ({
  population: 'exposed',
  variant: 'challenger',
  baseline: 'control',
  status: 'ok',
  n: 5000,
  baselineN: 5000,
  method: 'welch',
  adjustments: [],
  verdict: 'inconclusive',
  ...fields,
});
const calm = { p: 0.5, threshold: 0.01, fired: false };
const alarmed = { p: 0.0001, threshold: 0.01, fired: true };
const wide = { lower: -0.01, upper: 0.03 };

type GoalFields = Partial<GoalFacts> & {
  verdict?: Comparison['verdict'];
  status?: Comparison['status'];
};
const goal = ({
  verdict = 'inconclusive',
  status = 'ok',
  ...fields
}: GoalFields = {}): GoalFacts => ({
  metric: 'bookings',
  direction: 'increase',
  comparison: comparison({ verdict, status }),
  harm: calm,
  deciding: wide,
  decidingAbsolute: { lower: -0.001, upper: 0.003 },
  mde: { size: 0.02, scale: 'relative' },
  ...fields,
});
const better: GoalFields = { verdict: 'better', deciding: { lower: 0.005, upper: 0.03 } };
const worse: GoalFields = { verdict: 'worse', deciding: { lower: -0.03, upper: -0.005 } };
const hopeless: GoalFields = { deciding: { lower: -0.01, upper: 0.01 } };
const unable: GoalFields = {
  status: 'zero_variance',
  verdict: 'not_enough_data',
  harm: null,
  deciding: null,
  decidingAbsolute: null,
};

const guardrail = (
  state: NonInferiority | null,
  fields: Partial<GuardrailFacts> = {},
): GuardrailFacts => ({
  metric: 'cancellations',
  direction: 'decrease',
  comparison: comparison(
    state === null
      ? { status: 'insufficient_data', verdict: 'not_enough_data' }
      : { nonInferiority: { margin: 0.01, lower: -0.005, p: 0.01, state } },
  ),
  harm: calm,
  deciding: wide,
  decidingAbsolute: wide,
  ...fields,
});

const arm = (
  goals: readonly GoalFields[],
  guardrails: readonly GuardrailFacts[] = [],
  variant = 'challenger',
): ArmFacts => ({
  variant,
  goals: goals.map((fields, index) => goal({ metric: `goal${index}`, ...fields })),
  guardrails,
});

const check = (status: Check['status'], id = 'srm'): Check => ({
  id,
  status,
  says: `${id} says.`,
  value: 0,
  threshold: 0,
});
const timing = (fields: Partial<Timing> = {}): Timing => ({
  days: 14,
  minDays: 7,
  mayDecide: true,
  waitsFor: 'look on day 21',
  final: false,
  ...fields,
});
const early = timing({ days: 3, mayDecide: false, waitsFor: 'look on day 7' });
const final = timing({ days: 28, final: true });

const facts = (
  arms: readonly ArmFacts[],
  at: Timing = timing(),
  checks: readonly Check[] = [check('pass')],
): DecisionFacts => ({
  checks,
  arms,
  timing: at,
});
const fail = [check('pass', 'arms'), check('fail')];

type State = readonly [
  name: string,
  facts: DecisionFacts,
  action: (typeof ACTIONS)[number],
  variant: string | null,
];

const STATES: readonly State[] = [
  // G0: data that cannot be trusted.
  ['a failed check', facts([arm([{}])], timing(), fail), 'invalid', null],
  ['a failed check before the first look', facts([arm([{}])], early, fail), 'invalid', null],
  ['a failed check at the end', facts([arm([{}])], final, fail), 'invalid', null],
  ['a failed check beside a better goal', facts([arm([better])], timing(), fail), 'invalid', null],
  [
    'a failed check beside a better goal at the end',
    facts([arm([better], [guardrail('protected')])], final, fail),
    'invalid',
    null,
  ],
  ['a failed check beside hopeless goals', facts([arm([hopeless])], final, fail), 'invalid', null],
  ['a failed check and no arm at all', facts([], timing(), fail), 'invalid', null],
  [
    'two failed checks',
    facts([arm([{}])], timing(), [check('fail', 'srm'), check('fail', 'crossover')]),
    'invalid',
    null,
  ],
  [
    'a failed check beside a goal that is worse, without an always-valid alarm',
    facts([arm([worse])], timing(), fail),
    'invalid',
    null,
  ],
  [
    'a failed check beside a goal that is worse at the end',
    facts([arm([worse])], final, fail),
    'invalid',
    null,
  ],
  // G0 and G1: bad data do not silence an alarm.
  [
    'a failed check and an alarm',
    facts([arm([{ harm: alarmed }])], timing(), fail),
    'stop_harm',
    'challenger',
  ],
  [
    'a failed check and an alarm before the first look',
    facts([arm([{ harm: alarmed }])], early, fail),
    'stop_harm',
    'challenger',
  ],
  [
    'a failed check and an alarm of a guardrail',
    facts([arm([{}], [guardrail('harmed', { harm: alarmed })])], timing(), fail),
    'stop_harm',
    'challenger',
  ],
  // G1: harm.
  ['an alarm', facts([arm([{ harm: alarmed }])]), 'stop_harm', 'challenger'],
  [
    'an alarm on the first day',
    facts([arm([{ harm: alarmed }])], timing({ days: 0.1, mayDecide: false })),
    'stop_harm',
    'challenger',
  ],
  [
    'an alarm of a guardrail beside a better goal',
    facts([arm([better], [guardrail('protected', { harm: alarmed })])]),
    'stop_harm',
    'challenger',
  ],
  [
    'an alarm of the second arm beside a better first',
    facts([arm([better]), arm([{ harm: alarmed }], [], 'bold')]),
    'stop_harm',
    'bold',
  ],
  [
    'an alarm of the second goal',
    facts([arm([better, { harm: alarmed }])]),
    'stop_harm',
    'challenger',
  ],
  [
    'an alarm beside warnings',
    facts([arm([{ harm: alarmed }])], timing(), [check('warn')]),
    'stop_harm',
    'challenger',
  ],
  [
    'the stronger of two alarms',
    facts([arm([{ harm: { ...alarmed, p: 0.005 } }]), arm([{ harm: alarmed }], [], 'bold')]),
    'stop_harm',
    'bold',
  ],
  [
    'a goal that is worse where the plan may decide',
    facts([arm([worse])]),
    'stop_harm',
    'challenger',
  ],
  [
    'a goal that is worse beside one that is better',
    facts([arm([better, worse])]),
    'stop_harm',
    'challenger',
  ],
  // G2: too early.
  ['nothing yet', facts([arm([{}])], early), 'continue', null],
  ['a better goal before the first look', facts([arm([better])], early), 'continue', null],
  ['a worse goal before the plan may decide', facts([arm([worse])], early), 'continue', null],
  ['hopeless goals before the first look', facts([arm([hopeless])], early), 'continue', null],
  [
    'a better goal before minDays, though the plan may decide',
    facts([arm([better])], timing({ days: 6.99 })),
    'continue',
    null,
  ],
  [
    'the planned units before minDays',
    facts([arm([better])], timing({ days: 5, final: true })),
    'continue',
    null,
  ],
  [
    'a plan that has too few units to ask for harm',
    facts([arm([{ harm: null }])], early),
    'continue',
    null,
  ],
  ['no unit at all', facts([arm([unable])], early, [check('unknown')]), 'continue', null],
  ['no arm at all', facts([]), 'continue', null],
  [
    'a better goal on a day that is no number',
    facts([arm([better])], timing({ days: Number.NaN })),
    'continue',
    null,
  ],
  [
    'an interval that is no number',
    facts([arm([{ deciding: { lower: Number.NaN, upper: Number.NaN } }])]),
    'continue',
    null,
  ],
  // G3: ship.
  ['a better goal', facts([arm([better])]), 'ship', 'challenger'],
  [
    'a better goal on the very day',
    facts([arm([better])], timing({ days: 7 })),
    'ship',
    'challenger',
  ],
  ['a better goal at the end', facts([arm([better])], final), 'ship', 'challenger'],
  ['a better goal beside one that is not', facts([arm([better, {}])]), 'ship', 'challenger'],
  [
    'a better goal beside one that cannot be computed',
    facts([arm([better, unable])]),
    'ship',
    'challenger',
  ],
  [
    'a better goal and protected guardrails',
    facts([arm([better], [guardrail('protected'), guardrail('protected', { metric: 'errors' })])]),
    'ship',
    'challenger',
  ],
  [
    'a better goal and warnings',
    facts([arm([better])], timing(), [check('warn'), check('unknown', 'arms')]),
    'ship',
    'challenger',
  ],
  [
    'the arm with the stronger goal of two',
    facts([
      arm([better]),
      arm([{ ...better, deciding: { lower: 0.01, upper: 0.04 } }], [], 'bold'),
    ]),
    'ship',
    'bold',
  ],
  [
    'the arm that may ship, not the stronger one that may not',
    facts([
      arm([better]),
      arm([{ ...better, deciding: { lower: 0.01, upper: 0.04 } }], [guardrail('unproven')], 'bold'),
    ]),
    'ship',
    'challenger',
  ],
  [
    'a goal that is better in its own unit, its relative change unknown',
    facts([arm([{ ...better, deciding: null }])]),
    'ship',
    'challenger',
  ],
  // What never ships.
  [
    'a better goal and an unproven guardrail',
    facts([arm([better], [guardrail('unproven')])]),
    'continue',
    null,
  ],
  [
    'a better goal and an unproven guardrail at the end',
    facts([arm([better], [guardrail('unproven')])], final),
    'review',
    'challenger',
  ],
  [
    'a better goal and a harmed guardrail at the end',
    facts([arm([better], [guardrail('harmed')])], final),
    'review',
    'challenger',
  ],
  [
    'a better goal and one guardrail of two unproven',
    facts([arm([better], [guardrail('protected'), guardrail('unproven')])], final),
    'review',
    'challenger',
  ],
  [
    'a better goal and a guardrail that cannot be computed',
    facts([arm([better], [guardrail(null)])], final),
    'review',
    'challenger',
  ],
  ['goals that cannot be computed', facts([arm([unable])], final), 'review', 'challenger'],
  [
    'goals that cannot be computed and protected guardrails',
    facts([arm([unable], [guardrail('protected')])]),
    'continue',
    null,
  ],
  [
    'protected guardrails alone',
    facts([arm([{}], [guardrail('protected')])], final),
    'review',
    'challenger',
  ],
  // G4: futile.
  ['a goal that cannot gain enough any more', facts([arm([hopeless])]), 'stop_futile', null],
  [
    'a goal that cannot gain enough at the end',
    facts([arm([hopeless])], final),
    'stop_futile',
    null,
  ],
  [
    'a goal whose best case is just what matters',
    facts([arm([{ deciding: { lower: -0.01, upper: 0.02 } }])]),
    'continue',
    null,
  ],
  ['one hopeless goal of two', facts([arm([hopeless, {}])]), 'continue', null],
  ['one hopeless arm of two', facts([arm([hopeless]), arm([{}], [], 'bold')]), 'continue', null],
  ['two hopeless arms', facts([arm([hopeless]), arm([hopeless], [], 'bold')]), 'stop_futile', null],
  [
    'a hopeless goal beside one without a smallest gain',
    facts([arm([hopeless, { ...hopeless, mde: null }])]),
    'continue',
    null,
  ],
  [
    'a goal that is hopeless in its own unit',
    facts([arm([{ mde: { size: 0.01, scale: 'absolute' } }])]),
    'stop_futile',
    null,
  ],
  [
    'a goal that is hopeful in its own unit',
    facts([arm([{ ...hopeless, mde: { size: 0.002, scale: 'absolute' } }])]),
    'continue',
    null,
  ],
  [
    'a goal without an interval',
    facts([arm([{ deciding: null, decidingAbsolute: null }])]),
    'continue',
    null,
  ],
  [
    'a gain too small to matter, which ships all the same',
    facts([arm([{ ...better, deciding: { lower: 0.001, upper: 0.01 } }])]),
    'ship',
    'challenger',
  ],
  // G5 and the wait for a later look.
  ['nothing found while a look is still to come', facts([arm([{}])]), 'continue', null],
  ['nothing found at the end', facts([arm([{}])], final), 'review', 'challenger'],
  [
    'nothing found at the end in two arms',
    facts([arm([{}]), arm([{ deciding: { lower: 0, upper: 0.05 } }], [], 'bold')], final),
    'review',
    'bold',
  ],
];

describe('a state of knowledge', () => {
  test.each(STATES)('%s', (_name, state, action, variant) => {
    const { recommendation, rules } = decide(state);
    expect(recommendation.action).toBe(action);
    expect(recommendation.variant).toBe(variant);
    expect(recommendation.reasons.length).toBeGreaterThan(0);
    expect(rules.filter((rule) => rule.fired)).toHaveLength(1);
  });

  test('of more than forty kinds is in the table, and six of the eight actions with them', () => {
    expect(STATES.length).toBeGreaterThan(40);
    expect(new Set(STATES.map(([name]) => name)).size).toBe(STATES.length);
    expect([...new Set(STATES.map(([, , action]) => action))].sort()).toEqual(
      ACTIONS.filter((action) => action !== 'ship_parity' && action !== 'optimise').sort(),
    );
  });

  test.each(STATES)('gives the same verdict in whatever order it is told: %s', (_name, state) => {
    const told = decide(state).recommendation;
    const turned: DecisionFacts = {
      ...state,
      checks: [...state.checks].reverse(),
      arms: [...state.arms].reverse().map((one) => ({
        ...one,
        goals: [...one.goals].reverse(),
        guardrails: [...one.guardrails].reverse(),
      })),
    };
    expect(decide(turned).recommendation).toMatchObject({
      action: told.action,
      variant: told.variant,
    });
    expect(decide(structuredClone(state)).recommendation).toEqual(told);
  });
});

describe('the reasons', () => {
  test('of stop_harm with a failed check name both', () => {
    const { reasons } = decide(facts([arm([{ harm: alarmed }])], timing(), fail)).recommendation;
    expect(reasons).toHaveLength(2);
    expect(reasons[0]).toContain('goal0 of challenger: p = 0.0001');
    expect(reasons[1]).toContain('srm says.');
  });

  test('of ship name goals, guardrails, harm and the data', () => {
    const { reasons } = decide(facts([arm([better], [guardrail('protected')])])).recommendation;
    expect(reasons.join(' ')).toMatch(
      /A goal is better.*No goal is worse.*Guardrails within limits.*harm.*trusted/,
    );
  });

  test('of invalid name every check that failed', () => {
    const checks = [check('fail', 'srm'), check('pass', 'arms'), check('fail', 'crossover')];
    const { reasons } = decide(facts([arm([better])], timing(), checks)).recommendation;
    expect(reasons.join(' ')).toMatch(/srm says\..*crossover says\./);
  });

  test('of review name the rule that blocks', () => {
    const { reasons } = decide(
      facts([arm([better], [guardrail('unproven')])], final),
    ).recommendation;
    expect(reasons.join(' ')).toContain('0 of 1 (not cancellations)');
  });

  test('of waiting say what is waited for', () => {
    expect(decide(facts([arm([{}])], early)).recommendation.reasons.join(' ')).toContain(
      'day 7 at least',
    );
    const ready = timing({ mayDecide: false });
    expect(decide(facts([arm([{}])], ready)).recommendation.reasons.join(' ')).toContain(
      'look on day 21',
    );
  });

  test('turn intervals of metrics that should fall back to the way they were measured', () => {
    const falling: GoalFields = { ...better, direction: 'decrease' };
    const { rules } = decide(facts([arm([falling])]));
    const shown = rules.find(({ id }) => id === 'goal_better');
    expect(shown?.found).toBe('goal0: −0.0300 to −0.0050');
    expect(shown?.needed).toBe('upper end below 0');
  });
});

describe('whatever is thrown at it', () => {
  const number = fc.oneof(
    fc.double(),
    fc.constantFrom(0, -0, Number.NaN, Infinity, -Infinity, 1e-320),
  );
  const interval = fc.option(fc.record({ lower: number, upper: number }), { nil: null });
  const anyGoal = fc.record({
    verdict: fc.constantFrom('better', 'worse', 'inconclusive', 'not_enough_data'),
    status: fc.constantFrom('ok', 'insufficient_data', 'zero_variance', 'no_data'),
    harm: fc.option(
      fc
        .record({ p: number, threshold: fc.constant(0.01) })
        .map(({ p, threshold }) => ({ p, threshold, fired: p < threshold })),
      { nil: null },
    ),
    deciding: interval,
    decidingAbsolute: interval,
  }) as fc.Arbitrary<GoalFields>;
  const anyGuardrail = fc.constantFrom<NonInferiority | null>(
    'protected',
    'harmed',
    'unproven',
    null,
  );
  const anyArm = fc.record({
    goals: fc.array(anyGoal, { maxLength: 3 }),
    guardrails: fc.array(anyGuardrail, { maxLength: 3 }),
    variant: fc.constantFrom('a', 'b', 'c'),
  });
  const anyFacts = fc.record({
    arms: fc.array(anyArm, { maxLength: 3 }),
    checks: fc.array(fc.constantFrom<Check['status']>('pass', 'warn', 'fail', 'unknown'), {
      maxLength: 4,
    }),
    days: number,
    mayDecide: fc.boolean(),
    final: fc.boolean(),
  });
  type Thrown = typeof anyFacts extends fc.Arbitrary<infer Value> ? Value : never;
  const factsOf = (thrown: Thrown): DecisionFacts =>
    facts(
      thrown.arms.map(({ goals, guardrails, variant }) =>
        arm(
          goals,
          guardrails.map((state) => guardrail(state)),
          variant,
        ),
      ),
      timing({ days: thrown.days, mayDecide: thrown.mayDecide, final: thrown.final }),
      thrown.checks.map((status, index) => check(status, `check${index}`)),
    );

  test('there is one action with a reason and one rule behind it', () => {
    fc.assert(
      fc.property(anyFacts, (thrown) => {
        const { recommendation, rules } = decide(factsOf(thrown));
        expect(ACTIONS).toContain(recommendation.action);
        expect(recommendation.reasons.length).toBeGreaterThan(0);
        expect(rules.filter((rule) => rule.fired)).toHaveLength(1);
      }),
      { seed: 6, numRuns: 10_000 },
    );
  });

  test('nothing ships that breaks the ship rule, in ten thousand tries', () => {
    let shipped = 0;
    fc.assert(
      fc.property(anyFacts, (thrown) => {
        const state = factsOf(thrown);
        const { action, variant } = decide(state).recommendation;
        if (action !== 'ship') return;
        shipped += 1;
        expect(state.checks.every(({ status }) => status !== 'fail')).toBe(true);
        expect(state.timing.mayDecide && state.timing.days >= state.timing.minDays).toBe(true);
        expect(
          state.arms.flatMap((one) => one.goals).every(({ harm }) => harm?.fired !== true),
        ).toBe(true);
        const winners = state.arms.filter((one) => one.variant === variant);
        expect(
          winners.some(
            ({ goals, guardrails }) =>
              goals.some(
                ({ comparison: { verdict, status } }) => verdict === 'better' && status === 'ok',
              ) &&
              goals.every(({ comparison: { verdict } }) => verdict !== 'worse') &&
              guardrails.every(
                ({ comparison: { nonInferiority } }) => nonInferiority?.state === 'protected',
              ),
          ),
        ).toBe(true);
      }),
      { seed: 7, numRuns: 10_000 },
    );
    expect(shipped).toBeGreaterThan(0);
  });
});

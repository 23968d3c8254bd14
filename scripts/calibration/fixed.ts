/** One look at the end: error rates, coverage, and what variance reduction reduces. */
import {
  type CoMoments,
  clusterRobust,
  compareQuantiles,
  cuped,
  equivalence,
  fisherExact,
  type Interval,
  momentsAt,
  momentsOf,
  newcombe,
  nonInferiority,
  quantileArm,
  rates,
  ratio,
  relative,
  relativeDelta,
  relativeLogRatio,
  type SwitchbackCell,
  switchback,
  variance,
  welch,
  wilson,
  winsorized,
} from '../../src/stats/index.ts';
import { armOf, KINDS, type Kind, MEAN, UNITS, valuesOf } from './data.ts';
import {
  type Draws,
  drawsOf,
  type Row,
  rate,
  runsOf,
  type Scale,
  type Section,
  value,
  Z,
} from './harness.ts';

const alpha = 0.05;

/** Counts how often each method said yes. */
class Tally {
  readonly counts = new Map<string, number>();
  add(name: string, hit: boolean): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + (hit ? 1 : 0));
  }
  of(name: string): number {
    return this.counts.get(name) ?? 0;
  }
}

const holds = ({ lower, upper }: Interval, truth: number): boolean =>
  lower <= truth && truth <= upper;

type Answer = { readonly status: string };
function ok<A extends Answer>(answer: A): A & { status: 'ok' } {
  if (answer.status !== 'ok') throw new Error(answer.status);
  return answer as A & { status: 'ok' };
}

/** Every test of means, on the same data without any effect. */
export function falsePositives(scale: Scale): Section {
  const runs = runsOf(20_000, scale);
  const rows = KINDS.flatMap((kind, k) => {
    const draws = drawsOf(100 + k);
    const tally = new Tally();
    for (let run = 0; run < runs; run += 1) {
      nullRun(tally, armOf(kind, UNITS[kind], draws), armOf(kind, UNITS[kind], draws));
    }
    const named = (name: string): string => `${name}, ${kind}`;
    const at = (name: string): Row => rate(named(name), tally.of(name), runs, { is: alpha });
    const first = (name: string): Row =>
      rate(named(name), tally.of(name), runs, { about: alpha, within: 0.01 });
    return [
      at('absolute (Welch)'),
      at('relative (Fieller)'),
      {
        ...rate(named('absolute and relative disagree'), tally.of('disagree'), runs, { atMost: 0 }),
      },
      // First-order approximations, here to compare with other tools.
      first('relative (delta)'),
      first('relative (log ratio)'),
      at('ratio metric'),
      at('CUPED absolute'),
      at('CUPED relative'),
      rate(named('non-inferiority at a loss of the margin'), tally.of('ni'), runs, { is: alpha }),
    ];
  });
  return {
    title: 'False positives of one look',
    text: `No effect; ${KINDS.map((kind) => `${UNITS[kind]} units an arm (${kind})`).join(', ')}. Each row counts the runs in which the method, alone, called the difference significant at 5% two-sided (non-inferiority: one-sided, at a true loss of exactly the margin).`,
    rows,
  };
}

function nullRun(tally: Tally, control: CoMoments, treatment: CoMoments): void {
  const [c, t] = [momentsAt(control, 0), momentsAt(treatment, 0)];
  const absolute = ok(welch(c, t, { alpha }));
  const lift = ok(relative(c, t, { alpha }));
  const outside = ({ lower, upper }: Interval): boolean => lower > 0 || upper < 0;
  tally.add('absolute (Welch)', absolute.p < alpha);
  tally.add('relative (Fieller)', outside(lift));
  tally.add('disagree', outside(lift) !== outside(absolute));
  tally.add('relative (delta)', ok(relativeDelta(c, t, { alpha })).p < alpha);
  tally.add('relative (log ratio)', ok(relativeLogRatio(c, t, { alpha })).p < alpha);
  const sessions = (arm: CoMoments): CoMoments => pick(arm, [2, 3]);
  const perSession = ok(ratio(sessions(control), sessions(treatment), { alpha }));
  tally.add('ratio metric', ok(perSession.absolute).p < alpha);
  const adjusted = ok(cuped(pick(control, [0, 1]), pick(treatment, [0, 1]), { alpha }));
  tally.add('CUPED absolute', ok(adjusted.absolute).p < alpha);
  tally.add('CUPED relative', outside(ok(adjusted.relative)));
  // A true loss of the margin: the control mean is moved up by it.
  const margin = 0.5 * Math.sqrt(variance(c) / c.n) * 2;
  const worse = { ...c, mean: c.mean + margin };
  const test = { margin, marginScale: 'absolute', direction: 'increase', alpha } as const;
  tally.add('ni', ok(nonInferiority(worse, t, test)).nonInferior);
}

function pick(arm: CoMoments, variables: readonly number[]): CoMoments {
  return {
    n: arm.n,
    means: variables.map((i) => arm.means[i] as number),
    cross: variables.map((i) => variables.map((j) => arm.cross[i]?.[j] as number)),
  };
}

const FIRST_ORDER = /delta|log ratio/;

/** Intervals around a true lift of 10%. */
export function coverage(scale: Scale): Section {
  const runs = runsOf(10_000, scale);
  const lift = 0.1;
  const rows = KINDS.flatMap((kind, k) => {
    const draws = drawsOf(200 + k);
    const tally = new Tally();
    const truth = MEAN[kind] * lift;
    for (let run = 0; run < runs; run += 1) {
      const control = armOf(kind, UNITS[kind], draws);
      const treatment = armOf(kind, UNITS[kind], draws, lift);
      const [c, t] = [momentsAt(control, 0), momentsAt(treatment, 0)];
      tally.add('absolute (Welch)', holds(ok(welch(c, t, { alpha })), truth));
      tally.add('relative (Fieller)', holds(ok(relative(c, t, { alpha })), lift));
      tally.add('relative (delta)', holds(ok(relativeDelta(c, t, { alpha })), lift));
      tally.add('relative (log ratio)', holds(ok(relativeLogRatio(c, t, { alpha })), lift));
      const adjusted = ok(cuped(pick(control, [0, 1]), pick(treatment, [0, 1]), { alpha }));
      tally.add('CUPED absolute', holds(ok(adjusted.absolute), truth));
      tally.add('CUPED relative', holds(ok(adjusted.relative), lift));
      const sessions = ok(ratio(pick(control, [2, 3]), pick(treatment, [2, 3]), { alpha }));
      tally.add('ratio metric, relative', holds(ok(sessions.relative), lift));
    }
    return [...tally.counts].map(([name, hits]) =>
      rate(
        `${name}, ${kind}`,
        hits,
        runs,
        FIRST_ORDER.test(name) ? { about: 1 - alpha, within: 0.01 } : { is: 1 - alpha },
      ),
    );
  });
  return {
    title: 'Coverage of intervals',
    text: 'A true lift of 10% (units as above). Each row counts the runs whose 95% interval holds the truth.',
    rows,
  };
}

/** CUPED: is the variance that it promises the variance that it has? */
export function variances(scale: Scale): Section {
  const runs = runsOf(10_000, scale);
  const rows = KINDS.flatMap((kind, k) => {
    const draws = drawsOf(300 + k);
    const [raw, adjusted, promised, reduction]: number[][] = [[], [], [], []];
    for (let run = 0; run < runs; run += 1) {
      const control = armOf(kind, UNITS[kind], draws);
      const treatment = armOf(kind, UNITS[kind], draws);
      const result = ok(cuped(pick(control, [0, 1]), pick(treatment, [0, 1]), { alpha }));
      const absolute = ok(result.absolute);
      raw?.push(ok(result.unadjusted).estimate);
      adjusted?.push(absolute.estimate);
      promised?.push(absolute.se ** 2);
      reduction?.push(result.varianceReduction as number);
    }
    const of = (values: number[] | undefined): number => varianceOf(values as number[]);
    const mean = (values: number[] | undefined): number =>
      (values as number[]).reduce((sum, x) => sum + x, 0) / runs;
    // A variance from N normal draws is known to sqrt(2 / N) of itself.
    const error = Z * Math.sqrt(2 / runs);
    // A ratio of the variances of two estimates with correlation r: sqrt(4 (1 - r^2) / N).
    const left = 1 - mean(reduction);
    const ratioError = left * Z * Math.sqrt((4 * (1 - left)) / runs);
    return [
      value({
        name: `variance of the estimate / its reported square error, ${kind}`,
        promise: '= 1',
        measured: of(adjusted) / mean(promised),
        expected: 1,
        error,
        runs,
      }),
      value({
        name: `variance left by CUPED, ${kind}`,
        promise: `= ${left.toFixed(4)}, 1 - reported reduction`,
        measured: of(adjusted) / of(raw),
        expected: left,
        error: ratioError,
        runs,
      }),
    ];
  });
  return {
    title: 'CUPED at its predicted variance',
    text: 'No effect; the variance of the adjusted estimates over all runs, against the mean of the squared standard errors and against the reported reduction.',
    rows,
  };
}

function varianceOf(values: readonly number[]): number {
  const n = values.length;
  const mean = values.reduce((sum, x) => sum + x, 0) / n;
  return values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (n - 1);
}

/** Methods that need the values, the counts, or the clusters themselves. */
export function others(scale: Scale): Section {
  return {
    title: 'Rates, quantiles, limits, clusters, switchbacks',
    text: 'No effect. Exact tests may stay below their level; the others meet it.',
    rows: [
      ...smallRates(scale),
      ...quantiles(scale),
      ...limits(scale),
      ...clusters(scale),
      ...switchbacks(scale),
      ...equal(scale),
    ],
  };
}

function smallRates(scale: Scale): Row[] {
  const runs = runsOf(40_000, scale);
  const draws = drawsOf(401);
  const tally = new Tally();
  const n = 400;
  for (let run = 0; run < runs; run += 1) {
    const c = { successes: draws.binomial(n, 0.02), n };
    const t = { successes: draws.binomial(n, 0.02), n };
    tally.add('fisher', fisherExact(c, t).p < alpha);
    const difference = newcombe(c, t, { alpha });
    tally.add('newcombe', holds(difference, 0));
    tally.add('wilson', holds(wilson(c, { alpha }), 0.02));
    const result = rates(c, t, { alpha });
    tally.add('rates', result.status === 'ok' && result.p < alpha);
  }
  return [
    rate('Fisher, 8 of 400 expected', tally.of('fisher'), runs, { atMost: alpha }),
    rate('rates by Welch or exactly, 8 of 400 expected', tally.of('rates'), runs, {
      atMost: alpha,
    }),
    rate('Newcombe covers, 8 of 400 expected', tally.of('newcombe'), runs, { atLeast: 1 - alpha }),
    rate('Wilson covers, 8 of 400 expected', tally.of('wilson'), runs, {
      about: 1 - alpha,
      within: 0.02,
    }),
  ];
}

function quantiles(scale: Scale): Row[] {
  const runs = runsOf(8000, scale);
  const n = 1000;
  return ([0.5, 0.95] as const).flatMap((p, i) => {
    const draws = drawsOf(411 + i);
    let significant = 0;
    let clustered = 0;
    for (let run = 0; run < runs; run += 1) {
      const arms = [0, 1].map(() => quantileArm(lognormals(draws, n), { p, alpha }));
      const [c, t] = arms as [(typeof arms)[0], (typeof arms)[0]];
      if ('status' in c || 'status' in t) throw new Error('no quantile');
      if (ok(compareQuantiles(c, t, { alpha })).p < alpha) significant += 1;
      const loads = [0, 1].map(() => pageLoads(draws, 400));
      const both = loads.map(({ values, users }) =>
        quantileArm(values, { p, alpha, cluster: users }),
      );
      const [a, b] = both as [(typeof both)[0], (typeof both)[0]];
      if ('status' in a || 'status' in b) throw new Error('no quantile');
      if (ok(compareQuantiles(a, b, { alpha })).p < alpha) clustered += 1;
    }
    // Ranks are rounded outwards, which widens; the width is itself an estimate, which narrows.
    const about = { about: alpha, within: 0.01 };
    return [
      rate(`quantile ${p} of ${n} values`, significant, runs, about),
      rate(`quantile ${p} of page loads, clustered by 400 users`, clustered, runs, about),
    ];
  });
}

function lognormals(draws: Draws, n: number): number[] {
  return Array.from({ length: n }, () => Math.exp(0.5 * draws.normal()));
}

/** One to five page loads a user, alike within the user. */
function pageLoads(draws: Draws, n: number): { values: number[]; users: number[] } {
  const values: number[] = [];
  const users: number[] = [];
  for (let user = 0; user < n; user += 1) {
    const level = 0.4 * draws.normal();
    const loads = 1 + Math.floor(5 * draws.uniform());
    for (let k = 0; k < loads; k += 1) {
      values.push(Math.exp(level + 0.3 * draws.normal()));
      users.push(user);
    }
  }
  return { values, users };
}

function limits(scale: Scale): Row[] {
  const runs = runsOf(4000, scale);
  const draws = drawsOf(421);
  let significant = 0;
  const kind: Kind = 'zero-inflated log-normal';
  for (let run = 0; run < runs; run += 1) {
    const [c, t] = [valuesOf(kind, 2000, draws), valuesOf(kind, 2000, draws)];
    const result = winsorized(c, t, { alpha, upper: 0.99, ignoreZeros: true });
    if (ok(result.absolute).p < alpha) significant += 1;
  }
  return [rate('winsorized mean, zero-inflated log-normal', significant, runs, { is: alpha })];
}

function clusters(scale: Scale): Row[] {
  const runs = runsOf(1500, scale);
  const draws = drawsOf(431);
  const tally = new Tally();
  for (let run = 0; run < runs; run += 1) {
    const outcome: number[] = [];
    const treated: boolean[] = [];
    const cluster: number[] = [];
    for (let g = 0; g < 24; g += 1) {
      const level = draws.normal();
      const size = 3 + Math.floor(6 * draws.uniform());
      for (let k = 0; k < size; k += 1) {
        outcome.push(level + draws.normal());
        treated.push(g % 2 === 1);
        cluster.push(g);
      }
    }
    const result = ok(clusterRobust({ outcome, treated }, { alpha, cluster, kind: 'cr2' }));
    tally.add('cr2', result.p < alpha);
    const arm = (isTreated: boolean): number[] =>
      outcome.filter((_, i) => treated[i] === isTreated);
    const naive = ok(welch(momentsOf(arm(false)), momentsOf(arm(true)), { alpha }));
    tally.add('naive', naive.p < alpha);
  }
  return [
    rate('clusters, CR2, 24 of them', tally.of('cr2'), runs, { about: alpha, within: 0.005 }),
    rate('clusters, ignored (contrast)', tally.of('naive'), runs, { about: 0.3, within: 0.1 }),
  ];
}

function switchbacks(scale: Scale): Row[] {
  const runs = runsOf(600, scale);
  const draws = drawsOf(441);
  let significant = 0;
  for (let run = 0; run < runs; run += 1) {
    const cells: SwitchbackCell[] = [];
    for (const region of ['north', 'south']) {
      for (let period = 0; period < 30; period += 1) {
        cells.push({
          region,
          period,
          treated: draws.uniform() < 0.5,
          mean: 5 + 0.35 * draws.normal() + Math.sin(period / 4),
        });
      }
    }
    const result = switchback(cells, {
      alpha,
      design: { kind: 'independent', share: 0.5 },
      seed: run,
      draws: 200,
    });
    if (result.status === 'ok' && result.p < alpha) significant += 1;
  }
  return [rate('switchback, randomisation p', significant, runs, { atMost: alpha })];
}

function equal(scale: Scale): Row[] {
  const runs = runsOf(20_000, scale);
  const draws = drawsOf(451);
  let wrong = 0;
  for (let run = 0; run < runs; run += 1) {
    const c = momentsAt(armOf('normal', 200, draws), 0);
    const t = momentsAt(armOf('normal', 200, draws, 0.06), 0);
    if (ok(equivalence(c, t, { margin: 0.6, alpha })).equivalent) wrong += 1;
  }
  return [rate('equivalence at a difference of the margin', wrong, runs, { atMost: alpha })];
}

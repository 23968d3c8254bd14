/** Is the power that was planned for the power that there is? And does the ship rule hold? */
import {
  boundaries,
  type CoMoments,
  clusterMoments,
  confidenceSequence,
  cuped,
  type Design,
  decisionRates,
  dilute,
  type Moments,
  momentsOfRate,
  nonInferiority,
  normalUpperQuantile,
  type PlannedEffect,
  ratio,
  sampleSize,
  tTestPower,
  tUpperTail,
  welch,
} from '../../src/stats/index.ts';
import { armOf } from './data.ts';
import {
  type Draws,
  drawsOf,
  type Row,
  rate,
  runsOf,
  type Scale,
  type Section,
} from './harness.ts';

const alpha = 0.05;

/** Normal units with this mean and standard deviation 1. */
function normals(draws: Draws, n: number, mean: number): Moments {
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < n; i += 1) {
    const x = draws.normal();
    sum += x;
    squares += x * x;
  }
  return { n, mean: mean + sum / n, m2: Math.max(0, squares - (sum * sum) / n) };
}

function significant(c: Moments, t: Moments, level = alpha): boolean {
  const result = welch(c, t, { alpha: level });
  return result.status === 'ok' && result.p < level;
}

function armsFor(design: Design & PlannedEffect & { power: number }): readonly number[] {
  return sampleSize(design).arms;
}

export function power(scale: Scale): Section {
  return {
    title: 'Power where it was planned',
    text: 'Each experiment has exactly the planned number of units and the planned effect; each row counts the significant runs.',
    rows: [
      ...means(scale),
      ...rates(scale),
      ...triggered(scale),
      ...adjusted(scale),
      ...monitored(scale),
    ],
  };
}

function means(scale: Scale): Row[] {
  const runs = runsOf(10_000, scale);
  const draws = drawsOf(701);
  const metric = { kind: 'mean', sd: 1, mean: 4 } as const;
  const find = { metric, alpha, effect: 0.2, effectScale: 'absolute', power: 0.8 } as const;
  const [nc, nt] = armsFor(find) as [number, number];
  const [wc, wt] = armsFor({ ...find, weights: [9, 1] }) as [number, number];
  const three = armsFor({ ...find, weights: [1, 1, 1] }) as [number, number, number];
  const margin = { margin: 0.05, marginScale: 'relative', direction: 'increase' } as const;
  const ni = armsFor({ ...find, effect: 0, power: 0.9, nonInferiority: margin }) as [
    number,
    number,
  ];
  const hits = { even: 0, uneven: 0, three: 0, ni: 0, small: 0 };
  for (let run = 0; run < runs; run += 1) {
    if (significant(normals(draws, nc, 4), normals(draws, nt, 4.2))) hits.even += 1;
    if (significant(normals(draws, wc, 4), normals(draws, wt, 4.2))) hits.uneven += 1;
    const control = normals(draws, three[0], 4);
    if (significant(control, normals(draws, three[1], 4.2), alpha / 2)) hits.three += 1;
    const test = nonInferiority(normals(draws, ni[0], 4), normals(draws, ni[1], 4), {
      ...margin,
      alpha,
    });
    if (test.status === 'ok' && test.nonInferior) hits.ni += 1;
    if (significant(normals(draws, 8, 0), normals(draws, 8, 1.5555))) hits.small += 1;
  }
  const at = (name: string, count: number, planned: number): Row =>
    rate(name, count, runs, { is: planned });
  const exact = tTestPower({ standardizedEffect: 1.5555, alpha, unitsPerArm: 8 });
  return [
    at(`mean, ${nc} units an arm`, hits.even, 0.8),
    at(`mean, ${wc} to ${wt} units`, hits.uneven, 0.8),
    at(`mean, one of two treatments, ${three[0]} units an arm`, hits.three, 0.8),
    at(`non-inferiority, margin 5%, ${ni[0]} units an arm`, hits.ni, 0.9),
    // Welch's degrees of freedom vary at 8 units: a little below the pooled test's exact power.
    rate('mean, 8 units an arm, exact t', hits.small, runs, { about: exact, within: 0.005 }),
  ];
}

function rates(scale: Scale): Row[] {
  const runs = runsOf(4000, scale);
  const draws = drawsOf(711);
  const arm = (n: number, p: number): Moments =>
    momentsOfRate({ successes: draws.binomial(n, p), n });
  const [n] = armsFor({
    metric: { kind: 'proportion', rate: 0.1 },
    alpha,
    effect: 0.015,
    effectScale: 'absolute',
    power: 0.8,
  }) as [number, number];
  let planned = 0;
  let half = 0;
  for (let run = 0; run < runs; run += 1) {
    if (significant(arm(n, 0.1), arm(n, 0.115))) planned += 1;
    if (significant(arm(30_000, 0.1), arm(30_000, 0.105))) half += 1;
  }
  return [
    rate(`rate, 10% to 11.5%, ${n} units an arm`, planned, runs, { is: 0.8 }),
    rate('rate, 10% to 10.5%, 30,000 units an arm (MODELS 3.3)', half, runs, {
      about: 0.53,
      within: 0.03,
    }),
  ];
}

/** MODELS 3.5: 100,000 an arm, 10% eligible, 10% to 11.5% on these. */
function triggered(scale: Scale): Row[] {
  const runs = runsOf(1500, scale);
  const draws = drawsOf(721);
  const n = 100_000;
  const hits = { triggered: 0, all: 0, covered: 0 };
  for (let run = 0; run < runs; run += 1) {
    const arm = (lift: number): { eligible: Moments; all: Moments; n: number } => {
      const eligible = draws.binomial(n, 0.1);
      const converted = draws.binomial(eligible, 0.1 + lift);
      const rest = draws.binomial(n - eligible, 0.1);
      return {
        eligible: momentsOfRate({ successes: converted, n: eligible }),
        all: momentsOfRate({ successes: converted + rest, n }),
        n: eligible,
      };
    };
    const [c, t] = [arm(0), arm(0.015)];
    if (significant(c.eligible, t.eligible)) hits.triggered += 1;
    if (significant(c.all, t.all)) hits.all += 1;
    const site = dilute(c.eligible, t.eligible, {
      alpha,
      share: (c.n + t.n) / (2 * n),
      overall: c.all,
    });
    if (site.status !== 'ok') throw new Error(site.status);
    if (site.site.lower <= 0.0015 && 0.0015 <= site.site.upper) hits.covered += 1;
  }
  return [
    rate('triggered 10%, analysed alone (MODELS 3.5)', hits.triggered, runs, {
      about: 0.92,
      within: 0.02,
    }),
    rate('triggered 10%, among all units (MODELS 3.5)', hits.all, runs, {
      about: 0.2,
      within: 0.03,
    }),
    rate('diluted effect on the site, coverage', hits.covered, runs, { is: 0.95 }),
  ];
}

function adjusted(scale: Scale): Row[] {
  const runs = runsOf(3000, scale);
  const draws = drawsOf(731);
  const pilot = armOf('normal', 200_000, draws);
  const sd = Math.sqrt((pilot.cross[0]?.[0] as number) / pilot.n);
  const base = { alpha, effectScale: 'relative', power: 0.8 } as const;
  const [n] = armsFor({
    ...base,
    metric: { kind: 'mean', sd, mean: 10 },
    effect: 0.03,
    covariateCorrelation: 0.6,
  }) as [number, number];
  const at = (i: number, j: number): number => (pilot.cross[i]?.[j] as number) / pilot.n;
  const [m] = armsFor({
    ...base,
    metric: {
      kind: 'ratio',
      numeratorMean: pilot.means[2] as number,
      denominatorMean: pilot.means[3] as number,
      numeratorVariance: at(2, 2),
      denominatorVariance: at(3, 3),
      covariance: at(2, 3),
    },
    effect: 0.03,
  }) as [number, number];
  const pick = (arm: CoMoments, variables: readonly number[]): CoMoments => ({
    n: arm.n,
    means: variables.map((i) => arm.means[i] as number),
    cross: variables.map((i) => variables.map((j) => arm.cross[i]?.[j] as number)),
  });
  const hits = { cuped: 0, ratio: 0, cluster: 0 };
  const icc = 0.2;
  const clusters = { sizeMean: 3, sizeCv: Math.sqrt(2) / 3, intraclassCorrelation: icc };
  const [rows] = armsFor({
    alpha,
    metric: { kind: 'mean', sd: 1 },
    effect: 0.25,
    effectScale: 'absolute',
    power: 0.8,
    clusters,
  }) as [number, number];
  const groups = Math.ceil(rows / 3);
  for (let run = 0; run < runs; run += 1) {
    const both = (lift: number, size: number): CoMoments => armOf('normal', size, draws, lift);
    const adjustedResult = cuped(pick(both(0, n), [0, 1]), pick(both(0.03, n), [0, 1]), { alpha });
    if (adjustedResult.status !== 'ok') throw new Error(adjustedResult.status);
    const { absolute } = adjustedResult;
    if (absolute.status === 'ok' && absolute.p < alpha) hits.cuped += 1;
    const perSession = ratio(pick(both(0, m), [2, 3]), pick(both(0.03, m), [2, 3]), { alpha });
    if (perSession.status !== 'ok') throw new Error(perSession.status);
    if (perSession.absolute.status === 'ok' && perSession.absolute.p < alpha) hits.ratio += 1;
    const clustered = ratio(grouped(draws, groups, icc, 0), grouped(draws, groups, icc, 0.25), {
      alpha,
    });
    if (clustered.status !== 'ok') throw new Error(clustered.status);
    if (clustered.absolute.status === 'ok' && clustered.absolute.p < alpha) hits.cluster += 1;
  }
  return [
    rate(`CUPED at correlation 0.6, ${n} units an arm`, hits.cuped, runs, { is: 0.8 }),
    rate(`ratio metric, ${m} units an arm`, hits.ratio, runs, { is: 0.8 }),
    // Sizes 1 to 5 are planned for by their mean and spread alone.
    rate(`clusters of 1 to 5, ${groups} an arm`, hits.cluster, runs, { about: 0.8, within: 0.01 }),
  ];
}

function grouped(draws: Draws, groups: number, icc: number, effect: number): CoMoments {
  const values: number[] = [];
  const cluster: number[] = [];
  for (let g = 0; g < groups; g += 1) {
    const level = Math.sqrt(icc) * draws.normal();
    const size = 1 + Math.floor(5 * draws.uniform());
    for (let k = 0; k < size; k += 1) {
      values.push(effect + level + Math.sqrt(1 - icc) * draws.normal());
      cluster.push(g);
    }
  }
  return clusterMoments(values, cluster);
}

/** Looks by the law of the statistic: normal increments with the planned drift. */
function monitored(scale: Scale): Row[] {
  const runs = runsOf(40_000, scale);
  const draws = drawsOf(741);
  const information = [0.25, 0.5, 0.75, 1];
  const spending = { kind: 'obrien_fleming' } as const;
  const base = {
    alpha,
    metric: { kind: 'mean', sd: 1 },
    effect: 0.1,
    effectScale: 'absolute',
    power: 0.8,
  } as const;
  const plans = {
    looks: armsFor({ ...base, monitoring: { kind: 'group_sequential', information, spending } }),
    anytime: armsFor({ ...base, monitoring: { kind: 'always_valid' } }),
  };
  const { criticalValues } = boundaries({ alpha, information, spending });
  const hits = { looks: 0, end: 0, anytime: 0 };
  for (let run = 0; run < runs; run += 1) {
    const [n] = plans.looks as [number, number];
    let walk = 0;
    let stopped = false;
    information.forEach((t, k) => {
      walk += draws.normal() * Math.sqrt(t - (information[k - 1] ?? 0));
      const z = walk / Math.sqrt(t) + 0.1 * Math.sqrt((n * t) / 2);
      stopped ||= z > (criticalValues[k] as number);
    });
    if (stopped) hits.looks += 1;

    const [m] = plans.anytime as [number, number];
    let sum = 0;
    let found = false;
    for (let k = 1; k <= 28; k += 1) {
      sum += draws.normal() / Math.sqrt(28);
      const t = k / 28;
      const se = Math.sqrt(2 / (m * t));
      const estimate = 0.1 + se * (sum / Math.sqrt(t));
      const look = confidenceSequence({
        estimate,
        se,
        n: Math.round(2 * m * t),
        plannedN: 2 * m,
        alpha,
      });
      const yes = look.status === 'ok' && look.p < alpha;
      found ||= yes;
      if (k === 28 && yes) hits.end += 1;
    }
    if (found) hits.anytime += 1;
  }
  return [
    rate("four O'Brien-Fleming looks, at any of them", hits.looks, runs, { is: 0.8 }),
    rate('always-valid, at the planned end', hits.end, runs, { is: 0.8 }),
    rate('always-valid, at any of 28 looks', hits.anytime, runs, { atLeast: 0.8 }),
  ];
}

/** MODELS 2.1: one success metric, five guardrails, all at their design values. */
export function shipRule(scale: Scale): Section {
  const runs = runsOf(10_000, scale);
  const planned = decisionRates({ alpha, power: 0.8, successMetrics: 1, guardrails: 5 });
  const three = decisionRates({ alpha, power: 0.8, successMetrics: 3, guardrails: 5 });
  const good = (power: number): number =>
    normalUpperQuantile(alpha) + normalUpperQuantile(1 - power);
  const fully = { guardrails: new Array<number>(5).fill(good(planned.metricPower)) };
  const naive = { successes: [good(0.8)], guardrails: new Array<number>(5).fill(good(0.8)) };
  const success =
    normalUpperQuantile(three.successAlpha) + normalUpperQuantile(1 - three.metricPower);
  const atMargin = {
    successes: [good(planned.metricPower)],
    guardrails: fully.guardrails.with(0, 0),
  };
  const count = (seed: number, drifts: Drifts, level: number, correlation: number): number => {
    const draws = drawsOf(seed);
    let ships = 0;
    for (let run = 0; run < runs; run += 1)
      if (shipped(draws, drifts, level, correlation)) ships += 1;
    return ships;
  };
  const corrected = { successes: [good(planned.metricPower)], ...fully };
  const about = (p: number): { about: number; within: number } => ({ about: p, within: 0.005 });
  return {
    title: 'The ship rule of MODELS 2.1',
    text: `Ship when a success metric is superior (one-sided 5%, divided by the number of them) and every guardrail is non-inferior (5%, not divided). Metrics are planned for a power of ${(100 * planned.metricPower).toFixed(2)}% each instead of 80%; ρ is the correlation between metrics. The planned drift of three success metrics is ${success.toFixed(2)}.`,
    rows: [
      rate('five guardrails, each at 80%, ρ = 0', count(801, naive, alpha, 0), runs, about(0.26)),
      rate(
        'five guardrails, each at 80%, ρ = 0.5',
        count(802, naive, alpha, 0.5),
        runs,
        about(0.48),
      ),
      rate(
        'five guardrails, corrected, ρ = 0',
        count(803, corrected, alpha, 0),
        runs,
        about(0.816),
      ),
      rate(
        'five guardrails, corrected, ρ = 0.5',
        count(804, corrected, alpha, 0.5),
        runs,
        about(0.867),
      ),
      rate(
        'three success metrics without effect, guardrails good: false ship',
        count(805, { successes: [0, 0, 0], ...fully }, three.successAlpha, 0),
        runs,
        about(0.041),
      ),
      rate(
        'one guardrail exactly at its margin, success good: false ship',
        count(806, atMargin, alpha, 0),
        runs,
        about(0.044),
      ),
    ],
  };
}

type Drifts = { readonly successes: readonly number[]; readonly guardrails: readonly number[] };

/** One decision, by the tests themselves: arms of 1000 units, each metric at its drift. */
function shipped(draws: Draws, drifts: Drifts, level: number, correlation: number): boolean {
  const common = draws.normal();
  const n = 1000;
  const se = Math.sqrt(2 / n);
  const margin = 10 * se;
  const statistic = (drift: number): number =>
    drift + Math.sqrt(correlation) * common + Math.sqrt(1 - correlation) * draws.normal();
  const control = { n, mean: 0, m2: n - 1 };
  const superior = drifts.successes.some((drift) => {
    const result = welch(control, { ...control, mean: se * statistic(drift) }, { alpha });
    return result.status === 'ok' && tUpperTail(result.t, result.degreesOfFreedom) < level;
  });
  if (!superior) return false;
  return drifts.guardrails.every((drift) => {
    // The distance from the margin is the drift.
    const treatment = { ...control, mean: se * statistic(drift) - margin };
    const test = { margin, marginScale: 'absolute', direction: 'increase', alpha } as const;
    const result = nonInferiority(control, treatment, test);
    return result.status === 'ok' && result.nonInferior;
  });
}

/** Beliefs and exploration: are they as right as they say? */
import {
  betaBinomial,
  bucketBootstrap,
  coMomentsOf,
  correlation,
  correlationBca,
  disattenuated,
  holm,
  interaction,
  kolmogorovSmirnov,
  type Moments,
  merge,
  momentsOf,
  momentsOfRate,
  nonInferiority,
  normalPosterior,
  normalUpperTail,
  noveltyContrast,
  poissonBootstrap,
  populationStability,
  quantileEffects,
  resampledMean,
  segmentEffects,
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
  value,
  Z,
} from './harness.ts';

const alpha = 0.05;

type Answer = { readonly status: string };
function ok<A extends Answer>(answer: A): A & { status: 'ok' } {
  if (answer.status !== 'ok') throw new Error(answer.status);
  return answer as A & { status: 'ok' };
}

export function exploration(scale: Scale): Section {
  return {
    title: 'Exploration',
    text: 'No effect, no drift, no difference between segments, unless the row says otherwise.',
    rows: [
      ...segments(scale),
      ...fairness(scale),
      ...interactions(scale),
      ...novelty(scale),
      ...bootstraps(scale),
      ...correlations(scale),
      ...drifts(scale),
      ...deciles(scale),
    ],
  };
}

function segments(scale: Scale): Row[] {
  const runs = runsOf(3000, scale);
  const draws = drawsOf(901);
  let rejected = 0;
  for (let run = 0; run < runs; run += 1) {
    const effects = Array.from({ length: 6 }, (_, s) => {
      const n = 200 + 100 * s;
      const [c, t] = [armOf('counts', n, draws), armOf('counts', n, draws)];
      return ok(
        welch(
          { n, mean: c.means[0] as number, m2: c.cross[0]?.[0] as number },
          { n, mean: t.means[0] as number, m2: t.cross[0]?.[0] as number },
          { alpha },
        ),
      );
    });
    if (ok(segmentEffects(effects, { alpha })).p < alpha) rejected += 1;
  }
  return [
    rate('heterogeneity of six segments, counts', rejected, runs, { about: alpha, within: 0.005 }),
  ];
}

/** MODELS 3.15: shares 50/25/15/10 of 200,000 an arm, base 10%, effects +.8 +.8 +.8 -1.0 pp. */
function fairness(scale: Scale): Row[] {
  const runs = runsOf(500, scale);
  const draws = drawsOf(911);
  const shares = [0.5, 0.25, 0.15, 0.1];
  const lifts = [0.008, 0.008, 0.008, -0.01];
  const hits = { overall: 0, guarded: 0, alarm: 0, q: 0 };
  for (let run = 0; run < runs; run += 1) {
    const groups = shares.map((share, i) => {
      const n = 200_000 * share;
      const rateOf = (p: number): Moments => momentsOfRate({ successes: draws.binomial(n, p), n });
      return [rateOf(0.1), rateOf(0.1 + (lifts[i] as number))] as const;
    });
    const [c, t] = [0, 1].map((arm) =>
      groups.map((group) => group[arm] as Moments).reduce((a, b) => merge(a, b)),
    ) as [Moments, Moments];
    const overall = ok(welch(c, t, { alpha }));
    if (overall.p < alpha && overall.estimate > 0) hits.overall += 1;
    const effects = groups.map(([a, b]) => ok(welch(a, b, { alpha })));
    const test = { margin: 0.005, marginScale: 'absolute', direction: 'increase', alpha } as const;
    if (groups.every(([a, b]) => ok(nonInferiority(a, b, test)).nonInferior)) hits.guarded += 1;
    const harm = holm(effects.map(({ estimate, se }) => normalUpperTail(-estimate / se)));
    if (harm.some((p) => p !== null && p < alpha)) hits.alarm += 1;
    if (ok(segmentEffects(effects, { alpha })).p < alpha) hits.q += 1;
  }
  return [
    rate('one group in four harmed: overall significant (MODELS 3.15)', hits.overall, runs, {
      atLeast: 0.995,
    }),
    rate('the same: every group non-inferior', hits.guarded, runs, { atMost: 0.001 }),
    rate('the same: harm alarm by Holm', hits.alarm, runs, { about: 0.88, within: 0.02 }),
    rate('the same: heterogeneity found', hits.q, runs, { atLeast: 0.99 }),
  ];
}

function interactions(scale: Scale): Row[] {
  const runs = runsOf(4000, scale);
  const draws = drawsOf(921);
  let two = 0;
  let three = 0;
  const cell = (i: number, j: number): Moments => {
    // The effects of both experiments are there, and add.
    const arm = armOf('normal', 80, draws);
    return {
      n: arm.n,
      mean: (arm.means[0] as number) + i / 3 + j / 2,
      m2: arm.cross[0]?.[0] as number,
    };
  };
  for (let run = 0; run < runs; run += 1) {
    const grid = [0, 1, 2].map((i) => [0, 1, 2].map((j) => cell(i, j)));
    if (ok(interaction(grid, { alpha })).p < alpha) three += 1;
    const small = grid.slice(0, 2).map((row) => row.slice(0, 2));
    if (ok(interaction(small, { alpha })).p < alpha) two += 1;
  }
  return [
    rate('interaction, two by two', two, runs, { is: alpha }),
    // Wald's chi-square takes the variances for known.
    rate('interaction, three by three', three, runs, { about: alpha, within: 0.005 }),
  ];
}

function novelty(scale: Scale): Row[] {
  const runs = runsOf(6000, scale);
  const draws = drawsOf(931);
  let changed = 0;
  const arm = (effect: number) => {
    const levels = Array.from({ length: 150 }, () => 2 * draws.normal());
    return coMomentsOf([
      levels.map((level) => level + effect + draws.normal()),
      levels.map((level) => level + effect + draws.normal()),
    ]);
  };
  for (let run = 0; run < runs; run += 1) {
    if (ok(noveltyContrast(arm(0), arm(0.5), { alpha })).changed) changed += 1;
  }
  return [rate('novelty, a lasting effect', changed, runs, { is: alpha })];
}

function bootstraps(scale: Scale): Row[] {
  const runs = runsOf(500, scale);
  const draws = drawsOf(941);
  let poisson = 0;
  let buckets = 0;
  for (let run = 0; run < runs; run += 1) {
    const sample = (mean: number): number[] =>
      Array.from({ length: 300 }, () => mean + draws.geometric(2));
    const [control, treatment] = [sample(0), sample(0.5)];
    const common = { control, treatment, alpha, seed: run, draws: 300 };
    const lift = ok(
      poissonBootstrap({
        ...common,
        statistic: resampledMean,
        effect: (c, t) => (t - c) / Math.abs(c),
      }),
    );
    if (lift.lower <= 0.25 && 0.25 <= lift.upper) poisson += 1;
    const bucketsOf = (values: readonly number[]): Moments[] =>
      Array.from({ length: 30 }, (_, b) => momentsOf(values.slice(10 * b, 10 * b + 10)));
    const difference = ok(
      bucketBootstrap({
        ...common,
        control: bucketsOf(control),
        treatment: bucketsOf(treatment),
        merge,
        statistic: ({ mean }) => mean,
      }),
    );
    if (difference.lower <= 0.5 && 0.5 <= difference.upper) buckets += 1;
  }
  return [
    rate('Poisson bootstrap of a lift covers, 300 units an arm', poisson, runs, {
      about: 0.95,
      within: 0.01,
    }),
    rate('bucket bootstrap covers, 30 buckets an arm', buckets, runs, {
      about: 0.95,
      within: 0.015,
    }),
  ];
}

function correlations(scale: Scale): Row[] {
  const runs = runsOf(10_000, scale);
  const few = runsOf(500, scale);
  const draws = drawsOf(951);
  const pairs = (n: number, rho: number): [number[], number[]] => {
    const x = Array.from({ length: n }, () => draws.normal());
    return [x, x.map((v) => rho * v + Math.sqrt(1 - rho * rho) * draws.normal())];
  };
  const hits = { fisher: 0, null: 0, spearman: 0, bca: 0 };
  for (let run = 0; run < runs; run += 1) {
    const [x, y] = pairs(23, 0.4);
    const result = ok(correlation(x, y, { alpha: 0.1 }));
    if (result.lower <= 0.4 && 0.4 <= result.upper) hits.fisher += 1;
    const [u, v] = pairs(23, 0);
    if (ok(correlation(u, v, { alpha })).p < alpha) hits.null += 1;
    if (ok(correlation(u, v, { alpha, method: 'spearman' })).p < alpha) hits.spearman += 1;
  }
  for (let run = 0; run < few; run += 1) {
    const [x, y] = pairs(23, 0.4);
    const result = ok(correlationBca(x, y, { alpha: 0.1, seed: run, draws: 400 }));
    if (result.lower <= 0.4 && 0.4 <= result.upper) hits.bca += 1;
  }
  return [
    rate('Fisher covers at 90%, 23 pairs of correlation 0.4', hits.fisher, runs, {
      about: 0.9,
      within: 0.01,
    }),
    rate('Pearson, no correlation, 23 pairs', hits.null, runs, { about: alpha, within: 0.005 }),
    rate('Spearman, no correlation, 23 pairs', hits.spearman, runs, {
      about: alpha,
      within: 0.005,
    }),
    rate('BCa covers at 90%, 23 pairs', hits.bca, few, { about: 0.88, within: 0.02 }),
    attenuation(scale),
  ];
}

/** MODELS 3.13: 400 pairs of correlation .6 seen through effects that are half noise. */
function attenuation(scale: Scale): Row {
  const runs = runsOf(400, scale);
  const draws = drawsOf(952);
  let total = 0;
  for (let run = 0; run < runs; run += 1) {
    const x = Array.from({ length: 400 }, () => draws.normal());
    const y = x.map((v) => 0.6 * v + 0.8 * draws.normal() + draws.normal());
    const observed = ok(correlation(x, y, { alpha }));
    total += ok(
      disattenuated(
        observed,
        y,
        y.map(() => 1),
      ),
    ).estimate;
  }
  return value({
    name: 'disattenuated correlation, truth 0.6, half noise (MODELS 3.13)',
    promise: 'mean = 0.6',
    measured: total / runs,
    expected: 0.6,
    // One correlation is known to about 0.06 here; the ratio is biased by less than 0.005.
    error: (Z * 0.065) / Math.sqrt(runs) + 0.005,
    runs,
  });
}

function drifts(scale: Scale): Row[] {
  const runs = runsOf(20_000, scale);
  const draws = drawsOf(961);
  const histogram = (): number[] => {
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 500; i += 1) {
      const bin = Math.floor(10 * draws.uniform());
      counts[bin] = (counts[bin] as number) + 1;
    }
    return counts;
  };
  const hits = { psi: 0, ks: 0, large: 0 };
  let total = 0;
  for (let run = 0; run < runs; run += 1) {
    const result = ok(populationStability(histogram(), histogram(), { alpha: 0.01 }));
    total += result.distance;
    if (result.beyondChance) hits.psi += 1;
  }
  const few = runsOf(3000, scale);
  const sample = (n: number): number[] => Array.from({ length: n }, () => draws.normal());
  for (let run = 0; run < few; run += 1) {
    if (ok(kolmogorovSmirnov(sample(60), sample(50), { alpha })).beyondChance) hits.ks += 1;
    if (ok(kolmogorovSmirnov(sample(400), sample(400), { alpha })).beyondChance) hits.large += 1;
  }
  return [
    value({
      name: 'PSI without drift, 500 against 500 in ten bins (MODELS 3.10)',
      promise: 'mean = 0.036',
      measured: total / runs,
      expected: 0.036,
      error: (Z * 0.018) / Math.sqrt(runs) + 0.0008,
      runs,
    }),
    rate('PSI beyond its 1% band, 500 against 500', hits.psi, runs, { about: 0.01, within: 0.003 }),
    rate('Kolmogorov-Smirnov, exact, 60 against 50', hits.ks, few, { atMost: alpha }),
    rate('Kolmogorov-Smirnov, asymptotic, 400 against 400', hits.large, few, { atMost: alpha }),
  ];
}

function deciles(scale: Scale): Row[] {
  const runs = runsOf(400, scale);
  const draws = drawsOf(971);
  let any = 0;
  for (let run = 0; run < runs; run += 1) {
    const sample = (): number[] =>
      Array.from({ length: 400 }, () => Math.exp(0.7 * draws.normal()));
    const effects = quantileEffects(sample(), sample(), { alpha });
    if ('status' in effects) throw new Error(effects.status);
    const found = effects.some(
      ({ simultaneous }) =>
        simultaneous.status === 'ok' && (simultaneous.lower > 0 || simultaneous.upper < 0),
    );
    if (found) any += 1;
  }
  return [rate('nine quantile effects together', any, runs, { atMost: alpha })];
}

/** Where the truth is drawn from the prior, beliefs must be right on average. */
export function beliefs(scale: Scale): Section {
  return {
    title: 'Beliefs',
    text: 'The true effect is drawn from the prior itself: then credible intervals hold it as often as they say, and chances and expected losses are right on average.',
    rows: [...normalBeliefs(scale), ...rateBeliefs(scale)],
  };
}

function normalBeliefs(scale: Scale): Row[] {
  const runs = runsOf(40_000, scale);
  const draws = drawsOf(981);
  let covered = 0;
  const surprise = new Average();
  const loss = new Average();
  for (let run = 0; run < runs; run += 1) {
    const truth = 0.02 + 0.05 * draws.normal();
    const posterior = ok(
      normalPosterior({
        estimate: truth + 0.04 * draws.normal(),
        se: 0.04,
        prior: { mean: 0.02, sd: 0.05 },
        alpha,
      }),
    );
    if (posterior.lower <= truth && truth <= posterior.upper) covered += 1;
    surprise.add((truth > 0 ? 1 : 0) - posterior.chanceToWin);
    loss.add(Math.max(-truth, 0) - posterior.lossOfTreatment);
  }
  return [
    rate('normal, 95% credible interval', covered, runs, { is: 0.95 }),
    surprise.row('normal, treatment was better less the chance it was given', runs),
    loss.row('normal, loss of treatment less the expected loss', runs),
  ];
}

function rateBeliefs(scale: Scale): Row[] {
  const runs = runsOf(3000, scale);
  const draws = drawsOf(991);
  const prior = { a: 3, b: 17 };
  let covered = 0;
  const surprise = new Average();
  const loss = new Average();
  for (let run = 0; run < runs; run += 1) {
    const [p, q] = [beta(draws, 3, 17), beta(draws, 3, 17)];
    const result = betaBinomial(
      { successes: draws.binomial(60, p), n: 60 },
      { successes: draws.binomial(80, q), n: 80 },
      { alpha, prior },
    );
    if (result.treatment.lower <= q && q <= result.treatment.upper) covered += 1;
    surprise.add((q > p ? 1 : 0) - result.chanceToWin);
    loss.add(Math.max(p - q, 0) - result.lossOfTreatment);
  }
  return [
    rate('rate, 95% credible interval', covered, runs, { is: 0.95 }),
    surprise.row('rates, treatment was better less the chance it was given', runs),
    loss.row('rates, loss of treatment less the expected loss', runs),
  ];
}

/** A beta variate with whole parameters: the a-th smallest of a + b - 1 uniforms. */
function beta(draws: Draws, a: number, b: number): number {
  const uniforms = Array.from({ length: a + b - 1 }, () => draws.uniform()).sort((x, y) => x - y);
  return uniforms[a - 1] as number;
}

/** A mean that should be 0, judged by its own standard error. */
class Average {
  sum = 0;
  squares = 0;
  add(x: number): void {
    this.sum += x;
    this.squares += x * x;
  }
  row(name: string, runs: number): Row {
    const mean = this.sum / runs;
    const error = Z * Math.sqrt((this.squares / runs - mean * mean) / runs);
    return value({
      name,
      promise: 'mean = 0',
      measured: mean,
      expected: 0,
      error,
      runs,
      digits: 5,
    });
  }
}

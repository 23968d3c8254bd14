/**
 * How fast are the statistics? A full scorecard from moments, and every distribution call beside
 * the bare @stdlib call, as ratios of the same run. Fails when a promise is not kept.
 *
 *   npm run bench:stats
 */
import betainc from '@stdlib/math-base-special-betainc';
import erfc from '@stdlib/math-base-special-erfc';
import erfcinv from '@stdlib/math-base-special-erfcinv';
import gammainc from '@stdlib/math-base-special-gammainc';
import gammaincinv from '@stdlib/math-base-special-gammaincinv';
import gammaln from '@stdlib/math-base-special-gammaln';
import betaincinv from '@stdlib/math-base-special-kernel-betaincinv';
import studentT from '@stdlib/stats-base-dists-t';
import {
  type AdjustedArm,
  adjust,
  type Baseline,
  betaCdf,
  betaQuantile,
  betaUpperTail,
  boundaries,
  type CoMoments,
  chiSquareCdf,
  chiSquareQuantile,
  chiSquareUpperTail,
  confidenceSequence,
  fCdf,
  fieller,
  fQuantile,
  fUpperTail,
  gammaCdf,
  gammaQuantile,
  gammaUpperTail,
  holm,
  logGamma,
  logTUpperTail,
  momentsAt,
  nonInferiority,
  normalCdf,
  normalQuantile,
  normalUpperQuantile,
  normalUpperTail,
  relative,
  tUpperQuantile,
  tUpperTail,
  welch,
} from '../src/stats/index.ts';

const METRICS = 50;
const ARMS = 3;
const SCORECARD_MS_MAX = 5;
const RATIO_MAX = 3;

// --- the scorecard --------------------------------------------------------------------------

/** What a warehouse query leaves of one metric and arm: outcome and one covariate. */
function armOf(metric: number, arm: number): CoMoments {
  const n = 20_000 + 1000 * metric + 10 * arm;
  const mean = 5 + metric / 10 + arm * 0.01;
  const [yy, xx] = [4 * n, 9 * n];
  const xy = 0.6 * Math.sqrt(yy * xx);
  return {
    n,
    means: [mean, 3],
    cross: [
      [yy, xy],
      [xy, xx],
    ],
  };
}

const scorecardInput = Array.from({ length: METRICS }, (_, metric) =>
  Array.from({ length: ARMS }, (__, arm) => armOf(metric, arm)),
);
const alpha = 0.05;
/** Once a plan, not once a metric. */
const plan = boundaries({
  alpha,
  information: [0.25, 0.5, 0.75],
  spending: { kind: 'obrien_fleming' },
});

/** All that a results page shows: 50 metrics, two comparisons each, six views of each comparison. */
function scorecard(): number {
  const criticalValue = plan.criticalValues.at(-1) as number;
  const ps: number[] = [];
  for (const arms of scorecardInput) {
    const adjustment = adjust(arms);
    if (adjustment.status !== 'ok') throw new Error(adjustment.status);
    const control = adjustment.arms[0] as AdjustedArm;
    const plain = momentsAt(arms[0] as CoMoments, 0);
    for (let arm = 1; arm < ARMS; arm += 1) {
      const treatment = adjustment.arms[arm] as AdjustedArm;
      const baseline = adjustment.baselines[arm - 1] as Baseline;
      const other = momentsAt(arms[arm] as CoMoments, 0);
      // As it is, and adjusted; each absolute and relative.
      const raw = welch(plain, other, { alpha });
      const rawLift = relative(plain, other, { alpha });
      const absolute = welch(control.moments, treatment.moments, { alpha });
      const lift = relative(control.moments, treatment.moments, { alpha, baseline });
      // At this look of the plan, at any time, and against the margin.
      const atLook = fieller(control.moments, treatment.moments, { criticalValue, baseline });
      if (absolute.status !== 'ok') throw new Error(absolute.status);
      const anytime = confidenceSequence({
        estimate: absolute.estimate,
        se: absolute.se,
        n: plain.n + other.n,
        plannedN: 100_000,
        alpha,
      });
      const guard = nonInferiority(control.moments, treatment.moments, {
        margin: 0.02,
        marginScale: 'relative',
        direction: 'increase',
        alpha,
      });
      for (const { status } of [raw, rawLift, lift, atLook, anytime, guard]) {
        if (status !== 'ok') throw new Error(status);
      }
      ps.push(absolute.p);
    }
  }
  return holm(ps).length;
}

// --- distributions --------------------------------------------------------------------------

type Numbers = readonly number[];
type Call = (...args: number[]) => number;
type Pair = {
  readonly name: string;
  readonly ours: Call;
  readonly bare: Call;
  readonly inputs: readonly Numbers[];
};

/** Every pairing of these values. */
function grid(...axes: Numbers[]): Numbers[] {
  return axes.reduce<number[][]>(
    (points, axis) => points.flatMap((point) => axis.map((x) => [...point, x])),
    [[]],
  );
}

const Z = [-6, -2.5, -0.4, 0.3, 1.1, 1.96, 3, 8];
const P = [1e-12, 1e-4, 0.025, 0.3, 0.6, 0.975];
const T = grid([0.3, 1.1, 1.96, 3, 8], [4, 30, 200, 5000, 1e6, 1e9]);
const TAILS = grid([1e-6, 0.001, 0.025, 0.3], [0.5, 4, 30, 200, 5000, 1e6, 1e10]);
const GAMMA = [0.5, 1, 3, 20, 150, 1e4, 1e6].flatMap((a) =>
  [-2, -0.5, 0.5, 3].map((z) => [Math.max(0.01, a + z * Math.sqrt(a)), a]),
);
/** The bare call is wrong above the mean of large shapes, and slow: it does not count there. */
const GAMMA_RIGHT = GAMMA.filter(([x, a]) => (a as number) < 300 || (x as number) < (a as number));
const GAMMA_P = grid([0.001, 0.3, 0.9], [0.5, 1, 3, 20, 150]);
const SHAPES = [
  [1, 1],
  [3, 40],
  [60, 50],
  [500, 9500],
  [40_000, 60_000],
  [1_000_000, 9_000_000],
] as const;
const BETA = SHAPES.flatMap(([a, b]) => {
  const mean = a / (a + b);
  const sd = Math.sqrt((mean * (1 - mean)) / (a + b + 1));
  return [-2.5, -0.5, 0.5, 2.5].map((z) => [Math.min(0.95, Math.max(0.01, mean + z * sd)), a, b]);
});
const BETA_P = SHAPES.flatMap(([a, b]) => [0.001, 0.3, 0.9].map((p) => [p, a, b]));
const F = BETA.map(([x, a, b]) => {
  const [u, d, e] = [x as number, 2 * (a as number), 2 * (b as number)];
  return [((u / (1 - u)) * e) / d, d, e];
});

const t1 = (a: number | undefined): number => a as number;
const bareF = (x: number, d: number, e: number, upper: boolean): number =>
  betainc((d * x) / (d * x + e), d / 2, e / 2, true, upper);

const PAIRS: readonly Pair[] = [
  {
    name: 'normalCdf',
    ours: normalCdf,
    bare: (x) => erfc(-t1(x) / Math.SQRT2) / 2,
    inputs: grid(Z),
  },
  {
    name: 'normalUpperTail',
    ours: normalUpperTail,
    bare: (x) => erfc(t1(x) / Math.SQRT2) / 2,
    inputs: grid(Z),
  },
  {
    name: 'normalQuantile',
    ours: normalQuantile,
    bare: (p) => -Math.SQRT2 * erfcinv(2 * t1(p)),
    inputs: grid(P),
  },
  {
    name: 'normalUpperQuantile',
    ours: normalUpperQuantile,
    bare: (p) => Math.SQRT2 * erfcinv(2 * t1(p)),
    inputs: grid(P),
  },
  {
    name: 'tUpperTail',
    ours: tUpperTail,
    bare: (x, df) => studentT.cdf(-t1(x), t1(df)),
    inputs: T,
  },
  {
    name: 'logTUpperTail',
    ours: logTUpperTail,
    bare: (x, df) => studentT.logcdf(-t1(x), t1(df)),
    inputs: T,
  },
  {
    name: 'tUpperQuantile',
    ours: tUpperQuantile,
    bare: (p, df) => -studentT.quantile(t1(p), t1(df)),
    inputs: TAILS,
  },
  {
    name: 'chiSquareCdf',
    ours: (x, a) => chiSquareCdf(2 * t1(x), 2 * t1(a)),
    bare: (x, a) => gammainc(t1(x), t1(a), true, false),
    inputs: GAMMA_RIGHT,
  },
  {
    name: 'chiSquareUpperTail',
    ours: (x, a) => chiSquareUpperTail(2 * t1(x), 2 * t1(a)),
    bare: (x, a) => gammainc(t1(x), t1(a), true, true),
    inputs: GAMMA_RIGHT,
  },
  {
    name: 'chiSquareQuantile',
    ours: (p, a) => chiSquareQuantile(t1(p), 2 * t1(a)),
    bare: (p, a) => 2 * gammaincinv(t1(p), t1(a), false),
    inputs: GAMMA_P,
  },
  {
    name: 'gammaCdf',
    ours: gammaCdf,
    bare: (x, a) => gammainc(t1(x), t1(a), true, false),
    inputs: GAMMA_RIGHT,
  },
  {
    name: 'gammaUpperTail',
    ours: gammaUpperTail,
    bare: (x, a) => gammainc(t1(x), t1(a), true, true),
    inputs: GAMMA_RIGHT,
  },
  {
    name: 'gammaQuantile',
    ours: gammaQuantile,
    bare: (p, a) => gammaincinv(t1(p), t1(a), false),
    inputs: GAMMA_P,
  },
  {
    name: 'betaCdf',
    ours: betaCdf,
    bare: (x, a, b) => betainc(t1(x), t1(a), t1(b), true, false),
    inputs: BETA,
  },
  {
    name: 'betaUpperTail',
    ours: betaUpperTail,
    bare: (x, a, b) => betainc(t1(x), t1(a), t1(b), true, true),
    inputs: BETA,
  },
  {
    name: 'betaQuantile',
    ours: betaQuantile,
    bare: (p, a, b) => betaincinv(t1(a), t1(b), t1(p), 1 - t1(p))[0] as number,
    inputs: BETA_P,
  },
  { name: 'fCdf', ours: fCdf, bare: (x, d, e) => bareF(t1(x), t1(d), t1(e), false), inputs: F },
  {
    name: 'fUpperTail',
    ours: fUpperTail,
    bare: (x, d, e) => bareF(t1(x), t1(d), t1(e), true),
    inputs: F,
  },
  {
    name: 'fQuantile',
    ours: (p, a, b) => fQuantile(t1(p), 2 * t1(a), 2 * t1(b)),
    bare: (p, a, b) => {
      const [x, y] = betaincinv(t1(a), t1(b), t1(p), 1 - t1(p)) as [number, number];
      return ((x / y) * t1(b)) / t1(a);
    },
    inputs: BETA_P,
  },
  {
    name: 'logGamma',
    ours: logGamma,
    bare: (z) => gammaln(t1(z)),
    inputs: grid([0.5, 3, 40, 1e5]),
  },
];

// --- timing ---------------------------------------------------------------------------------

let sink = 0;

/** Nanoseconds a call: the best of several rounds, so that a busy machine counts less. */
function nanoseconds(call: () => void, calls: number, rounds = 15): number {
  let best = Infinity;
  for (let round = 0; round < rounds; round += 1) {
    const from = process.hrtime.bigint();
    for (let i = 0; i < calls; i += 1) call();
    best = Math.min(best, Number(process.hrtime.bigint() - from) / calls);
  }
  return best;
}

function timeOf(call: Call, inputs: readonly Numbers[]): number {
  const all = (): void => {
    for (const input of inputs) sink += call(...input);
  };
  return nanoseconds(all, Math.ceil(2000 / inputs.length)) / inputs.length;
}

let failures = 0;
const ms =
  nanoseconds(
    () => {
      sink += scorecard();
    },
    20,
    30,
  ) / 1e6;
const kept = ms < SCORECARD_MS_MAX;
if (!kept) failures += 1;
console.log(
  `scorecard of ${METRICS} metrics x ${ARMS} arms: ${ms.toFixed(2)} ms (promise: < ${SCORECARD_MS_MAX} ms)${kept ? '' : '  NOT KEPT'}`,
);
console.log(
  `\n${'call'.padEnd(22)}${'ours ns'.padStart(9)}${'bare ns'.padStart(9)}${'ratio'.padStart(8)}`,
);
for (const { name, ours, bare, inputs } of PAIRS) {
  // Alternating, so that both meet the same machine.
  const first = [timeOf(ours, inputs), timeOf(bare, inputs)] as const;
  const second = [timeOf(ours, inputs), timeOf(bare, inputs)] as const;
  const [a, b] = [Math.min(first[0], second[0]), Math.min(first[1], second[1])];
  const ratio = a / b;
  if (ratio > RATIO_MAX) failures += 1;
  console.log(
    `${name.padEnd(22)}${a.toFixed(0).padStart(9)}${b.toFixed(0).padStart(9)}${ratio.toFixed(2).padStart(8)}${ratio > RATIO_MAX ? '  NOT KEPT' : ''}`,
  );
}
if (!Number.isFinite(sink)) throw new Error('a call gave no number');
process.exitCode = failures === 0 ? 0 : 1;

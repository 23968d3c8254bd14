/** Looks at the data as they come: what is promised at any time, and what fixed tests then do. */
import {
  boundaries,
  confidenceSequence,
  confidenceSequenceOneSided,
  type Moments,
  merge,
  momentsAt,
  NO_UNITS,
  sampleRatioMismatch,
  sequentialSampleRatio,
  welch,
} from '../../src/stats/index.ts';
import { armOf, KINDS, type Kind } from './data.ts';
import { drawsOf, type Row, rate, runsOf, type Scale, type Section } from './harness.ts';

const alpha = 0.05;
const DAYS = 28;
/** New units an arm and day: enough on the first day for the sums to be nearly normal. */
const DAILY: Record<Kind, number> = {
  normal: 100,
  'Bernoulli 1%': 1000,
  'zero-inflated log-normal': 400,
  counts: 200,
};

/** Four weeks of daily looks at no effect. */
export function dailyLooks(scale: Scale): Section {
  const runs = runsOf(4000, scale);
  const days = Array.from({ length: DAYS }, (_, day) => day + 1);
  const daily = boundaries({
    alpha,
    information: days.map((day) => day / DAYS),
    spending: { kind: 'obrien_fleming' },
  }).criticalValues;
  const pocock = boundaries({
    alpha,
    information: days.map((day) => day / DAYS),
    spending: { kind: 'pocock' },
  }).criticalValues;
  const weekly = boundaries({
    alpha,
    information: [0.25, 0.5, 0.75, 1],
    spending: { kind: 'obrien_fleming' },
  }).criticalValues;
  const rows = KINDS.flatMap((kind, k): Row[] => {
    const draws = drawsOf(500 + k);
    const n = DAILY[kind];
    const hits = { naive: 0, anytime: 0, harm: 0, daily: 0, pocock: 0, weekly: 0 };
    for (let run = 0; run < runs; run += 1) {
      let [c, t]: [Moments, Moments] = [NO_UNITS, NO_UNITS];
      const hit = {
        naive: false,
        anytime: false,
        harm: false,
        daily: false,
        pocock: false,
        weekly: false,
      };
      for (const day of days) {
        c = merge(c, momentsAt(armOf(kind, n, draws), 0));
        t = merge(t, momentsAt(armOf(kind, n, draws), 0));
        const result = welch(c, t, { alpha });
        if (result.status !== 'ok') throw new Error(result.status);
        const z = Math.abs(result.t);
        hit.naive ||= result.p < alpha;
        hit.daily ||= z > (daily[day - 1] as number);
        hit.pocock ||= z > (pocock[day - 1] as number);
        if (day % 7 === 0) hit.weekly ||= z > (weekly[day / 7 - 1] as number);
        const look = {
          estimate: result.estimate,
          se: result.se,
          n: c.n + t.n,
          plannedN: 2 * n * DAYS,
          alpha,
        };
        const anytime = confidenceSequence(look);
        const harm = confidenceSequenceOneSided({ ...look, side: 'upper' });
        hit.anytime ||= anytime.status === 'ok' && anytime.p < alpha;
        hit.harm ||= harm.status === 'ok' && harm.p < alpha;
      }
      for (const key of Object.keys(hits) as (keyof typeof hits)[]) if (hit[key]) hits[key] += 1;
    }
    const row = (name: string, key: keyof typeof hits): Row =>
      rate(`${name}, ${kind}`, hits[key], runs, { atMost: alpha });
    return [
      rate(`fixed test at every look (contrast), ${kind}`, hits.naive, runs, {
        about: 0.27,
        within: 0.02,
      }),
      row('always-valid sequence, daily', 'anytime'),
      row('always-valid harm alarm, one-sided, daily', 'harm'),
      row("O'Brien-Fleming boundaries, daily", 'daily'),
      row('Pocock boundaries, daily', 'pocock'),
      row("O'Brien-Fleming boundaries, weekly", 'weekly'),
    ];
  });
  return {
    title: 'Twenty-eight daily looks at no effect',
    text: `${KINDS.map((kind) => `${DAILY[kind]} units an arm and day (${kind})`).join(', ')}. Each row counts the runs in which any look was significant at 5%.`,
    rows,
  };
}

/** Sample ratio: once, and every hour for four weeks. */
export function sampleRatio(scale: Scale): Section {
  return {
    title: 'Sample ratio',
    text: 'Two arms of equal weight, units arriving at random. The alarm level is 0.1%.',
    rows: [...oneLook(scale), ...hourly(scale), ...detection(scale)],
  };
}

function oneLook(scale: Scale): Row[] {
  const runs = runsOf(200_000, scale);
  const draws = drawsOf(601);
  let pearson = 0;
  let exact = 0;
  for (let run = 0; run < runs; run += 1) {
    const many = Math.round(5000 + Math.sqrt(2500) * draws.normal());
    const few = draws.binomial(9, 0.5);
    const a = sampleRatioMismatch([many, 10_000 - many], [1, 1]);
    const b = sampleRatioMismatch([few, 9 - few], [1, 1]);
    if (a.status === 'ok' && a.p < 0.001) pearson += 1;
    if (b.status === 'ok' && b.p < 0.05) exact += 1;
  }
  return [
    rate('chi-square, 10,000 units, at 0.1%', pearson, runs, { about: 0.001, within: 0.0001 }),
    rate('exact, 9 units, at 5%', exact, runs, { atMost: 0.05 }),
  ];
}

function hourly(scale: Scale): Row[] {
  const runs = runsOf(30_000, scale);
  const draws = drawsOf(611);
  const hours = 24 * DAYS;
  let alarms = 0;
  let peeked = 0;
  for (let run = 0; run < runs; run += 1) {
    const counts = [0, 0];
    let alarm = false;
    let peek = false;
    for (let hour = 0; hour < hours; hour += 1) {
      // 40 units an hour: an exact binomial split.
      let first = 0;
      for (let i = 0; i < 40; i += 1) if (draws.uniform() < 0.5) first += 1;
      counts[0] = (counts[0] as number) + first;
      counts[1] = (counts[1] as number) + 40 - first;
      const total = 40 * (hour + 1);
      const difference = (counts[0] as number) - (counts[1] as number);
      // Pearson's chi-square of two equal arms; 10.828 is its 0.1% point.
      peek ||= (difference * difference) / total > 10.828;
      const result = sequentialSampleRatio(counts, [1, 1]);
      alarm ||= result.status === 'ok' && result.p <= 0.001;
    }
    if (alarm) alarms += 1;
    if (peek) peeked += 1;
  }
  return [
    rate(`sequential, hourly for ${DAYS} days`, alarms, runs, { atMost: 0.001 }),
    rate(`chi-square at every hour (contrast)`, peeked, runs, { about: 0.02, within: 0.01 }),
  ];
}

/** 52/48 is caught at a median of about 11,000 units. */
function detection(scale: Scale): Row[] {
  const runs = runsOf(1000, scale);
  const draws = drawsOf(621);
  let within = 0;
  for (let run = 0; run < runs; run += 1) {
    const counts = [0, 0];
    for (let look = 0; look < 110; look += 1) {
      let first = 0;
      for (let i = 0; i < 100; i += 1) if (draws.uniform() < 0.52) first += 1;
      counts[0] = (counts[0] as number) + first;
      counts[1] = (counts[1] as number) + 100 - first;
      const result = sequentialSampleRatio(counts, [1, 1]);
      if (result.status === 'ok' && result.p <= 0.001) {
        within += 1;
        break;
      }
    }
  }
  return [
    rate('52 to 48 is caught within 11,000 units, sequential', within, runs, {
      about: 0.5,
      within: 0.05,
    }),
  ];
}

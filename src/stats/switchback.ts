/**
 * Switchback experiments: a whole region switches between arms from window to window, because its
 * units share what is treated (prices, couriers, a cache). The cell of a region and a window is the
 * unit, and the assignment itself is the source of chance.
 */
import { requireCount, requireNonNegative, requireProbability, requireSize } from './checks.ts';
import { agree, type NoEstimate } from './estimate.ts';
import { dot } from './linear-algebra.ts';
import {
  type Errors,
  type Fit,
  fitTreatment,
  type RegressionEstimate,
  regressionEffect,
} from './regression.ts';
import { createRandom, type Random } from './variates.ts';

/** With fewer cells an arm than this, only the randomization test is to be believed. */
const CELLS_MIN = 20;
/** A redraw that puts everything in one arm is drawn again, at most this often. */
const REDRAWS_MAX = 100;
const DRAWS_MAX = 1_000_000;
/** Statistics this close (relative) are a tie: it counts against significance. */
const TIE = 1e-9;

export type SwitchbackCell = {
  readonly region: string;
  /** Position in time; cells of a region are in order of it. */
  readonly period: number;
  readonly treated: boolean;
  /** Mean of the cell's outcomes, after its burn-in. */
  readonly mean: number;
  /** Volume behind the mean, > 0 [1]. */
  readonly weight?: number;
  /** Label of the season (hour of the week); for `adjustFor`. */
  readonly season?: string | number;
  /** What was randomized together [the cell alone]. */
  readonly assigned?: string;
  /** What depends on one another beyond that, for the robust error [as assigned]. */
  readonly cluster?: string;
  /** Pair or block within which treatment was shuffled; for design 'shuffled'. */
  readonly block?: string;
};

export type SwitchbackDesign =
  /** Every assigned group was treated with this probability, on its own. */
  | { readonly kind: 'independent'; readonly share: number }
  /** As many assigned groups of each block are treated as were, in random order. */
  | { readonly kind: 'shuffled' };

export type SwitchbackEstimate = {
  readonly status: 'ok';
  /** Treated - not treated cells, in the outcome's unit. */
  readonly estimate: number;
  /** Of the randomization test. */
  readonly p: number;
  /** All constant effects that the randomization test does not reject; null where unbounded. */
  readonly lower: number | null;
  readonly upper: number | null;
  /** 1 - alpha. */
  readonly level: number;
  readonly draws: number;
  readonly treatedCells: number;
  readonly controlCells: number;
  /** Fewer than 20 cells in an arm: do not show `robust`. */
  readonly fewCells: boolean;
  /** By regression with a robust error, to stand beside. */
  readonly robust: RegressionEstimate | NoEstimate<'insufficient_data' | 'zero_variance'>;
};

/**
 * What does the treatment do, when whole regions switch between arms?
 *
 * Difference of cell means, by weighted least squares beside region and season where asked. The
 * p-value asks how often the assignment, drawn anew under the design, would have moved the
 * statistic as far; the interval holds every constant effect that this test does not reject. Drop
 * the burn-in of each window first (switchbackCells): what carries over biases towards 0.
 *
 *   statistic: |z' y| / |z|, z = treatment less its regression on the rest
 *   p = (1 + number of draws with a statistic at least as large) / (draws + 1)
 *   interval: all effects e for which the test of y - e treated has p >= alpha
 *
 * @param cells              Cells, two or more in each arm.
 * @param options.alpha      In (0, 1), two-sided.
 * @param options.design     How treatment was assigned.
 * @param options.seed       A safe integer: the same seed gives the same p.
 * @param options.draws      Number of redraws [2000], at least 1 / alpha.
 * @param options.adjustFor  Fixed effects to take out [none].
 * @param options.weights    'equal' ['equal'] | 'volume': each cell by its weight.
 * @param options.lag        Newey-West within regions with this lag instead of CR2 over clusters,
 *                           for the robust error.
 * @returns Estimate, randomization p and interval: 0 lies in it exactly when p >= alpha. Or
 *          NoEstimate: 'insufficient_data' (fewer than two cells in an arm, or treatment follows
 *          from region and season).
 * @throws RangeError when an argument breaks its stated range.
 * @source Fisher (1935); Rosenbaum (2002), Observational Studies, 2, for the interval; Bojinov,
 *         Simchi-Levi, Zhao (2023), Management Science, for switchbacks.
 */
export function switchback(
  cells: readonly SwitchbackCell[],
  options: {
    readonly alpha: number;
    readonly design: SwitchbackDesign;
    readonly seed: number;
    readonly draws?: number;
    readonly adjustFor?: readonly ('region' | 'season')[];
    readonly weights?: 'equal' | 'volume';
    readonly lag?: number;
  },
): SwitchbackEstimate | NoEstimate<'insufficient_data'> {
  const { alpha, design, seed, draws = 2000, adjustFor = [], weights = 'equal', lag } = options;
  requireProbability('alpha', alpha);
  requireDraws(draws, alpha);
  if (design.kind === 'independent') requireProbability('design.share', design.share);
  const random = createRandom(seed);
  const rows = inOrder(cells);
  const treatedCells = rows.filter(({ treated }) => treated).length;
  const controlCells = rows.length - treatedCells;
  if (Math.min(treatedCells, controlCells) < 2) return { status: 'insufficient_data' };

  const volumes = rows.map(({ weight = 1 }) => weight);
  const data = {
    outcome: rows.map(({ mean }) => mean),
    treated: rows.map(({ treated }) => treated),
    covariates: adjustFor.flatMap((effect) => indicators(rows.map((cell) => cell[effect] ?? ''))),
    ...(weights === 'volume' && { weights: volumes }),
  };
  const robust = regressionEffect(data, { alpha, errors: errorsOf(rows, lag) });
  const fit = fitTreatment(data, 'common');
  if (fit === undefined) return { status: 'insufficient_data' };
  const scale = weights === 'volume' ? volumes.map(Math.sqrt) : rows.map(() => 1);
  const redraw = redrawOf(rows, design, random);
  const found = randomizationTest({ fit, scale, redraw, draws, alpha });
  return {
    status: 'ok',
    estimate: fit.estimate,
    ...found,
    level: 1 - alpha,
    draws,
    treatedCells,
    controlCells,
    fewCells: Math.min(treatedCells, controlCells) < CELLS_MIN,
    robust,
  };
}

function requireDraws(draws: number, alpha: number): void {
  requireCount('draws', draws);
  if (!(draws <= DRAWS_MAX && alpha * (draws + 1) > 1)) {
    throw new RangeError(`draws = ${draws}: must be above 1 / alpha - 1, at most ${DRAWS_MAX}`);
  }
}

/** Checked, and by region and time. */
function inOrder(cells: readonly SwitchbackCell[]): SwitchbackCell[] {
  cells.forEach(({ mean, weight = 1, period }, i) => {
    requireSize(`cells[${i}].mean`, mean);
    requireSize(`cells[${i}].period`, period);
    if (!(weight > 0 && weight <= 1e15)) {
      throw new RangeError(`cells[${i}].weight = ${weight}: must be in (0, 1e15]`);
    }
  });
  return [...cells].sort(
    (a, b) => (a.region < b.region ? -1 : a.region > b.region ? 1 : 0) || a.period - b.period,
  );
}

/** One 0/1 column a label but the first. */
function indicators(labels: readonly (string | number)[]): number[][] {
  const distinct = [...new Set(labels)];
  return distinct.slice(1).map((label) => labels.map((other) => (other === label ? 1 : 0)));
}

function errorsOf(rows: readonly SwitchbackCell[], lag: number | undefined): Errors {
  if (lag !== undefined) {
    return { kind: 'newey_west', lag, adjusted: true, series: rows.map(({ region }) => region) };
  }
  return { kind: 'cr2', cluster: rows.map((cell, i) => cell.cluster ?? groupOf(cell, i)) };
}

/** The label of what was randomized together. */
function groupOf({ assigned }: SwitchbackCell, row: number): string {
  return assigned === undefined ? `cell ${row}` : `group ${assigned}`;
}

/** Draws the assignment of all rows anew, as the design did. */
function redrawOf(
  rows: readonly SwitchbackCell[],
  design: SwitchbackDesign,
  random: Random,
): () => number[] {
  const groups = new Map<string, { rows: number[]; treated: boolean; block: string }>();
  rows.forEach((cell, i) => {
    const label = groupOf(cell, i);
    const group = groups.get(label);
    if (group === undefined) {
      groups.set(label, { rows: [i], treated: cell.treated, block: cell.block ?? '' });
      return;
    }
    if (group.treated !== cell.treated) {
      throw new RangeError(`cells assigned ${cell.assigned}: must all be treated, or none`);
    }
    group.rows.push(i);
  });
  const list = [...groups.values()];
  const blocks = new Map<string, number[]>();
  list.forEach(({ block }, g) => {
    blocks.set(block, [...(blocks.get(block) ?? []), g]);
  });
  return () => {
    const arms =
      design.kind === 'independent'
        ? list.map(() => random.bernoulli(design.share))
        : shuffled(
            list.map(({ treated }) => treated),
            [...blocks.values()],
            random,
          );
    const assignment = new Array<number>(rows.length).fill(0);
    list.forEach((group, g) => {
      if (arms[g]) for (const i of group.rows) assignment[i] = 1;
    });
    return assignment;
  };
}

/** Fisher and Yates within each block. */
function shuffled(
  treated: boolean[],
  blocks: readonly (readonly number[])[],
  random: Random,
): boolean[] {
  for (const block of blocks) {
    for (let k = block.length - 1; k > 0; k -= 1) {
      const [i, j] = [block[k] as number, block[random.integer(0, k)] as number];
      [treated[i], treated[j]] = [treated[j] as boolean, treated[i] as boolean];
    }
  }
  return treated;
}

/**
 * The randomization test and its inversion. A draw rejects the effect e less than the data do while
 * |a - e k| >= |b - e|, with b the estimate and |k| <= 1: an interval around b, so the effects that
 * enough draws tolerate are an interval too.
 */
function randomizationTest(options: {
  readonly fit: Fit;
  readonly scale: readonly number[];
  readonly redraw: () => number[];
  readonly draws: number;
  readonly alpha: number;
}): { readonly p: number; readonly lower: number | null; readonly upper: number | null } {
  const { fit, scale, redraw, draws, alpha } = options;
  const others = fit.columns.slice(0, -1);
  const direction = fit.columns.at(-1) as readonly number[];
  const projected = fit.estimate * fit.length;
  const outcome = fit.residuals.map((e, i) => e + projected * (direction[i] as number));
  const { estimate } = fit;
  const lowers: number[] = [];
  const uppers: number[] = [];
  let extreme = 0;
  for (let draw = 0; draw < draws; draw += 1) {
    const drawn = drawOf({ redraw, scale, others, outcome, direction });
    const a = drawn === undefined ? estimate : drawn.effect / fit.length;
    const k = drawn === undefined ? 1 : drawn.overlap;
    if (Math.abs(a) >= Math.abs(estimate) * (1 - TIE)) extreme += 1;
    const ends = [(estimate - a) / (1 - k), (estimate + a) / (1 + k)];
    const isAlways = 1 - Math.abs(k) < 1e-12;
    lowers.push(isAlways ? -Infinity : Math.min(...ends));
    uppers.push(isAlways ? Infinity : Math.max(...ends));
  }
  const p = (1 + extreme) / (draws + 1);
  const needed = Math.ceil(alpha * (draws + 1) - 1 - 1e-9);
  const lower = lowers.sort((x, y) => x - y)[needed - 1] as number;
  const upper = uppers.sort((x, y) => y - x)[needed - 1] as number;
  const bounds = agree({ lower, upper }, p < alpha, estimate);
  return { p, lower: finite(bounds.lower), upper: finite(bounds.upper) };
}

function finite(bound: number): number | null {
  return Number.isFinite(bound) ? bound : null;
}

/** One redraw: how it projects the outcome, and how it overlaps with the actual assignment. */
function drawOf(options: {
  readonly redraw: () => number[];
  readonly scale: readonly number[];
  readonly others: readonly (readonly number[])[];
  readonly outcome: readonly number[];
  readonly direction: readonly number[];
}): { readonly effect: number; readonly overlap: number } | undefined {
  const { redraw, scale, others, outcome, direction } = options;
  for (let attempt = 0; attempt < REDRAWS_MAX; attempt += 1) {
    const z = redraw().map((arm, i) => arm * (scale[i] as number));
    const whole = dot(z, z);
    const left = whole - others.reduce((sum, q) => sum + dot(q, z) ** 2, 0);
    if (left > 1e-9 * whole && whole > 0) {
      const length = Math.sqrt(left);
      return { effect: dot(z, outcome) / length, overlap: dot(z, direction) / length };
    }
  }
  return undefined;
}

// --- cells from events ----------------------------------------------------------------------

export type SwitchbackWindow = {
  readonly region: string;
  /** Half-open, in any unit of time. */
  readonly start: number;
  readonly end: number;
  readonly treated: boolean;
  readonly season?: string | number;
};

/**
 * What are the cells of a switchback, once the burn-in of each window is dropped?
 *
 * An outcome belongs to the window in which it began; what the window before still causes in the
 * first part of a window is dropped with it.
 *
 * @param events          Outcomes with region and time.
 * @param windows         Windows; those of a region do not overlap.
 * @param options.burnIn  Time from the start of a window that is dropped, >= 0 [0].
 * @returns One cell a window that has outcomes left: their mean, and their number as weight.
 * @throws RangeError when an argument is out of range, or windows of a region overlap.
 * @source MODELS 3.9.
 */
export function switchbackCells(
  events: readonly { readonly region: string; readonly at: number; readonly value: number }[],
  windows: readonly SwitchbackWindow[],
  options: { readonly burnIn?: number } = {},
): SwitchbackCell[] {
  const { burnIn = 0 } = options;
  requireNonNegative('burnIn', burnIn);
  const byRegion = new Map<string, { window: SwitchbackWindow; sum: number; count: number }[]>();
  windows.forEach((window, i) => {
    if (!(window.start < window.end)) {
      throw new RangeError(`windows[${i}].start = ${window.start}: must be before ${window.end}`);
    }
    const own = byRegion.get(window.region) ?? [];
    own.push({ window, sum: 0, count: 0 });
    byRegion.set(window.region, own);
  });
  for (const [region, own] of byRegion) {
    own.sort((a, b) => a.window.start - b.window.start);
    own.forEach(({ window }, i) => {
      const next = own[i + 1]?.window;
      if (next !== undefined && next.start < window.end) {
        throw new RangeError(`windows of ${region} overlap at ${next.start}`);
      }
    });
  }
  for (const { region, at, value } of events) {
    requireSize('value', value);
    const cell = windowAt(byRegion.get(region) ?? [], at);
    if (cell === undefined || at < cell.window.start + burnIn) continue;
    cell.sum += value;
    cell.count += 1;
  }
  return [...byRegion.values()].flat().flatMap(({ window, sum, count }) => {
    const { region, start, treated, season } = window;
    const cell = { region, period: start, treated, mean: sum / count, weight: count };
    return count === 0 ? [] : [season === undefined ? cell : { ...cell, season }];
  });
}

/** The last window that starts by then and is not over, by bisection. */
function windowAt<Cell extends { readonly window: SwitchbackWindow }>(
  cells: readonly Cell[],
  at: number,
): Cell | undefined {
  let from = 0;
  let to = cells.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((cells[middle] as Cell).window.start <= at) from = middle + 1;
    else to = middle;
  }
  const cell = cells[from - 1];
  return cell !== undefined && at < cell.window.end ? cell : undefined;
}

/**
 * Numbers to geometry: pure functions that say where a mark stands. The templates in views/partials
 * place what is computed here, so a chart is never a string of markup.
 */
import { dayLabel, formatCount, formatLift, isolate, shorten } from './format.ts';

/** A place on an axis in per cent of its width, so that one drawing fits every cell. */
export type AxisTick = { readonly x: number; readonly label: string };
export type Axis = {
  readonly min: number;
  readonly max: number;
  readonly ticks: readonly AxisTick[];
};
export type Interval = {
  readonly estimate: number;
  readonly lower: number;
  readonly upper: number;
};

/** What `partials/interval-bar.ejs` draws; x and width are per cents. */
export type IntervalBar = {
  readonly zero: number;
  readonly limit: number | null;
  readonly band: { readonly x: number; readonly width: number } | null;
  readonly tick: number | null;
  /** The interval that decides, where it is wider than the band. */
  readonly reach: { readonly x1: number; readonly x2: number } | null;
  readonly clipLow: boolean;
  readonly clipHigh: boolean;
};

/** Half the labels' distance to the edge: the outer labels stand at three quarters of the axis. */
const TICK_STEPS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.025, 0.05, 0.075, 0.1, 0.15,
  0.2, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000,
];
const COVERED = 0.8;

/** One symmetric axis for all relative changes of a section, wide enough for four in five of them. */
export function liftAxis(intervals: readonly Interval[]): Axis {
  const ends = intervals
    .map(({ lower, upper }) => Math.max(Math.abs(lower), Math.abs(upper)))
    .filter((end) => Number.isFinite(end))
    .sort((a, b) => a - b);
  const wanted = ends.length === 0 ? 0.04 : (ends[Math.ceil(COVERED * ends.length) - 1] ?? 0.04);
  const step =
    TICK_STEPS.find((candidate) => (candidate * 8) / 3 >= wanted) ?? TICK_STEPS.at(-1) ?? 1;
  const max = (step * 8) / 3;
  const marks = [-2, -1, 0, 1, 2].map((times) => times * step);
  return {
    min: -max,
    max,
    ticks: marks.map((mark) => ({ x: place(mark, -max, max), label: axisLift(mark) })),
  };
}

/** Guardrails: in units of their own limit, limit at −1, zero at 0, harm to the left. */
export const GUARDRAIL_AXIS: Axis = {
  min: -2,
  max: 1.4,
  ticks: [
    { x: place(-1, -2, 1.4), label: 'limit' },
    { x: place(0, -2, 1.4), label: '0' },
    { x: place(1, -2, 1.4), label: 'better' },
  ],
};

/** One interval on an axis: clipped to it, with an arrow at an edge that was cut. */
export function intervalBar(
  axis: Axis,
  interval: Interval | null,
  marks: { limit?: number | null; reach?: { lower: number; upper: number } | null } = {},
): IntervalBar {
  const at = (value: number) => place(value, axis.min, axis.max);
  const inside = (value: number) => value >= axis.min && value <= axis.max;
  const limit = marks.limit ?? null;
  const common = {
    zero: at(0),
    limit: limit !== null && inside(limit) ? at(limit) : null,
  };
  if (interval === null) {
    return { ...common, band: null, tick: null, reach: null, clipLow: false, clipHigh: false };
  }
  const { lower, upper, estimate } = interval;
  // A band past the edge still shows a stub, so that the arrow has something to continue.
  const left = Math.min(at(lower), 97);
  const right = Math.max(at(upper), 3);
  const reach = marks.reach ?? null;
  return {
    ...common,
    band: { x: left, width: round(Math.max(right - left, 0.3)) },
    tick: inside(estimate) ? at(estimate) : null,
    reach: reach === null ? null : { x1: at(reach.lower), x2: at(reach.upper) },
    clipLow: lower < axis.min,
    clipHigh: upper > axis.max,
  };
}

/** ---- Daily new units: a step line for each variant, with a legend above the plot. */

export type StepSeries = {
  readonly label: string;
  readonly line: string;
  readonly values: readonly number[];
};

export type StepChart = {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly right: number;
  readonly base: number;
  readonly labelX: number;
  readonly tickY: number;
  readonly grid: readonly { readonly y: number; readonly textY: number; readonly label: string }[];
  readonly ticks: readonly {
    readonly x: number;
    readonly anchor: string;
    readonly label: string;
  }[];
  readonly paths: readonly { readonly line: string; readonly d: string }[];
  readonly legend: readonly {
    readonly x1: number;
    readonly x2: number;
    readonly y: number;
    readonly textX: number;
    readonly textY: number;
    readonly line: string;
    readonly label: string;
  }[];
};

const DAY_STEPS = [1, 2, 4, 7, 14, 28, 56, 91, 182, 364, 728];

export function stepChart(
  days: readonly string[],
  series: readonly StepSeries[],
  width: 900 | 360,
): StepChart {
  const wide = width === 900;
  const slot = wide ? 190 : 150;
  const rowHeight = wide ? 20 : 26;
  const highest = Math.max(1, ...series.flatMap(({ values }) => values));
  const step = niceCountStep(highest / 4);
  const top = step * Math.ceil(highest / step);
  const labels = range(top / step + 1).map((index) => formatCount(index * step));
  const left = 16 + Math.max(...labels.map((label) => label.length)) * (wide ? 7 : 9);
  const perRow = Math.max(1, Math.floor((width - left) / slot));
  const legendRows = Math.ceil(series.length / perRow);
  const above = 14 + legendRows * rowHeight;
  const base = above + (wide ? 180 : 150);
  const right = width - 8;
  const x = (day: number) => round(left + ((right - left) * day) / Math.max(1, days.length));
  const y = (value: number) => round(above + ((base - above) * (top - value)) / top);
  return {
    width,
    height: base + 30,
    left,
    right,
    base,
    labelX: left - 8,
    tickY: base + 22,
    grid: labels.map((label, index) => ({
      y: y(index * step),
      textY: round(y(index * step) + 4),
      label,
    })),
    ticks: dayTicks(days, x, wide ? 8 : 3, right),
    paths: series.map(({ line, values }) => ({ line, d: stepPath(values, x, y) })),
    legend: series.map(({ label, line }, index) => {
      const rowY = 10 + Math.floor(index / perRow) * rowHeight;
      const startX = left + (index % perRow) * slot;
      return {
        x1: startX,
        x2: startX + 24,
        y: rowY,
        textX: startX + 32,
        textY: rowY + 4,
        line,
        label: isolate(shorten(label, wide ? 22 : perRow === 1 ? 26 : 12)),
      };
    }),
  };
}

/** ---- Offline metrics beside the business effect: one row a measure, better to the right. */

export type MeasureRow = {
  readonly label: string;
  readonly note: string;
  /** Relative change in the direction in which more is better; null when it cannot be given. */
  readonly desired: Interval | null;
  readonly valueWords: string;
  readonly valueNote: string;
  readonly tone: 'better' | 'worse' | 'neutral';
  readonly group: 'offline' | 'business';
};

export type MeasureChart = {
  readonly width: number;
  readonly height: number;
  readonly top: number;
  readonly gridY: number;
  readonly grid: readonly { readonly x: number; readonly anchor: string; readonly label: string }[];
  readonly zero: number;
  readonly divider: number | null;
  readonly rows: readonly {
    readonly label: string;
    readonly note: string | null;
    readonly labelY: number;
    readonly noteY: number;
    readonly valueX: number;
    readonly valueAnchor: string;
    readonly value: string;
    readonly valueNote: string | null;
    readonly tone: string;
    readonly y: number;
    readonly band: { readonly x1: number; readonly x2: number } | null;
    readonly tick: number | null;
    readonly tickTop: number;
    readonly tickBottom: number;
    readonly clipLow: string | null;
    readonly clipHigh: string | null;
  }[];
};

/** Past this relative change a row is cut and carries an arrow: one outlier must not flatten the rest. */
const DESIRED_LIMIT = 1;

export function measureChart(rows: readonly MeasureRow[], width: 900 | 360): MeasureChart {
  const wide = width === 900;
  const { min, max, step } = desiredScale(rows, wide);
  const left = wide ? 250 : 10;
  const right = wide ? 715 : 340;
  const top = wide ? 24 : 28;
  const rowHeight = wide ? 50 : 66;
  const x = (value: number) =>
    round(left + ((right - left) * (clamp(value, min, max) - min)) / (max - min));
  const height = top + rowHeight * rows.length + 10;
  const business = rows.findIndex(({ group }) => group === 'business');
  const marks = range(Math.round((max - min) / step) + 1).map((index) => min + index * step);
  const shown = labelled(marks, x, wide ? 60 : 110);
  return {
    width,
    height,
    top,
    gridY: top - 8,
    zero: x(0),
    grid: marks.map((mark, index) => ({
      x: x(mark),
      anchor: edgeAnchor(wide, index, marks.length),
      label: shown.has(index) ? scaleLabel(mark, index, marks.length) : '',
    })),
    divider: business > 0 ? top + business * rowHeight + (wide ? 6 : 4) : null,
    rows: rows.map((row, index) => {
      const frame = { start: top + index * rowHeight, wide, width, left, right, min, max };
      return { ...rowWords(row, frame), ...rowMarks(row, frame, x) };
    }),
  };
}

type RowFrame = {
  readonly start: number;
  readonly wide: boolean;
  readonly width: number;
  readonly left: number;
  readonly right: number;
  readonly min: number;
  readonly max: number;
};

function rowWords(row: MeasureRow, { start, wide, width }: RowFrame) {
  return {
    label: isolate(shorten(row.label, wide ? 32 : 22)),
    note: wide ? isolate(shorten(row.note, 38)) : null,
    labelY: start + (wide ? 28 : 31),
    noteY: start + 44,
    valueX: wide ? 734 : width,
    valueAnchor: wide ? '' : 't-end',
    value: shorten(row.valueWords, wide ? 24 : 16),
    valueNote: wide ? shorten(row.valueNote, 27) : null,
    tone: row.tone,
  };
}

function rowMarks({ desired }: MeasureRow, frame: RowFrame, x: (value: number) => number) {
  const y = frame.start + (frame.wide ? 31 : 53);
  const place = { y, tickTop: y - 9, tickBottom: y + 9 };
  if (desired === null) return { ...place, band: null, tick: null, clipLow: null, clipHigh: null };
  const { estimate, lower, upper } = desired;
  return {
    ...place,
    band: lower === upper ? null : { x1: x(lower), x2: x(upper) },
    tick: x(estimate),
    clipLow: lower < frame.min ? arrow(frame.left, y, -1) : null,
    clipHigh: upper > frame.max ? arrow(frame.right, y, 1) : null,
  };
}

function desiredScale(rows: readonly MeasureRow[], wide: boolean) {
  const values = rows.flatMap(({ desired }) =>
    desired === null ? [] : [desired.lower, desired.upper, desired.estimate],
  );
  const low = Math.max(-DESIRED_LIMIT, Math.min(0, ...values));
  const high = Math.min(DESIRED_LIMIT, Math.max(0, ...values));
  const span = Math.max(high - low, 0.002);
  const step = niceStep(span / (wide ? 6 : 3));
  const min = Math.floor(Math.min(low, -span / 20) / step + 1e-9) * step;
  const max = Math.ceil(Math.max(high, span / 20) / step - 1e-9) * step;
  return { min, max, step };
}

function scaleLabel(mark: number, index: number, count: number): string {
  if (Math.abs(mark) < 1e-12) return '0';
  const size = axisLift(Math.abs(mark)).slice(1);
  if (index === 0) return `${size} worse`;
  return index === count - 1 ? `${size} better` : mark < 0 ? `−${size}` : size;
}

/** Which marks carry a label: the ends, then zero, then whatever does not touch these. */
function labelled(
  marks: readonly number[],
  x: (value: number) => number,
  apart: number,
): Set<number> {
  const last = marks.length - 1;
  const zero = marks.findIndex((mark) => Math.abs(mark) < 1e-12);
  const kept = [0, last];
  for (const index of [zero, ...marks.keys()]) {
    const at = x(marks[index] ?? 0);
    // An end has a word beside its number.
    const isFree = kept.every((other) => {
      const wide = other === 0 || other === last;
      return Math.abs(x(marks[other] ?? 0) - at) >= (wide ? apart : apart / 2);
    });
    if (isFree) kept.push(index);
  }
  return new Set(kept);
}

function edgeAnchor(wide: boolean, index: number, count: number): string {
  if (wide) return 't-mid';
  if (index === 0) return '';
  return index === count - 1 ? 't-end' : 't-mid';
}

function arrow(x: number, y: number, direction: -1 | 1): string {
  return `M${x + direction * 9} ${y}L${x} ${y - 6}V${y + 6}Z`;
}

function stepPath(
  values: readonly number[],
  x: (day: number) => number,
  y: (value: number) => number,
): string {
  return values
    .map((value, day) => `${day === 0 ? 'M' : 'L'}${x(day)} ${y(value)}H${x(day + 1)}`)
    .join('');
}

function dayTicks(
  days: readonly string[],
  x: (day: number) => number,
  most: number,
  right: number,
): StepChart['ticks'] {
  const every = DAY_STEPS.find((step) => days.length / step <= most) ?? days.length;
  return days.flatMap((day, index) => {
    if (index % every !== 0) return [];
    const at = x(index);
    const anchor = index === 0 ? '' : at > right - 24 ? 't-end' : 't-mid';
    return [{ x: at, anchor, label: dayLabel(day) }];
  });
}

/** '−1.5%', '+3%', '0': as few digits as say it. */
function axisLift(mark: number): string {
  if (mark === 0) return '0';
  const decimals = [0, 1, 2].find(
    (d) => Math.abs(mark * 100 - Number((mark * 100).toFixed(d))) < 1e-9,
  );
  return formatLift(mark, decimals ?? 3);
}

function niceStep(wanted: number): number {
  const power = 10 ** Math.floor(Math.log10(wanted));
  return ([1, 2, 5, 10].find((times) => times * power >= wanted - 1e-12) ?? 10) * power;
}

function niceCountStep(wanted: number): number {
  return Math.max(1, Math.round(niceStep(Math.max(wanted, 0.1))));
}

/** Where a value stands between min and max, in per cent, never outside. */
function place(value: number, min: number, max: number): number {
  return round(clamp(((value - min) / (max - min)) * 100, 0, 100));
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function range(count: number): number[] {
  return Array.from({ length: Math.max(0, Math.floor(count + 1e-9)) }, (_, index) => index);
}

/** Valid things; a test overrides only what it is about. */

type Fields = Readonly<Record<string, unknown>>;

/** 2026-01-05T00:00:00Z, a Monday: an instant that is long past for every test. */
export const START = 1_767_571_200_000;
export const HOUR = 3_600_000;
export const DAY = 86_400_000;

export function metricBody(fields: Fields = {}): Record<string, unknown> {
  return { kind: 'conversion', event: 'booking', ...fields };
}

/** Everything a start needs. */
export function experimentBody(fields: Fields = {}): Record<string, unknown> {
  return {
    unit: 'user',
    variants: [
      { key: 'control', role: 'control' },
      { key: 'challenger', role: 'treatment' },
    ],
    metrics: { goals: [{ metric: 'bookings', mde: 0.02 }] },
    plan: { plannedUnits: 1000 },
    ...fields,
  };
}

export function exposureEvent(fields: Fields = {}): Record<string, unknown> {
  return {
    kind: 'exposure',
    id: 'x1',
    ts: START,
    units: { user: 'u1' },
    experiment: 'ranker',
    version: 1,
    variant: 'control',
    ...fields,
  };
}

export function outcomeEvent(fields: Fields = {}): Record<string, unknown> {
  return {
    kind: 'outcome',
    id: 'o1',
    ts: START,
    units: { user: 'u1' },
    name: 'booking',
    ...fields,
  };
}

export function inferenceEvent(fields: Fields = {}): Record<string, unknown> {
  return {
    kind: 'inference',
    id: 'i1',
    ts: START,
    units: { user: 'u1' },
    experiment: 'ranker',
    version: 1,
    variant: 'control',
    ...fields,
  };
}

/** Random numbers that repeat themselves: uniform in [0, 1), from a seed (mulberry32). */
export function dice(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1));
    const kept = result[i] as Item;
    result[i] = result[j] as Item;
    result[j] = kept;
  }
  return result;
}

/** 1, 2, 3, ...: names that no two things of a test file share. */
export function counter(): () => number {
  let count = 0;
  return () => {
    count += 1;
    return count;
  };
}

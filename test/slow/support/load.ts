/**
 * Events that depend on nothing but their number, so that what the warehouse holds can be told from
 * what it should hold: identity (ts, id), and everything that was said with it.
 */
import { seeded } from './random.ts';

/** One request. Its body never changes, so a retry keeps every ts and id. */
export type LoadBatch = {
  readonly body: string;
  /** Identities of the events that must be kept; one that is sent twice in the batch stands here once. */
  readonly keys: readonly string[];
  readonly events: number;
  readonly refused: number;
};

export type Load = {
  readonly batches: readonly LoadBatch[];
  /** Identity -> what is to be stored with it. */
  readonly expected: ReadonlyMap<string, string>;
};

/** What is compared, value for value. */
export type Content = {
  readonly kind: string;
  readonly source: string;
  readonly user: string;
  readonly experiment: string | null;
  readonly version: number | null;
  readonly variant: string | null;
  readonly name: string | null;
  readonly valueMicros: bigint | null;
  readonly requestId: string | null;
  readonly attributes: string | null;
  readonly properties: string | null;
};

export const keyOf = (ts: number | bigint, id: string): string => `${ts} ${id}`;

export const printOf = (content: Content): string =>
  [
    content.kind,
    content.source,
    content.user,
    content.experiment,
    content.version,
    content.variant,
    content.name,
    content.valueMicros,
    content.requestId,
    content.attributes,
    content.properties,
  ].join('|');

const FIRST_DAY = Date.UTC(2024, 9, 1);
const SPAN_MS = 30 * 86_400_000;
const SOURCES = ['shop', 'app', 'mail'];
const COUNTRIES = ['NL', 'PT', 'São Tomé', '日本'];

type MadeEvent = { key: string; print: string; sent: Record<string, unknown> };

/** `from` is the number of the first event: loads of different numbers share no identity. */
export function makeLoad(options: { seed: number; events: number; from?: number }): Load {
  const { seed, events, from = 0 } = options;
  const random = seeded(seed ^ 0x10ad);
  const batches: LoadBatch[] = [];
  const expected = new Map<string, string>();
  let next = from;
  while (next < from + events) {
    const number = batches.length;
    const size = Math.min(random.whole(200, 1000), from + events - next);
    const source = SOURCES[number % SOURCES.length] as string;
    const made = Array.from({ length: size }, (_, index) => makeEvent(next + index, source));
    next += size;
    for (const { key, print } of made) expected.set(key, print);
    const sent: unknown[] = made.map((event) => event.sent);
    // Every fifth batch says one event twice, every fourth holds one that must be refused.
    if (number % 5 === 0) sent.push(sent[0]);
    const refused = number % 4 === 0 ? 1 : 0;
    if (refused === 1) sent.splice(1, 0, { ...made[0]?.sent, id: `bad-${next}`, units: {} });
    batches.push({
      body: JSON.stringify({ events: sent, source }),
      keys: made.map(({ key }) => key),
      events: sent.length,
      refused,
    });
  }
  if (expected.size !== events) throw new RangeError('two events of the load share an identity');
  return { batches, expected };
}

function makeEvent(number: number, source: string): MadeEvent {
  const mixed = Math.imul(number + 1, 0x9e3779b1) >>> 0;
  // Many events share an instant, and event times come in no order, so that batches interleave.
  const step = number % 2 === 0 ? 60_000 : 1;
  const ts = FIRST_DAY + Math.floor(((mixed / 2 ** 32) * SPAN_MS) / step) * step;
  // Now and then the id of another event: at another time it is another event.
  const id = number % 500 === 499 ? `e-${number - 1}` : `e-${number}`;
  const user = `u-${mixed % 50_000}`;
  const sentTs = number % 3 === 0 ? ts : new Date(ts).toISOString();
  const common = { id, ts: sentTs, units: { user } };
  const content = { source, user, requestId: null, experiment: null, version: null, variant: null };
  if (number % 3 === 1) {
    const variant = mixed % 2 === 0 ? 'control' : 'challenger';
    const attributes = { country: COUNTRIES[mixed % 4] };
    return {
      key: keyOf(ts, id),
      sent: { kind: 'exposure', ...common, experiment: 'ranker', version: 3, variant, attributes },
      print: printOf({
        ...content,
        kind: 'exposure',
        experiment: 'ranker',
        version: 3,
        variant,
        name: null,
        valueMicros: null,
        attributes: JSON.stringify(attributes),
        properties: null,
      }),
    };
  }
  const micros = (mixed % 2_000_000_000) - 500_000_000;
  const properties = { nights: mixed % 14, note: `no. ${number}` };
  return {
    key: keyOf(ts, id),
    sent: {
      kind: 'outcome',
      ...common,
      name: 'booking',
      value: micros / 1e6,
      properties,
      requestId: `r-${number}`,
    },
    print: printOf({
      ...content,
      kind: 'outcome',
      name: 'booking',
      valueMicros: BigInt(micros),
      requestId: `r-${number}`,
      attributes: null,
      properties: JSON.stringify(properties),
    }),
  };
}

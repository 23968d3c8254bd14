/**
 * Writes test/golden/assignment.json: what any implementation of DESIGN part 7 must answer. It uses the
 * murmurhash package and the plainest arithmetic there is, big integers and loops, and nothing of
 * src/bucketing. Whether targeting is met is written by hand with each case.
 *
 *   npx tsx scripts/assignment-vectors.ts && npx biome format --write test/golden/assignment.json
 */
import { writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import murmurhash from 'murmurhash';

const HIGH_SEED = 0x9747b28c;

/** A unit of a vector: its text, or a text repeated. */
type UnitText = { text: string } | { repeat: string; times: number };

const UNITS: Record<string, UnitText> = {
  empty: { text: '' },
  one_letter: { text: 'a' },
  two_letters: { text: 'ab' },
  three_letters: { text: 'abc' },
  four_letters: { text: 'abcd' },
  five_letters: { text: 'abcde' },
  integer: { text: '42' },
  zero: { text: '0' },
  negative_integer: { text: '-7' },
  largest_safe_integer: { text: '9007199254740991' },
  sequential: { text: 'user-1000001' },
  uuid: { text: 'f47ac10b-58cc-4372-a567-0e02b2c3d479' },
  email: { text: 'ada@example.com' },
  spaces_kept: { text: ' u1 ' },
  case_kept: { text: 'USER-1000001' },
  control_characters: { text: 'a\u0000b\u001fc' },
  last_ascii: { text: '\u007f\u007f\u007f\u007f\u007f' },
  first_beyond_ascii: { text: '\u0080' },
  e_acute_composed: { text: '\u00e9' },
  e_acute_decomposed: { text: 'e\u0301' },
  latin: { text: 'Zo\u00eb Fran\u00e7ois' },
  cjk: { text: '\u6f22\u5b57\u304b\u306a\ud55c\uae00' },
  emoji: { text: '\u{1f600}' },
  emoji_family: { text: '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}' },
  mixed: { text: 'user-\u{1f680}-\u00e9-42' },
  right_to_left: { text: '\u0645\u0631\u062d\u0628\u0627' },
  replacement_character: { text: '\ufffd' },
  ascii_then_late_beyond: { text: 'abcdefgh\u00ff' },
  ten_kilobytes_ascii: { repeat: 'u', times: 10_240 },
  ten_kilobytes_ascii_odd: { repeat: 'xyz', times: 3413 },
  ten_kilobytes_two_byte: { repeat: '\u00e9', times: 5120 },
  ten_kilobytes_three_byte: { repeat: '\u6f22', times: 3413 },
  ten_kilobytes_emoji: { repeat: '\u{1f600}', times: 2560 },
};

const SALTS = [
  '',
  'a',
  'layer:search',
  'holdout:global',
  'traffic:0123456789abcdef0123456789abcdef',
  'variant:0123456789abcdef0123456789abcdef',
  'variant:\u00e9\u6f22\u{1f600}',
];

export function textOf(unit: UnitText): string {
  return 'text' in unit ? unit.text : unit.repeat.repeat(unit.times);
}

function m3(bytes: Uint8Array, seed: number): number {
  return murmurhash.v3(bytes, seed);
}

function utf8(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'utf8'));
}

function fingerprint(unit: string): { low: number; high: number } {
  return { low: m3(utf8(unit), 0), high: m3(utf8(unit), HIGH_SEED) };
}

function position(salt: string, unit: string): number {
  const { low, high } = fingerprint(unit);
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(low, 0);
  bytes.writeUInt32LE(high, 4);
  return m3(Uint8Array.from(bytes), m3(utf8(salt), 0));
}

/** round(share * 2^32), halves up. */
function limit(share: number): number {
  const scaled = share * 4294967296;
  const whole = Math.trunc(scaled);
  return scaled - whole >= 0.5 ? whole + 1 : whole;
}

type Variant = {
  key: string;
  role: string;
  weight: number;
  payload: unknown;
  model: string | null;
};
type Experiment = {
  key: string;
  version: number;
  state: string;
  assignment: string;
  unit: string;
  salt: string;
  layer: string | null;
  slot: { from: number; to: number };
  traffic: number;
  targeting: unknown;
  variants: Variant[];
};
type Case = {
  id: string;
  experiment: string;
  units: Record<string, unknown>;
  attributes: Record<string, unknown>;
  expected: { reason: string; variant: string | null };
};

/** By integers only: the variant whose half-open range of weights holds the unit. */
function variantAt(variants: readonly Variant[], at: number): Variant {
  const total = variants.reduce((sum, variant) => sum + BigInt(variant.weight), 0n);
  const slot = (BigInt(at) * total) / 4294967296n;
  let from = 0n;
  for (const variant of variants) {
    const to = from + BigInt(variant.weight);
    if (slot >= from && slot < to) return variant;
    from = to;
  }
  throw new Error('the weights do not add up');
}

function expected(
  experiment: Experiment,
  unit: string | null,
  isTargeted: boolean,
): Case['expected'] {
  const without = (reason: string) => ({ reason, variant: null });
  if (experiment.state !== 'running') return without('NOT_RUNNING');
  if (unit === null) return without('UNIT_MISSING');
  if (experiment.layer !== null) {
    const at = position(`layer:${experiment.layer}`, unit);
    if (!(at >= limit(experiment.slot.from) && at < limit(experiment.slot.to))) {
      return without('LAYER');
    }
  }
  if (!isTargeted) return without('TARGETING');
  if (!(position(`traffic:${experiment.salt}`, unit) < limit(experiment.traffic))) {
    return without('TRAFFIC');
  }
  const at = position(`variant:${experiment.salt}`, unit);
  return { reason: 'SPLIT', variant: variantAt(experiment.variants, at).key };
}

function variants(weights: readonly number[]): Variant[] {
  return weights.map((weight, index) => ({
    key: index === 0 ? 'control' : `challenger-${index}`,
    role: index === 0 ? 'control' : 'treatment',
    weight,
    payload: { rows: 10 + index },
    model: `ranker@${index + 6}`,
  }));
}

function experiment(key: string, changes: Partial<Experiment> = {}): Experiment {
  return {
    key,
    version: 3,
    state: 'running',
    assignment: 'assay',
    unit: 'user',
    salt: `salt-of-${key}`,
    layer: null,
    slot: { from: 0, to: 1 },
    traffic: 1,
    targeting: null,
    variants: variants([1, 1]),
    ...changes,
  };
}

const test = (attribute: string, op: string, value: unknown) => ({ attribute, op, value });

/** Attributes and, by hand, whether they meet the condition. */
type TargetingCase = [Record<string, unknown>, boolean];
const TARGETING: [string, unknown, TargetingCase[]][] = [
  [
    'eq-text',
    test('country', 'eq', 'NL'),
    [
      [{ country: 'NL' }, true],
      [{ country: 'nl' }, false],
      [{ country: 'NL ' }, false],
      [{}, false],
      [{ country: null }, false],
    ],
  ],
  [
    'eq-number',
    test('age', 'eq', 10),
    [
      [{ age: 10 }, true],
      [{ age: '10' }, false],
      [{ age: 10.5 }, false],
    ],
  ],
  [
    'eq-boolean',
    test('member', 'eq', true),
    [
      [{ member: true }, true],
      [{ member: 1 }, false],
      [{ member: 'true' }, false],
    ],
  ],
  [
    'ne',
    test('country', 'ne', 'NL'),
    [
      [{ country: 'DE' }, true],
      [{ country: 'NL' }, false],
      [{}, true],
      [{ country: null }, true],
    ],
  ],
  [
    'in',
    test('country', 'in', ['NL', 'BE', 7]),
    [
      [{ country: 'BE' }, true],
      [{ country: 7 }, true],
      [{ country: '7' }, false],
      [{ country: 'FR' }, false],
      [{}, false],
    ],
  ],
  [
    'not-in',
    test('country', 'not_in', ['NL', 'BE']),
    [
      [{ country: 'FR' }, true],
      [{ country: 'NL' }, false],
      [{}, true],
    ],
  ],
  [
    'lt',
    test('age', 'lt', 18),
    [
      [{ age: 17.999 }, true],
      [{ age: 18 }, false],
      [{ age: '17' }, false],
      [{}, false],
    ],
  ],
  [
    'lte',
    test('age', 'lte', 18),
    [
      [{ age: 18 }, true],
      [{ age: 18.001 }, false],
    ],
  ],
  [
    'gt',
    test('age', 'gt', 18),
    [
      [{ age: 19 }, true],
      [{ age: 18 }, false],
      [{ age: true }, false],
    ],
  ],
  [
    'gte',
    test('age', 'gte', 18),
    [
      [{ age: 18 }, true],
      [{ age: 17 }, false],
      [{ age: null }, false],
    ],
  ],
  [
    'lt-text',
    test('version', 'lt', 'b'),
    [
      [{ version: 'a' }, true],
      [{ version: 'b' }, false],
      [{ version: 'B' }, true],
      [{ version: 1 }, false],
    ],
  ],
  [
    'contains-text',
    test('path', 'contains', '/hotel/'),
    [
      [{ path: '/nl/hotel/7' }, true],
      [{ path: '/nl/hotels' }, false],
      [{}, false],
    ],
  ],
  [
    'contains-list',
    test('tags', 'contains', 'spa'),
    [
      [{ tags: ['pool', 'spa'] }, true],
      [{ tags: ['spas'] }, false],
      [{ tags: [] }, false],
    ],
  ],
  [
    'starts-with',
    test('email', 'starts_with', 'ada@'),
    [
      [{ email: 'ada@example.com' }, true],
      [{ email: 'Ada@example.com' }, false],
    ],
  ],
  [
    'ends-with',
    test('email', 'ends_with', '@example.com'),
    [
      [{ email: 'ada@example.com' }, true],
      [{ email: 'ada@example.org' }, false],
    ],
  ],
  [
    'exists',
    test('country', 'exists', true),
    [
      [{ country: '' }, true],
      [{ country: false }, true],
      [{ country: null }, false],
      [{}, false],
    ],
  ],
  [
    'exists-not',
    test('country', 'exists', false),
    [
      [{}, true],
      [{ country: null }, true],
      [{ country: 0 }, false],
    ],
  ],
  [
    'nested',
    test('device.os.name', 'eq', 'ios'),
    [
      [{ device: { os: { name: 'ios' } } }, true],
      [{ 'device.os.name': 'ios' }, true],
      [{ device: { os: 'ios' } }, false],
      [{ 'device.os.name': 'android', device: { os: { name: 'ios' } } }, false],
      [{ device: null }, false],
    ],
  ],
  [
    'inherited-names',
    test('toString', 'exists', true),
    [
      [{}, false],
      [{ toString: 'mine' }, true],
    ],
  ],
  [
    'unicode',
    test('city', 'eq', '\u00c5lesund'),
    [
      [{ city: '\u00c5lesund' }, true],
      [{ city: 'A\u030alesund' }, false],
    ],
  ],
  [
    'all',
    { all: [test('country', 'eq', 'NL'), test('age', 'gte', 18)] },
    [
      [{ country: 'NL', age: 18 }, true],
      [{ country: 'NL', age: 17 }, false],
      [{ age: 18 }, false],
    ],
  ],
  [
    'any',
    { any: [test('country', 'eq', 'NL'), test('age', 'gte', 18)] },
    [
      [{ country: 'NL' }, true],
      [{ age: 30 }, true],
      [{ country: 'DE', age: 3 }, false],
    ],
  ],
  [
    'not',
    { not: { any: [test('country', 'eq', 'NL'), test('country', 'eq', 'BE')] } },
    [
      [{ country: 'FR' }, true],
      [{}, true],
      [{ country: 'BE' }, false],
    ],
  ],
  ['all-of-none', { all: [] }, [[{}, true]]],
  ['any-of-none', { any: [] }, [[{}, false]]],
  [
    'deep',
    {
      not: {
        all: [
          { not: test('a', 'eq', 1) },
          { any: [test('b', 'gt', 2), test('c', 'exists', false)] },
        ],
      },
    },
    [
      [{ a: 1 }, true],
      [{ a: 2, b: 3, c: 0 }, false],
      [{ a: 2, b: 1, c: 0 }, true],
      [{}, false],
    ],
  ],
];

/** Everything test/golden/assignment.json holds. */
export function buildVectors() {
  const experiments: Experiment[] = [];
  const cases: Case[] = [];
  const ask = (
    asked: Experiment,
    rows: {
      units: Record<string, unknown>;
      unit: string | null;
      attributes?: Record<string, unknown>;
      isTargeted?: boolean;
    }[],
  ) => {
    experiments.push(asked);
    for (const { units, unit, attributes = {}, isTargeted = true } of rows) {
      cases.push({
        id: `${asked.key}/${cases.length}`,
        experiment: asked.key,
        units,
        attributes,
        expected: expected(asked, unit, isTargeted),
      });
    }
  };
  const users = (count: number, from = 1) =>
    Array.from({ length: count }, (_, index) => `user-${index + from}`);
  const asUser = (unit: string) => ({ units: { user: unit }, unit });

  // Ranges of weights, small, uneven, with holes, and as large as they may be.
  const weights: [string, number[]][] = [
    ['even', [1, 1]],
    ['uneven', [9, 1]],
    ['three', [3, 3, 4]],
    ['empty-range-first', [0, 1, 1]],
    ['empty-range-between', [1, 0, 1]],
    ['one-in-a-million', [999_999, 1]],
    ['primes', [333_337, 333_331, 333_332]],
    ['all-control', [5, 0]],
  ];
  for (const [name, of] of weights) {
    ask(experiment(`weights-${name}`, { variants: variants(of) }), users(16).map(asUser));
  }

  // Traffic: shares, and limits that lie exactly at a unit's position.
  for (const traffic of [0, 1e-9, 0.01, 0.1, 0.25, 1 / 3, 0.5, 0.999999, 1]) {
    ask(experiment(`traffic-${traffic}`, { salt: 'one-salt', traffic }), users(12).map(asUser));
  }
  for (const unit of users(3)) {
    const at = position('traffic:edge', unit);
    const edge = { salt: 'edge', traffic: at / 4294967296 };
    ask(experiment(`traffic-ends-before-${unit}`, edge), [asUser(unit)]);
    const beyond = { salt: 'edge', traffic: (at + 1) / 4294967296 };
    ask(experiment(`traffic-ends-after-${unit}`, beyond), [asUser(unit)]);
  }

  // Layers: slots that tile, and slots whose ends lie exactly at a unit's position.
  for (const [from, to] of [
    [0, 0.3],
    [0.3, 0.6],
    [0.6, 1],
  ] as const) {
    const changes = { layer: 'search', slot: { from, to }, traffic: 0.8 };
    ask(experiment(`slot-${from}-${to}`, changes), users(16).map(asUser));
  }
  for (const unit of users(3)) {
    const at = position('layer:edge', unit) / 4294967296;
    const next = (position('layer:edge', unit) + 1) / 4294967296;
    const slots = {
      'starts-at': [at, 1],
      'starts-after': [next, 1],
      'ends-at': [0, at],
      'ends-after': [0, next],
    } as const;
    for (const [name, [from, to]] of Object.entries(slots)) {
      const changes = { layer: 'edge', slot: { from, to } };
      ask(experiment(`slot-${name}-${unit}`, changes), [asUser(unit)]);
    }
  }

  // Targeting, asked before traffic and after the layer.
  for (const [name, targeting, rows] of TARGETING) {
    ask(
      experiment(`targeting-${name}`, { targeting }),
      rows.map(([attributes, isTargeted], index) => ({
        ...asUser(`user-${index}`),
        attributes,
        isTargeted,
      })),
    );
  }
  const aimed = { targeting: test('country', 'eq', 'NL'), traffic: 0, layer: 'search' };
  ask(experiment('order-of-reasons', { ...aimed, slot: { from: 0, to: 0.5 } }), [
    ...users(6).map((unit) => ({ ...asUser(unit), attributes: { country: 'NL' } })),
    ...users(6).map((unit) => ({ ...asUser(unit), isTargeted: false })),
  ]);

  // States.
  for (const state of ['draft', 'stopped', 'archived']) {
    ask(experiment(`state-${state}`, { state }), [asUser('user-1'), { units: {}, unit: null }]);
  }

  // Ids: what can be used, as which text, and what cannot.
  ask(experiment('ids'), [
    ...Object.values(UNITS)
      .map(textOf)
      .filter((text) => text !== '' && text.length <= 64)
      .map(asUser),
    { units: { user: 42 }, unit: '42' },
    { units: { user: -7 }, unit: '-7' },
    { units: { user: 0 }, unit: '0' },
    { units: { user: 9007199254740991 }, unit: '9007199254740991' },
    { units: { user: 9007199254740992 }, unit: null },
    { units: { user: 1.5 }, unit: null },
    { units: { user: '' }, unit: null },
    { units: { user: null }, unit: null },
    { units: { user: true }, unit: null },
    { units: { user: ['u1'] }, unit: null },
    { units: { user: { id: 'u1' } }, unit: null },
    { units: { user: '\ud83d' }, unit: null },
    { units: {}, unit: null },
    { units: { device: 'd1' }, unit: null },
    { units: { device: 'd1', user: 'user-1' }, unit: 'user-1' },
  ]);
  ask(experiment('unit-type', { unit: 'toString' }), [
    { units: { user: 'user-1' }, unit: null },
    { units: { toString: 'user-1' }, unit: 'user-1' },
  ]);
  ask(experiment('salt-unicode', { salt: '\u00e9\u6f22\u{1f600}' }), users(8).map(asUser));

  return {
    title: 'Assignment of units to variants: answers every implementation must give',
    source:
      'scripts/assignment-vectors.ts: murmurhash 2.0.1 (v3) and plain arithmetic; nothing of src/bucketing',
    rules: {
      m3: 'MurmurHash3 x86, 32 bit, of bytes with a seed',
      fingerprint: 'low = m3(utf8(unit), 0); high = m3(utf8(unit), 0x9747b28c)',
      position: 'm3(le32(low) ++ le32(high), m3(utf8(salt), 0)), an integer in [0, 2^32)',
      share: 'a share s holds the positions below round(s * 2^32)',
      variant:
        'floor(position("variant:" + salt) * totalWeight / 2^32) falls in one half-open range of running weights',
      order:
        'NOT_RUNNING, UNIT_MISSING, LAYER ("layer:" + layer), TARGETING, TRAFFIC ("traffic:" + salt), SPLIT',
      payload: "the variant's payload and model with SPLIT; control's with every other reason",
      units:
        'a unit is its text, or {repeat, times}; the empty text has a position, but cannot be assigned',
    },
    units: UNITS,
    fingerprints: Object.fromEntries(
      Object.entries(UNITS).map(([name, unit]) => [name, fingerprint(textOf(unit))]),
    ),
    positions: SALTS.map((salt) => ({
      salt,
      seed: m3(utf8(salt), 0),
      of: Object.fromEntries(
        Object.entries(UNITS).map(([name, unit]) => [name, position(salt, textOf(unit))]),
      ),
    })),
    experiments,
    cases,
  };
}

export type AssignmentVectors = ReturnType<typeof buildVectors>;

if (argv[1] === import.meta.filename) {
  const file = new URL('../test/golden/assignment.json', import.meta.url);
  writeFileSync(file, `${JSON.stringify(buildVectors(), null, 2)}\n`);
}

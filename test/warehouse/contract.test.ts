/**
 * The contract of a warehouse: exact sums, equal to those of a naive implementation in TypeScript, byte for byte
 * the same in every order of arrival, batch size and with every resend. Any other warehouse joins WAREHOUSES.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type AssayEvent, parseEvent } from '../../src/domain/event.ts';
import { startDrain } from '../../src/engine/drain.ts';
import { openInbox } from '../../src/inbox/inbox.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { openDuckdb } from '../../src/warehouse/duckdb.ts';
import type {
  Enrolment,
  MetricQuestion,
  Warehouse,
  WarehouseRow,
} from '../../src/warehouse/warehouse.ts';
import {
  counter,
  DAY,
  dice,
  exposureEvent,
  HOUR,
  outcomeEvent,
  START,
  shuffled,
} from '../support/factories.ts';
import { armsOf, daysOf, matureOf, straysOf, sumsOf } from '../support/naive.ts';

const WAREHOUSES: readonly [string, () => Promise<Warehouse>][] = [
  ['duckdb', () => openDuckdb(':memory:', systemClock)],
];

const NOW = START + 400 * DAY;
const END = START + 60 * DAY;

function eventOf(sent: Record<string, unknown>): AssayEvent {
  const parsed = parseEvent(JSON.parse(JSON.stringify(sent)), NOW);
  if (!parsed.ok)
    throw new Error(`${parsed.rejection.detail}: ${JSON.stringify(sent).slice(0, 200)}`);
  return parsed.event;
}

function rowOf({ ts, id, ...body }: AssayEvent): WarehouseRow {
  return { ts, id, source: 'test', receivedAt: START, body: JSON.stringify(body) };
}

const enrolmentOf = (fields: Partial<Enrolment> = {}): Enrolment => ({
  experiment: 'ranker',
  unitType: 'user',
  variants: ['control', 'challenger'],
  versionFrom: 1,
  versionTo: 2,
  external: false,
  startedAt: START,
  entryUntil: END,
  asOf: END,
  watermark: 1_000_000_000n,
  ...fields,
});
const questionOf = (fields: Partial<MetricQuestion> = {}): MetricQuestion => ({
  kind: 'conversion',
  event: 'booking',
  property: null,
  windowFromMs: 0,
  windowToMs: Number.POSITIVE_INFINITY,
  outcomesUntil: END,
  matureUntil: END,
  ...fields,
});

/** The start twice, a moment between the two exposures of a crossover and its outcome, and the end. */
const MOMENTS = [START, START, START + HOUR, START + 2.5 * HOUR, START + 5 * DAY, END];

/** Every answer of a warehouse as text, to be compared byte for byte. */
async function answersOf(
  warehouse: Warehouse,
  enrolments: readonly Enrolment[],
  questions: readonly MetricQuestion[],
): Promise<string> {
  const answers: unknown[] = [await warehouse.watermark()];
  for (const enrolment of enrolments) {
    answers.push(
      (await warehouse.arms(enrolment)).value,
      (await warehouse.strays(enrolment)).value,
      (await warehouse.exposureDays(enrolment)).value,
      (await warehouse.matureUnits(enrolment, MOMENTS, HOUR)).value,
    );
    for (const question of questions)
      answers.push((await warehouse.sums(enrolment, question)).value);
  }
  return textOf(answers);
}

function expectedAnswers(
  events: readonly AssayEvent[],
  enrolments: readonly Enrolment[],
  questions: readonly MetricQuestion[],
): string {
  const answers: unknown[] = [BigInt(events.length)];
  for (const enrolment of enrolments) {
    answers.push(
      armsOf(events, enrolment),
      straysOf(events, enrolment),
      daysOf(events, enrolment),
      new Map(MOMENTS.map((moment) => [moment, matureOf(events, enrolment, moment, HOUR)])),
    );
    for (const question of questions) answers.push(sumsOf(events, enrolment, question));
  }
  return textOf(answers);
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    item instanceof Map
      ? [...item].sort(([a], [b]) => (a < b ? -1 : 1))
      : typeof item === 'bigint'
        ? `${item}n`
        : typeof item === 'object' && item !== null && !Array.isArray(item)
          ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
          : item,
  );
}

/** Equal texts; of two long ones that differ, only the place is shown. */
function expectSameText(found: string, expected: string): void {
  const at = [...expected].findIndex((character, index) => found[index] !== character);
  if (found !== expected)
    expect(found.slice(at - 200, at + 100)).toBe(expected.slice(at - 200, at + 100));
}

const serial = counter();
const id = () => `e${String(serial()).padStart(5, '0')}`;
const expose = (user: string, variant: string, ts: number, fields: Record<string, unknown> = {}) =>
  eventOf(exposureEvent({ id: id(), ts, units: { user }, variant, ...fields }));
const book = (user: string, ts: number, fields: Record<string, unknown> = {}) =>
  eventOf(outcomeEvent({ id: id(), ts, units: { user }, ...fields }));

/** One of everything that part 8 of the design speaks of. */
function fixture(): AssayEvent[] {
  const at = (hours: number) => START + hours * HOUR;
  return [
    // The first exposure by event time, whichever arrives first; later ones of the same variant change nothing.
    expose('first', 'control', at(48)),
    expose('first', 'control', at(24)),
    book('first', at(24), { value: 10 }),
    book('first', at(24) - 1, { value: 1000 }),
    // Crossovers belong to nobody.
    expose('crossed', 'control', at(1)),
    expose('crossed', 'challenger', at(2)),
    book('crossed', at(3), { value: 77 }),
    // A crossover that is none: the second variant came before the start, or after the stop, or in another version.
    expose('loyal', 'challenger', at(1)),
    expose('loyal', 'control', START - 1),
    expose('loyal', 'control', END + 1),
    expose('loyal', 'control', at(2), { version: 3 }),
    expose('loyal', 'control', at(2), { version: undefined }),
    expose('loyal', 'elsewhere', at(2)),
    book('loyal', at(5), { value: 0.000001 }),
    // Both ends of the trial are in.
    expose('opening', 'control', START),
    expose('closing', 'challenger', END),
    book('opening', START, { value: -3.25 }),
    book('closing', END, { value: 4 }),
    book('closing', END + 1, { value: 400 }),
    // Both ends of a window of 24 to 48 hours are in.
    ...['edge-in', 'edge-out'].flatMap((user) => {
      const off = user === 'edge-in' ? 0 : 1;
      return [
        expose(user, 'challenger', at(10)),
        book(user, at(34) - off, { value: 1 }),
        book(user, at(58) + off, { value: 2 }),
      ];
    }),
    // Corrections: of a value, of a conversion, of what never happened, of another unit's event, twice.
    ...corrections(at),
    // Other versions, other unit types, none at all.
    expose('v2', 'challenger', at(5), { version: 2 }),
    expose('v3', 'challenger', at(5), { version: 3 }),
    expose('no version', 'challenger', at(5), { version: undefined }),
    eventOf(exposureEvent({ id: id(), ts: at(5), units: { device: 'd1' }, variant: 'control' })),
    eventOf(
      exposureEvent({
        id: id(),
        ts: at(5),
        units: { user: 'both', device: 'd2' },
        variant: 'control',
      }),
    ),
    eventOf(outcomeEvent({ id: id(), ts: at(6), units: { device: 'd2' }, value: 9 })),
    eventOf(outcomeEvent({ id: id(), ts: at(6), units: { user: 'both' }, value: 8 })),
    // Units of the world, and ids that look alike.
    ...[
      'é',
      'e\u0301',
      '漢字',
      '😀',
      'a\u0000b',
      ' a',
      'a',
      'A',
      "o'; drop",
      'x'.repeat(10_000),
      '__proto__',
      '42',
    ].flatMap((user, index) => [
      expose(user, index % 2 === 0 ? 'control' : 'challenger', at(7)),
      book(user, at(8), { value: index + 0.1 }),
    ]),
    // The same id at another time is another event, and other names are other events.
    ...twice(at),
    book('first', at(30), { name: 'Booking', value: 5 }),
    book('first', at(30), { name: 'booking ', value: 5 }),
    // Properties: numbers of all shapes, and what is no number.
    expose('shopper', 'challenger', at(1)),
    ...[
      3,
      -2,
      0.5,
      0.000001,
      -0.0000019,
      123456.789012,
      999999999999,
      -999999999999.1235,
      0,
      '7',
      null,
      true,
      [1],
      { a: 1 },
      1e-7,
      9007199254.740993,
    ].map((nights) =>
      book('shopper', at(2), { properties: { nights, 'per/cent~%': nights, "o'clock": nights } }),
    ),
    book('shopper', at(2), { properties: { other: 1 } }),
    // Numbers that need more than 128 bits when they are squared, of both signs.
    expose('whale', 'challenger', at(1)),
    expose('debtor', 'control', at(1)),
    ...Array.from({ length: 150 }, () =>
      book('whale', at(2), { value: 1e12, properties: { nights: 1e12 } }),
    ),
    ...Array.from({ length: 150 }, () => book('debtor', at(2), { value: -999999999999.1235 })),
    // Other experiments, and outcomes of units that were never exposed.
    expose('stranger', 'control', at(1), { experiment: 'another' }),
    book('stranger', at(2), { value: 5 }),
    book('nobody', at(2), { value: 5 }),
  ];
}

function corrections(at: (hours: number) => number): AssayEvent[] {
  const of = (user: string, corrects: string, fields: Record<string, unknown> = {}) =>
    book(user, at(20), { corrects, ...fields });
  const users = [
    'undone',
    'half',
    'late',
    'ghost',
    'thief',
    'double',
    'renamed',
    'silent',
    'future',
    'chain',
  ];
  const exposed = users.map((user) => expose(user, 'challenger', at(10)));
  const bookings = Object.fromEntries(
    users.map((user) => [user, book(user, at(11), { value: 50 })]),
  );
  const idOf = (user: string) => bookings[user]?.id ?? '';
  const silent = book('silent', at(12));
  const early = book('late', at(9), { value: 5 });
  const chained = of('chain', idOf('chain'), { value: -50 });
  return [
    ...exposed,
    ...Object.values(bookings),
    of('undone', idOf('undone'), { value: -50 }),
    of('half', idOf('half'), { value: -20 }),
    // Dated at the event it corrects, which came before the exposure.
    early,
    of('late', early.id, { value: -5 }),
    of('ghost', 'no such event', { value: -50 }),
    of('thief', idOf('half'), { value: -50 }),
    of('double', idOf('double'), { value: -50 }),
    of('double', idOf('double'), { value: -50 }),
    book('renamed', at(20), { name: 'refund', corrects: idOf('renamed'), value: -50 }),
    silent,
    of('silent', silent.id),
    book('future', END + 1, { corrects: idOf('future'), value: -50 }),
    chained,
    of('chain', chained.id, { value: 50 }),
  ];
}

/** One id at two times, the earlier without a value, and a correction of it: dated at the earlier. */
function twice(at: (hours: number) => number): AssayEvent[] {
  return [
    expose('twice', 'control', at(10)),
    book('twice', at(12), { id: 'same id', value: 0 }),
    book('twice', at(11), { id: 'same id' }),
    book('twice', at(13), { corrects: 'same id' }),
    expose('twice too', 'control', at(10)),
    book('twice too', at(12), { id: 'other id', value: 3 }),
    book('twice too', at(11), { id: 'other id', value: 0 }),
    book('twice too', at(13), { corrects: 'other id', value: -3 }),
  ];
}

const EVENTS = fixture();
const ENROLMENTS = [
  enrolmentOf(),
  enrolmentOf({ external: true }),
  enrolmentOf({ versionFrom: 2, versionTo: 2 }),
  enrolmentOf({ unitType: 'device' }),
  enrolmentOf({ asOf: START + 30 * HOUR, entryUntil: START + 30 * HOUR }),
  enrolmentOf({ entryUntil: START + 5 * HOUR }),
  enrolmentOf({ variants: ['control', 'challenger', 'elsewhere'] }),
  enrolmentOf({ experiment: "nobody's" }),
];
const QUESTIONS = (['conversion', 'count', 'sum'] as const)
  .flatMap((kind) => [
    questionOf({ kind }),
    questionOf({ kind, windowFromMs: 24 * HOUR, windowToMs: 48 * HOUR }),
    questionOf({ kind, outcomesUntil: START + 11 * HOUR }),
    questionOf({ kind, matureUntil: START + 9 * HOUR }),
  ])
  .concat([
    questionOf({ kind: 'sum', property: 'nights' }),
    questionOf({ kind: 'sum', property: 'per/cent~%' }),
    questionOf({ kind: 'sum', property: "o'clock" }),
    questionOf({ kind: 'sum', property: 'absent' }),
  ]);

describe.each(WAREHOUSES)('the %s warehouse', (_name, open) => {
  let warehouse: Warehouse;
  let directory: string | undefined;
  afterEach(() => {
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
    directory = undefined;
  });

  const insert = async (target: Warehouse, rows: readonly WarehouseRow[], size: number) => {
    for (let start = 0; start < rows.length; start += size) {
      await target.insertBatch({
        id: `${start}-${rows.length}-${size}`,
        rows: rows.slice(start, start + size),
      });
    }
  };

  describe('on one fixture', () => {
    beforeAll(async () => {
      warehouse = await open();
      await insert(warehouse, EVENTS.map(rowOf), 1000);
    });
    afterAll(() => warehouse.close());

    test('answers every question with the exact sums of a naive implementation', async () => {
      expect(JSON.parse(await answersOf(warehouse, ENROLMENTS, QUESTIONS))).toEqual(
        JSON.parse(expectedAnswers(EVENTS, ENROLMENTS, QUESTIONS)),
      );
    });

    test.each<[string, string, Partial<MetricQuestion>, bigint, bigint]>([
      [
        'counts outcomes from the first exposure on, not before',
        'first',
        { kind: 'sum' },
        10_000_000n,
        100_000_000_000_000n,
      ],
      [
        'counts both ends of a window',
        'edge-in',
        { kind: 'sum', windowFromMs: 24 * HOUR, windowToMs: 48 * HOUR },
        3_000_000n,
        9_000_000_000_000n,
      ],
      [
        'counts nothing a millisecond outside a window',
        'edge-out',
        { kind: 'sum', windowFromMs: 24 * HOUR, windowToMs: 48 * HOUR },
        0n,
        0n,
      ],
      [
        'sums a correction where the corrected event stands',
        'half',
        { kind: 'sum' },
        30_000_000n,
        900_000_000_000_000n,
      ],
      ['undoes a conversion that was corrected', 'undone', {}, 0n, 0n],
      ['undoes a conversion without a value', 'silent', {}, 1_000_000n, 1_000_000_000_000n],
      ['counts a corrected event as none', 'undone', { kind: 'count' }, 0n, 0n],
      [
        'counts below zero what was corrected twice',
        'double',
        { kind: 'count' },
        -1_000_000n,
        1_000_000_000_000n,
      ],
      ['takes no correction of another unit', 'thief', {}, 1_000_000n, 1_000_000_000_000n],
      [
        'takes no correction of what never came',
        'ghost',
        { kind: 'sum' },
        50_000_000n,
        2_500_000_000_000_000n,
      ],
      [
        'takes no correction from after asOf',
        'future',
        { kind: 'count' },
        1_000_000n,
        1_000_000_000_000n,
      ],
      [
        'dates a correction at the corrected event, before the exposure',
        'late',
        { kind: 'sum' },
        50_000_000n,
        2_500_000_000_000_000n,
      ],
      [
        'squares beyond 128 bits',
        'whale',
        { kind: 'sum' },
        150n * 10n ** 18n,
        (150n * 10n ** 18n) ** 2n,
      ],
      [
        'squares negative sums',
        'debtor',
        { kind: 'sum' },
        -150n * 999_999_999_999_123_500n,
        (150n * 999_999_999_999_123_500n) ** 2n,
      ],
      ['takes an id seen twice for its earlier event', 'twice', {}, 0n, 0n],
    ])('%s (%s)', async (_says, user, fields, sum, sumOfSquares) => {
      // The unit alone: everybody else is left out by naming its variant and time of entry.
      const own = EVENTS.filter((event) => event.units.user === user);
      const alone = await open();
      await insert(alone, own.map(rowOf), 100);
      const { value } = await alone.sums(enrolmentOf(), questionOf(fields));
      const arms = [...value.values()].filter(({ n }) => n > 0n);
      await alone.close();
      expect(arms).toHaveLength(1);
      expect(arms[0]).toMatchObject({ n: 1n, sum, sumOfSquares });
    });

    test('cuts at a watermark: what was drained later is not there', async () => {
      const cut = 40n;
      const [before, answers] = [
        EVENTS.slice(),
        await warehouse.sums(enrolmentOf({ watermark: cut }), questionOf()),
      ];
      // Drained in one batch, so in the order of time and id.
      const drained = before
        .sort((a, b) => a.ts - b.ts || (a.id < b.id ? -1 : 1))
        .slice(0, Number(cut));
      expect(textOf(answers.value)).toBe(textOf(sumsOf(drained, enrolmentOf(), questionOf())));
      expect(
        (await warehouse.arms(enrolmentOf({ watermark: 0n }))).value.units.get('control'),
      ).toBe(0);
    });

    test('counts the units of an instant once, though it is asked for twice', async () => {
      const { value } = await warehouse.matureUnits(enrolmentOf(), [END, END, END], 0);
      expect(value.get(END)).toBe(matureOf(EVENTS, enrolmentOf(), END, 0));
    });

    test('counts a unit at a moment before it was met in a second variant, and not after', async () => {
      const own = EVENTS.filter(({ units }) => units.user === 'crossed');
      const alone = await open();
      await insert(alone, own.map(rowOf), 100);
      const moments = [1, 1.5, 2, 3].map((hours) => START + hours * HOUR);
      const { value } = await alone.matureUnits(enrolmentOf(), moments, 0);
      await alone.close();
      expect(moments.map((moment) => value.get(moment))).toEqual([1, 1, 0, 0]);
    });

    test('knows which experiments have exposures', async () => {
      expect(await warehouse.hasExposures('ranker')).toBe(true);
      expect(await warehouse.hasExposures('another')).toBe(true);
      expect(await warehouse.hasExposures('rank')).toBe(false);
    });
  });

  test('answers byte for byte the same in every order, batch size and with resends', async () => {
    const enrolments = ENROLMENTS.slice(0, 2);
    const expected = expectedAnswers(EVENTS, enrolments, QUESTIONS);
    for (const [seed, size] of [
      [1, 11],
      [2, 64],
      [3, 100_000],
    ] as const) {
      const random = dice(seed);
      const resent = EVENTS.filter(() => random() < 0.3);
      const rows = shuffled([...EVENTS, ...resent], random).map(rowOf);
      const other = await open();
      for (let start = 0; start < rows.length; start += size) {
        // The inbox never sends one identity twice in a batch.
        const batch = new Map(
          rows.slice(start, start + size).map((row) => [`${row.ts} ${row.id}`, row]),
        );
        await other.insertBatch({ id: `batch ${start}`, rows: [...batch.values()] });
        if (random() < 0.3)
          await other.insertBatch({ id: `batch ${start}`, rows: [...batch.values()] });
      }
      expectSameText(await answersOf(other, enrolments, QUESTIONS), expected);
      await other.close();
    }
  });

  test('answers the same when events come through the inbox and the drain, restarted on the way', async () => {
    directory = mkdtempSync(join(tmpdir(), 'assay-contract-'));
    const path = join(directory, 'inbox.db');
    const openOne = () => openInbox(path, { onFsyncFailure() {} });
    const target = await open();
    const random = dice(4);
    const sent = shuffled([...EVENTS, ...EVENTS.filter(() => random() < 0.5)], random);
    let inbox = openOne();
    for (let start = 0; start < sent.length; start += 90) {
      const events = sent.slice(start, start + 90);
      await inbox.accept({ receivedAt: START, source: 'test', keyId: 'k', events, refused: [] });
      const drain = startDrain({
        inbox,
        warehouse: target,
        log: silentLog,
        intervalMs: 3_600_000,
        batchSize: 37,
      });
      if (random() < 0.5) await drain.drainNow();
      // A batch that was marked, or even taken in, when the process died.
      else if (random() < 0.7) {
        const batch = inbox.nextBatch(() => `lost ${start}`, 20);
        if (batch !== undefined && random() < 0.5) await target.insertBatch(batch);
      }
      await drain.stop();
      inbox.close();
      inbox = openOne();
    }
    const drain = startDrain({
      inbox,
      warehouse: target,
      log: silentLog,
      intervalMs: 3_600_000,
      batchSize: 11,
    });
    await drain.drainNow();
    await drain.stop();
    expect(inbox.totals()).toEqual({
      received: sent.length,
      accepted: EVENTS.length,
      duplicate: sent.length - EVENTS.length,
      refused: 0,
    });
    inbox.close();
    expectSameText(
      await answersOf(target, ENROLMENTS, QUESTIONS),
      expectedAnswers(EVENTS, ENROLMENTS, QUESTIONS),
    );
    await target.close();
  });

  test('takes a batch in as a whole or not at all, and goes on after one that failed', async () => {
    const target = await open();
    const rows = EVENTS.slice(0, 3).map(rowOf);
    await expect(
      target.insertBatch({
        id: 'broken',
        rows: [...rows, { ...rows[0], id: 'bad', body: '{not json' } as WarehouseRow],
      }),
    ).rejects.toThrow();
    expect(await target.watermark()).toBe(0n);
    expect(await target.insertBatch({ id: 'whole', rows })).toEqual({
      inserted: 3,
      duplicates: [],
    });
    expect(await target.insertBatch({ id: 'whole', rows: EVENTS.slice(0, 9).map(rowOf) })).toEqual({
      inserted: 3,
      duplicates: [],
    });
    expect(await target.insertBatch({ id: 'again', rows: EVENTS.slice(0, 4).map(rowOf) })).toEqual({
      inserted: 1,
      duplicates: [{ hour: START / HOUR, source: 'test', count: 3 }],
    });
    expect(await target.insertBatch({ id: 'empty', rows: [] })).toEqual({
      inserted: 0,
      duplicates: [],
    });
    expect(await target.watermark()).toBe(4n);
    await target.close();
  });

  test('serves questions while it takes batches in', async () => {
    const target = await open();
    await insert(target, EVENTS.map(rowOf), 1000);
    const expected = textOf(sumsOf(EVENTS, enrolmentOf(), questionOf()));
    const noise = Array.from({ length: 400 }, (_, index) =>
      rowOf(book(`n${index}`, START + index)),
    );
    const [, ...answers] = await Promise.all([
      insert(target, noise, 50),
      ...Array.from({ length: 10 }, () => target.sums(enrolmentOf(), questionOf())),
    ]);
    for (const answer of answers) expect(textOf(answer.value)).toBe(expected);
    await target.close();
  });

  describe('on random histories', () => {
    beforeAll(async () => {
      warehouse = await open();
    });
    afterAll(() => warehouse.close());

    const user = fc.constantFrom('u1', 'u2', 'u3');
    const hour = fc.integer({ min: -3, max: 30 });
    const anyEvent = fc.oneof(
      fc
        .record({
          user,
          hour,
          variant: fc.oneof(
            { weight: 6, arbitrary: fc.constantFrom('control', 'challenger') },
            { weight: 1, arbitrary: fc.constant('elsewhere') },
          ),
          version: fc.constantFrom(1, 1, 1, 2, 3, undefined),
        })
        .map((fields) => ({ kind: 'exposure' as const, ...fields })),
      fc
        .record({
          user,
          hour,
          id: fc.integer({ min: 0, max: 5 }),
          corrects: fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined, freq: 3 }),
          value: fc.constantFrom(undefined, 0, 1, -1, 0.1, 0.000001, 12.5, 1e12, -1e12),
        })
        .map((fields) => ({ kind: 'outcome' as const, ...fields })),
    );
    const anyHistory = fc.record({
      events: fc.array(anyEvent, { minLength: 1, maxLength: 25 }),
      seed: fc.integer(),
      size: fc.integer({ min: 5, max: 40 }),
      stop: fc.integer({ min: 0, max: 30 }),
      asOf: fc.integer({ min: 0, max: 30 }),
      external: fc.boolean(),
      from: fc.constantFrom(0, 1, 5),
      to: fc.constantFrom(5, 12, Number.POSITIVE_INFINITY),
      mature: fc.integer({ min: 0, max: 30 }),
    });

    test('agrees with the naive implementation', async () => {
      let run = 0;
      await fc.assert(
        fc.asyncProperty(anyHistory, async (history) => {
          run += 1;
          const [experiment, name] = [`experiment-${run}`, `event ${run}`];
          const events = history.events.map((one, index) => {
            const ts = START + one.hour * HOUR;
            const units = { user: one.user };
            return eventOf(
              one.kind === 'exposure'
                ? exposureEvent({
                    id: `${run}-x${index}`,
                    ts,
                    units,
                    experiment,
                    variant: one.variant,
                    version: one.version,
                  })
                : outcomeEvent({
                    id: `${run}-o${one.id}-${one.corrects === undefined ? '' : index}`,
                    ts,
                    units,
                    name,
                    value: one.value,
                    corrects: one.corrects === undefined ? undefined : `${run}-o${one.corrects}-`,
                  }),
            );
          });
          // Of two events of one identity the first that arrives is kept.
          const random = dice(history.seed);
          const order = shuffled([...events, ...events.filter(() => random() < 0.3)], random);
          const kept = new Map<string, AssayEvent>();
          for (const event of order) {
            const identity = `${event.ts} ${event.id}`;
            if (!kept.has(identity)) kept.set(identity, event);
          }
          for (let start = 0; start < order.length; start += history.size) {
            const batch = new Map<string, AssayEvent>();
            for (const event of order.slice(start, start + history.size)) {
              const identity = `${event.ts} ${event.id}`;
              if (!batch.has(identity)) batch.set(identity, event);
            }
            await warehouse.insertBatch({
              id: `${run}-${start}`,
              rows: [...batch.values()].map(rowOf),
            });
          }
          const asOf = START + history.asOf * HOUR;
          const enrolment = enrolmentOf({
            experiment,
            asOf,
            entryUntil: Math.min(asOf, START + history.stop * HOUR),
            external: history.external,
          });
          const all = [...kept.values()];
          expect(textOf((await warehouse.arms(enrolment)).value)).toBe(
            textOf(armsOf(all, enrolment)),
          );
          const moments = [START, START + 5 * HOUR, asOf];
          const mature = await warehouse.matureUnits(enrolment, moments, history.from * HOUR);
          const expected = moments.map(
            (at) => [at, matureOf(all, enrolment, at, history.from * HOUR)] as const,
          );
          expect(textOf(mature.value)).toBe(textOf(new Map(expected)));
          expect(textOf((await warehouse.strays(enrolment)).value)).toBe(
            textOf(straysOf(all, enrolment)),
          );
          for (const kind of ['conversion', 'count', 'sum'] as const) {
            const question = questionOf({
              kind,
              event: name,
              windowFromMs: history.from * HOUR,
              windowToMs: history.to * HOUR,
              outcomesUntil: asOf,
              matureUntil: START + history.mature * HOUR,
            });
            const { value } = await warehouse.sums(enrolment, question);
            expect(textOf(value), kind).toBe(textOf(sumsOf(all, enrolment, question)));
          }
        }),
        { seed: 12, numRuns: 150 },
      );
    }, 60_000);
  });
});

import { describe, expect, test } from 'vitest';
import { type AssayEvent, EVENT_LIMITS, parseEvent } from '../../../src/domain/event.ts';
import {
  DAY,
  exposureEvent,
  inferenceEvent,
  outcomeEvent,
  START,
} from '../../support/factories.ts';

const NOW = START + 10 * DAY;
const refusalOf = (sent: unknown) => {
  const parsed = parseEvent(sent, NOW);
  return parsed.ok ? 'accepted' : { id: parsed.id, ...parsed.rejection };
};
const accepted = (sent: unknown): AssayEvent => {
  const parsed = parseEvent(sent, NOW);
  if (!parsed.ok) throw new Error(`${parsed.rejection.code}: ${parsed.rejection.detail}`);
  return parsed.event;
};
const nested = (levels: number): unknown =>
  JSON.parse(`${'['.repeat(levels)}1${']'.repeat(levels)}`);
const json = (text: string): unknown => JSON.parse(text);

describe('an event is taken', () => {
  test('as it was sent, with its instant in milliseconds and its unit ids as text', () => {
    const sent = exposureEvent({
      ts: '2026-01-05T01:00:00.5+01:00',
      units: { user: 42, 'device-id': 'é' },
      attributes: { country: 'NL', deep: { a: [1, 'x', null, true] } },
      requestId: 'r1',
    });
    expect(accepted(sent)).toEqual({
      ...sent,
      ts: START + 500,
      units: { user: '42', 'device-id': 'é' },
    });
  });

  test.each([
    ['an outcome with nothing but its name', outcomeEvent()],
    ['a correction', outcomeEvent({ corrects: 'o0', value: -5 })],
    ['an exposure without a version', exposureEvent({ version: undefined })],
    ['an exposure of an experiment nobody defined', exposureEvent({ experiment: 'nobody.knows' })],
    ['epoch milliseconds', outcomeEvent({ ts: START })],
    ['an instant just before the limit of the future', outcomeEvent({ ts: NOW + DAY })],
    ['an instant of the year 1', outcomeEvent({ ts: '0001-01-01T00:00:00Z' })],
    ['a negative instant', outcomeEvent({ ts: -1 })],
    ['a name of 200 characters', outcomeEvent({ name: 'n'.repeat(200) })],
    ['a name with spaces and letters of the world', outcomeEvent({ name: 'réservation 予約 🏨' })],
    ['64 properties', outcomeEvent({ properties: manyProperties(64) })],
    ['ten unit types', outcomeEvent({ units: manyUnits(10) })],
    [
      'a property named constructor',
      outcomeEvent({ properties: { constructor: 1, toString: 'x' } }),
    ],
    ['properties as deep as they may be', outcomeEvent({ properties: { a: nested(8) } })],
  ])('%s', (_what, sent) => {
    expect(refusalOf(sent)).toBe('accepted');
  });

  test('with every field an inference may have', () => {
    const sent = inferenceEvent({
      requestId: 'r1',
      attributes: { a: 1 },
      eligible: true,
      triggered: false,
      served: { model: 'ranker@7', action: 'show', fallback: false, cached: true },
      totalMs: 38.0000005,
      scored: [
        {
          model: 'ranker@7',
          purpose: 'served',
          status: 'ok',
          score: 0.71234567,
          action: 'show',
          latencyMs: 21,
          cached: false,
        },
        { model: 'ranker@6', purpose: 'counterfactual', status: 'timeout' },
      ],
    });
    expect(accepted(sent)).toMatchObject({
      totalMs: 38,
      scored: [{ score: 0.712346, latencyMs: 21 }, { status: 'timeout' }],
    });
  });

  test.each([
    ['é', 'é'],
    ['e\u0301', 'e\u0301'],
    ['漢字', '漢字'],
    ['😀', '😀'],
    [' padded ', ' padded '],
    ['a\u0000b', 'a\u0000b'],
    ['007', '007'],
    [7, '7'],
    [-0, '0'],
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
    [-1, '-1'],
    ['x'.repeat(10_240), 'x'.repeat(10_240)],
    ['é'.repeat(5120), 'é'.repeat(5120)],
    ['null', 'null'],
    ['__proto__', '__proto__'],
  ])('with the unit id %j, neither trimmed nor normalised', (sent, kept) => {
    expect(accepted(outcomeEvent({ units: { user: sent } })).units).toEqual({ user: kept });
  });

  test.each([
    [129.5, 129.5],
    [0.0000005, 0],
    [0.0000015, 0.000002],
    [0.0000025, 0.000002],
    [-0.0000015, -0.000002],
    [-0, 0],
    [-0.0000001, 0],
    [1.23456789, 1.234568],
    [1e12, 1e12],
    [-1e12, -1e12],
  ])('with the value %s rounded to %s, half to even', (sent, kept) => {
    const event = accepted(
      outcomeEvent({ value: sent, properties: { a: sent, b: [{ c: sent }], d: String(sent) } }),
    );
    expect(event).toMatchObject({
      value: kept,
      properties: { a: kept, b: [{ c: kept }], d: String(sent) },
    });
    expect(Object.is((event as { value?: number }).value, -0)).toBe(false);
  });

  test('with the attributes of an exposure as they are: they enter no metric', () => {
    expect(
      accepted(exposureEvent({ attributes: { score: 0.123456789, big: 1e15 } })),
    ).toMatchObject({
      attributes: { score: 0.123456789, big: 1e15 },
    });
  });

  test('and judging it leaves what was sent untouched', () => {
    const sent = outcomeEvent({
      value: 1.23456789,
      properties: { a: 1.23456789 },
      units: { user: 1 },
    });
    const before = JSON.stringify(sent);
    accepted(sent);
    expect(JSON.stringify(sent)).toBe(before);
  });
});

describe('an event is refused', () => {
  test.each<[string, unknown, string, RegExp]>([
    ['no object', 'text', 'invalid', /an event is an object/],
    ['null', null, 'invalid', /an event is an object/],
    ['a list', [outcomeEvent()], 'invalid', /an event is an object/],
    [
      'no kind',
      outcomeEvent({ kind: undefined }),
      'invalid',
      /^\/kind: must be exposure, outcome or inference/,
    ],
    ['a kind of another world', outcomeEvent({ kind: 'toString' }), 'invalid', /^\/kind/],
    ['a kind that is no text', outcomeEvent({ kind: ['outcome'] }), 'invalid', /\/kind/],
    ['no name', outcomeEvent({ name: undefined }), 'invalid', /^\/name/],
    ['an empty name', outcomeEvent({ name: '' }), 'invalid', /^\/name: must not be empty/],
    ['a name that is too long', outcomeEvent({ name: 'n'.repeat(201) }), 'invalid', /^\/name/],
    [
      'a name with a lone surrogate',
      outcomeEvent({ name: 'a\ud800' }),
      'invalid',
      /^\/name: must be well-formed/,
    ],
    ['an unknown field', outcomeEvent({ valeu: 1 }), 'invalid', /^\/valeu: unknown field/],
    [
      'a field of another kind',
      outcomeEvent({ experiment: 'a' }),
      'invalid',
      /^\/experiment: unknown field/,
    ],
    [
      'two mistakes at once',
      outcomeEvent({ valeu: 1, value: 'x' }),
      'invalid',
      /\/value: must be a number.*\/valeu|\/valeu.*\/value/,
    ],
    [
      'a value that is text',
      outcomeEvent({ value: '129.5' }),
      'invalid',
      /^\/value: must be a number/,
    ],
    [
      'a value that is null',
      outcomeEvent({ value: null }),
      'invalid',
      /^\/value: must be a number/,
    ],
    [
      'an experiment that is no key',
      exposureEvent({ experiment: 'a b' }),
      'invalid',
      /^\/experiment/,
    ],
    [
      'an experiment of a reserved word',
      exposureEvent({ experiment: '__proto__' }),
      'invalid',
      /reserved word/,
    ],
    ['a variant that is no key', exposureEvent({ variant: '' }), 'invalid', /^\/variant/],
    ['version 0', exposureEvent({ version: 0 }), 'invalid', /^\/version: must be at least 1/],
    ['version 1.5', exposureEvent({ version: 1.5 }), 'invalid', /^\/version/],
    [
      'properties that are a list',
      outcomeEvent({ properties: [] }),
      'invalid',
      /^\/properties: must be an object/,
    ],
    [
      'a scored model that is no model',
      inferenceEvent({ scored: [{ model: 'x' }] }),
      'invalid',
      /\/scored\/0\/model/,
    ],
    ['an empty id', outcomeEvent({ id: '' }), 'id_invalid', /^\/id/],
    ['no id', outcomeEvent({ id: undefined }), 'id_invalid', /^\/id/],
    ['an id that is a number', outcomeEvent({ id: 5 }), 'id_invalid', /^\/id/],
    ['an id of 201 characters', outcomeEvent({ id: 'i'.repeat(201) }), 'id_invalid', /^\/id/],
    ['an id with a lone surrogate', outcomeEvent({ id: '\udc00' }), 'id_invalid', /well-formed/],
    ['no ts', outcomeEvent({ ts: undefined }), 'ts_invalid', /^\/ts: must be RFC 3339/],
    ['a ts without a zone', outcomeEvent({ ts: '2026-01-05T00:00:00' }), 'ts_invalid', /^\/ts/],
    ['a ts on 30 February', outcomeEvent({ ts: '2026-02-30T00:00:00Z' }), 'ts_invalid', /^\/ts/],
    ['a ts of half a millisecond', outcomeEvent({ ts: START + 0.5 }), 'ts_invalid', /^\/ts/],
    ['a ts in digits', outcomeEvent({ ts: String(START) }), 'ts_invalid', /^\/ts/],
    ['a ts beyond all calendars', outcomeEvent({ ts: 1e17 }), 'ts_invalid', /^\/ts/],
    ['a ts that is a Date in JSON5', outcomeEvent({ ts: {} }), 'ts_invalid', /^\/ts/],
    ['a ts in the future', outcomeEvent({ ts: NOW + DAY + 1 }), 'ts_in_future', /over 24 h ahead/],
    [
      'a ts in the far future',
      outcomeEvent({ ts: '9999-12-31T23:59:59Z' }),
      'ts_in_future',
      /over 24 h ahead/,
    ],
    ['no units', outcomeEvent({ units: undefined }), 'unit_invalid', /^\/units/],
    ['units that are a list', outcomeEvent({ units: ['u1'] }), 'unit_invalid', /^\/units/],
    ['no unit in units', outcomeEvent({ units: {} }), 'unit_invalid', /at least one/],
    ['eleven unit types', outcomeEvent({ units: manyUnits(11) }), 'unit_invalid', /at most 10/],
    [
      'a unit type with a space',
      outcomeEvent({ units: { 'a b': 'u' } }),
      'unit_invalid',
      /not a unit type/,
    ],
    [
      'a unit type of a reserved word',
      outcomeEvent({ units: json('{"__proto__": "u"}') }),
      'unit_invalid',
      /not a unit type/,
    ],
    ['an empty unit id', outcomeEvent({ units: { user: '' } }), 'unit_invalid', /^\/units\/user/],
    [
      'a unit id that is null',
      outcomeEvent({ units: { user: null } }),
      'unit_invalid',
      /^\/units\/user/,
    ],
    [
      'a unit id that is a fraction',
      outcomeEvent({ units: { user: 1.5 } }),
      'unit_invalid',
      /safe integer/,
    ],
    [
      'a unit id beyond safe integers',
      outcomeEvent({ units: { user: 2 ** 53 } }),
      'unit_invalid',
      /safe integer/,
    ],
    [
      'a unit id with a lone surrogate',
      outcomeEvent({ units: { user: 'a\ud83d' } }),
      'unit_invalid',
      /well-formed/,
    ],
    [
      'a unit id of 10241 bytes',
      outcomeEvent({ units: { user: 'x'.repeat(10_241) } }),
      'unit_invalid',
      /10240 bytes/,
    ],
    [
      'a unit id of 10242 bytes in 5121 letters',
      outcomeEvent({ units: { user: 'é'.repeat(5121) } }),
      'unit_invalid',
      /10240/,
    ],
    [
      'one bad unit id among good ones',
      outcomeEvent({ units: { a: 'u', b: '' } }),
      'unit_invalid',
      /^\/units\/b/,
    ],
    [
      'a value beyond 1e12',
      outcomeEvent({ value: 1e12 + 1 }),
      'value_out_of_range',
      /^\/value: beyond/,
    ],
    ['a value below -1e12', outcomeEvent({ value: -1.1e12 }), 'value_out_of_range', /^\/value/],
    [
      'a property beyond 1e12',
      outcomeEvent({ properties: { a: { b: [1e13] } } }),
      'value_out_of_range',
      /^\/properties\/a\/b\/0/,
    ],
    [
      'a latency beyond 1e12',
      inferenceEvent({ totalMs: 1e13 }),
      'value_out_of_range',
      /^\/totalMs/,
    ],
    [
      '65 properties',
      outcomeEvent({ properties: manyProperties(65) }),
      'too_many_properties',
      /^\/properties: more than 64/,
    ],
    [
      '65 attributes',
      exposureEvent({ attributes: manyProperties(65) }),
      'too_many_properties',
      /^\/attributes/,
    ],
    [
      'properties that are too deep',
      outcomeEvent({ properties: { a: nested(9) } }),
      'too_deep',
      /10 levels/,
    ],
    [
      'properties deep enough to fell a parser',
      outcomeEvent({ properties: { a: nested(100_000) } }),
      'too_deep',
      /10 levels/,
    ],
    [
      'an event that is too large',
      outcomeEvent({ properties: { a: 'x'.repeat(8192) } }),
      'too_large',
      /8192 characters/,
    ],
    [
      'a lone surrogate in a property',
      outcomeEvent({ properties: { a: ['\ud800'] } }),
      'invalid',
      /^\/properties: must be well-formed/,
    ],
    [
      'a lone surrogate in a property name',
      outcomeEvent({ properties: { '\udfff': 1 } }),
      'invalid',
      /^\/properties: must be well-formed/,
    ],
    [
      'a lone surrogate in an attribute',
      exposureEvent({ attributes: { a: { b: '\udc00' } } }),
      'invalid',
      /^\/attributes: must be/,
    ],
    [
      'a property named __proto__',
      outcomeEvent({ properties: json('{"__proto__": {"x": 1}}') }),
      'invalid',
      /reserved word/,
    ],
    [
      'a deep property named __proto__',
      outcomeEvent({ properties: json('{"a": [{"__proto__": 1}]}') }),
      'invalid',
      /reserved word/,
    ],
    [
      'a field named __proto__',
      json(
        '{"kind":"outcome","id":"a","ts":1,"units":{"user":"u"},"name":"x","__proto__":{"value":1}}',
      ),
      'invalid',
      /__proto__: unknown field/,
    ],
  ])('for %s', (_what, sent, code, detail) => {
    const refusal = refusalOf(sent);
    expect(refusal).toMatchObject({ code });
    expect((refusal as { detail: string }).detail).toMatch(detail);
    expect(Object.hasOwn(Object.prototype, 'x')).toBe(false);
  });

  test('under the id it was sent with, as far as it had one', () => {
    expect(refusalOf(outcomeEvent({ ts: 'never' }))).toMatchObject({ id: 'o1' });
    expect(refusalOf(outcomeEvent({ id: 7 }))).toMatchObject({ id: null });
    expect(refusalOf(outcomeEvent({ id: 'i'.repeat(500) }))).toMatchObject({ id: 'i'.repeat(200) });
    expect(refusalOf(5)).toMatchObject({ id: null });
  });

  test('with a detail of bounded length, whatever was sent', () => {
    const fields = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`field${i}`, 1]));
    const refusal = refusalOf(outcomeEvent(fields)) as { detail: string };
    expect(refusal.detail.length).toBeLessThanOrEqual(1000);
  });

  test('when it is too large beside its unit ids, which count on their own', () => {
    const long = { user: 'x'.repeat(10_000), device: 'y'.repeat(10_000) };
    expect(refusalOf(outcomeEvent({ units: long }))).toBe('accepted');
    const text = 'x'.repeat(EVENT_LIMITS.charactersPerEvent - 200);
    expect(refusalOf(outcomeEvent({ units: long, properties: { text } }))).toBe('accepted');
  });
});

function manyProperties(count: number): Record<string, number> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, index]));
}

function manyUnits(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`type${index}`, 'u']));
}

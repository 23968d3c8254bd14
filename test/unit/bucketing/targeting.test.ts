import { describe, expect, test } from 'vitest';
import { meets } from '../../../src/bucketing/targeting.ts';
import type { Attributes } from '../../../src/domain/assignment.ts';
import { type Condition, conditionSchema, type Operator } from '../../../src/domain/condition.ts';

const condition = (attribute: string, op: Operator, value: unknown): Condition =>
  conditionSchema.parse({ attribute, op, value });

describe('one test', () => {
  // [operator, its value, attribute values that meet it, attribute values that do not]; undefined is missing.
  test.each<[Operator, unknown, unknown[], unknown[]]>([
    ['eq', 'NL', ['NL'], ['nl', 'NL ', '', 0, null, undefined, ['NL'], { NL: true }]],
    ['eq', 10, [10, 10.0], ['10', 10.1, true, null, undefined, Number.NaN]],
    ['eq', 0, [0, -0], ['', false, null, undefined]],
    ['eq', true, [true], ['true', 1, null, undefined]],
    ['eq', '', [''], [0, false, null, undefined]],
    ['ne', 'NL', ['nl', 10, null, undefined, ['NL']], ['NL']],
    ['ne', 10, ['10', undefined, Number.NaN], [10]],
    ['in', ['NL', 7, false], ['NL', 7, false], ['7', 0, 'false', null, undefined, ['NL']]],
    ['not_in', ['NL', 7], ['BE', '7', null, undefined], ['NL', 7]],
    ['lt', 18, [17, -1, 17.999999], [18, 19, '17', true, null, undefined, Number.NaN]],
    ['lte', 18, [18, 17], [18.000001, '18', undefined, Number.NaN]],
    ['gt', 18, [19, Number.POSITIVE_INFINITY], [18, '19', null, undefined, Number.NaN]],
    ['gte', 18, [18, 19], [17.9, '18', null, undefined]],
    ['lt', 'b', ['a', 'B', ''], ['b', 'ba', 1, null, undefined]],
    ['gte', 'b', ['b', 'c', 'é'], ['a', 'B', 2, undefined]],
    [
      'contains',
      'spa',
      ['spa', 'a spa day', ['pool', 'spa']],
      ['sp', ['spas'], [], null, undefined],
    ],
    ['contains', '', ['', 'anything'], [null, undefined, 5]],
    ['starts_with', 'ada@', ['ada@', 'ada@x'], ['Ada@x', ' ada@', ['ada@'], null, undefined]],
    ['ends_with', '.com', ['.com', 'x.com'], ['.COM', 'com', 7, null, undefined]],
    ['exists', true, ['', 0, false, [], {}, Number.NaN], [null, undefined]],
    ['exists', false, [null, undefined], ['', 0, false]],
  ])('%s %j', (op, value, yes, no) => {
    const asked = condition('attribute', op, value);
    const meetsWith = (attribute: unknown) =>
      meets(asked, attribute === undefined ? {} : { attribute });
    expect(yes.map(meetsWith)).toEqual(yes.map(() => true));
    expect(no.map(meetsWith)).toEqual(no.map(() => false));
  });
});

describe('names', () => {
  const isIos = condition('device.os', 'eq', 'ios');

  test.each<[string, Attributes, boolean]>([
    ['reach into objects', { device: { os: 'ios' } }, true],
    ['are taken whole first', { 'device.os': 'ios' }, true],
    ['taken whole hide the nested ones', { 'device.os': 'x', device: { os: 'ios' } }, false],
    ['do not reach into text', { device: 'ios' }, false],
    ['do not reach into null', { device: null }, false],
    ['do not reach beyond what is there', {}, false],
  ])('%s', (_, attributes, expected) => {
    expect(meets(isIos, attributes)).toBe(expected);
  });

  test.each(['toString', 'hasOwnProperty', 'valueOf', 'device.toString', 'list.length.toFixed'])(
    'that every object inherits do not exist: %s',
    (name) => {
      const exists = condition(name, 'exists', true);
      expect(meets(exists, { device: {}, list: [1] })).toBe(false);
      expect(meets(exists, Object.create({ [name]: 1 }) as Attributes)).toBe(false);
    },
  );

  test.each(['__proto__', 'a.__proto__.b', 'constructor', 'x.prototype'])(
    'that reach for the prototype are no conditions at all: %s',
    (attribute) => {
      expect(() => condition(attribute, 'exists', true)).toThrow();
    },
  );

  test('that reach for the prototype would find nothing', () => {
    const asked: Condition = { attribute: '__proto__.polluted', op: 'exists', value: true };
    const attributes = JSON.parse('{"a": 1}') as Attributes;
    expect(meets(asked, attributes)).toBe(false);
  });
});

describe('joined tests', () => {
  const yes = condition('a', 'eq', 1);
  const no = condition('a', 'eq', 2);
  test.each<[string, Condition, boolean]>([
    ['all of none', { all: [] }, true],
    ['any of none', { any: [] }, false],
    ['all', { all: [yes, yes] }, true],
    ['all but one', { all: [yes, no] }, false],
    ['any', { any: [no, yes] }, true],
    ['none of any', { any: [no, no] }, false],
    ['not', { not: no }, true],
    ['not not', { not: { not: yes } }, true],
    ['deep', { all: [{ any: [no, { not: no }] }, { not: { all: [yes, no] } }] }, true],
  ])('%s', (_, asked, expected) => {
    expect(meets(conditionSchema.parse(asked), { a: 1 })).toBe(expected);
  });
});

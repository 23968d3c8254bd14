import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { reachedLooks, scheduleLooks } from '../../../src/decision/looks.ts';
import { DAY, START } from '../../support/factories.ts';

const plan = (fields: { looks?: number[]; minDays?: number; maxDays?: number } = {}) => ({
  minDays: 7,
  maxDays: 28,
  ...fields,
});
const daysOf = (fields: Parameters<typeof plan>[0], settledDay: number | null = null) =>
  scheduleLooks(plan(fields), START, settledDay === null ? null : START + settledDay * DAY).map(
    ({ day }) => day,
  );

describe('the looks of a plan', () => {
  test.each<[string, Parameters<typeof plan>[0], number[]]>([
    ['are weekly up to maxDays', {}, [7, 14, 21, 28]],
    ['end at maxDays, also between two weeks', { maxDays: 25 }, [7, 14, 21, 25]],
    ['leave out what lies before minDays', { minDays: 14 }, [14, 21, 28]],
    ['are one when minDays is maxDays', { minDays: 28 }, [28]],
    ['are one when the plan is shorter than a week', { minDays: 0, maxDays: 3 }, [3]],
    ['begin at the first week when minDays is 0', { minDays: 0 }, [7, 14, 21, 28]],
    ['are those the plan lists, and maxDays', { looks: [10, 20] }, [10, 20, 28]],
    ['name maxDays once', { looks: [10, 28] }, [10, 28]],
    ['leave out listed ones before minDays and after maxDays', { looks: [3, 10, 40] }, [10, 28]],
    ['may lie on parts of days', { looks: [7.5] }, [7.5, 28]],
  ])('%s', (_what, fields, days) => {
    expect(daysOf(fields)).toEqual(days);
  });

  test('lie at their day after the start', () => {
    expect(scheduleLooks(plan({ looks: [7.5] }), START, null)).toEqual([
      { day: 7.5, at: START + 7.5 * DAY },
      { day: 28, at: START + 28 * DAY },
    ]);
  });

  test.each<[string, number, number[]]>([
    ['between two looks', 16, [7, 14, 16]],
    ['before the first look', 3, [3]],
    ['on a look', 14, [7, 14]],
    ['a moment after a look', 14.001, [7, 14, 14.001]],
    ['on the last look', 28, [7, 14, 21, 28]],
    ['after the last look', 40, [7, 14, 21, 28]],
    ['at the start', 0, [0]],
  ])('end when a stopped experiment is settled %s', (_when, settledDay, days) => {
    expect(daysOf({}, settledDay)).toEqual(days);
  });

  test('are in order, none twice, at least one, whatever the plan', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 1, max: 60 }),
        fc.option(
          fc.uniqueArray(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 10 }),
          { nil: undefined },
        ),
        fc.option(fc.double({ min: 0, max: 90, noNaN: true }), { nil: null }),
        (minDays, more, listed, settledDay) => {
          const maxDays = minDays + more;
          const looks = listed === undefined ? {} : { looks: [...listed].sort((a, b) => a - b) };
          const schedule = scheduleLooks(
            { minDays, maxDays, ...looks },
            START,
            settledDay === null ? null : Math.round(START + settledDay * DAY),
          );
          expect(schedule.length).toBeGreaterThan(0);
          for (let i = 1; i < schedule.length; i += 1) {
            expect(schedule[i]?.at).toBeGreaterThan(schedule[i - 1]?.at ?? 0);
          }
        },
      ),
      { seed: 5, numRuns: 2000 },
    );
  });
});

describe('the looks that have been reached', () => {
  const schedule = scheduleLooks(plan(), START, null);
  /** Units mature at a steady pace: so many a day. */
  const steady = (perDay: number) => (instant: number) =>
    Math.floor(((instant - START) / DAY) * perDay);
  const reached = (day: number, perDay: number, planned: number, looks = schedule) =>
    reachedLooks(looks, START + day * DAY, steady(perDay), planned).map(
      ({ day: at, information, final }) => [at, information, final],
    );

  test('are none before the first', () => {
    expect(reached(6.999, 100, 10_000)).toEqual([]);
  });

  test('include the one that is now', () => {
    expect(reached(7, 100, 10_000)).toEqual([[7, 0.07, false]]);
  });

  test('grow with time, and the last of the plan is the last', () => {
    expect(reached(27, 100, 10_000)).toEqual([
      [7, 0.07, false],
      [14, 0.14, false],
      [21, 0.21, false],
    ]);
    expect(reached(28, 100, 10_000).at(-1)).toEqual([28, 0.28, true]);
    expect(reached(100, 100, 10_000)).toEqual(reached(28, 100, 10_000));
  });

  test('end at the first that has the planned units', () => {
    expect(reached(28, 100, 1400)).toEqual([
      [7, 0.5, false],
      [14, 1, true],
    ]);
  });

  test('end there also when there are more units than planned', () => {
    expect(reached(28, 100, 500)).toEqual([[7, 1.4, true]]);
  });

  test('pass over looks at which no unit was mature', () => {
    const late = (instant: number) => Math.max(0, steady(100)(instant) - 1000);
    expect(reachedLooks(schedule, START + 15 * DAY, late, 10_000).map(({ day }) => day)).toEqual([
      14,
    ]);
    expect(reachedLooks(schedule, START + 60 * DAY, () => 0, 10_000)).toEqual([]);
  });

  test('an analysis does not crash when units that crossed over make a later look count fewer', () => {
    const schedule = scheduleLooks(plan(), START, null);
    const counts = new Map([
      [7, 5000],
      [14, 4990],
      [21, 8000],
    ]);
    const shrinking = (at: number) => counts.get((at - START) / DAY) ?? 0;
    const reached = reachedLooks(schedule, START + 22 * DAY, shrinking, 10_000);
    expect(reached.map(({ information }) => information)).toEqual([0.5, 0.5, 0.8]);
  });

  test('end at the settled data of an experiment that was stopped early', () => {
    const stopped = scheduleLooks(plan(), START, START + 10 * DAY);
    expect(reached(9.9, 100, 10_000, stopped)).toEqual([[7, 0.07, false]]);
    expect(reached(10, 100, 10_000, stopped)).toEqual([
      [7, 0.07, false],
      [10, 0.1, true],
    ]);
  });
});

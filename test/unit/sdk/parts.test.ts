/** The small parts: ids, pauses, memory, queue. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { jittered, PACE, retryAfterMs } from '../../../src/sdk/backoff.ts';
import { ExposureMemory } from '../../../src/sdk/exposure-memory.ts';
import { Fifo } from '../../../src/sdk/fifo.ts';
import { SDK_VERSION } from '../../../src/sdk/index.ts';
import { createUuid7 } from '../../../src/sdk/uuid7.ts';
import { createWarn } from '../../../src/sdk/warnings.ts';

test('the SDK says the version of its package', () => {
  const file = new URL('../../../package.json', import.meta.url);
  expect(SDK_VERSION).toBe((JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version);
});

describe('ids', () => {
  test('are UUIDs of version 7 that carry their time', () => {
    const id = createUuid7()(0x0190_1234_5678);
    expect(id).toMatch(/^01901234-5678-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test('are unique and in order, whatever the clock does', () => {
    const next = createUuid7();
    const ids: string[] = [];
    for (let i = 0; i < 100_000; i += 1) {
      // Stands still, steps back, steps ahead.
      ids.push(next(1_700_000_000_000 + (i % 20_000 === 0 ? -5000 : Math.floor(i / 9000))));
    }
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual([...ids].sort());
  });

  test('stay well-formed at the ends of time', () => {
    const next = createUuid7();
    for (const ms of [-1, 0, 2 ** 48 - 1, 2 ** 53]) expect(next(ms)).toHaveLength(36);
  });
});

describe('pauses', () => {
  test('double up to a bound, and are spread over their whole length', () => {
    const longest = { ...PACE, random: () => 1 };
    expect([1, 2, 3, 7, 8, 2000].map((failures) => jittered(failures, longest))).toEqual([
      500, 1000, 2000, 30_000, 30_000, 30_000,
    ]);
    expect(jittered(5, { ...PACE, random: () => 0 })).toBe(0);
  });

  const wall = Date.UTC(2026, 0, 1);
  test.each<[Record<string, string>, number | undefined]>([
    [{}, undefined],
    [{ 'retry-after': '7' }, 7000],
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after': '99999999999999999999' }, 3_600_000],
    [{ 'retry-after': '-5' }, undefined],
    [{ 'retry-after': 'soon' }, undefined],
    [{ 'retry-after': 'Thu, 01 Jan 2026 00:00:09 GMT' }, 9000],
    [{ 'retry-after': 'Thu, 01 Jan 2015 00:00:09 GMT' }, 0],
    [
      {
        date: 'Thu, 01 Jan 2015 00:00:00 GMT',
        'retry-after': 'Thu, 01 Jan 2015 00:00:09 GMT',
      },
      9000,
    ],
  ])('asked for by %j', (headers, expected) => {
    expect(retryAfterMs(new Headers(headers), wall)).toBe(expected);
  });
});

describe('the memory of exposures', () => {
  const at = (ts: number, now = ts) => ({ ts, now });

  test('knows what it was told', () => {
    const memory = new ExposureMemory();
    expect(memory.isNews('a', at(10))).toBe(true);
    expect(memory.isNews('a', at(10))).toBe(false);
    expect(memory.isNews('a', at(9))).toBe(true);
    expect(memory.isNews('a', at(9))).toBe(false);
    memory.forget('a');
    expect(memory.isNews('a', at(9))).toBe(true);
    expect(memory.isNews('a', at(9, 86_400_010))).toBe(true);
  });

  test('forgets what was asked for least recently', () => {
    const memory = new ExposureMemory(3);
    for (const key of ['a', 'b', 'c']) memory.isNews(key, at(1));
    memory.isNews('c', at(1));
    memory.isNews('a', at(1));
    expect(memory.size).toBe(3);
    memory.isNews('d', at(1));
    expect(memory.size).toBe(3);
    expect(memory.isNews('a', at(1))).toBe(false);
    expect(memory.isNews('c', at(1))).toBe(false);
    expect(memory.isNews('b', at(1))).toBe(true);
  });
});

test('a queue keeps its order through taking out and putting back', () => {
  const queue = new Fifo<number>();
  for (let i = 0; i < 5000; i += 1) queue.push(i);
  const taken = Array.from({ length: 4000 }, () => queue.shift() ?? -1);
  queue.unshift(taken.slice(3990));
  queue.push(5000);
  expect(queue.length).toBe(1011);
  expect(queue.peek()).toBe(3990);
  const rest = Array.from({ length: 1011 }, () => queue.shift());
  expect(rest).toEqual(Array.from({ length: 1011 }, (_, i) => 3990 + i));
  expect(queue.shift()).toBeUndefined();
  expect(queue.length).toBe(0);
});

test('warnings are said once a cause, again after it was over, and boundedly many', () => {
  const said: string[] = [];
  const warn = createWarn(({ message }) => said.push(message), 0);
  warn({ code: 'experiment_unknown', message: 'a' }, 'a');
  warn({ code: 'experiment_unknown', message: 'a' }, 'a');
  warn({ code: 'experiment_unknown', message: 'b' }, 'b');
  expect(said).toEqual(['a', 'b']);
  warn.over('experiment_unknown');
  warn({ code: 'experiment_unknown', message: 'a' }, 'a');
  expect(said).toEqual(['a', 'b', 'a']);
  for (let i = 0; i < 5000; i += 1) warn({ code: 'experiment_unknown', message: 'x' }, `${i}`);
  expect(said.length).toBeLessThan(1100);
});

test('trouble that comes and goes is not said every time', () => {
  const said: string[] = [];
  const warn = createWarn(({ message }) => said.push(message));
  for (let i = 0; i < 10; i += 1) {
    warn({ code: 'events_unavailable', message: 'down' });
    warn.over('events_unavailable');
  }
  expect(said).toEqual(['down']);
});

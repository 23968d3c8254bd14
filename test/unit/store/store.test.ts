import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { seedsOf } from '../../../src/bucketing/compile.ts';
import { putExperiment, putMetric } from '../../../src/engine/definitions.ts';
import { openSnapshots } from '../../../src/engine/snapshot.ts';
import { handClock } from '../../../src/runtime/clock.ts';
import { newSalt } from '../../../src/runtime/ids.ts';
import { claimSeeds, findExperiment, pageOfExperiments } from '../../../src/store/experiments.ts';
import { openStore, type Store } from '../../../src/store/open.ts';
import { experimentBody, metricBody, START } from '../../support/factories.ts';

let directory: string;
let store: Store;
const clock = handClock(START);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'assay-store-'));
  store = openStore(join(directory, 'control.db'));
});
afterEach(() => {
  store.close();
  rmSync(directory, { recursive: true, force: true });
});
const reopen = () => {
  store.close();
  store = openStore(join(directory, 'control.db'));
};
const put = (key: string, fields = {}) =>
  putExperiment({ store, clock, drawSalt: newSalt }, key, experimentBody(fields)).value;

describe('what is stored', () => {
  test('is read back the same after a restart', () => {
    const experiment = put('ranker', {
      name: 'é 漢字 😀',
      targeting: { attribute: 'a', op: 'exists' },
      traffic: 0.1,
    });
    reopen();
    expect(findExperiment(store, 'ranker')).toEqual(experiment);
    expect(findExperiment(store, 'Ranker')).toBeUndefined();
  });

  test('is written as a whole or not at all', () => {
    expect(() =>
      store.transaction(() => {
        put('ranker');
        throw new Error('too late');
      }),
    ).toThrow('too late');
    expect(findExperiment(store, 'ranker')).toBeUndefined();
    expect(
      store.statements.get('saltSeed', { seed: seedsOf(put('ranker').salt).traffic }),
    ).toBeDefined();
  });

  test('keeps every version', () => {
    put('ranker');
    put('ranker', { traffic: 0.5 });
    putMetric(store, clock, 'm', metricBody());
    putMetric(store, clock, 'm', metricBody({ direction: 'decrease' }));
    const db = store.statements;
    expect(db.get('experiment', { key: 'ranker' })?.version).toBe(2);
    expect(db.get('metric', { key: 'm' })?.version).toBe(2);
    expect(() =>
      db.run('saveMetricVersion', { key: 'm', version: 1, definition: '{}', created_at: 1 }),
    ).toThrow(/UNIQUE/);
  });

  test('is refused by the file itself when it cannot be', () => {
    const row = {
      key: 'x',
      version: 1,
      salt_version_from: 1,
      salt: 's',
      state: 'draft',
      started_at: null,
      stopped_at: null,
      stop_reason: null,
      plan_hash: null,
      frozen_metrics: null,
      definition: '{}',
      created_at: 1,
      updated_at: 1,
    };
    const save = (fields: Partial<Record<keyof typeof row, string | number | null>>) => () =>
      store.statements.run('saveExperiment', { ...row, ...fields });
    expect(save({ state: 'running' })).toThrow(/CHECK/);
    expect(save({ state: 'paused' })).toThrow(/CHECK/);
    expect(save({ version: 0 })).toThrow(/CHECK/);
    expect(save({ salt_version_from: 2 })).toThrow(/CHECK/);
    expect(save({ state: 'stopped', started_at: 5, stopped_at: 4 })).toThrow(/CHECK/);
    expect(save({ started_at: 'monday', state: 'running' })).toThrow(/cannot store TEXT/);
    expect(save({})).not.toThrow();
  });
});

describe('salts', () => {
  test('are drawn, one for each experiment, and their seeds are taken once', () => {
    const salts = ['a', 'b', 'c'].map((key) => put(key).salt);
    expect(new Set(salts).size).toBe(3);
    expect(claimSeeds(store, 'other', seedsOf(salts[0] ?? ''))).toBe(false);
    expect(claimSeeds(store, 'other', { traffic: 5, variant: 5 })).toBe(false);
    expect(claimSeeds(store, 'other', seedsOf(newSalt()))).toBe(true);
  });

  test('stay when a draft changes', () => {
    const { salt } = put('a');
    expect(put('a', { traffic: 0.3 }).salt).toBe(salt);
  });
});

describe('pages of a list', () => {
  test('come in the order of their keys, each key once', () => {
    for (const key of ['b', 'B', 'a.1', 'a-1', '10', '9', '_']) put(key);
    const seen: string[] = [];
    for (let after = ''; ; after = seen.at(-1) ?? '') {
      const page = pageOfExperiments(store, after, 2).map(({ key }) => key);
      if (page.length === 0) break;
      seen.push(...page);
    }
    expect(seen).toEqual([...seen].sort());
    expect(new Set(seen).size).toBe(7);
  });
});

describe('the snapshot', () => {
  test('has a version that grows only when the content does, over restarts too', () => {
    const snapshots = openSnapshots(store, 'test');
    const first = snapshots.current();
    snapshots.rebuild();
    expect(snapshots.current().etag).toBe(first.etag);
    put('ranker');
    snapshots.rebuild();
    const second = snapshots.current();
    expect(second.snapshot.version).toBe(first.snapshot.version + 1);
    expect(second.etag).not.toBe(first.etag);
    reopen();
    expect(openSnapshots(store, 'test').current().etag).toBe(second.etag);
    expect(JSON.parse(second.json)).toEqual(second.snapshot);
  });

  test('has no experiment that others assign', () => {
    put('ours');
    put('theirs', { assignment: 'external' });
    expect(
      openSnapshots(store, 'test')
        .current()
        .snapshot.experiments.map(({ key }) => key),
    ).toEqual(['ours']);
  });
});

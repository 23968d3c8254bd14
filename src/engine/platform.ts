/** The parts of one running Assay on one data directory, opened in order and closed in reverse. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '../domain/problem.ts';
import { type Inbox, openInbox } from '../inbox/inbox.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Config } from '../runtime/config.ts';
import { newSalt } from '../runtime/ids.ts';
import type { Log } from '../runtime/log.ts';
import { readSetting, saveSetting } from '../store/access.ts';
import { openStore, type Store } from '../store/open.ts';
import { openDuckdb } from '../warehouse/duckdb.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import { type Analyst, openAnalyst } from './analyze.ts';
import { type Assigner, openAssigner } from './assign.ts';
import type { DrawSalt } from './definitions.ts';
import { type Drain, startDrain } from './drain.ts';
import { type Lifecycle, openLifecycle } from './lifecycle.ts';
import { openSnapshots, type Snapshots } from './snapshot.ts';

export type Platform = {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly drawSalt: DrawSalt;
  readonly store: Store;
  readonly inbox: Inbox;
  readonly warehouse: Warehouse;
  readonly snapshots: Snapshots;
  readonly drain: Drain;
  readonly assigner: Assigner;
  readonly analyst: Analyst;
  readonly lifecycle: Lifecycle;
  close(): Promise<void>;
};

/** Opens (and creates) the data directory. A second process on it is refused by the warehouse's lock. */
export async function openPlatform(
  config: Config,
  clock: Clock,
  log: Log,
  options: { drawSalt?: DrawSalt } = {},
): Promise<Platform> {
  mkdirSync(config.dataDirectory, { recursive: true, mode: 0o700 });
  const file = (name: string) => join(config.dataDirectory, name);
  // First, because its lock is what keeps a second process out before anything is written.
  const warehouse = await openDuckdb(file('warehouse.duckdb'), clock).catch((error: unknown) => {
    if (!/lock/i.test(String(error))) throw error;
    throw new AppError(
      'unavailable',
      `${config.dataDirectory} is in use by another Assay process.`,
      {
        cause: error,
      },
    );
  });
  const store = openControl(config);
  const inbox = openInbox(file('inbox.db'), {
    onFsyncFailure(error) {
      log.error('inbox.fsync_failed', { problem: String(error) });
      // What is on disk is unknown from here on; recovery starts from the file, not from memory.
      process.abort();
    },
  });
  const snapshots = openSnapshots(store, config.environment);
  const drain = startDrain({
    inbox,
    warehouse,
    log,
    intervalMs: config.drainIntervalMs,
    batchSize: config.drainBatch,
  });
  const assigner = openAssigner({ snapshots, inbox, clock, log });
  return {
    config,
    clock,
    log,
    drawSalt: options.drawSalt ?? newSalt,
    store,
    inbox,
    warehouse,
    snapshots,
    drain,
    assigner,
    analyst: openAnalyst({ store, inbox, warehouse, drain, clock, log }),
    lifecycle: openLifecycle({ store, snapshots, warehouse, drain, clock }),
    async close() {
      await assigner.settled();
      await drain.stop();
      inbox.close();
      await warehouse.close();
      store.close();
    },
  };
}

/** control.db alone: for commands that must work while a server runs. */
export function openControl(config: Config): Store {
  mkdirSync(config.dataDirectory, { recursive: true, mode: 0o700 });
  const store = openStore(join(config.dataDirectory, 'control.db'));
  claimEnvironment(store, config.environment);
  return store;
}

/** A data directory belongs to one environment for good: its keys and numbers mean nothing in another. */
function claimEnvironment(store: Store, environment: string): void {
  const owner = readSetting(store, 'environment');
  if (owner === undefined) saveSetting(store, 'environment', environment);
  else if (owner !== environment) {
    throw new AppError(
      'conflict',
      `This data directory belongs to the environment ${owner}, not ${environment} (ASSAY_ENVIRONMENT).`,
    );
  }
}

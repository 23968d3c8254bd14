import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFirstAccess, openKeyring } from '../../../src/engine/access.ts';
import { openPlatform } from '../../../src/engine/platform.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { readConfig } from '../../../src/runtime/config.ts';
import { silentLog } from '../../../src/runtime/log.ts';

let directory: string;
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'assay-platform-')), 'deep', 'data');
});
afterEach(() => rmSync(join(directory, '..', '..'), { recursive: true, force: true }));

const config = (environment = 'test') =>
  readConfig({ ASSAY_DATA: directory, ASSAY_ENVIRONMENT: environment });
const open = (environment?: string) => openPlatform(config(environment), systemClock, silentLog);

describe('a data directory', () => {
  test('is made on the first start, for its owner alone, with its three files', async () => {
    await (await open()).close();
    for (const name of ['control.db', 'inbox.db', 'warehouse.duckdb']) {
      expect(existsSync(join(directory, name)), name).toBe(true);
    }
    expect(statSync(directory).mode & 0o077).toBe(0);
  });

  test('belongs to one environment for good', async () => {
    await (await open()).close();
    await expect(open('staging')).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('environment test, not staging'),
    });
    await (await open()).close();
  });

  test('gives one login and one key of each scope on its first run, once', async () => {
    const platform = await open();
    const first = await createFirstAccess(platform.store, config(), systemClock);
    expect(first?.login.name).toBe('admin');
    expect(first?.login.password.length).toBeGreaterThanOrEqual(20);
    const holderOf = openKeyring(platform.store, config());
    for (const scope of ['client', 'server', 'admin'] as const) {
      expect(holderOf(first?.keys[scope] ?? '')?.scope).toBe(scope);
    }
    expect(await createFirstAccess(platform.store, config(), systemClock)).toBeUndefined();
    await platform.close();
  });
});

/** A whole Assay for a test: real files in a temporary directory, a real server on a free port. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setPassword } from '../../src/engine/access.ts';
import { openPlatform, type Platform } from '../../src/engine/platform.ts';
import { type RunningServer, startServer } from '../../src/http/server.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { readConfig } from '../../src/runtime/config.ts';
import { type Log, silentLog } from '../../src/runtime/log.ts';

export const ADMIN_KEY = 'test-admin-key-of-thirty-two-characters';
export const SERVER_KEY = 'test-server-key-of-thirty-two-characters';
export const CLIENT_KEY = 'test-client-key-of-thirty-two-characters';

export type Answer<Body = any> = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
};

export type TestApp = {
  readonly platform: Platform;
  readonly url: string;
  readonly directory: string;
  /** A JSON call with the admin key, unless another (or none) is given. */
  call(
    method: string,
    path: string,
    body?: unknown,
    options?: { key?: string | null; headers?: Record<string, string> },
  ): Promise<Answer>;
  close(): Promise<void>;
};

export async function openTestApp(
  options: {
    clock?: Clock;
    directory?: string;
    environment?: Record<string, string>;
    log?: Log;
  } = {},
): Promise<TestApp> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'assay-test-'));
  const config = readConfig({
    ASSAY_DATA: directory,
    ASSAY_PORT: '0',
    ASSAY_ENVIRONMENT: 'test',
    ASSAY_ADMIN_KEY: ADMIN_KEY,
    ASSAY_SERVER_KEY: SERVER_KEY,
    ASSAY_CLIENT_KEY: CLIENT_KEY,
    ASSAY_DRAIN_INTERVAL_MS: '50',
    ...options.environment,
  });
  const clock = options.clock ?? systemClock;
  const platform = await openPlatform(config, clock, options.log ?? silentLog);
  const server: RunningServer = await startServer(platform);
  return {
    platform,
    url: server.url,
    directory,
    call: (method, path, body, callOptions) => call(server.url, method, path, body, callOptions),
    async close() {
      await server.close();
      await platform.close();
      if (options.directory === undefined) rmSync(directory, { recursive: true, force: true });
    },
  };
}

export async function call(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  options: { key?: string | null; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const key = options.key === undefined ? ADMIN_KEY : options.key;
  const response = await fetch(url + path, {
    method,
    redirect: 'manual',
    headers: {
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const json = text !== '' && response.headers.get('content-type')?.includes('json') === true;
  return {
    status: response.status,
    headers: response.headers,
    body: json ? JSON.parse(text) : text,
  };
}

/** Gives a person a login, as the first run does. */
export async function addUser(app: TestApp, name: string, password: string): Promise<void> {
  await setPassword(app.platform.store, app.platform.clock, name, password);
}

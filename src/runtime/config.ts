/** The environment, read once: one table of names, all mistakes said together, secrets masked. */
import { AppError, type Problem } from '../domain/problem.ts';
import type { LogLevel } from './log.ts';

export type Config = {
  readonly dataDirectory: string;
  readonly environment: string;
  readonly host: string;
  readonly port: number;
  readonly logLevel: LogLevel;
  readonly publicUrl: string | null;
  readonly adminKey: string | null;
  readonly serverKey: string | null;
  readonly clientKey: string | null;
  readonly drainIntervalMs: number;
  readonly drainBatch: number;
};

type Setting = {
  readonly field: keyof Config;
  readonly help: string;
  readonly fallback: string | null;
  readonly secret?: boolean;
  read(text: string): string | number | undefined;
  readonly needs: string;
};

const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'];
const text = (pattern: RegExp) => (value: string) => (pattern.test(value) ? value : undefined);
const wholeNumber = (low: number, high: number) => (value: string) =>
  /^\d+$/.test(value) && Number(value) >= low && Number(value) <= high ? Number(value) : undefined;
const key: Pick<Setting, 'fallback' | 'secret' | 'read' | 'needs'> = {
  fallback: null,
  secret: true,
  read: text(/^\S{32,512}$/),
  needs: '32 characters or more, without spaces',
};

export const SETTINGS: Readonly<Record<string, Setting>> = {
  ASSAY_DATA: {
    field: 'dataDirectory',
    help: 'data directory, created on first start',
    fallback: './data',
    read: text(/./),
    needs: 'a path',
  },
  ASSAY_ENVIRONMENT: {
    field: 'environment',
    help: 'the environment this data directory belongs to',
    fallback: 'production',
    read: text(/^[A-Za-z0-9._-]{1,50}$/),
    needs: '1 to 50 of A-Z a-z 0-9 . _ -',
  },
  ASSAY_HOST: {
    field: 'host',
    help: 'address to listen on',
    fallback: '127.0.0.1',
    read: text(/^\S+$/),
    needs: 'a host name or address',
  },
  ASSAY_PORT: {
    field: 'port',
    help: 'port to listen on; 0 picks a free one and logs it',
    fallback: '4000',
    read: wholeNumber(0, 65_535),
    needs: 'a whole number from 0 to 65535',
  },
  ASSAY_PUBLIC_URL: {
    field: 'publicUrl',
    help: 'the address people and services use, when a proxy stands in front; https makes cookies Secure',
    fallback: null,
    read: text(/^https?:\/\/[^\s/]+$/),
    needs: 'http(s)://HOST without a path',
  },
  ASSAY_LOG_LEVEL: {
    field: 'logLevel',
    help: LOG_LEVELS.join(', '),
    fallback: 'info',
    read: (value) => (LOG_LEVELS.includes(value) ? value : undefined),
    needs: `one of ${LOG_LEVELS.join(', ')}`,
  },
  ASSAY_ADMIN_KEY: { field: 'adminKey', help: 'fixed key of scope admin', ...key },
  ASSAY_SERVER_KEY: { field: 'serverKey', help: 'fixed key of scope server', ...key },
  ASSAY_CLIENT_KEY: { field: 'clientKey', help: 'fixed key of scope client', ...key },
  ASSAY_DRAIN_INTERVAL_MS: {
    field: 'drainIntervalMs',
    help: 'pause between two looks into the inbox',
    fallback: '500',
    read: wholeNumber(10, 3_600_000),
    needs: 'a whole number from 10 to 3600000',
  },
  ASSAY_DRAIN_BATCH: {
    field: 'drainBatch',
    help: 'events moved to the warehouse in one transaction',
    fallback: '20000',
    read: wholeNumber(1, 1_000_000),
    needs: 'a whole number from 1 to 1000000',
  },
};

/** Reads the settings from an environment; refuses unknown ASSAY_ names, with the nearest known one. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const problems: Problem[] = [];
  for (const name of Object.keys(environment)) {
    if (!name.startsWith('ASSAY_') || Object.hasOwn(SETTINGS, name)) continue;
    problems.push({ pointer: name, detail: `unknown setting; did you mean ${nearest(name)}?` });
  }
  const config: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(SETTINGS)) {
    const sent = environment[name];
    const value = sent === undefined || sent === '' ? setting.fallback : sent;
    const read = value === null ? null : setting.read(value);
    if (read === undefined) {
      const shown = setting.secret === true ? '***' : JSON.stringify(value);
      problems.push({ pointer: name, detail: `must be ${setting.needs}, not ${shown}` });
    }
    config[setting.field] = read;
  }
  if (problems.length > 0) {
    const lines = problems.map((problem) => `  ${problem.pointer}: ${problem.detail}`);
    throw new AppError('invalid', `The configuration is not valid:\n${lines.join('\n')}`, {
      problems,
    });
  }
  return Object.freeze(config) as Config;
}

/** The environment of this process; overrides are a command's own choices, such as the demo's. */
export function readProcessConfig(overrides: Readonly<Record<string, string>> = {}): Config {
  return readConfig({ ...process.env, ...overrides });
}

function nearest(name: string): string {
  const distances = Object.keys(SETTINGS).map(
    (known) => [editDistance(name, known), known] as const,
  );
  return distances.reduce((best, next) => (next[0] < best[0] ? next : best))[1];
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

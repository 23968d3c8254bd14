/**
 * `assay demo`: a simulated booking site reports through the SDK and over HTTP to a real server, and the pages
 * say what its models are worth. The truth is known here, so the demo can say whether it was found.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import progress from 'cli-progress';
import type { Analysis } from '../domain/analysis.ts';
import { AppError } from '../domain/problem.ts';
import { formatInstant, MS_PER_DAY } from '../domain/time.ts';
import { createFirstAccess, type FirstAccess } from '../engine/access.ts';
import { openPlatform } from '../engine/platform.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Config } from '../runtime/config.ts';
import { sha256 } from '../runtime/ids.ts';
import type { Log, LogLevel } from '../runtime/log.ts';
import { type RunningServer, type StartServer, stopSignal } from './serve.ts';
import type { Terminal } from './terminal.ts';

/** What the demo needs of the SDK: the roof hands it in, because commands do not know the SDK. */
export type DemoClient = {
  ready(): Promise<boolean>;
  assign(
    experiment: string,
    options: {
      units: Readonly<Record<string, string>>;
      attributes?: Readonly<Record<string, unknown>>;
      ts?: number;
    },
  ): { readonly variant: string | null };
  track(
    name: string,
    options: {
      units: Readonly<Record<string, string>>;
      value?: number;
      properties?: Readonly<Record<string, string | number | boolean>>;
      ts?: number;
      id?: string;
      corrects?: string;
    },
  ): string | null;
  flush(): Promise<boolean>;
  close(): Promise<boolean>;
  status(): {
    readonly queued: number;
    readonly sent: number;
    readonly dropped: number;
    readonly refused: number;
  };
};
export type CreateClient = (options: {
  url: string;
  key: string;
  batchSize: number;
  queueSize: number;
}) => DemoClient;

/** What the demo needs of a simulated world. */
export type DemoWorld = {
  readonly metrics: Readonly<Record<string, unknown>>;
  readonly experiments: Readonly<Record<string, unknown>>;
  readonly models: Readonly<
    Record<
      string,
      {
        readonly definition: unknown;
        readonly versions: Readonly<
          Record<
            string,
            { readonly definition: unknown; readonly offlineEvaluations: readonly unknown[] }
          >
        >;
      }
    >
  >;
  /** The true relative effect, by experiment and metric. */
  readonly truth: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly visitCount: number;
  visits(): Iterable<DemoVisit>;
};
export type DemoVisit = {
  readonly at: number;
  readonly user: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly experiments: readonly string[];
  outcomes(variants: Readonly<Record<string, string | null>>): readonly DemoOutcome[];
};
export type DemoOutcome = {
  readonly at: number;
  readonly name: string;
  readonly id?: string;
  readonly value?: number;
  readonly properties?: Readonly<Record<string, string | number | boolean>>;
  readonly corrects?: string;
};
export type CreateWorld = (options: {
  seed: number;
  users?: number;
  startAt: number;
  days: number;
}) => DemoWorld;

export type DemoOptions = { readonly seed: number; readonly users?: number; readonly once?: true };

export type DemoSurroundings = {
  readConfig(overrides?: Readonly<Record<string, string>>): Config;
  openLog(level: LogLevel): Log;
  readonly clock: Clock;
  readonly terminal: Terminal;
  readonly startServer: StartServer;
  readonly createAssay: CreateClient;
  readonly createWorld: CreateWorld;
};

const DAYS = 28;
const BATCH = 2000;

export async function runDemo(around: DemoSurroundings, options: DemoOptions): Promise<void> {
  const { clock, terminal } = around;
  const directory = mkdtempSync(join(tmpdir(), 'assay-demo-'));
  const stop = stopSignal();
  try {
    const config = around.readConfig({ ASSAY_DATA: directory, ASSAY_ENVIRONMENT: 'demo' });
    const platform = await openPlatform(config, clock, around.openLog('warn'), {
      drawSalt: seededSalts(options.seed),
    });
    const access = await createFirstAccess(platform.store, config, clock);
    if (access === undefined) throw new RangeError('a fresh data directory has no login yet');
    const server = await startSomewhere(around.startServer, platform);
    try {
      await play(around, options, server.url, access);
      if (options.once !== true) await stop;
    } finally {
      await server.close();
      await platform.close();
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
    terminal.note('The demo has ended; its data are gone.');
  }
}

/** The same seed divides the simulated users alike each time, so that the demo can be repeated. */
function seededSalts(seed: number): () => string {
  let drawn = 0;
  return () => {
    drawn += 1;
    return sha256(`demo ${seed} ${drawn}`).slice(0, 32);
  };
}

/** The usual port, or a free one when somebody is there. */
async function startSomewhere(
  startServer: StartServer,
  platform: Parameters<StartServer>[0],
): Promise<RunningServer> {
  try {
    return await startServer(platform);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return startServer({ ...platform, config: { ...platform.config, port: 0 } });
  }
}

async function play(
  around: DemoSurroundings,
  options: DemoOptions,
  url: string,
  access: FirstAccess,
): Promise<void> {
  const { clock, terminal } = around;
  const startAt = (Math.floor(clock.now() / MS_PER_DAY) - DAYS) * MS_PER_DAY;
  const world = around.createWorld({
    seed: options.seed,
    ...(options.users === undefined ? {} : { users: options.users }),
    startAt,
    days: DAYS,
  });
  const api = apiOf(url, access.keys.admin);
  terminal.print(
    `Assay demo: a simulated booking site, ${DAYS} days, seed ${options.seed}. All data are simulated.`,
  );
  await define(api, world, startAt);

  const started = clock.monotonic();
  const client = around.createAssay({
    url,
    key: access.keys.server,
    batchSize: BATCH,
    queueSize: 20 * BATCH,
  });
  await client.ready();
  await live(client, world, terminal);
  await client.flush();
  const { sent, dropped, refused } = client.status();
  await client.close();
  if (dropped + refused > 0) {
    throw new AppError(
      'internal',
      `The SDK dropped ${dropped} events and ${refused} were refused.`,
    );
  }
  const seconds = (clock.monotonic() - started) / 1000;
  terminal.print(
    `${world.visitCount} visits, ${sent} events through the SDK in ${seconds.toFixed(1)} s`,
  );
  terminal.print('');
  for (const key of Object.keys(world.experiments)) {
    const analysis = (await api('POST', `/v1/experiments/${key}/analyses`, {})) as Analysis;
    terminal.print(describe(analysis, world.truth[key] ?? {}));
  }
  terminal.print(
    [
      '',
      `Open      ${url}`,
      `name      ${access.login.name}`,
      `password  ${access.login.password}`,
      '',
      ...(options.once === true ? [] : ['Ctrl-C ends the demo.']),
    ].join('\n'),
  );
}

type Api = (method: string, path: string, body: unknown) => Promise<unknown>;

function apiOf(url: string, key: string): Api {
  return async (method, path, body) => {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const answer: unknown = await response.json();
    if (response.ok) return answer;
    throw new AppError(
      'internal',
      `${method} ${path} answered ${response.status}: ${JSON.stringify(answer)}`,
    );
  };
}

async function define(api: Api, world: DemoWorld, startAt: number): Promise<void> {
  for (const [key, { definition, versions }] of Object.entries(world.models)) {
    await api('PUT', `/v1/models/${key}`, definition);
    for (const [version, entry] of Object.entries(versions)) {
      const path = `/v1/models/${key}/versions/${version}`;
      await api('PUT', path, entry.definition);
      for (const evaluation of entry.offlineEvaluations) {
        await api('POST', `${path}/offline-evaluations`, evaluation);
      }
    }
  }
  for (const [key, metric] of Object.entries(world.metrics))
    await api('PUT', `/v1/metrics/${key}`, metric);
  for (const [key, experiment] of Object.entries(world.experiments)) {
    await api('PUT', `/v1/experiments/${key}`, experiment);
    await api('POST', `/v1/experiments/${key}/start`, { at: formatInstant(startAt) });
  }
}

/** Every visit asks for its variants and then does what a user does under them. */
async function live(client: DemoClient, world: DemoWorld, terminal: Terminal): Promise<void> {
  const bar = terminal.isInteractive
    ? new progress.SingleBar({ format: 'Visits {bar} {percentage}%' })
    : undefined;
  bar?.start(world.visitCount, 0);
  for (const visit of world.visits()) {
    const units = { user: visit.user };
    const variants = Object.fromEntries(
      visit.experiments.map((key) => [
        key,
        client.assign(key, { units, attributes: visit.attributes, ts: visit.at }).variant,
      ]),
    );
    for (const { at, name, ...outcome } of visit.outcomes(variants)) {
      client.track(name, { units, ts: at, ...outcome });
    }
    bar?.increment();
    // The site is faster than any real one: wait for the server before the queue is full.
    if (client.status().queued > 8 * BATCH) await client.flush();
  }
  bar?.stop();
}

function describe(analysis: Analysis, truth: Readonly<Record<string, number>>): string {
  const { action, variant } = analysis.recommendation;
  const lines = [
    `${analysis.experiment}: ${action.replaceAll('_', ' ')}${variant === null ? '' : ` (${variant})`}`,
  ];
  for (const { metric, role, comparisons } of analysis.metrics) {
    if (role !== 'goal') continue;
    for (const { relative, absolute } of comparisons) {
      if (relative === undefined) continue;
      const interval = `${percent(relative.lower)} to ${percent(relative.upper)}`;
      const level = Math.round((absolute?.level ?? 0.95) * 100);
      const known = truth[metric];
      const found =
        known === undefined
          ? ''
          : `; truth ${percent(known)}, ${known >= relative.lower && known <= relative.upper ? 'inside' : 'outside'}`;
      lines.push(`  ${metric} ${percent(relative.estimate)} (${level}%: ${interval}${found})`);
    }
  }
  return lines.join('\n');
}

function percent(share: number): string {
  return `${share > 0 ? '+' : ''}${(share * 100).toFixed(1)}%`;
}

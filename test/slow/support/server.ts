/** The real program as a child process: started, asked, killed and stopped by its pid. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { until, within } from './waiting.ts';

export const KEY = 'crash-test-admin-key-of-32-characters';
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const READY_MS = 30_000;

export type LogLine = Readonly<Record<string, unknown>> & { readonly event: string };

export type Exit = {
  readonly code: number | null;
  readonly signal: string | null;
  readonly ms: number;
};

export type Child = {
  readonly pid: number;
  readonly log: readonly LogLine[];
  readonly url: () => string | undefined;
  readonly errors: () => string;
  send(signal: 'SIGKILL' | 'SIGTERM'): void;
  /** Resolves when the process is gone. */
  readonly exit: Promise<Exit>;
};

export type Launch = {
  readonly directory: string;
  /** Another program than src/main.ts serve. */
  readonly program?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
};

const running = new Set<ChildProcess>();

export function launch({ directory, program, environment }: Launch): Child {
  const started = performance.now();
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', ...(program ?? ['src/main.ts', 'serve'])],
    {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        ASSAY_DATA: directory,
        ASSAY_PORT: '0',
        ASSAY_ENVIRONMENT: 'test',
        ASSAY_ADMIN_KEY: KEY,
        ASSAY_LOG_LEVEL: 'debug',
        ASSAY_DRAIN_INTERVAL_MS: '10',
        ASSAY_DRAIN_BATCH: '2000',
        ...environment,
      },
    },
  );
  running.add(child);
  const log: LogLine[] = [];
  let rest = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.startsWith('{')) log.push(JSON.parse(line) as LogLine);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-10_000);
  });
  const exit = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => {
      running.delete(child);
      resolve({ code, signal, ms: performance.now() - started });
    });
  });
  return {
    pid: child.pid ?? -1,
    log,
    url: () => log.find((line) => line.event === 'server.listening')?.url as string | undefined,
    errors: () => errors,
    send: (signal) => {
      child.kill(signal);
    },
    exit,
  };
}

export type Server = Child & { readonly readyMs: number; readonly address: string };

/** Starts and waits until /readyz says ok. */
export async function start(options: Launch): Promise<Server> {
  const began = performance.now();
  const child = launch(options);
  let gone = false;
  void child.exit.then(() => {
    gone = true;
  });
  const ready = async (): Promise<boolean> => {
    if (gone) throw new Error(`the server ended while starting: ${child.errors()}`);
    const url = child.url();
    return url !== undefined && (await readyz(url))?.status === 200;
  };
  await until(ready, READY_MS, 'the server is ready', 5);
  return { ...child, readyMs: performance.now() - began, address: child.url() as string };
}

export async function kill(child: Child): Promise<Exit> {
  child.send('SIGKILL');
  return within(10_000, 'SIGKILL', child.exit);
}

/** SIGTERM, and how long it took to leave. */
export async function stop(child: Child, limitMs: number): Promise<Exit> {
  const began = performance.now();
  child.send('SIGTERM');
  const exit = await within(limitMs, 'the stop after SIGTERM', child.exit);
  return { ...exit, ms: performance.now() - began };
}

export async function drained(server: Server, limitMs: number): Promise<void> {
  const empty = async () => (await readyz(server.address))?.waiting === 0;
  await until(empty, limitMs, 'the inbox is empty', 50);
}

async function readyz(url: string): Promise<{ status: number; waiting: number } | undefined> {
  try {
    const response = await fetch(`${url}/readyz?verbose=1`, { signal: AbortSignal.timeout(2000) });
    const body = (await response.json()) as { waiting: number };
    return { status: response.status, waiting: body.waiting };
  } catch {
    return undefined;
  }
}

/** For afterAll: no child outlives its test. */
export async function endAll(): Promise<void> {
  const left = [...running];
  for (const child of left) child.kill('SIGKILL');
  await until(() => left.every((child) => !running.has(child)), 10_000, 'every child has ended');
}

/** The `assay` command: its words and options; each command lives in its own file. */
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Analysis } from '../domain/analysis.ts';
import { AppError } from '../domain/problem.ts';
import { parseInstant } from '../domain/time.ts';
import { openPlatform } from '../engine/platform.ts';
import { ASSAY_VERSION } from '../runtime/assay-version.ts';
import type { Clock } from '../runtime/clock.ts';
import { type Config, SETTINGS } from '../runtime/config.ts';
import { silentLog } from '../runtime/log.ts';
import { describeAnalysis } from './analyze.ts';
import { deliverHere, deliverTo } from './deliver.ts';
import { type DemoOptions, type DemoSurroundings, runDemo } from './demo.ts';
import { describeImport, importFiles, readMapping } from './import.ts';
import { createOneKey, listAllKeys, resetLogin, revokeOneKey } from './keys.ts';
import { serve } from './serve.ts';

/** What every command may use of the outside. */
export type Surroundings = DemoSurroundings;

export function createProgram(around: Surroundings): Command {
  const program = new Command('assay')
    .description(
      'Measures what a machine-learning model is worth to the business, by randomized trial.',
    )
    .version(ASSAY_VERSION)
    .addHelpText('after', settingsHelp());
  addServe(program, around);
  addDemo(program, around);
  addImport(program, around);
  addAnalyze(program, around);
  addKeys(program, around);
  return program;
}

function addServe(program: Command, around: Surroundings): void {
  program
    .command('serve')
    .description('start the server on the data directory')
    .action(async () => {
      const config = around.readConfig();
      await serve({ ...around, config, log: around.openLog(config.logLevel) });
    });
}

function addDemo(program: Command, around: Surroundings): void {
  program
    .command('demo')
    .description('run a simulated booking site through the SDK and show what its models are worth')
    .option('--seed <number>', 'seed of the simulation', wholeNumber, 23)
    .option('--users <number>', 'simulated users', wholeNumber)
    .option('--once', 'stop when the analyses are done')
    .action(async (options: DemoOptions) => {
      await runDemo(around, options);
    });
}

type ImportOptions = {
  format?: 'csv' | 'ndjson';
  mapping?: string;
  batch: number;
  source: string;
  url?: string;
  key?: string;
};

function addImport(program: Command, around: Surroundings): void {
  program
    .command('import')
    .description('load events, or rows that a mapping turns into events; .gz is read as it is')
    .argument('<files...>', 'CSV or NDJSON')
    .addOption(
      new Option('--format <format>', 'csv or ndjson [by the name]').choices(['csv', 'ndjson']),
    )
    .option('--mapping <file>', 'JSON that says what the columns are (docs/import.md)')
    .option('--batch <events>', 'events a delivery, at most 10000', batchSize, 5000)
    .option('--source <name>', 'shown in the intake accounting', 'import')
    .option('--url <url>', 'a running server; without it, the data directory of this machine')
    .option('--key <key>', 'its key [ASSAY_CLIENT_KEY or ASSAY_ADMIN_KEY]')
    .action(async (files: string[], options: ImportOptions) => {
      const { clock, terminal } = around;
      const config = around.readConfig();
      const mapping =
        options.mapping === undefined ? undefined : await readMapping(options.mapping);
      const started = clock.monotonic();
      const rest = { files, format: options.format, mapping, batchSize: options.batch, terminal };
      if (options.url !== undefined) {
        const deliver = deliverTo(
          options.url,
          keyFor(options.key ?? config.clientKey ?? config.adminKey),
          options.source,
        );
        const summary = await importFiles({ ...rest, deliver });
        terminal.print(describeImport(summary, (clock.monotonic() - started) / 1000));
        return;
      }
      const platform = await openPlatform(config, clock, silentLog);
      try {
        const before = platform.inbox.totals();
        const summary = await importFiles({
          ...rest,
          deliver: deliverHere(platform, options.source),
        });
        await platform.drain.drainNow();
        // Some proved to be in the warehouse already when they got there.
        const late = platform.inbox.totals().duplicate - before.duplicate - summary.duplicates;
        const settled = {
          ...summary,
          accepted: summary.accepted - late,
          duplicates: summary.duplicates + late,
        };
        terminal.print(describeImport(settled, (clock.monotonic() - started) / 1000));
      } finally {
        await platform.close();
      }
    });
}

type AnalyzeOptions = { asOf?: number; json?: true; url?: string; key?: string };

function addAnalyze(program: Command, around: Surroundings): void {
  program
    .command('analyze')
    .description('analyse an experiment and store the result')
    .argument('<key>', 'the experiment')
    .option('--as-of <instant>', 'data up to this instant, RFC 3339 [now]', instant)
    .option('--json', 'print the stored object')
    .option('--url <url>', 'a running server; without it, the data directory of this machine')
    .option('--key <key>', 'its admin key [ASSAY_ADMIN_KEY]')
    .action(async (key: string, options: AnalyzeOptions) => {
      const { clock, terminal } = around;
      const config = around.readConfig();
      const asked = options.asOf === undefined ? {} : { asOf: options.asOf };
      const analysis =
        options.url === undefined
          ? await analyzeHere(config, clock, key, asked)
          : await analyzeThere(options.url, keyFor(options.key ?? config.adminKey), key, asked);
      terminal.print(options.json === true ? JSON.stringify(analysis) : describeAnalysis(analysis));
    });
}

async function analyzeHere(
  config: Config,
  clock: Clock,
  key: string,
  asked: { asOf?: number },
): Promise<Analysis> {
  const platform = await openPlatform(config, clock, silentLog);
  try {
    return (await platform.analyst.analyze(key, asked)).analysis;
  } finally {
    await platform.close();
  }
}

async function analyzeThere(
  url: string,
  adminKey: string,
  key: string,
  asked: { asOf?: number },
): Promise<Analysis> {
  const response = await fetch(
    new URL(`/v1/experiments/${encodeURIComponent(key)}/analyses`, url),
    {
      method: 'POST',
      headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(asked),
    },
  );
  const body: unknown = await response.json();
  if (response.ok) return body as Analysis;
  throw new AppError(
    'invalid',
    `${url} answered ${response.status}: ${(body as { detail?: string }).detail}`,
  );
}

function addKeys(program: Command, around: Surroundings): void {
  const keys = program.command('keys').description('keys of programs, and logins');
  const here = () => ({
    config: around.readConfig(),
    clock: around.clock,
    terminal: around.terminal,
  });
  keys
    .command('list')
    .description('every key, without its secret')
    .action(() => listAllKeys(here()));
  keys
    .command('create')
    .description('a new key; its secret is printed once')
    .addArgument(
      program.createArgument('<scope>', 'what it may do').choices(['client', 'server', 'admin']),
    )
    .argument('[name]', 'whose it is', 'unnamed')
    .action((scope: 'client' | 'server' | 'admin', name: string) =>
      createOneKey(here(), scope, name),
    );
  keys
    .command('revoke')
    .description('a key stops working at once')
    .argument('<id>')
    .action((id: string) => revokeOneKey(here(), id));
  keys
    .command('login')
    .description('a new password for a person; ends their sessions')
    .argument('<name>')
    .action((name: string) => resetLogin(here(), name));
}

function keyFor(key: string | null): string {
  if (key === null) throw new AppError('unauthorized', 'Give --key, or set ASSAY_ADMIN_KEY.');
  return key;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number is needed');
  return Number(text);
}

function batchSize(text: string): number {
  const size = wholeNumber(text);
  if (size < 1 || size > 10_000) throw new InvalidArgumentError('from 1 to 10000');
  return size;
}

function instant(text: string): number {
  const parsed = parseInstant(text);
  if (parsed === undefined) throw new InvalidArgumentError('RFC 3339 with a zone is needed');
  return parsed;
}

function settingsHelp(): string {
  const lines = Object.entries(SETTINGS).map(([name, setting]) => {
    const fallback = setting.fallback === null ? '' : ` [${setting.fallback}]`;
    return `  ${name.padEnd(26)}${setting.help}${fallback}`;
  });
  return `\nSettings (environment):\n${lines.join('\n')}`;
}

/** The `assay` command: its words and options; each command lives in its own file. */
import { Command } from 'commander';
import { ASSAY_VERSION } from '../runtime/assay-version.ts';
import type { Clock } from '../runtime/clock.ts';
import { type Config, SETTINGS } from '../runtime/config.ts';
import type { Log, LogLevel } from '../runtime/log.ts';
import { type StartServer, serve } from './serve.ts';
import type { Terminal } from './terminal.ts';

export type Surroundings = {
  readConfig(): Config;
  openLog(level: LogLevel): Log;
  readonly clock: Clock;
  readonly terminal: Terminal;
  readonly startServer: StartServer;
};

export function createProgram(around: Surroundings): Command {
  const program = new Command('assay')
    .description('Measures what a machine-learning model is worth to the business, by randomized trial.')
    .version(ASSAY_VERSION)
    .addHelpText('after', settingsHelp());

  program
    .command('serve')
    .description('start the server on the data directory')
    .action(async () => {
      const config = around.readConfig();
      await serve({ ...around, config, log: around.openLog(config.logLevel) });
    });
  return program;
}

function settingsHelp(): string {
  const lines = Object.entries(SETTINGS).map(([name, setting]) => {
    const fallback = setting.fallback === null ? '' : ` [${setting.fallback}]`;
    return `  ${name.padEnd(26)}${setting.help}${fallback}`;
  });
  return `\nSettings (environment):\n${lines.join('\n')}`;
}

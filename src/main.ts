/** The roof: the only file that knows every floor. */
import { createProgram } from './cli/program.ts';
import { processTerminal } from './cli/terminal.ts';
import { AppError } from './domain/problem.ts';
import { startServer } from './http/server.ts';
import { systemClock } from './runtime/clock.ts';
import { readProcessConfig } from './runtime/config.ts';
import { openLog } from './runtime/log.ts';
import { createAssay } from './sdk/index.ts';
import { bookingWorld } from './simulator/booking.ts';

const program = createProgram({
  readConfig: readProcessConfig,
  openLog,
  clock: systemClock,
  terminal: processTerminal,
  startServer,
  createAssay,
  createWorld: bookingWorld,
});

try {
  await program.parseAsync(process.argv);
} catch (error) {
  // A mistake of the caller is a sentence; a bug shows where it happened.
  const text =
    error instanceof AppError ? problemText(error) : String((error as Error).stack ?? error);
  processTerminal.note(text);
  process.exitCode = 1;
}

function problemText(error: AppError): string {
  const lines = error.problems.map(({ pointer, detail }) => `  ${pointer}: ${detail}`);
  return error.message.includes('\n') ? error.message : [error.message, ...lines].join('\n');
}

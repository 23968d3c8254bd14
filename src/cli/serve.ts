/** `assay serve`: the server until it is told to stop. */
import { createFirstAccess } from '../engine/access.ts';
import { openPlatform, type Platform } from '../engine/platform.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Config } from '../runtime/config.ts';
import type { Log } from '../runtime/log.ts';
import type { Terminal } from './terminal.ts';

export type RunningServer = { readonly url: string; close(): Promise<void> };
export type StartServer = (platform: Platform) => Promise<RunningServer>;

export async function serve(options: {
  config: Config;
  clock: Clock;
  log: Log;
  terminal: Terminal;
  startServer: StartServer;
}): Promise<void> {
  const { config, clock, log, terminal, startServer } = options;
  const stop = stopSignal();
  const platform = await openPlatform(config, clock, log);
  const first = await createFirstAccess(platform.store, config, clock);
  const server = await startServer(platform);
  if (first !== undefined) {
    terminal.print(
      [
        '',
        'First run. This login and these keys are shown once:',
        `  sign-in     ${server.url}/sign-in`,
        `  name        ${first.login.name}`,
        `  password    ${first.login.password}`,
        `  client key  ${first.keys.client}`,
        `  server key  ${first.keys.server}`,
        `  admin key   ${first.keys.admin}`,
        '',
      ].join('\n'),
    );
  }
  const signal = await stop;
  log.info('server.stopping', { signal });
  await server.close();
  await platform.close();
}

/** Resolves at the first SIGTERM or SIGINT; a second one ends the process at once. */
export function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.once(signal, () => resolve(signal));
  });
}

/**
 * Broken on purpose: acknowledges events before they are committed, and commits them 200 ms later.
 * Under kills it must lose events; a judge that does not see it is worth nothing.
 */
import { serve } from '../../../src/cli/serve.ts';
import { processTerminal } from '../../../src/cli/terminal.ts';
import { startServer } from '../../../src/http/server.ts';
import type { Inbox } from '../../../src/inbox/inbox.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { readProcessConfig } from '../../../src/runtime/config.ts';
import { openLog } from '../../../src/runtime/log.ts';

const DELAY_MS = 200;

const config = readProcessConfig();
await serve({
  config,
  clock: systemClock,
  log: openLog(config.logLevel),
  terminal: processTerminal,
  startServer: (platform) => startServer({ ...platform, inbox: hasty(platform.inbox) }),
});

function hasty(inbox: Inbox): Inbox {
  return {
    ...inbox,
    accept(delivery) {
      setTimeout(() => void inbox.accept(delivery), DELAY_MS);
      return Promise.resolve({ accepted: delivery.events.length, duplicates: 0 });
    },
  };
}

/** The listening server, with the patience it has for slow clients, and a stop that loses nothing. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Platform } from '../engine/platform.ts';
import type { Health } from './api/health.ts';
import { createApp } from './app.ts';

export type RunningServer = {
  readonly url: string;
  /** Finishes what is in flight (at most 8 s), then closes. The platform stays open. */
  close(): Promise<void>;
};

const GRACE_MS = 8000;

export async function startServer(platform: Platform): Promise<RunningServer> {
  const { config, log } = platform;
  const health: Health = { stopping: false };
  const server = createServer(createApp(platform, health));
  server.headersTimeout = 10_000;
  server.requestTimeout = 60_000;
  server.keepAliveTimeout = 5000;
  server.maxRequestsPerSocket = 10_000;
  server.prependListener('request', (_request, response) => {
    // A client that keeps its connection busy would otherwise hold a stop up to the end of the grace.
    if (health.stopping) response.setHeader('Connection', 'close');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(config.port, config.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  const url = `http://${host}:${port}`;
  log.info('server.listening', { url, host: config.host, port, environment: config.environment });
  return {
    url,
    async close() {
      health.stopping = true;
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      const sweep = setInterval(() => server.closeIdleConnections(), 50);
      const cut = setTimeout(() => server.closeAllConnections(), GRACE_MS);
      await closed;
      clearTimeout(cut);
      clearInterval(sweep);
      log.info('server.stopped');
    },
  };
}

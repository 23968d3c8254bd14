/** For those who keep the process alive: plain answers, no key, no secrets. */
import { z } from 'zod';
import type { Platform } from '../../engine/platform.ts';
import { ASSAY_VERSION } from '../../runtime/assay-version.ts';
import type { Route } from '../route.ts';

export type Health = {
  /** Turned on when a stop has begun: no new traffic, please. */
  stopping: boolean;
};

const verboseSchema = z.strictObject({ verbose: z.string().optional() });

export function healthRoutes(platform: Platform, health: Health): Route[] {
  const checks = (): Record<string, string> => ({
    store: attempt(() => platform.store.assertDurable()),
    inbox: attempt(() => platform.inbox.assertDurable()),
    stopping: health.stopping ? 'stopping' : 'ok',
  });
  return [
    {
      method: 'get',
      path: '/livez',
      scope: 'public',
      summary: 'The process runs',
      answers: { 200: { says: 'It does' } },
      handle: () => ({ status: 200, body: { status: 'ok' } }),
    },
    {
      method: 'get',
      path: '/readyz',
      scope: 'public',
      summary: 'Events can be taken and assignments given',
      query: verboseSchema,
      answers: { 200: { says: 'Ready' }, 503: { says: 'Not now' } },
      handle(request) {
        const found = checks();
        const ready = Object.values(found).every((state) => state === 'ok');
        const verbose = request.query.verbose !== undefined;
        return {
          status: ready ? 200 : 503,
          body: {
            status: ready ? 'ok' : 'unavailable',
            ...(verbose
              ? {
                  checks: found,
                  version: ASSAY_VERSION,
                  warehouse: platform.warehouse.name,
                  waiting: platform.inbox.waiting(),
                }
              : {}),
          },
        };
      },
    },
  ];
}

function attempt(work: () => void): string {
  try {
    work();
    return 'ok';
  } catch (error) {
    return String(error);
  }
}

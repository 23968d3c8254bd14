/** One assignment asked of the server: the law, and the exposure it gives rise to. */
import { assign } from '../bucketing/assign.ts';
import type { Assignment, AssignRequest, Units } from '../domain/assignment.ts';
import type { Exposure } from '../domain/event.ts';
import { unitIdOf } from '../domain/unit.ts';
import type { Inbox } from '../inbox/inbox.ts';
import type { Clock } from '../runtime/clock.ts';
import { newId } from '../runtime/ids.ts';
import type { Log } from '../runtime/log.ts';
import type { Snapshots } from './snapshot.ts';

export type Assigner = {
  /** Answers at once; a unit id that cannot be used is answered UNIT_MISSING. Unknown experiments are left out. */
  assign(request: AssignRequest, keyId: string): Assignment[];
  /** Resolves when every exposure that was recorded so far is in the inbox. */
  settled(): Promise<void>;
};

/**
 * Exposures are remembered for a while, so that a unit that is asked about a hundred times writes one event.
 * Forgetting early is harmless: only the first exposure by event time counts.
 */
const REMEMBERED_MAX = 200_000;

export function openAssigner(options: {
  snapshots: Snapshots;
  inbox: Inbox;
  clock: Clock;
  log: Log;
}): Assigner {
  const { snapshots, inbox, clock, log } = options;
  const remembered = new Set<string>();
  const pending = new Set<Promise<void>>();

  const record = (events: Exposure[], keyId: string): void => {
    const write = inbox
      .accept({ receivedAt: clock.now(), source: 'assign', keyId, events, refused: [] })
      .then(
        () => undefined,
        (error: unknown) => {
          // The caller has its answer; the exposure is written when the unit is next asked about.
          for (const event of events) remembered.delete(memoryKey(event));
          log.error('exposure.lost', { count: events.length, problem: String(error) });
        },
      );
    pending.add(write);
    void write.finally(() => pending.delete(write));
  };

  return {
    assign(request, keyId) {
      const { experiments } = snapshots.current().compiled;
      const keys = request.experiments ?? [...experiments.keys()];
      const expose = request.expose ?? request.experiments !== undefined;
      const units = usableUnits(request.units);
      const answers: Assignment[] = [];
      const exposures: Exposure[] = [];
      for (const key of keys) {
        const experiment = experiments.get(key);
        if (experiment === undefined) continue;
        const assignment = assign(experiment, units, request.attributes ?? {});
        answers.push(assignment);
        if (!expose || assignment.variant === null) continue;
        const exposure: Exposure = {
          kind: 'exposure',
          id: newId(),
          ts: clock.now(),
          units,
          experiment: key,
          version: assignment.version,
          variant: assignment.variant,
          ...(request.attributes === undefined ? {} : { attributes: request.attributes }),
        };
        const memory = memoryKey(exposure);
        if (remembered.has(memory)) continue;
        if (remembered.size >= REMEMBERED_MAX) remembered.clear();
        remembered.add(memory);
        exposures.push(exposure);
      }
      if (exposures.length > 0) record(exposures, keyId);
      return answers;
    },
    async settled() {
      while (pending.size > 0) await Promise.all(pending);
    },
  };
}

function memoryKey(exposure: Exposure): string {
  return JSON.stringify([exposure.experiment, exposure.version, exposure.variant, exposure.units]);
}

function usableUnits(sent: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(sent).flatMap(([type, value]) => {
      const unit = unitIdOf(value);
      return unit === undefined ? [] : [[type, unit] as const];
    }),
  ) satisfies Units;
}

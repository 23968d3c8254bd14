/** When a group-sequential plan may decide, and how far the data were at each such moment. */
import type { Plan } from '../domain/experiment.ts';
import { MS_PER_DAY } from '../domain/time.ts';

export type ScheduledLook = { readonly day: number; readonly at: number };
export type ReachedLook = ScheduledLook & { readonly information: number; readonly final: boolean };

/**
 * Which looks does a plan have?
 *
 * Weekly (days 7, 14, ...) up to maxDays and at maxDays itself, or as the plan lists them; none before minDays.
 * A stopped experiment has its last look when the outcomes of its last unit are in: its data do not change after.
 *
 * @param plan as frozen.
 * @param startedAt instant of the start.
 * @param settledAt instant at which a stopped experiment's data are complete; null while it runs.
 * @returns looks in order of time; at least one.
 * @source DESIGN part 10, Looks.
 */
export function scheduleLooks(
  plan: Pick<Plan, 'looks' | 'minDays' | 'maxDays'>,
  startedAt: number,
  settledAt: number | null,
): ScheduledLook[] {
  const weekly = Array.from(
    { length: Math.floor(plan.maxDays / 7) },
    (_, index) => 7 * (index + 1),
  );
  const days = [...(plan.looks ?? weekly), plan.maxDays]
    .filter((day) => day >= plan.minDays && day <= plan.maxDays)
    .filter((day, index, all) => all.indexOf(day) === index);
  const looks = days.map((day) => ({ day, at: startedAt + Math.round(day * MS_PER_DAY) }));
  if (settledAt === null) return looks;
  const before = looks.filter((look) => look.at < settledAt);
  const last = { day: (settledAt - startedAt) / MS_PER_DAY, at: settledAt };
  return before.length === looks.length ? looks : [...before, last];
}

/**
 * Which looks have been reached, with what information, and is the latest of them the last one ever?
 *
 * Information is the share of plannedUnits that were mature. The first look at plannedUnits or more is the
 * last; looks at which no unit was mature yet spend nothing and are passed over. Units that cross over later
 * can make a look count fewer than the one before: what was spent cannot be taken back, so information stays.
 *
 * @param looks from `scheduleLooks`.
 * @param asOf instant of the analysis.
 * @param matureAt mature units as an instant saw them.
 * @param plannedUnits above 0.
 */
export function reachedLooks(
  looks: readonly ScheduledLook[],
  asOf: number,
  matureAt: (instant: number) => number,
  plannedUnits: number,
): ReachedLook[] {
  const reached: ReachedLook[] = [];
  for (const [index, look] of looks.entries()) {
    if (look.at > asOf || reached.at(-1)?.final === true) break;
    const before = reached.at(-1)?.information ?? 0;
    const information = Math.max(before, matureAt(look.at) / plannedUnits);
    if (information <= 0) continue;
    reached.push({
      ...look,
      information,
      final: information >= 1 || index === looks.length - 1,
    });
  }
  return reached;
}

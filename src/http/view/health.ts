/** Whether the data can be trusted, said before any effect. */
import type { Analysis, AnalysisDetail } from '../../domain/analysis.ts';
import { countOf, listWords, numberWord, withGroups } from './format.ts';
import { CHECK_STATES, checkName, checkNumbers, checkStatement, type Icon } from './words.ts';

export type Health = {
  readonly says: string;
  readonly open: boolean;
  readonly failed: boolean;
  readonly allLabel: string;
  readonly checks: readonly {
    readonly name: string;
    readonly status: string;
    readonly icon: Icon;
    readonly word: string;
    readonly found: string;
    readonly threshold: string;
    readonly says: string;
    readonly sqlAnchor: string | null;
  }[];
};

/** Effects are withheld when a check fails or the recommendation says that the data are invalid. */
export function isTrusted(analysis: Analysis): boolean {
  return (
    analysis.recommendation.action !== 'invalid' &&
    analysis.checks.every(({ status }) => status !== 'fail')
  );
}

export function healthOf(analysis: Analysis, detail: AnalysisDetail | undefined): Health {
  const failed = !isTrusted(analysis);
  return {
    says: healthWords(analysis),
    open: failed,
    failed,
    allLabel:
      analysis.checks.length === 1
        ? 'The check'
        : `All ${countOf(analysis.checks.length, 'check')}`,
    checks: analysis.checks.map((check) => {
      const source = checkStatement(check.id);
      const statement = detail?.sql.findIndex(({ id }) => id === source) ?? -1;
      return {
        name: checkName(check.id),
        status: check.status,
        ...CHECK_STATES[check.status],
        ...checkNumbers(check),
        says: withGroups(check.says),
        sqlAnchor: statement === -1 ? null : `sql-${statement + 1}`,
      };
    }),
  };
}

function healthWords({ checks, recommendation }: Analysis): string {
  const namesOf = (status: string) =>
    checks.filter((check) => check.status === status).map(({ id }) => checkName(id).toLowerCase());
  const failed = namesOf('fail');
  const warned = namesOf('warn');
  const unknown = namesOf('unknown');
  if (failed.length > 0) {
    return `Do not trust these results: ${listWords(failed)} ${failed.length === 1 ? 'fails' : 'fail'}.`;
  }
  if (recommendation.action === 'invalid') return 'Do not trust these results.';
  if (checks.length === 0) return 'No check has been made.';
  const open = unknown.length === 0 ? '' : ` ${capitalCount(unknown.length)} cannot be made yet.`;
  if (warned.length > 0) {
    const warnings = `${numberWord(warned.length)} ${warned.length === 1 ? 'warning' : 'warnings'}`;
    return `Data can be trusted, with ${warnings}: ${listWords(warned)}.${open}`;
  }
  if (unknown.length === checks.length) return 'No check can be made yet.';
  if (unknown.length > 0) return `No check fails.${open}`;
  return checks.length === 1
    ? 'The one check passes.'
    : `All ${numberWord(checks.length)} checks pass.`;
}

function capitalCount(count: number): string {
  const word = numberWord(count);
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}

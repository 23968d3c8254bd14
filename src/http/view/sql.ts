/** The statements of an analysis, to be read on the page and to be copied as plain text. */
import type { Analysis, AnalysisDetail, AnalysisSql } from '../../domain/analysis.ts';
import { countOf, elapsedWords, formatCount, instantWords } from './format.ts';

/** A stretch of SQL: plain, keyword, string or comment; `as` is the class that is set. */
export type SqlPart = { readonly as: '' | 'k' | 's' | 'cm'; readonly text: string };

export type CodeBlock = {
  readonly anchor: string;
  readonly title: string;
  readonly head: string;
  readonly textHref: string;
  readonly parts: readonly SqlPart[];
  readonly parameters: readonly { readonly name: string; readonly value: string }[];
};

const KEYWORDS =
  'select|from|where|group by|order by|having|limit|offset|join|left join|right join|full join|inner join|cross join|anti join|semi join|using|on|and|or|not|in|is|null|as|with|recursive|union|union all|except|intersect|case|when|then|else|end|filter|over|partition by|distinct|between|like|exists|coalesce|count|sum|avg|min|max|least|greatest|cast|interval|values|insert into|create table|qualify|window|any_value|true|false|asc|desc|lateral|var_samp|covar_samp';
const TOKEN = new RegExp(
  `(--[^\\n]*|/\\*[\\s\\S]*?\\*/)|('(?:[^']|'')*')|\\b(${KEYWORDS.split('|')
    .sort((a, b) => b.length - a.length)
    .join('|')
    .replaceAll(' ', '\\s+')})\\b`,
  'gi',
);

export function sqlParts(sql: string): SqlPart[] {
  const parts: SqlPart[] = [];
  let read = 0;
  for (const match of sql.matchAll(TOKEN)) {
    if (match.index > read) parts.push({ as: '', text: sql.slice(read, match.index) });
    const as = match[1] !== undefined ? 'cm' : match[2] !== undefined ? 's' : 'k';
    parts.push({ as, text: match[0] });
    read = match.index + match[0].length;
  }
  if (read < sql.length) parts.push({ as: '', text: sql.slice(read) });
  return parts;
}

export function codeBlocks(experiment: string, detail: AnalysisDetail): CodeBlock[] {
  return detail.sql.map((statement, index) => ({
    anchor: `sql-${index + 1}`,
    title: statement.id,
    head: statementHead(statement),
    textHref: `/experiments/${encodeURIComponent(experiment)}/sql?statement=${index + 1}`,
    parts: sqlParts(statement.sql),
    parameters: Object.entries(statement.parameters).map(([name, value]) => ({
      name,
      value: literal(value),
    })),
  }));
}

/** The statements that gave a metric its numbers: those of now, and those of its latest look. */
export function statementsOf(blocks: readonly CodeBlock[], metric: string): CodeBlock[] {
  return blocks.filter(
    ({ title }) => title === `metric:${metric}` || title === `metric:${metric}@look`,
  );
}

/** The statements as one text that a stranger can run: every parameter is written above its statement. */
export function sqlText(
  analysis: Analysis,
  detail: AnalysisDetail,
  statement?: number,
): string | undefined {
  const { sql } = detail;
  const chosen = sql
    .map((entry, index) => ({ entry, number: index + 1 }))
    .filter(({ number }) => statement === undefined || number === statement);
  if (statement !== undefined && chosen.length === 0) return undefined;
  const head = [
    `-- Experiment ${analysis.experiment}, version ${analysis.version}, analysis ${oneLine(analysis.id)}`,
    `-- Data up to ${oneLine(analysis.asOf)}, watermark ${oneLine(analysis.watermark)}`,
    `-- Computed ${instantWords(detail.createdAt)} with Assay ${oneLine(analysis.code.assay)}, ${oneLine(analysis.code.warehouse)}`,
    `-- ${countOf(sql.length, 'statement')}; the values of the parameters stand above each.`,
  ].join('\n');
  const statements = chosen.map(({ entry, number }) =>
    [
      `-- ${number} of ${sql.length}: ${oneLine(entry.id)}, ${statementHead(entry)}`,
      ...Object.entries(entry.parameters).map(
        ([name, value]) => `-- $${oneLine(name)} = ${oneLine(literal(value))}`,
      ),
      /;\s*$/.test(entry.sql) ? entry.sql.trimEnd() : `${entry.sql.trimEnd()};`,
    ].join('\n'),
  );
  return `${[head, ...statements].join('\n\n')}\n`;
}

function statementHead({ dialect, rows, ms }: AnalysisSql): string {
  return `${oneLine(dialect)}, ${formatCount(rows)} ${rows === 1 ? 'row' : 'rows'}, ${elapsedWords(ms)}`;
}

function literal(value: string | number | boolean | null): string {
  if (value === null) return 'null';
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);
}

/** A line break inside a comment would make the rest of it code. */
function oneLine(text: string): string {
  return text.replace(/[\r\n\u2028\u2029]+/g, '\\n');
}

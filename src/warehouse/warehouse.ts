/** The questions the platform asks of an analysis engine; DuckDB answers them here, others can. */
import type { AnalysisSql } from '../domain/analysis.ts';

/** One event on its way in: `body` is the event without its ts and id. */
export type WarehouseRow = {
  readonly ts: number;
  readonly id: string;
  readonly source: string;
  readonly receivedAt: number;
  readonly body: string;
};

export type BatchReceipt = {
  readonly inserted: number;
  /** Events that were here already, by the hour and source that had counted them as accepted. */
  readonly duplicates: readonly { hour: number; source: string; count: number }[];
};

/** Whose exposures enrol, and up to which data. Instants in milliseconds. */
export type Enrolment = {
  readonly experiment: string;
  readonly unitType: string;
  readonly variants: readonly string[];
  readonly versionFrom: number;
  readonly versionTo: number;
  readonly external: boolean;
  readonly startedAt: number;
  /** The last instant at which a unit can enter: the earlier of stop and asOf. */
  readonly entryUntil: number;
  readonly asOf: number;
  readonly watermark: bigint;
};

/** What is summed for each unit after it entered. */
export type MetricQuestion = {
  readonly kind: 'conversion' | 'count' | 'sum';
  readonly event: string;
  /** For sums: the event's own value, or one of its properties. */
  readonly property: string | null;
  readonly windowFromMs: number;
  readonly windowToMs: number;
  readonly outcomesUntil: number;
  /** Only units that entered by this instant are followed: the window of later ones is not over. */
  readonly matureUntil: number;
};

/** Exact sums of one arm: integers of a millionth and their squares. */
export type ExactSums = {
  readonly n: bigint;
  readonly sum: bigint;
  readonly sumOfSquares: bigint;
  readonly events: bigint;
};

export type Answer<Value> = { readonly value: Value; readonly sql: AnalysisSql };

export interface Warehouse {
  /** 'duckdb 1.5.6': stands in every analysis. */
  readonly name: string;
  /** Takes a batch in exactly once: events already here are left out, a batch already here answers as it did. */
  insertBatch(batch: { id: string; rows: readonly WarehouseRow[] }): Promise<BatchReceipt>;
  /** The highest drain sequence: everything up to it is in. */
  watermark(): Promise<bigint>;
  hasExposures(experiment: string): Promise<boolean>;
  arms(
    enrolment: Enrolment,
  ): Promise<Answer<{ units: ReadonlyMap<string, number>; crossovers: number }>>;
  strays(enrolment: Enrolment): Promise<Answer<ReadonlyMap<string, number>>>;
  exposureDays(
    enrolment: Enrolment,
  ): Promise<Answer<readonly { day: number; variant: string; units: number }[]>>;
  /** How many units were enrolled and followed for their maturity, as each of these moments saw it. */
  matureUnits(
    enrolment: Enrolment,
    moments: readonly number[],
    maturityMs: number,
  ): Promise<Answer<ReadonlyMap<number, number>>>;
  sums(
    enrolment: Enrolment,
    metric: MetricQuestion,
  ): Promise<Answer<ReadonlyMap<string, ExactSums>>>;
  close(): Promise<void>;
}

/**
 * Which exposures were recorded lately. Only a unit's first exposure by event time counts, so forgetting is
 * harmless; but an exposure that was lost, or dated before the start by a clock that is slow, must be able to
 * come again: entries go when they are dropped from the queue, and after a day.
 */

const ENTRIES_MAX = 100_000;
const MEMORY_MS = 86_400_000;

type Entry = { readonly ts: number; readonly recordedAt: number };

export class ExposureMemory {
  readonly #entries = new Map<string, Entry>();
  readonly #entriesMax: number;

  constructor(entriesMax = ENTRIES_MAX) {
    this.#entriesMax = entriesMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * Is this exposure news? True once for each key, again after a day, and again for an earlier event time.
   * What was asked about least recently is forgotten first.
   *
   * @param key what makes two exposures the same.
   * @param exposure.ts event time; exposure.now, the time of the call.
   */
  isNews(key: string, exposure: { readonly ts: number; readonly now: number }): boolean {
    const known = this.#entries.get(key);
    const { ts, now } = exposure;
    const news =
      known === undefined || ts < known.ts || Math.abs(now - known.recordedAt) >= MEMORY_MS;
    if (known !== undefined) this.#entries.delete(key);
    else if (this.#entries.size >= this.#entriesMax) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        break;
      }
    }
    this.#entries.set(key, news ? { ts, recordedAt: now } : known);
    return news;
  }

  forget(key: string): void {
    this.#entries.delete(key);
  }
}

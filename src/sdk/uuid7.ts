/**
 * Version 7 UUIDs: made where the event is made, so that a retry carries the same id, and in order of time.
 */

const TIME_MAX = 2 ** 48 - 1;
const COUNTER_MAX = 0xfff;
const POOL_BYTES = 10 * 256;

/**
 * A source of ids that increase strictly, whatever the clock does.
 *
 *   48 bits of milliseconds, 12 bits that count within one millisecond, 62 random bits
 *
 * @param fill writes random bytes [crypto.getRandomValues].
 * @returns from a time in milliseconds since 1970 (cut to the 48 bits) to an id.
 * @source RFC 9562, 5.7 and 6.2 method 1.
 */
export function createUuid7(
  fill: (bytes: Uint8Array<ArrayBuffer>) => void = (bytes) => crypto.getRandomValues(bytes),
): (nowMs: number) => string {
  const pool = new Uint8Array(POOL_BYTES);
  let used = POOL_BYTES;
  let lastMs = -1;
  let counter = 0;
  return (nowMs) => {
    if (used === POOL_BYTES) {
      fill(pool);
      used = 0;
    }
    const random = pool.subarray(used, used + 10);
    used += 10;
    const ms = Math.min(TIME_MAX, Math.max(0, Math.floor(nowMs)));
    if (ms > lastMs) {
      lastMs = ms;
      // The upper half is left free to count in.
      counter = ((at(random, 8) << 8) | at(random, 9)) & (COUNTER_MAX >> 1);
    } else if (counter < COUNTER_MAX) {
      counter += 1;
    } else {
      lastMs = Math.min(TIME_MAX, lastMs + 1);
      counter = 0;
    }
    const time = lastMs.toString(16).padStart(12, '0');
    const variant = (0x80 | (at(random, 0) & 0x3f)).toString(16);
    const rest = hex(random.subarray(1, 8));
    return `${time.slice(0, 8)}-${time.slice(8)}-7${counter.toString(16).padStart(3, '0')}-${variant}${rest.slice(0, 2)}-${rest.slice(2)}`;
  };
}

function at(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}

function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

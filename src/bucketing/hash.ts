/**
 * MurmurHash3 (x86, 32-bit; Appleby, public domain) as DESIGN part 7 composes it. Ids of plain ASCII, nearly
 * all of them, are hashed in one inlined pass; everything else goes through the murmurhash package, which the
 * tests also hold against the inlined pass.
 */
import murmurhash from 'murmurhash';

const LOW_SEED = 0;
const HIGH_SEED = 0x9747b28c;
const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;

/** A unit's 64-bit fingerprint: two 32-bit hashes of its UTF-8 bytes, computed once a unit. */
export type Fingerprint = { readonly low: number; readonly high: number };

/**
 * Where does a unit stand for a question? The answer is uniform on the 32-bit integers, and answers for
 * different salts are independent.
 *
 *   lo = m3(utf8(unit), 0)   hi = m3(utf8(unit), 0x9747b28c)
 *   position = m3(le32(lo) ++ le32(hi), m3(utf8(salt), 0))
 *
 * @param salt any text; its UTF-8 bytes are hashed.
 * @param unit the unit's id, any text, neither trimmed nor normalised.
 * @returns an integer in [0, 2^32).
 * @source DESIGN part 7; vectors in test/golden/assignment.json.
 */
export function position(salt: string, unit: string): number {
  return positionOf(seedOf(salt), fingerprintOf(unit));
}

/**
 * The seed a salt leads to, computed when the configuration is compiled.
 *
 * @returns m3(utf8(salt), 0), an integer in [0, 2^32).
 */
export function seedOf(salt: string): number {
  return murmurhash.v3(new TextEncoder().encode(salt), LOW_SEED);
}

/**
 * A unit's fingerprint; the last one is remembered, because one request asks many questions about one unit.
 *
 * @param unit the unit's id.
 * @returns two integers in [0, 2^32).
 */
export function fingerprintOf(unit: string): Fingerprint {
  if (unit === lastUnit) return lastFingerprint;
  lastFingerprint = asciiFingerprint(unit) ?? utf8Fingerprint(unit);
  lastUnit = unit;
  return lastFingerprint;
}

let lastUnit = '';
let lastFingerprint: Fingerprint = utf8Fingerprint('');

/**
 * The position of a fingerprint under a seed: MurmurHash3 of its eight bytes, little-endian.
 *
 * @param seed an integer in [0, 2^32), from `seedOf`.
 * @returns an integer in [0, 2^32).
 */
export function positionOf(seed: number, { low, high }: Fingerprint): number {
  return finish(mixIn(mixIn(seed | 0, low), high), 8);
}

function utf8Fingerprint(unit: string): Fingerprint {
  const bytes = new TextEncoder().encode(unit);
  return { low: murmurhash.v3(bytes, LOW_SEED), high: murmurhash.v3(bytes, HIGH_SEED) };
}

/** Both lanes in one pass over the characters; undefined as soon as one is not ASCII. */
function asciiFingerprint(unit: string): Fingerprint | undefined {
  const length = unit.length;
  const whole = length - (length & 3);
  let low = LOW_SEED;
  let high = HIGH_SEED | 0;
  let seen = 0;
  for (let i = 0; i < whole; i += 4) {
    const a = unit.charCodeAt(i);
    const b = unit.charCodeAt(i + 1);
    const c = unit.charCodeAt(i + 2);
    const d = unit.charCodeAt(i + 3);
    seen |= a | b | c | d;
    const block = a | (b << 8) | (c << 16) | (d << 24);
    low = mixIn(low, block);
    high = mixIn(high, block);
  }
  let tail = 0;
  for (let i = length - 1; i >= whole; i -= 1) {
    const character = unit.charCodeAt(i);
    seen |= character;
    tail = (tail << 8) | character;
  }
  if (seen > 0x7f) return undefined;
  if (length > whole) {
    const mixed = scramble(tail);
    low ^= mixed;
    high ^= mixed;
  }
  return { low: finish(low, length), high: finish(high, length) };
}

function scramble(block: number): number {
  const k = Math.imul(block, C1);
  return Math.imul((k << 15) | (k >>> 17), C2);
}

function mixIn(hash: number, block: number): number {
  const h = hash ^ scramble(block);
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

function finish(hash: number, length: number): number {
  let h = hash ^ length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

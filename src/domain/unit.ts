/** The id of a unit, as every door takes it. No zod here: the SDK carries this file. */

export const UNIT_ID_BYTES_MAX = 10_240;

/**
 * The id as text, or undefined when it cannot be used: safe integers become decimal text; text is neither
 * trimmed nor normalised, must be well-formed (a lone surrogate would become another id) and not too long.
 */
export function unitIdOf(value: unknown): string | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : undefined;
  if (typeof value !== 'string' || value.length === 0 || !value.isWellFormed()) return undefined;
  return isShortEnough(value) ? value : undefined;
}

function isShortEnough(text: string): boolean {
  // One UTF-16 code unit takes one to three bytes of UTF-8.
  if (text.length * 3 <= UNIT_ID_BYTES_MAX) return true;
  return (
    text.length <= UNIT_ID_BYTES_MAX && new TextEncoder().encode(text).length <= UNIT_ID_BYTES_MAX
  );
}

/**
 * Instants are integers: milliseconds since 1970 in UTC. The calendar arithmetic is written out so
 * that pure code needs no clock, accepts only RFC 3339 with a zone, and never guesses.
 */

export const MS_PER_SECOND = 1000;
export const MS_PER_HOUR = 3_600_000;
export const MS_PER_DAY = 86_400_000;

/** 0001-01-01 and 9999-12-31T23:59:59.999Z: what RFC 3339 can write. */
export const INSTANT_MIN = -62_135_596_800_000;
export const INSTANT_MAX = 253_402_300_799_999;

const RFC3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:([Zz])|([+-])(\d{2}):(\d{2}))$/;

/**
 * RFC 3339 text to milliseconds, or undefined when it is not a real instant. A leap second (:60) is
 * the first moment of the next minute, as POSIX time has it; finer fractions are cut to the millisecond.
 */
export function parseInstant(text: string): number | undefined {
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction, , sign, zoneHour, zoneMinute] = match;
  const monthNumber = Number(month);
  const dayNumber = Number(day);
  if (monthNumber < 1 || monthNumber > 12) return undefined;
  if (dayNumber < 1 || dayNumber > daysInMonth(Number(year), monthNumber)) return undefined;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return undefined;
  if (Number(zoneHour ?? 0) > 23 || Number(zoneMinute ?? 0) > 59) return undefined;
  const milliseconds = fraction === undefined ? 0 : Number(fraction.padEnd(3, '0').slice(0, 3));
  const zoneMinutes =
    (sign === '-' ? -1 : 1) * (Number(zoneHour ?? 0) * 60 + Number(zoneMinute ?? 0));
  const leap = Number(second) === 60;
  const instant =
    daysFromCivil(Number(year), monthNumber, dayNumber) * MS_PER_DAY +
    Number(hour) * MS_PER_HOUR +
    Number(minute) * 60_000 +
    Number(second) * MS_PER_SECOND +
    (leap ? 0 : milliseconds) -
    zoneMinutes * 60_000;
  return instant >= INSTANT_MIN && instant <= INSTANT_MAX ? instant : undefined;
}

/** Milliseconds to '2026-11-24T08:30:00.000Z'. */
export function formatInstant(instant: number): string {
  if (!Number.isInteger(instant) || instant < INSTANT_MIN || instant > INSTANT_MAX) {
    throw new RangeError(
      `instant must be an integer in [${INSTANT_MIN}, ${INSTANT_MAX}]: ${instant}`,
    );
  }
  const days = Math.floor(instant / MS_PER_DAY);
  const { year, month, day } = civilFromDays(days);
  const rest = instant - days * MS_PER_DAY;
  const two = (value: number) => String(value).padStart(2, '0');
  const date = `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
  const time = [
    two(Math.floor(rest / MS_PER_HOUR)),
    two(Math.floor(rest / 60_000) % 60),
    two(Math.floor(rest / MS_PER_SECOND) % 60),
  ].join(':');
  return `${date}T${time}.${String(rest % MS_PER_SECOND).padStart(3, '0')}Z`;
}

/** The UTC calendar day of an instant, '2026-11-24'. */
export function utcDay(instant: number): string {
  return formatInstant(instant).slice(0, 10);
}

/** Days since 1970-01-01 in the proleptic Gregorian calendar (Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function civilFromDays(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) {
    const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
    return leap ? 29 : 28;
  }
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

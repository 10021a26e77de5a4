/** When something was said, as people tell it. */

/** @import { Words } from './words.js' */

/** Sizes in seconds. @type {{unit: Intl.RelativeTimeFormatUnit, size: number, most: number}[]} */
const UNITS = [{ unit: 'minute', size: 60, most: 45 }, { unit: 'hour', size: 3600, most: 22 }, { unit: 'day', size: 86_400, most: 7 }]

/** By locale. @type {Map<string, {relative: Intl.RelativeTimeFormat, dates: Intl.DateTimeFormat, moments: Intl.DateTimeFormat}>} */
const known = new Map()

/** @param {Words} words */
function forms({ locale }) {
  const made = known.get(locale) ?? {
    relative: new Intl.RelativeTimeFormat(locale, { numeric: 'auto', style: 'short' }),
    dates: new Intl.DateTimeFormat(locale, { dateStyle: 'medium' }),
    moments: new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' }),
  }
  known.set(locale, made)
  return made
}

/** What a hostile server says may be beyond what a calendar holds. @param {number} at */
const valid = at => Math.abs(at) < 8.64e15

/** @param {Words} words  @param {number} at in milliseconds since the epoch */
export const date = (words, at) => valid(at) ? forms(words).dates.format(at) : ''
/** @param {Words} words  @param {number} at in milliseconds since the epoch */
export const moment = (words, at) => valid(at) ? forms(words).moments.format(at) : ''

/** @param {Words} words  @param {number} at  @param {number} now  both in milliseconds since the epoch */
export function ago(words, at, now) {
  const seconds = Math.max(0, (now - at) / 1000)
  if (seconds < 45) return words.say('just now')
  for (const { unit, size, most } of UNITS) if (seconds < most * size) return forms(words).relative.format(-Math.max(1, Math.round(seconds / size)), unit)
  return date(words, at)
}

/** Names as a sentence lists them. @param {Words} words  @param {string[]} names */
export const listed = ({ locale }, names) => new Intl.ListFormat(locale).format(names)

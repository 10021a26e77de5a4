/** Where a passage should be in a text that was revised since. Pure. */

/** @import { Haystack } from './haystack.js' */
/** @import { Move } from './moves.js' */

/**
 * Between `low` and `high`, and roughly at `near`, in units of the folded text. `sure`: what stands on both sides of it was
 * found, and nothing between was cut.
 * @typedef {{low: number, high: number, near: number, sure: boolean}} Expected
 */

/** What may have come or gone before it counts as cut, in units. */
const SLACK = 8

/**
 * By what was found beyond doubt on both sides of it; where nothing was, by the edges of the text, which are what they were.
 * @param {Haystack} haystack  @param {{left: Move | undefined, right: Move | undefined}} found
 * @param {number} start of the passage  @param {number} length of the whole text as recorded, 0 where it is not known; in code points
 * @returns {Expected}
 */
export function expectedBetween(haystack, { left, right }, start, length) {
  const first = left ?? { from: 0, to: 0 }, last = right ?? { from: Math.max(start, length || haystack.length), to: haystack.length }
  const low = haystack.at(first.to + start - first.from), high = haystack.at(Math.max(0, last.to + start - last.from))
  const near = haystack.at(Math.max(0, first.to + Math.round((last.to - first.to) * (start - first.from) / (last.from - first.from || 1))))
  return { low: Math.min(low, high), high: Math.max(low, high), near, sure: !!left && !!right && low <= high + SLACK }
}

/** How far a place is from where it should be, in units. @param {Expected} expected  @param {number} start */
export const astray = ({ low, high }, start) => Math.max(0, low - start, start - high)

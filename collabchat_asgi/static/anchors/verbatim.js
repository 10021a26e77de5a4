/** What stands word for word beside a place as it stood beside the quote. Pure; all folded. */

/** @import { Passage } from './describe.js' */
/** @import { Quote } from './exact.js' */
import { LEAST_CONTEXT } from './describe.js'
import { KNOWN } from './accepted.js'
import { worth } from './surviving.js'

/** How much a stretch says that is known by itself, and what of it must stand on each side of a short quote, in characters. */
const TELLING = 24
const BESIDE = 4
/** Of letters, where nothing must stand on one side: three or four words. */
const TELLING_LETTERS = 18
const MARKS = /[^\p{L}\p{N}]/gu

/** How much of each side is unchanged up to the place, in units. @param {string} text  @param {Passage} place  @param {Quote} quote  @returns {[number, number]} */
function unchanged(text, { start, end }, { prefix = '', suffix = '' }) {
  let before = 0, after = 0
  while (before < Math.min(start, prefix.length) && text[start - before - 1] === prefix.at(-before - 1)) before++
  while (after < suffix.length && text[end + after] === suffix[after]) after++
  return [before, after]
}

/** Whether all that is known of one side, which is a sentence or so, stands there. @param {string} text  @param {Passage} place  @param {Quote} quote */
export function sided(text, place, quote) {
  const { prefix = '', suffix = '' } = quote, [before, after] = unchanged(text, place, quote)
  return before === prefix.length && worth(prefix) >= KNOWN || after === suffix.length && worth(suffix) >= KNOWN
}

/** What stands unchanged with it, and the letters of that: nothing where it stands twice. @param {string} text  @param {Passage} place  @param {Quote} quote */
function once(text, place, quote) {
  const [before, after] = unchanged(text, place, quote), words = text.slice(place.start - before, place.end + after), from = text.indexOf(words)
  return text.includes(words, from + 1) ? undefined : { before, after, words }
}

/** With what stands unchanged on both sides of it, it is a longer quote, of which there is one. @param {string} text  @param {Passage} place  @param {Quote} quote */
export function single(text, place, quote) {
  const { prefix, suffix } = quote, found = once(text, place, quote)
  return !!found && Math.min(prefix ? found.before : BESIDE, suffix ? found.after : BESIDE) >= BESIDE && worth(found.words) >= TELLING
}

/** So it is on one side alone, by its letters: marks stand unchanged anywhere. @param {string} text  @param {Passage} place  @param {Quote} quote */
export function telling(text, place, quote) {
  const found = once(text, place, quote)
  return !!found && worth(found.words.replace(MARKS, '')) >= TELLING_LETTERS
}

/**
 * Where a quote stands whose text began or ended beside it, and still does so: a prefix that is shorter than what is recorded
 * where there is more says that there was no more.
 * @param {string} text  @param {Quote} quote  @returns {Passage[]}
 */
export function atEdges(text, { exact, prefix, suffix, beside: [before, after] }) {
  /** @type {number[]} */
  const starts = []
  if (prefix !== undefined && before.length < LEAST_CONTEXT && text.startsWith(prefix + exact)) starts.push(prefix.length)
  if (suffix !== undefined && after.length < LEAST_CONTEXT && text.endsWith(exact + suffix)) starts.push(text.length - suffix.length - exact.length)
  return starts.map(start => ({ start, end: start + exact.length }))
}

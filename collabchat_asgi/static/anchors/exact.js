/**
 * Finding a passage that is beyond doubt: with the same words on both sides, where it was or in one place alone. Everything
 * else is for revised.js, which pages load when they need it. Pure.
 */

/** @import { Anchor } from '../typed/types.js' */
/** @import { Passage } from './describe.js' */
import { fold } from './haystack.js'
import { normalised } from './text.js'

/** @typedef {import('./haystack.js').Haystack} Haystack */

/** What is compared takes more than its length, and anyone may have written it. */
const MOST_EXACT = 900
const MOST_CONTEXT = 128

/** Folded, but for `raw` and `beside`. `undefined` for a side that was never recorded. @typedef {{raw: string, exact: string, prefix: string | undefined, suffix: string | undefined, words: [boolean, boolean], beside: [string, string]}} Quote */

const LETTER = /[\p{L}\p{N}]/u

/** Whether two characters belong to one word. @param {string} left  @param {string} right */
export const within = (left, right) => LETTER.test(left.slice(-1)) && LETTER.test(right.slice(0, 1))

/** @param {any} selector  @returns {Quote | undefined} */
export function quoteOf(selector) {
  if (selector?.type !== 'TextQuoteSelector' || typeof selector.exact !== 'string') return undefined
  const quote = normalised(selector.exact.slice(0, MOST_EXACT)), exact = fold(quote)
  if (!exact) return undefined
  const prefix = typeof selector.prefix === 'string' ? selector.prefix.slice(-MOST_CONTEXT) : undefined
  const suffix = typeof selector.suffix === 'string' ? selector.suffix.slice(0, MOST_CONTEXT) : undefined
  return {
    raw: quote, exact, prefix: prefix && fold(prefix), suffix: suffix && fold(suffix),
    words: [prefix !== undefined && !within(prefix, quote), suffix !== undefined && !within(quote, suffix)],
    beside: [prefix ?? '', suffix ?? ''],
  }
}

/** @param {unknown} value */
const whole = value => Number.isSafeInteger(value) ? Math.max(0, Number(value)) : 0

/** Where an anchor says that it was, and how long: in code points. @param {Anchor} anchor */
export function recorded({ selector, length }) {
  /** @type {any} */
  const position = selector.find(each => each.type === 'TextPositionSelector')
  const start = whole(position?.start)
  return { start, size: Math.max(0, whole(position?.end) - start), length: whole(length) }
}

/** @param {Haystack} haystack  @param {Quote} quote  @param {number} at where it was  @returns {Passage | undefined} folded */
export function same({ plain: folded }, { exact, prefix, suffix }, at) {
  const before = prefix ?? '', words = before + exact + (suffix ?? ''), { length } = words
  const fits = (/** @type {number} */ start) => (prefix !== '' || start === 0) && (suffix !== '' || start + length === folded.length)
  let start = at - before.length
  if (!folded.startsWith(words, start) || start < 0 || !fits(start)) {
    start = folded.indexOf(words)
    // Two of them, or hardly any words: not beyond doubt.
    if (start < 0 || !fits(start) || folded.includes(words, start + 1) || prefix === undefined && suffix === undefined && exact.length < 24) return undefined
  }
  return { start: start + before.length, end: start + before.length + exact.length }
}

/** Whether what lies between two ends may still be what lay between them. @param {number} size  @param {number} wanted */
export const plausible = (size, wanted) => size > 0 && (!wanted || size < 2 * wanted + 200 && 2 * size > wanted)

/**
 * By its first quote: the others are of places where it was before.
 * @param {Haystack} haystack  @param {Anchor} anchor of anyone, so not to be trusted
 * @returns {Passage | undefined} in positions of the text itself
 */
export function exactly(haystack, anchor) {
  const { start, size } = recorded(anchor), at = haystack.unit(start)
  /** @type {any} */
  const selector = anchor.selector.find(each => each.type !== 'TextPositionSelector')
  const quote = quoteOf(selector)
  let found = quote && same(haystack, quote, at)
  if (selector?.type === 'RangeSelector') {
    const from = quoteOf(selector.startSelector), to = quoteOf(selector.endSelector)
    const first = from && same(haystack, from, at), last = first && to && same(haystack, to, haystack.unit(start + size) - to.exact.length)
    if (first && last && plausible(last.end - first.start, haystack.folds(size))) found = { start: first.start, end: last.end }
  }
  return found && really(haystack, found, quote)
}

/**
 * In positions of the text itself. A quote that begins or ends within dashes takes no more of them than it had.
 * @param {Haystack} haystack  @param {Passage} found  @param {Quote} [quote]  @returns {Passage}
 */
export function really(haystack, { start, end }, quote) {
  const real = haystack.real(start, end)
  const inside = quote ? haystack.text.slice(real.start, real.end).indexOf(quote.raw) : -1
  return quote && inside >= 0 ? { start: real.start + inside, end: real.start + inside + quote.raw.length } : real
}

/**
 * Anchors: a passage as W3C selectors, and the passage that such selectors mean in a text that may have changed since.
 * Pure: text in, text positions out. What cannot be found with good reason is not found: a discussion that lost its text is
 * told so, and never hung on a lookalike.
 */

/** @import { Anchor, Selector } from './types.js' */
import { normalised } from './text.js'

/** A passage, in UTF-16 units of the text it was asked for. @typedef {{start: number, end: number}} Passage */

const CONTEXT = 64
const LEAST_CONTEXT = 24
const GOOD_BYTES = 360
/** The server's limit. */
const MOST_BYTES = 900
const LONG = 256
const MOST_HITS = 60

const encoder = new TextEncoder()
const bytes = (/** @type {unknown} */ value) => encoder.encode(JSON.stringify(value)).length
const points = (/** @type {string} */ text) => Array.from(text)

/** Grapheme boundaries, so that no family is torn apart. @param {string} text  @param {number} at  @param {1 | -1} way */
function snapped(text, at, way) {
  if (at <= 0 || at >= text.length || !Intl.Segmenter) return at
  const from = Math.max(0, at - CONTEXT)
  const { index, segment } = new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(text.slice(from, at + CONTEXT)).containing(at - from) ?? { index: at - from, segment: '' }
  return index === at - from ? at : from + index + (way > 0 ? segment.length : 0)
}

/**
 * @param {string} text canonical  @param {number} start  @param {number} end
 * @returns {Passage | undefined} without white space at its ends; nothing where nothing is left
 */
export function trimmed(text, start, end) {
  while (start < end && text[start] === ' ') start++
  while (end > start && text[end - 1] === ' ') end--
  return start < end ? { start: snapped(text, start, -1), end: snapped(text, end, 1) } : undefined
}

/** @param {string} text canonical  @param {Passage} passage  @returns {Anchor} */
export function describe(text, { start, end }) {
  const exact = points(text.slice(start, end))
  const before = points(text.slice(Math.max(0, start - 2 * CONTEXT), start)), after = points(text.slice(end, end + 2 * CONTEXT))
  const at = points(text.slice(0, start)).length, length = points(text).length
  /** @param {number} context  @param {number} [piece] how much of both ends of a long passage is kept  @returns {Anchor} */
  const anchor = (context, piece) => {
    const prefix = before.slice(-context).join(''), suffix = after.slice(0, context).join('')
    /** @type {Selector} */
    const quote = piece
      ? {
        type: 'RangeSelector',
        startSelector: { type: 'TextQuoteSelector', exact: exact.slice(0, piece).join(''), prefix },
        endSelector: { type: 'TextQuoteSelector', exact: exact.slice(-piece).join(''), suffix },
      }
      : { type: 'TextQuoteSelector', exact: exact.join(''), prefix, suffix }
    return { selector: [quote, { type: 'TextPositionSelector', start: at, end: at + exact.length }], length }
  }
  /** As much context as `most` bytes hold. @param {number} most  @param {number} least  @param {number} [piece] */
  const fitted = (most, least, piece) => {
    let context = CONTEXT
    while (context > least && bytes(anchor(context, piece)) > most) context--
    return anchor(context, piece)
  }
  let found = fitted(GOOD_BYTES, LEAST_CONTEXT, exact.length > LONG ? CONTEXT : undefined)
  // Scripts of three and four bytes a character.
  for (let piece = CONTEXT; bytes(found) > MOST_BYTES && piece >= 8; piece -= 8) found = fitted(MOST_BYTES, LEAST_CONTEXT, piece)
  return found
}

const PLAIN = /^[ -~]*$/
/** What content systems change on their own: quotes, dashes, dots. One character for one. @param {string} text */
const fold = text => PLAIN.test(text) ? text : text.normalize('NFC').replace(/[‘-‛]/g, "'").replace(/[“-‟«»]/g, '"').replace(/[‐-—−]/g, '-').replace(/…/g, '.')

/** A text that is made ready once for any number of searches. */
export class Haystack {
  /** Where composed characters shifted what follows: folded and original position, ascending. @type {[number, number][]} */
  #shifts = []
  /** Folded positions of characters beyond the first 65,536, which count two. @type {number[]} */
  #astral = []

  /** @param {string} text canonical */
  constructor(text) {
    this.text = text
    if (text.normalize('NFC') === text) this.folded = fold(text)
    else {
      let folded = '', at = 0
      for (const [cluster] of text.matchAll(/\P{M}\p{M}*|\p{M}+/gsu)) {
        const one = fold(cluster)
        folded += one
        at += cluster.length
        if (one.length !== cluster.length) this.#shifts.push([folded.length, at])
      }
      this.folded = folded
    }
    for (const { index } of this.folded.matchAll(/[\ud800-\udbff]/g)) this.#astral.push(index)
    this.length = this.folded.length - this.#astral.length
  }

  /** @param {number} at folded  @returns {number} in `text` */
  original(at) {
    let shift = 0
    for (const [folded, original] of this.#shifts) {
      if (folded > at) break
      shift = original - folded
    }
    return at + shift
  }

  /** @param {number} at in code points  @returns {number} in `folded` */
  unit(at) {
    let low = 0, high = this.#astral.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#astral[middle] - middle < at) low = middle + 1
      else high = middle
    }
    return Math.min(this.folded.length, at + low)
  }
}

/**
 * How alike two contexts are, from 0 to 1, counted from the boundary outward: what stands 20 characters away is no match.
 * @param {string} wanted  @param {string} found  both with the boundary at their beginning
 */
function likeness(wanted, found) {
  if (found.startsWith(wanted)) return 1
  // Edit distance of `wanted` to the best beginning of `found`.
  let row = Array.from({ length: found.length + 1 }, (_, i) => i)
  for (let i = 1; i <= wanted.length; i++) {
    const next = [i]
    for (let j = 1; j <= found.length; j++) next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (wanted[i - 1] === found[j - 1] ? 0 : 1))
    row = next
  }
  return Math.max(0, 1 - Math.min(...row) / wanted.length)
}

const reversed = (/** @type {string} */ text) => points(text).reverse().join('')

/**
 * How well the surroundings of a hit fit a quote, from 0 to 1. An empty side means the edge of the text: no evidence by itself.
 * @param {string} text  @param {number} start  @param {number} end  @param {Quote} quote
 */
function contextOf(text, start, end, { prefix, suffix }) {
  /** @type {number[]} */
  const sides = []
  let doubt = 1
  if (prefix) sides.push(likeness(reversed(prefix), reversed(text.slice(Math.max(0, start - prefix.length), start))))
  else if (prefix === '' && start > 0) doubt = 0.4
  if (suffix) sides.push(likeness(suffix, text.slice(end, end + suffix.length)))
  else if (suffix === '' && end < text.length) doubt = 0.4
  if (!sides.length) return doubt === 1 ? 1 : 0
  return (0.6 * Math.max(...sides) + 0.4 * Math.min(...sides)) * doubt
}

/** `undefined` for a side that was never recorded. @typedef {{exact: string, prefix?: string, suffix?: string}} Quote */

/** @param {any} selector  @returns {Quote | undefined} */
function quoteOf(selector) {
  if (selector?.type !== 'TextQuoteSelector' || typeof selector.exact !== 'string') return undefined
  const exact = fold(normalised(selector.exact.slice(0, MOST_BYTES)))
  if (!exact) return undefined
  const { prefix, suffix } = selector
  // Cut, because comparing takes the square of their length.
  return {
    exact,
    prefix: typeof prefix === 'string' ? fold(prefix.slice(-2 * CONTEXT)) : undefined,
    suffix: typeof suffix === 'string' ? fold(suffix.slice(0, 2 * CONTEXT)) : undefined,
  }
}

/** Where `part` stands in `text`: the `most` places nearest to `near`. @param {string} text  @param {string} part  @param {number} near  @param {number} most */
function hits(text, part, near, most) {
  /** @type {number[]} */
  const found = []
  for (let at = text.indexOf(part, near), n = 0; at >= 0 && n < most; at = text.indexOf(part, at + 1), n++) found.push(at)
  for (let at = near > 0 ? text.lastIndexOf(part, near - 1) : -1, n = 0; at >= 0 && n < most; at = at > 0 ? text.lastIndexOf(part, at - 1) : -1, n++) found.push(at)
  return found.sort((a, b) => Math.abs(a - near) - Math.abs(b - near)).slice(0, most)
}

/**
 * @param {Haystack} haystack  @param {Quote} quote
 * @param {number} before where it was  @param {number} near where it may be now
 * @returns {Passage | undefined} in folded positions
 */
function find({ folded }, quote, before, near) {
  const { exact, prefix, suffix } = quote
  const fits = (/** @type {number} */ at) => folded.startsWith(exact, at)
    && (prefix ? folded.endsWith(prefix, at) || (at >= prefix.length && folded.startsWith(prefix, at - prefix.length)) : prefix === undefined || at === 0)
    && (suffix ? folded.startsWith(suffix, at + exact.length) : suffix === undefined || at + exact.length === folded.length)
  const passage = (/** @type {number} */ at) => ({ start: at, end: at + exact.length })
  if (fits(before)) return passage(before)
  const places = hits(folded, exact, near, MOST_HITS)
  // The right one may be far away among many lookalikes: its neighbourhood leads there.
  if (places.length === MOST_HITS) {
    if (prefix) for (const at of hits(folded, prefix.slice(-8) + exact, near, 8)) places.push(at + Math.min(8, prefix.length))
    if (suffix) places.push(...hits(folded, exact + suffix.slice(0, 8), near, 8))
  }
  const perfect = places.find(fits)
  if (perfect !== undefined) return passage(perfect)
  let best = -1, most = -1, context = 0
  for (const at of places) {
    const fit = contextOf(folded, at, at + exact.length, quote)
    const score = 0.5 * fit + 0.05 * (1 - Math.abs(at - near) / (folded.length || 1))
    if (score > most) [most, best, context] = [score, at, fit]
  }
  const good = points(exact).length >= 24 ? 0.25 : 0.6
  return best >= 0 && context >= good ? passage(best) : undefined
}

/**
 * @param {Haystack} haystack  @param {Anchor} anchor of anyone, so not to be trusted
 * @returns {Passage | undefined}
 */
export function match(haystack, { selector, length }) {
  /** @type {any} */
  const position = selector.find(each => each.type === 'TextPositionSelector')
  const whole = (/** @type {unknown} */ value) => Number.isSafeInteger(value) ? Math.max(0, Number(value)) : 0
  const first = whole(position?.start), wanted = Math.max(0, whole(position?.end) - first)
  const before = haystack.unit(first)
  const near = length > 0 ? haystack.unit(Math.round(first * haystack.length / length)) : before
  for (const each of selector.slice(0, 8)) {
    const quote = quoteOf(each)
    let found = quote && find(haystack, quote, before, near)
    if (each.type === 'RangeSelector') {
      const from = quoteOf(each.startSelector), to = quoteOf(each.endSelector)
      const start = from && find(haystack, from, before, near)
      const due = start && to && Math.min(haystack.folded.length, Math.max(start.end, start.start + wanted - to.exact.length))
      const end = due !== undefined && to ? find(haystack, to, due, due) : undefined
      // Both ends, but most of what was between them is gone, or much else is there now.
      const size = start && end ? end.end - start.start : 0
      if (start && end && size > 0 && (!wanted || (size < 2 * wanted + 200 && 2 * size > wanted))) found = { start: start.start, end: end.end }
    }
    if (found) return { start: haystack.original(found.start), end: haystack.original(found.end) }
  }
  return undefined
}

/** Whether an anchor means the page as a whole, and no passage: it has no place, and is never lost. @param {Anchor} anchor */
export const ofPage = ({ selector }) => !selector.length

/** The passage as the anchor recorded it, for people. @param {Anchor} anchor  @returns {string} */
export function quoted({ selector }) {
  for (const each of selector) {
    if (each.type === 'TextQuoteSelector' && typeof each.exact === 'string') return each.exact
    if (each.type === 'RangeSelector') {
      const { startSelector, endSelector } = /** @type {any} */ (each)
      if (typeof startSelector?.exact === 'string' && typeof endSelector?.exact === 'string') return `${startSelector.exact} … ${endSelector.exact}`
    }
  }
  return ''
}

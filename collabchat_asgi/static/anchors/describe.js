/** Passages written down as W3C selectors. Pure: a text and positions in, selectors out. */

/** @import { Anchor, Selector } from '../typed/types.js' */
import { json } from '../json.js'

/** A passage, in UTF-16 units of the text it was asked for. @typedef {{start: number, end: number}} Passage */

const CONTEXT = 64
/** What of each side is recorded at least, where the text has as much, in code points. */
export const LEAST_CONTEXT = 24
const GOOD_BYTES = 360
/** The server's limit. */
const MOST_BYTES = 900
const LONG = 256

const encoder = new TextEncoder()
const bytes = (/** @type {unknown} */ value) => encoder.encode(json(value)).length
const points = (/** @type {string} */ text) => [...text]

/** Code points, without making a list of a whole page. @param {string} text  @param {number} from  @param {number} to */
function counted(text, from, to) {
  let count = 0
  for (let at = from; at < to; at++) if ((text.charCodeAt(at) & 0xfc00) !== 0xdc00) count++
  return count
}

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
  const at = counted(text, 0, start), length = at + exact.length + counted(text, end, text.length)
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

/**
 * An anchor that a reader put to another place. The quote of the first place is kept behind the new one, for a page that
 * becomes again what it was.
 * @param {Anchor} anchor  @param {Anchor} before  @returns {Anchor}
 */
export function moved(anchor, before) {
  const first = before.selector.findLast(each => each.type !== 'TextPositionSelector')
  const both = first ? { ...anchor, selector: [...anchor.selector, first] } : anchor
  return bytes(both) <= MOST_BYTES ? both : anchor
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

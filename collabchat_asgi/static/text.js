/**
 * The canonical text of a part of a document: what anchors are counted and compared in. Two browsers that show the same
 * page must get the same text, whatever their width and style: so nothing here asks for layout.
 */

/** What a reader does not read as text, and what is the widget itself. */
const SKIPPED = 'script, style, noscript, template, textarea, input, select, [data-collabchat-ignore], collab-chat'
const BLOCKS = new Set((
  'address article aside blockquote br caption dd details dialog div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 ' +
  'header hgroup hr legend li main nav ol option p pre section summary table tbody td tfoot th thead tr ul').split(' '))

/** Left out: control characters, halves of characters, soft hyphens, zero width and bidi. The joiners stay: they belong to words and to families. */
export const DROPPED = '\\p{Cc}\\p{Cs}\\xad\\u061c\\u200b\\u200e\\u200f\\u202a-\\u202e\\u2060\\u2066-\\u2069'
const PLAIN = `[^\\s${DROPPED}]+`
/** White space; words with single blanks between; or what is left out. */
const PIECES = new RegExp(`([\\s\\x85]+)|(${PLAIN}(?: ${PLAIN})*)|[${DROPPED}]`, 'gu')

/** A stretch of canonical text that lies unchanged, character by character, in one Text node. @typedef {{at: number, node: Text, from: number, length: number}} Run */

/**
 * The same rules for a text without nodes, such as a selector somebody else wrote.
 * @param {string} text
 */
export const normalised = text => /^(?:[!-~]| (?! ))*$/.test(text) ? text.trim() : text.replace(PIECES, (_, space, words) => space ? ' ' : words ?? '').replace(/ {2,}/g, ' ').trim()

export class CanonicalText {
  text = ''
  /** In the order of the document, and so in the order of `at`. @type {Run[]} */
  #runs = []

  /** @param {Element} root */
  constructor(root) {
    this.root = root
    /** @type {string[]} */
    const parts = []
    let length = 0, gap = false
    /** @param {Node} node */
    const walk = node => {
      for (let child = node.firstChild; child; child = child.nextSibling) {
        if (child.nodeType === 3) read(/** @type {Text} */ (child))
        else if (child.nodeType === 1 && !(/** @type {Element} */ (child)).matches(SKIPPED)) {
          const block = BLOCKS.has(/** @type {Element} */ (child).localName)
          gap ||= block
          walk(child)
          gap ||= block
        }
      }
    }
    /** @param {Text} node */
    const read = node => {
      for (const match of node.data.matchAll(PIECES)) {
        const [, space, piece] = match
        if (space) gap = true
        if (!piece) continue
        if (gap && length) {
          parts.push(' ')
          length++
        }
        gap = false
        const from = match.index
        const last = this.#runs.at(-1)
        // A single blank inside a node is a character like any other: most nodes are one run.
        if (last?.node === node && length - last.at === from - last.from) last.length = length - last.at + piece.length
        else this.#runs.push({ at: length, node, from, length: piece.length })
        parts.push(piece)
        length += piece.length
      }
    }
    walk(root)
    this.text = parts.join('')
  }

  /** The first run of which `test` holds, given that it holds for all behind it. @param {(run: Run) => boolean} test */
  #first(test) {
    let low = 0, high = this.#runs.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (test(this.#runs[middle])) high = middle
      else low = middle + 1
    }
    return low
  }

  /** @param {number} start  @param {number} end  @returns {Range | undefined} */
  range(start, end) {
    const first = this.#runs[this.#first(run => run.at + run.length > start)]
    const last = this.#runs[this.#first(run => run.at + run.length >= end)]
    if (!first || !last || start >= end) return undefined
    const range = document.createRange()
    try {
      range.setStart(first.node, first.from + Math.max(0, start - first.at))
      range.setEnd(last.node, last.from + end - last.at)
    } catch {
      return undefined // the page changed, and we have not yet been told
    }
    return range.collapsed ? undefined : range
  }

  /** Where a point of the document lies. @param {Node} node  @param {number} offset */
  offset(node, offset) {
    try {
      const point = document.createRange()
      point.setStart(node, offset)
      const run = this.#runs[this.#first(run => run.node === node ? run.from + run.length > offset : point.comparePoint(run.node, 0) > 0)]
      return run ? run.at + (run.node === node ? Math.max(0, offset - run.from) : 0) : this.text.length
    } catch {
      return this.text.length // a node that is no longer in the page
    }
  }
}

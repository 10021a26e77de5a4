/**
 * The canonical text of a part of a document: what anchors are counted and compared in. Two browsers that show the same
 * page must get the same text, whatever their width and style: so nothing here asks for layout.
 */
import { DROPPED } from './dropped.js'

/** What a reader does not read as text, and what is the widget itself. */
const SKIPPED = 'script, style, noscript, template, textarea, input, select, svg title, svg desc, svg metadata, [data-collabchat-ignore], collab-chat'
const BLOCKS = new Set((
  'address article aside blockquote br caption dd details dialog div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 ' +
  'header hgroup hr legend li main nav ol option p pre section summary table tbody td tfoot th thead tr ul').split(' '))

const PLAIN = `[^\\s${DROPPED}]+`
/** White space; words with single blanks between; or what is left out. */
const PIECES = new RegExp(`([\\s\\x85]+)|(${PLAIN}(?: ${PLAIN})*)|[${DROPPED}]`, 'gu')

/** A stretch of canonical text that lies unchanged, character by character, in one Text node. @typedef {{at: number, node: Text, from: number, length: number}} Run */

/**
 * The same rules for a text without nodes, such as a selector somebody else wrote.
 * @param {string} text
 */
export const normalised = text => /^(?:[!-~]| (?! ))*$/.test(text) ? text.trim() : text.replace(PIECES, (_, space, words) => space ? ' ' : words ?? '').replace(/ {2,}/g, ' ').trim()

/** Nodes, or stretches of text, in one piece of work. */
const PIECE = 100

/** What nobody can select: not shown, not to be copied, or a mark in the line that is for the eye alone. @param {Element} element */
function unseen(element) {
  const style = getComputedStyle(element)
  return style.display === 'none' || (style.userSelect || style.getPropertyValue('-webkit-user-select')) === 'none'
    || element.getAttribute('aria-hidden') === 'true' && !BLOCKS.has(element.localName)
}

export class CanonicalText {
  text = ''
  /** In the order of the document, and so in the order of `at`. @type {Run[]} */
  #runs = []

  /**
   * @param {Element} root
   * @param {{seen?: boolean, later?: boolean}} [options] `seen`: only what a reader can select, here and now; `later`: `reading` is called by whoever makes it
   */
  constructor(root, { seen = false, later = false } = {}) {
    this.root = root
    this.seen = seen
    if (!later) for (const _ of this.reading());
  }

  /** In pieces of a millisecond or so. @returns {Generator<void>} */
  *reading() {
    const { root } = this
    /** @type {string[]} */
    const parts = []
    let length = 0, gap = false, n = 0
    const read = function* (/** @type {CanonicalText} */ own, /** @type {Text} */ node) {
      for (const match of node.data.matchAll(PIECES)) {
        if (++n % PIECE === 0) yield
        const [, space, piece] = match
        if (space) gap = true
        if (!piece) continue
        if (gap && length) {
          parts.push(' ')
          length++
        }
        gap = false
        const from = match.index
        const last = own.#runs.at(-1)
        // A single blank inside a node is a character like any other: most nodes are one run.
        if (last?.node === node && length - last.at === from - last.from) last.length = length - last.at + piece.length
        else own.#runs.push({ at: length, node, from, length: piece.length })
        parts.push(piece)
        length += piece.length
      }
    }
    const block = (/** @type {Node} */ node) => BLOCKS.has(/** @type {Element} */ (node).localName)
    const open = (/** @type {Element} */ element) => !element.matches(SKIPPED) && !(this.seen && unseen(element))
    /** @type {Node | null} */
    let node = root.firstChild
    while (node && node !== root) {
      if (++n % PIECE === 0) yield
      if (node.nodeType === 3) yield* read(this, /** @type {Text} */ (node))
      else if (node.nodeType === 1 && open(/** @type {Element} */ (node))) {
        gap ||= block(node)
        if (node.firstChild) {
          node = node.firstChild
          continue
        }
      }
      while (node && node !== root && !node.nextSibling) {
        node = node.parentNode
        if (node && node !== root) gap ||= block(node)
      }
      if (node && node !== root) node = node.nextSibling
    }
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

/**
 * Passages made visible without touching the page: CSS custom highlights under a handful of names that all widgets of the
 * document share, or, where a browser has none, rectangles laid over the text (rectangles.js). Nothing is ever wrapped.
 */
import { highlightSheet } from './styles.js'

/** From the lowest to the highest. */
const NAMES = /** @type {const} */ (['resolved', 'open', 'hover', 'draft', 'active'])

/** @typedef {typeof NAMES[number]} Name */
/** @typedef {{add(name: Name, range: Range): void, delete(name: Name, range: Range): void, refresh?(): void, destroy(): void}} Painter */

const supported = () => typeof Highlight === 'function' && !!globalThis.CSS?.highlights

/** The document's registry belongs to everybody: only our own names are ever set or deleted. */
class RegistryPainter {
  static #painters = 0

  constructor() { RegistryPainter.#painters++ }

  /** @param {Name} name */
  #named(name) {
    const full = 'collabchat-' + name
    let highlight = CSS.highlights.get(full)
    if (!highlight) {
      highlight = new Highlight()
      highlight.priority = NAMES.indexOf(name)
      CSS.highlights.set(full, highlight)
    }
    return highlight
  }

  /** @param {Name} name  @param {Range} range */
  add(name, range) { this.#named(name).add(range) }

  /** @param {Name} name  @param {Range} range */
  delete(name, range) { this.#named(name).delete(range) }

  destroy() { if (!--RegistryPainter.#painters) for (const name of NAMES) CSS.highlights.delete('collabchat-' + name) }
}

export class Highlights {
  /** A Range belongs to one highlight only: some engines paint a shared one never. @type {Map<string, {name: Name, range: Range}>} */
  #painted = new Map()
  /** @type {CSSStyleSheet | undefined} */
  #sheet
  #home
  /** @type {Painter | undefined} */
  #painter
  #ended = false

  /** @param {Document | ShadowRoot} home where the annotated text lives  @param {Node} parent for rectangles */
  constructor(home, parent) {
    this.#home = home
    if (supported()) this.#painter = new RegistryPainter()
    // Only old browsers load it.
    else import('./rectangles.js').then(({ Rectangles }) => { if (!this.#ended) this.#begin(new Rectangles(parent)) }, () => {})
  }

  /** @param {Painter} painter */
  #begin(painter) {
    this.#painter = painter
    for (const { name, range } of this.#painted.values()) painter.add(name, range)
  }

  /** Something may have moved. */
  refresh() { this.#painter?.refresh?.() }

  /** @param {boolean} dark */
  theme(dark) {
    const sheet = highlightSheet(dark)
    if (sheet === this.#sheet) return
    this.#undress()
    this.#sheet = sheet
    this.#home.adoptedStyleSheets = [...this.#home.adoptedStyleSheets, sheet]
  }

  /** One sheet of ours, for another widget may have brought the same. */
  #undress() {
    const sheets = [...this.#home.adoptedStyleSheets]
    const index = this.#sheet ? sheets.lastIndexOf(this.#sheet) : -1
    if (index < 0) return
    sheets.splice(index, 1)
    this.#home.adoptedStyleSheets = sheets
  }

  /** `key` is painted so, or no more. @param {string} key  @param {Name} name  @param {Range | undefined} range */
  set(key, name, range) {
    const before = this.#painted.get(key)
    if (before && range && before.name === name && same(before.range, range)) return
    if (before) {
      this.#painter?.delete(before.name, before.range)
      this.#painted.delete(key)
    }
    if (!range) return
    const own = range.cloneRange()
    this.#painter?.add(name, own)
    this.#painted.set(key, { name, range: own })
  }

  destroy() {
    this.#ended = true
    for (const { name, range } of this.#painted.values()) this.#painter?.delete(name, range)
    this.#painted.clear()
    this.#painter?.destroy()
    this.#undress()
  }
}

/** @param {Range} one  @param {Range} other */
const same = (one, other) => one.startContainer === other.startContainer && one.startOffset === other.startOffset && one.endContainer === other.endContainer && one.endOffset === other.endOffset

/** The place in the text under a point of the window. @param {number} x  @param {number} y  @returns {{node: Node, offset: number} | undefined} */
export function caretAt(x, y) {
  const at = document.caretPositionFromPoint?.(x, y)
  if (at) return { node: at.offsetNode, offset: at.offset }
  const range = /** @type {any} */ (document).caretRangeFromPoint?.(x, y)
  return range ? { node: range.startContainer, offset: range.startOffset } : undefined
}

/** Behind the last word of a line a caret is found too, though nothing is painted there. @param {Range} range  @param {number} x  @param {number} y */
export const covers = (range, x, y) => [...range.getClientRects()].some(({ left, right, top, bottom }) => x >= left - 1 && x <= right + 1 && y >= top - 2 && y <= bottom + 2)

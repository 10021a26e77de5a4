/**
 * Passages made visible without touching the page: CSS custom highlights under a handful of names that all widgets of the
 * document share, or, where a browser has none, rectangles laid over the text (rectangles.js). Nothing is ever wrapped.
 */
import { part } from './parts.js'
import { highlightSheet, pointerSheet } from './styles.js'

/** From the lowest to the highest. */
const NAMES = /** @type {const} */ (['resolved', 'open', 'hover', 'draft', 'active'])

/** @typedef {typeof NAMES[number]} Name */
/** @typedef {{add(name: Name, range: Range): void, delete(name: Name, range: Range): void, refresh?(): void, restore?(): void, destroy(): void}} Painter */

const supported = () => typeof Highlight === 'function' && !!globalThis.CSS?.highlights

/** The document's registry belongs to everybody: only our own names are ever set or deleted. */
class RegistryPainter {
  static #painters = 0
  /** @type {Map<Name, Highlight>} */
  static #made = new Map()

  constructor() { RegistryPainter.#painters++ }

  /** @param {Name} name */
  #named(name) {
    const full = 'collabchat-' + name, there = CSS.highlights.get(full)
    if (there) return there
    const highlight = RegistryPainter.#made.get(name) ?? new Highlight()
    highlight.priority = NAMES.indexOf(name)
    RegistryPainter.#made.set(name, highlight)
    CSS.highlights.set(full, highlight)
    return highlight
  }

  /** A page may empty the registry for its own sake. */
  restore() { for (const name of RegistryPainter.#made.keys()) this.#named(name) }

  /** @param {Name} name  @param {Range} range */
  add(name, range) { this.#named(name).add(range) }

  /** @param {Name} name  @param {Range} range */
  delete(name, range) { this.#named(name).delete(range) }

  destroy() {
    if (--RegistryPainter.#painters) return
    RegistryPainter.#made.clear()
    for (const name of NAMES) CSS.highlights.delete('collabchat-' + name)
  }
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
    else part('./rectangles.js', () => import('./rectangles.js')).then(({ Rectangles }) => { if (!this.#ended) this.#begin(new Rectangles(parent)) }, () => {})
  }

  /** @param {Painter} painter */
  #begin(painter) {
    this.#painter = painter
    for (const { name, range } of this.#painted.values()) painter.add(name, range)
  }

  /** Something may have moved. */
  refresh() { this.#painter?.refresh?.() }

  /** What the page took away with its own things comes back. */
  restore() {
    this.#painter?.restore?.()
    if (this.#sheet && !this.#home.adoptedStyleSheets.includes(this.#sheet)) this.#adopt(this.#sheet, true)
  }

  /** @param {boolean} dark */
  theme(dark) {
    const sheet = highlightSheet(dark)
    if (sheet === this.#sheet) return
    if (this.#sheet) this.#adopt(this.#sheet, false)
    this.#sheet = sheet
    this.#adopt(sheet, true)
  }

  /** Highlights have no cursor of their own, and the page's elements are not ours to write to. @param {boolean} on */
  point(on) {
    if (this.#pointing === on) return
    this.#pointing = on
    this.#adopt(pointerSheet(), on)
  }

  #pointing = false

  /** One of ours, for another widget may have brought the same. @param {CSSStyleSheet} sheet  @param {boolean} on */
  #adopt(sheet, on) {
    const sheets = [...this.#home.adoptedStyleSheets], index = sheets.lastIndexOf(sheet)
    if (on) sheets.push(sheet)
    else if (index >= 0) sheets.splice(index, 1)
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
    this.point(false)
    if (this.#sheet) this.#adopt(this.#sheet, false)
  }
}

/** @param {Range} one  @param {Range} other */
const same = (one, other) => one.startContainer === other.startContainer && one.startOffset === other.startOffset && one.endContainer === other.endContainer && one.endOffset === other.endOffset

/** The place in the text under a point of the window. @param {number} x  @param {number} y  @param {ShadowRoot[]} shadowRoots that are looked into  @returns {{node: Node, offset: number} | undefined} */
export function caretAt(x, y, shadowRoots) {
  const at = document.caretPositionFromPoint?.(x, y, { shadowRoots })
  if (at) return { node: at.offsetNode, offset: at.offset }
  const range = /** @type {any} */ (document).caretRangeFromPoint?.(x, y)
  return range ? { node: range.startContainer, offset: range.startOffset } : undefined
}

/** Behind the last word of a line a caret is found too, though nothing is painted there. @param {Range} range  @param {number} x  @param {number} y */
export const covers = (range, x, y) => [...range.getClientRects()].some(({ left, right, top, bottom }) => x >= left - 1 && x <= right + 1 && y >= top - 2 && y <= bottom + 2)

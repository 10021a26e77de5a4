/**
 * Marks beside the scroll bar: where on the page the discussions are, those with something new before all others. For the pointer
 * alone: list and keys lead to the same discussions. Nothing is reckoned while one scrolls, only when the layout has changed.
 */

/** @import { Chat } from '../typed/types.js' */
/** @import { MarkersHost } from './marking.js' */
/** @import { Spot } from './marks.js' */
import { quoted } from '../anchors/describe.js'
import { h } from './dom.js'
import { json } from '../json.js'
import { markerSheet } from './markerstyles.js'
import { APART, marks } from './marks.js'
import { windowWidth } from './view.js'

/** Milliseconds in which changes are gathered. */
const SOON = 150
/** Milliseconds of one turn, as for what finds the passages. */
const SLICE = 6
const WIDTH = 10
const SCROLLS = /auto|scroll/

/** A part that scrolls by itself, in pixels of the window. `from`: where the beginning of what is in it is now. @typedef {{top: number, height: number, from: number, length: number}} Inner */

export class Markers {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #due
  #drawn = ''
  /** What is to be measured yet. @type {Chat[] | undefined} */
  #left
  /** @type {Spot[]} */
  #spots = []
  /** Something changed while it was measured. */
  #again = false
  /** @type {Element | undefined} */
  #watched
  #sizes

  /** @param {HTMLElement} face  @param {MarkersHost} host  @param {MediaQueryList} none  @param {AbortSignal} signal */
  constructor(face, host, none, signal) {
    this.host = host
    this.none = none
    this.element = h('div', { class: 'markers', part: 'markers', 'aria-hidden': 'true', onclick: (/** @type {Event} */ event) => {
      const id = /** @type {HTMLElement} */ (event.target).dataset.chat
      if (id) host.open(id)
    } })
    face.prepend(this.element)
    const shadow = /** @type {ShadowRoot} */ (face.getRootNode()), look = markerSheet(), { adoptedStyleSheets: looks } = shadow
    if (!looks.includes(look)) shadow.adoptedStyleSheets = [...looks, look]
    this.#sizes = new ResizeObserver(() => this.follow())
    addEventListener('resize', () => this.follow(), { signal })
    signal.addEventListener('abort', () => {
      clearTimeout(this.#due)
      this.#sizes.disconnect()
      this.element.remove()
    })
  }

  /** Something may be elsewhere now. */
  follow() {
    if (this.#left) this.#again = true
    else this.#due ??= setTimeout(() => {
      this.#left = [...this.host.page.state.chats]
      this.#spots = []
      this.#measure()
    }, SOON)
  }

  /** Pictures that come, and parts that open, move what is below them. @param {Element} root */
  #watch(root) {
    if (this.#watched === root) return
    this.#watched = root
    this.#sizes.disconnect()
    for (const each of new Set([document.documentElement, document.body, root])) this.#sizes.observe(each)
  }

  /** Where each stands, in pieces: on a page with hundreds of them a reader types, or scrolls, meanwhile. */
  #measure() {
    const { quiet, page, places } = this.host, { root } = places.text, left = this.#left ?? []
    this.#watch(root)
    const at = quiet() || this.none.matches ? undefined : scroller(root), end = performance.now() + SLICE
    if (at) {
      /** @type {Map<Element, Inner | undefined>} */
      const inner = new Map()
      const unread = page.unread()
      for (let chat; (chat = left.shift());) {
        const { id, resolved } = chat, range = places.get(id)?.range
        if (range) this.#spots.push({ id, resolved: !!resolved, unread: unread.has(id), at: (topOf(range, at.element, inner) - at.from) / at.length })
        if (left.length && performance.now() > end) return void (this.#due = setTimeout(() => this.#measure()))
      }
    }
    this.#due = this.#left = undefined
    this.#draw(at)
    if (this.#again) this.follow()
    this.#again = false
  }

  /** @param {ReturnType<typeof scroller>} at */
  #draw(at) {
    if (!at) {
      this.#drawn = ''
      return this.element.replaceChildren()
    }
    const made = marks(this.#spots, at.height), drawn = json([at.top, at.side, made])
    if (drawn === this.#drawn) return
    const quotes = new Map(this.host.page.state.chats.map(({ id, anchor }) => [id, quoted(anchor)]))
    this.#drawn = drawn
    Object.assign(this.element.style, { left: at.side + 'px', top: at.top + 'px' })
    this.element.replaceChildren(...made.map(({ top, ids, resolved, unread }) => {
      const mark = h('span', { class: unread ? 'fresh-mark' : resolved ? 'done' : '', 'data-chat': ids[0], title: ids.map(id => quotes.get(id)).join('\n').slice(0, 200) })
      mark.style.top = top + 'px'
      mark.style.height = APART - 1 + 'px'
      return mark
    }))
  }
}

/**
 * What the text scrolls in, and where its scroll bar is: the window, or, where that does not scroll, the nearest part of the page that does.
 * @param {Element} root
 * @returns {{element: Element, from: number, length: number, top: number, height: number, side: number} | undefined} pixels of the window; `from`: where the beginning of what is scrolled is now
 */
function scroller(root) {
  const all = document.scrollingElement ?? document.documentElement
  if (all.scrollHeight > all.clientHeight + 1) {
    const left = getComputedStyle(document.documentElement).direction === 'rtl'
    return { element: all, from: -scrollY, length: all.scrollHeight, top: 0, height: innerHeight, side: left ? 0 : windowWidth() - WIDTH }
  }
  for (let each = /** @type {Element | null} */ (root); each && each !== all; each = each.parentElement) {
    const { overflowY, direction } = getComputedStyle(each)
    if (each.scrollHeight <= each.clientHeight + 1 || !SCROLLS.test(overflowY)) continue
    const { left, top } = each.getBoundingClientRect(), start = left + each.clientLeft
    return { element: each, from: top + each.clientTop - each.scrollTop, length: each.scrollHeight, top: top + each.clientTop, height: each.clientHeight, side: direction === 'rtl' ? start : start + each.clientWidth - WIDTH }
  }
  return undefined
}

/**
 * Where a passage stands, however far the parts around it are scrolled: each of them has its passages in the place of its own box.
 * @param {Range} range  @param {Element} outer what the marks belong to  @param {Map<Element, Inner | undefined>} known  @returns {number} in pixels of the window
 */
function topOf(range, outer, known) {
  let { top } = range.getBoundingClientRect()
  const { startContainer: start } = range
  for (let each = start instanceof Element ? start : start.parentElement; each && each !== outer && each !== document.body; each = each.parentElement) {
    if (!known.has(each)) known.set(each, inner(each))
    const box = known.get(each)
    if (box) top = box.top + Math.min(Math.max(0, (top - box.from) / box.length), 1) * box.height
  }
  return top
}

/** @param {Element} element  @returns {Inner | undefined} */
function inner(element) {
  const { scrollHeight: length, clientHeight: height, clientTop, scrollTop } = element
  if (length <= height + 1 || !SCROLLS.test(getComputedStyle(element).overflowY)) return undefined
  const top = element.getBoundingClientRect().top + clientTop
  return { top, height, from: top - scrollTop, length }
}

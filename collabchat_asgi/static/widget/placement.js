/** Where a card stands, and its passage in sight: while the page is scrolled, and window and card get other sizes. */

/** @import { Card } from './card.js' */
import { part } from './parts.js'
import { inWindow, narrow, view, windowHeight, windowWidth } from './view.js'

export class Placement {
  #frame = 0
  /** Pixels at the lower edge of the window where the passage would be covered. */
  #below = 0
  /** The passage is in a closed part of the page. */
  hidden = false
  /** Nothing is brought into sight before the first is opened. @type {typeof import('./reveal.js') | undefined} */
  #sight
  /** It was opened before its passage was found, and the reader has done nothing since. */
  #awaited = false
  /** What brings the passage into sight. @type {AbortController | undefined} */
  #bringing

  /** @param {Card} card  @param {() => Range | undefined} range what it is about  @param {AbortSignal} signal */
  constructor(card, range, signal) {
    this.card = card
    this.range = range
    const { element } = card
    const follow = () => { if (card.shown) this.#frame ||= requestAnimationFrame(() => this.place()) }
    addEventListener('scroll', follow, { signal, capture: true, passive: true })
    addEventListener('resize', follow, { signal })
    // The bar has another place (corners.js).
    element.addEventListener('resize', follow)
    for (const type of ['resize', 'scroll']) globalThis.visualViewport?.addEventListener(type, follow, { signal })
    let looking = 0
    const look = () => {
      if (card.shown && card.chatId !== undefined) {
        looking ||= requestAnimationFrame(() => {
          looking = 0
          this.#look()
        })
      }
    }
    for (const type of ['click', 'toggle', 'change', 'transitionend', 'scroll', 'wheel']) addEventListener(type, look, { signal, capture: true, passive: true })
    for (const type of ['wheel', 'pointerdown', 'keydown']) addEventListener(type, () => { this.#awaited = false }, { signal, capture: true, passive: true })
    const resized = new ResizeObserver(follow)
    resized.observe(element)
    signal.addEventListener('abort', () => resized.disconnect())
  }

  /** Something else is open now. */
  begin() {
    this.hidden = this.#awaited = false
    const { classList, style } = this.card.element
    style.top = ''
    classList.remove('over', 'choosing')
    this.#below = -1
  }

  end() {
    this.#bringing?.abort()
    cancelAnimationFrame(this.#frame)
    this.#frame = 0
  }

  /** @param {boolean} [still] the page stands still */
  place(still) {
    cancelAnimationFrame(this.#frame)
    this.#frame = 0
    const { element, host, log } = this.card, { root } = host, range = this.hidden ? undefined : this.range(), seen = globalThis.visualViewport, height = windowHeight(), before = this.#below, bar = host.covered()
    // What is drawn anew a moment ago, and not yet found again, has no lines.
    const lines = range ? [...range.getClientRects()].filter(line => line.width || line.height).map(inWindow) : []
    this.#below = host.seat(element, log, {
      lines, column: inWindow(root.getBoundingClientRect()), rtl: getComputedStyle(root).direction === 'rtl', bar: bar && inWindow(bar), width: windowWidth(), height, narrow: narrow(),
      // A keyboard leaves less of the window; a pair of fingers that looks closer does not.
      room: seen && seen.scale <= 1.01 ? Math.min(seen.height, height) : height, above: seen?.offsetTop ?? 0,
    }, still)
    const [first] = lines
    // It was found only now: in other words, or in a text that came later.
    if (this.#awaited && range) {
      this.#awaited = false
      this.reveal()
    // It has grown over what was in sight.
    } else if (!still && first && before >= 0 && this.#below > before && first.bottom <= height - before && first.bottom > height - this.#below) this.reveal()
  }

  /** The passage comes into sight, as soon as it is found: on a narrow screen above the sheet, which covers the lower part. @param {boolean} [awaited] */
  async reveal(awaited) {
    this.#awaited = !!awaited && !this.range()
    this.#bringing?.abort()
    const { signal } = this.#bringing = new AbortController()
    this.#sight ??= await part('./reveal.js', () => import('./reveal.js')).catch(() => undefined) // out of reach, it is asked for again
    if (!signal.aborted) await this.#sight?.reveal(this.range, () => this.#below * view.zoom, signal)
    if (signal.aborted) return
    this.#look()
    this.place(true)
  }

  /** A part of the page may have been opened or closed. */
  #look() {
    const { card } = this
    if (!card.shown) return
    const range = this.range(), hidden = !!range && !!this.#sight?.hidden(range)
    if (hidden === this.hidden) return
    this.hidden = hidden
    card.update(card.host.page.state)
    this.place()
  }
}

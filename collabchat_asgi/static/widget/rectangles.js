/** Passages made visible in browsers without custom highlights: rectangles over what is in view, drawn anew whenever it may have moved. */

/** @import { Name } from './highlights.js' */

const STRONG = 'rgb(255 180 0 / .4)'
/** @type {Record<Name, [string, string]>} background and line */
const LOOKS = {
  resolved: ['none', '1px dotted var(--soft)'], open: ['rgb(255 200 0 / .25)', '2px solid var(--mark)'], hover: ['rgb(255 200 0 / .25)', '2px solid var(--mark)'],
  draft: [STRONG, '2px dashed var(--mark)'], active: [STRONG, '2px solid var(--mark)'],
}

export class Rectangles {
  /** @type {Map<Range, Name>} */
  #ranges = new Map()
  #layer = document.createElement('div')
  #frame = 0
  #observer = new ResizeObserver(() => this.refresh())

  /** @param {Node} parent */
  constructor(parent) {
    this.#layer.className = 'overlay'
    // Under everything else of the widget.
    parent.insertBefore(this.#layer, parent.firstChild)
    this.#observer.observe(document.documentElement)
    for (const type of ['resize', 'scroll']) globalThis.visualViewport?.addEventListener(type, this.#again)
  }

  /** @param {Name} name  @param {Range} range */
  add(name, range) {
    this.#ranges.set(range, name)
    this.refresh()
  }

  /** @param {Name} _  @param {Range} range */
  delete(_, range) {
    this.#ranges.delete(range)
    this.refresh()
  }

  #again = () => this.refresh()

  refresh() { this.#frame ||= requestAnimationFrame(() => this.#draw()) }

  #draw() {
    this.#frame = 0
    const boxes = []
    // Where a phone shows the page made smaller, the widget is not (shrunk.js).
    const { a: zoom, e: x, f: y } = new DOMMatrix(getComputedStyle(/** @type {Element} */ (this.#layer.parentNode)).transform)
    for (const [range, name] of this.#ranges) {
      const whole = range.getBoundingClientRect()
      if (whole.bottom < 0 || whole.top > innerHeight) continue
      for (const { left, top, width, height } of range.getClientRects()) {
        const box = document.createElement('div')
        box.className = name
        const [background, borderBottom] = LOOKS[name]
        Object.assign(box.style, { position: 'fixed', pointerEvents: 'none', background, borderBottom, left: (left - x) / zoom + 'px', top: (top - y) / zoom + 'px', width: width / zoom + 'px', height: height / zoom + 'px' })
        boxes.push(box)
      }
    }
    this.#layer.replaceChildren(...boxes)
  }

  destroy() {
    cancelAnimationFrame(this.#frame)
    this.#observer.disconnect()
    for (const type of ['resize', 'scroll']) globalThis.visualViewport?.removeEventListener(type, this.#again)
    this.#layer.remove()
  }
}

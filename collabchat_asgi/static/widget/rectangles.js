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

  refresh() { this.#frame ||= requestAnimationFrame(() => this.#draw()) }

  #draw() {
    this.#frame = 0
    const boxes = []
    for (const [range, name] of this.#ranges) {
      const whole = range.getBoundingClientRect()
      if (whole.bottom < 0 || whole.top > innerHeight) continue
      for (const { left, top, width, height } of range.getClientRects()) {
        const box = document.createElement('div')
        box.className = name
        const [background, borderBottom] = LOOKS[name]
        Object.assign(box.style, { position: 'fixed', pointerEvents: 'none', background, borderBottom, left: left + 'px', top: top + 'px', width: width + 'px', height: height + 'px' })
        boxes.push(box)
      }
    }
    this.#layer.replaceChildren(...boxes)
  }

  destroy() {
    cancelAnimationFrame(this.#frame)
    this.#observer.disconnect()
    this.#layer.remove()
  }
}

/** One plot of the usage page: a bar for each day, in parts, as SVG without a style of its own. */

/** @import { Words } from '../widget/words.js' */

const SVG = 'http://www.w3.org/2000/svg'
const HEIGHT = 190
const TOP = 12
const BOTTOM = 20
const LEFT = 46

/**
 * @typedef {object} Bars
 * @property {string} title
 * @property {string[]} days ascending, as `YYYY-MM-DD`
 * @property {{name: string, values: number[]}[]} parts each with a value for each day
 * @property {(value: number) => string} format
 * @property {number} unit what round numbers are multiples of
 * @property {string} today it has not ended, and is drawn so
 */

/** @param {string} name @param {Record<string, string | number>} attributes @param {...(Node | string)} children */
const node = (name, attributes, ...children) => {
  const made = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value))
  made.append(...children)
  return made
}

/** The end of the scale: one digit or 15 with zeros behind it, at least `value`. @param {number} value */
export const ceiling = value => {
  if (value <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return /** @type {number} */ ([1, 1.5, 2, 3, 4, 5, 6, 8, 10].find(step => step * power >= value * 0.999)) * power
}

/** A figure that draws itself as wide as it is, in the direction of its words. The pointer, or the arrow keys, pick a day. */
export class Plot {
  /** @param {Words} words */
  constructor(words) {
    this.words = words
    this.dates = new Intl.DateTimeFormat(words.locale, { day: 'numeric', month: 'short', timeZone: 'UTC' })
    /** From right to left, all is where a mirror shows it; `text-anchor` turns by itself. */
    this.mirrored = words.direction === 'rtl'
    this.said = document.createElement('output')
    this.title = document.createElement('span')
    const caption = document.createElement('figcaption')
    caption.append(this.title, this.said)
    this.svg = node('svg', { role: 'img', tabindex: 0 })
    this.element = document.createElement('figure')
    this.element.append(caption, this.svg)
    /** @type {Bars | undefined} */
    this.bars = undefined
    /** @type {number | undefined} */
    this.picked = undefined
    new ResizeObserver(() => this.draw()).observe(this.element)
    const svg = /** @type {SVGElement} */ (this.svg)
    svg.addEventListener('pointermove', event => this.point(event))
    svg.addEventListener('pointerdown', event => this.point(event))
    svg.addEventListener('pointerleave', () => this.pick(undefined))
    svg.addEventListener('blur', () => this.pick(undefined))
    svg.addEventListener('keydown', event => {
      const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
      const step = way && (this.mirrored ? -way : way)
      const last = (this.bars?.days.length ?? 0) - 1
      if (step === undefined || last < 0) return
      event.preventDefault()
      this.pick(Math.min(last, Math.max(0, (this.picked ?? (step > 0 ? -1 : last + 1)) + step)))
    })
  }

  /** @param {string} day */
  short(day) { return this.dates.format(Date.parse(day)) }

  /** @param {Bars} bars */
  show(bars) {
    this.bars = bars
    this.draw()
  }

  /** @param {PointerEvent} event */
  point(event) {
    const count = this.bars?.days.length ?? 0
    const box = this.svg.getBoundingClientRect()
    const from = this.mirrored ? box.right - event.clientX : event.clientX - box.left
    const place = Math.floor((from - LEFT) / ((box.width - LEFT) / count))
    this.pick(place >= 0 && place < count ? place : undefined)
  }

  /** @param {number | undefined} place */
  pick(place) {
    if (place === this.picked) return
    this.picked = place
    this.draw()
  }

  draw() {
    const bars = this.bars
    const width = this.svg.getBoundingClientRect().width
    if (!bars || width <= LEFT) return
    const { days, parts, format } = bars
    const sums = days.map((_, at) => parts.reduce((sum, part) => sum + part.values[at], 0))
    const most = ceiling(Math.max(0, ...sums) / bars.unit) * bars.unit
    const bottom = HEIGHT - BOTTOM
    const y = (/** @type {number} */ value) => bottom - (bottom - TOP) * value / most
    const x = (/** @type {number} */ at, breadth = 0) => this.mirrored ? width - at - breadth : at
    const slot = (width - LEFT) / days.length
    const bar = Math.max(1, Math.min(36, slot * 0.72))
    const drawn = [0, 0.5, 1].flatMap(share => [
      node('line', { class: 'grid', x1: x(LEFT), x2: x(width), y1: y(most * share), y2: y(most * share) }),
      node('text', { x: x(LEFT - 6), y: y(most * share) + 4, 'text-anchor': 'end' }, format(most * share)),
    ])
    const every = Math.ceil(days.length / Math.max(1, Math.floor((width - LEFT) / 64)))
    days.forEach((day, at) => {
      const left = LEFT + slot * at
      const picked = at === this.picked ? 'day picked' : 'day'
      drawn.push(node('rect', { class: picked, x: x(left, slot), y: 0, width: slot, height: bottom }))
      let floor = 0
      parts.forEach((part, number) => {
        const value = part.values[at]
        if (!value) return
        drawn.push(node('rect', {
          class: `s${number}${day === bars.today ? ' today' : ''}`,
          x: x(left + (slot - bar) / 2, bar),
          y: y(floor + value),
          width: bar,
          height: Math.max(1, y(floor) - y(floor + value)),
          rx: Math.min(1.5, bar / 8),
        }))
        floor += value
      })
      if ((days.length - 1 - at) % every === 0 && left + slot / 2 > LEFT + 14) {
        const end = left + slot / 2 > width - 24
        drawn.push(node('text', {
          x: x(end ? width : left + slot / 2), y: HEIGHT - 5, 'text-anchor': end ? 'end' : 'middle',
        }, this.short(day)))
      }
    })
    this.svg.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`)
    this.svg.replaceChildren(...drawn)
    const all = sums.reduce((sum, value) => sum + value, 0)
    const at = this.picked
    this.title.textContent = bars.title
    this.said.textContent = at === undefined || at >= days.length
      ? format(all)
      : `${this.short(days[at])}: ${format(sums[at])}`
    this.svg.setAttribute('aria-label', this.words.count(days.length, '{what} by day: {sum} in {n} day', '{what} by day: {sum} in {n} days', { what: bars.title, sum: format(all) }))
  }
}

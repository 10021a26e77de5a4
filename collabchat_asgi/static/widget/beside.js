/** Where a card lies: beside its passage, below or above it. Over it only where there is no room at all, and then its first line stays in sight. */
import { seatedSheet } from './seatstyles.js'

/** In pixels of the window. @typedef {{left: number, top: number, right: number, bottom: number}} Box */
/**
 * What there is besides the card.
 * @typedef {object} Seen
 * @property {Box[]} lines of the passage; none where it is not to be seen
 * @property {Box} column of the text
 * @property {boolean} rtl the text goes from right to left
 * @property {number} width of the window
 * @property {number} height of the window
 * @property {number} room pixels of its height that are in sight: a phone's keyboard leaves less
 * @property {number} above pixels over that room
 * @property {boolean} narrow the card is a sheet
 * @property {Box} [bar] of ours
 */

const EDGE = 12, GAP = 10
/** Heights of a card in pixels: where one reads at ease; and where there is at least a message, and room to answer. */
const EASE = 320, LEAST = 164
/** Heights of a window in pixels below which what is said gets the room of what is around it. */
const LOW = 440, LOWEST = 300

/** A line that is one: a paragraph that is taken whole has its box among them. @param {Box} first */
const lower = first => Math.min(first.bottom, first.top + 48)

/** From where to where a card may reach, without covering the bar. @param {number} left  @param {number} width  @param {Seen} seen  @returns {[number, number]} */
function stretch(left, width, { height, room, above, bar }) {
  const floor = Math.min(height, room + above) - EDGE
  if (!bar || left >= bar.right || bar.left >= left + width) return [EDGE, floor]
  return bar.top < height - bar.bottom ? [Math.max(EDGE, bar.bottom + GAP), floor] : [EDGE, Math.min(floor, bar.top - GAP)]
}

/**
 * @param {{width: number, height: number}} card as it is by itself  @param {Seen} seen
 * @returns {{left: number, top: number, most?: number, poor?: boolean}} `most` pixels of height, which may be less than it wants; `poor` where the passage had better be higher up
 */
export function beside({ width, height }, seen) {
  const { lines, column, rtl, width: across } = seen
  /** Within what is free, as near to a height as it goes. @param {number} left  @param {number} at */
  const held = (left, at) => {
    const [ceiling, floor] = stretch(left, width, seen), most = Math.min(height, floor - ceiling)
    return { left, top: Math.min(Math.max(ceiling, at), floor - most), most }
  }
  // What has no passage is in its corner.
  if (!lines.length) return held(Math.max(EDGE, across - width - 16), 60)
  const [first] = lines
  const left = Math.min(...lines.map(line => line.left)), right = Math.max(...lines.map(line => line.right))
  const top = Math.min(...lines.map(line => line.top)), bottom = Math.max(...lines.map(line => line.bottom))
  const fits = (/** @type {number} */ at) => at >= EDGE && at + width + EDGE <= across
  const side = rtl ? column.left - width - 20 : column.right + 20
  if (fits(side)) return held(side, Math.max(top - 14, 60))
  const aligned = Math.max(EDGE, Math.min(rtl ? right - width : left, across - width - EDGE))
  const clear = stretch(aligned, width, seen), whole = stretch(aligned, width, { ...seen, bar: undefined })
  const under = (/** @type {number} */ from, /** @type {[number, number]} */ [ceiling, floor], /** @type {number} */ least) => {
    const start = Math.max(ceiling, from + GAP), most = Math.min(height, floor - start)
    return most >= Math.min(least, height) ? { left: aligned, top: start, most } : undefined
  }
  const over = (/** @type {[number, number]} */ [ceiling, floor], /** @type {number} */ least) => {
    const end = Math.min(floor, top - GAP), most = Math.min(height, end - ceiling)
    return most >= Math.min(least, height) ? { left: aligned, top: end - most, most } : undefined
  }
  const easy = under(bottom, clear, EASE) ?? over(clear, EASE)
  if (easy) return easy
  const sides = [right + EDGE, left - EDGE - width]
  const next = (rtl ? sides.reverse() : sides).filter(fits).map(at => held(at, top - 14)).find(({ most }) => most === height)
  if (next) return next
  const squeezed = (/** @type {[number, number]} */ free) => [under(bottom, free, LEAST), over(free, LEAST)].filter(each => !!each).sort((a, b) => b.most - a.most)[0]
  const found = squeezed(clear) ?? squeezed(whole) ?? under(lower(first), whole, LEAST)
  if (found) return { ...found, poor: true }
  const [ceiling, floor] = whole, most = Math.min(height, floor - ceiling)
  return { left: aligned, top: Math.min(Math.max(ceiling, lower(first) + GAP), floor - most), most, poor: true }
}

/** @param {number} left  @param {number} top  @param {{width: number, height: number}} card  @param {Seen} seen  @returns {ReturnType<typeof beside>} */
function kept(left, top, { width, height }, seen) {
  const [, floor] = stretch(left, width, seen), most = Math.min(height, Math.max(floor - top, LEAST))
  return { left, top: Math.max(EDGE, Math.min(top, floor - most)), most }
}

/** While the reader looks for another place: the text is theirs. @param {{width: number, height: number}} card  @param {Seen} seen  @returns {ReturnType<typeof beside>} */
function aside({ width, height }, seen) {
  const left = Math.max(EDGE, seen.rtl ? 16 : seen.width - width - 16), [, floor] = stretch(left, width, seen)
  return { left, top: floor - height }
}

/** Where a card stood that is aside now: it goes back there. @type {WeakMap<HTMLElement, {left: string, top: string}>} */
const stood = new WeakMap()

/** @param {ShadowRoot} shadow */
function dress(shadow) {
  const look = seatedSheet(), { adoptedStyleSheets: looks } = shadow
  if (!looks.includes(look)) shadow.adoptedStyleSheets = [...looks, look]
}

/**
 * Puts it there.
 * @param {HTMLElement} card  @param {HTMLElement} log its messages  @param {Seen} all  @param {boolean} [still] the page stands still: a sheet may change its side
 * @returns {number} pixels at the lower edge of the window where the passage had better not be
 */
export function seat(card, log, all, still = false) {
  // One that stands in the page goes where the page is scrolled, and may be anywhere: a card that leaves it in sight would have no peace.
  const seen = card.parentElement?.querySelector('.bar') ? all : { ...all, bar: undefined }
  dress(/** @type {ShadowRoot} */ (card.getRootNode()))
  const { style, classList } = card, { lines, height, room, above } = seen
  const { scrollTop } = log, end = log.scrollHeight - scrollTop - log.clientHeight < 24
  const fit = (/** @type {number} */ most) => {
    style.setProperty('--room', most + 'px')
    classList.toggle('low', most < LOW)
    classList.toggle('lowest', most < LOWEST)
    const at = end ? log.scrollHeight : scrollTop
    if (end || log.scrollTop !== at) log.scrollTop = at
    return card.offsetHeight
  }
  const tall = fit(room)
  style.marginTop = style.marginBottom = ''
  if (seen.narrow) {
    const [first] = lines
    if (still) {
      // Once the page stands: by scrolling alone it gets no other side, and no other size.
      const free = first ? first.top - above - GAP : 0
      classList.toggle('over', free >= LEAST && lower(first) > above + room - tall - EDGE)
      card.dataset.most = String(free)
    }
    // Else above the keyboard of a phone.
    if (classList.contains('over')) {
      const most = Number(card.dataset.most)
      // As its looks take it (talkstyles.js).
      if (most < tall) fit(most > 340 ? most / .72 : most + 4)
      style.marginTop = above + 'px'
    } else style.marginBottom = Math.max(0, height - room - above) + 'px'
    return classList.contains('over') ? 0 : tall + EDGE
  }
  const width = card.offsetWidth, choosing = classList.contains('choosing')
  if (choosing) stood.has(card) || stood.set(card, { left: style.left, top: style.top })
  else {
    // Another discussion that was opened meanwhile has no place yet.
    if (style.top) Object.assign(style, stood.get(card))
    stood.delete(card)
  }
  // A discussion that was deleted, or lost its text, while it is looked at: the card stays where it is.
  let found = choosing ? aside({ width, height: tall }, seen) : lines.length || !style.top ? beside({ width, height: tall }, seen) : kept(parseFloat(style.left), parseFloat(style.top), { width, height: tall }, seen)
  if (found.most !== undefined && found.most < tall) {
    const less = fit(found.most + 2 * EDGE)
    // With less around what is said it may need less than it was given.
    if (less < found.most && lines.length && found.top < Math.min(...lines.map(line => line.top))) found = { ...found, top: found.top + found.most - less }
  }
  Object.assign(style, { left: found.left + 'px', top: found.top + 'px' })
  return found.poor ? Math.min(tall, EASE) + GAP + EDGE : 0
}

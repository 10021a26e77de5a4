/** Where a card lies: beside its passage, below or above it. Over it only where there is no room at all, and then its first line stays in sight. */

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
 */

const EDGE = 12, GAP = 10
/** Of the bar, where that is at the top. */
const BAR = 56
/** Heights of a card in pixels: where one reads at ease; and where there is at least a message, and room to answer. */
const EASE = 320, LEAST = 164
/** Heights of a window in pixels below which what is said gets the room of what is around it. */
const LOW = 440, LOWEST = 300

/** A line that is one: a paragraph that is taken whole has its box among them. @param {Box} first */
const lower = first => Math.min(first.bottom, first.top + 48)

/**
 * @param {{width: number, height: number}} card as it is by itself  @param {Seen} seen with lines
 * @returns {{left: number, top: number, most?: number, poor?: boolean}} `most` pixels of height where that is less than it wants; `poor` where the passage had better be higher up
 */
export function beside({ width, height }, { lines, column, rtl, width: across, height: down, room, above }) {
  const [first] = lines, floor = Math.min(down, room + above)
  const left = Math.min(...lines.map(line => line.left)), right = Math.max(...lines.map(line => line.right))
  const top = Math.min(...lines.map(line => line.top)), bottom = Math.max(...lines.map(line => line.bottom))
  const held = (/** @type {number} */ at, tall = height) => Math.min(Math.max(EDGE, at), Math.max(EDGE, floor - tall - EDGE))
  const fits = (/** @type {number} */ at) => at >= EDGE && at + width + EDGE <= across
  const side = rtl ? column.left - width - 20 : column.right + 20
  if (fits(side)) return { left: side, top: held(Math.max(top - 14, 60)) }
  const aligned = Math.max(EDGE, Math.min(rtl ? right - width : left, across - width - EDGE))
  const most = Math.min(height, floor - 2 * EDGE)
  const under = (/** @type {number} */ from, /** @type {number} */ least) => {
    const free = Math.min(floor - from - GAP - EDGE, most)
    return free >= Math.min(least, height) ? { left: aligned, top: held(from + GAP, free), most: free } : undefined
  }
  const over = (/** @type {number} */ ceiling, /** @type {number} */ least) => {
    const free = Math.min(top - GAP - ceiling, most)
    return free >= Math.min(least, height) ? { left: aligned, top: held(top - GAP - free, free), most: free } : undefined
  }
  const easy = under(bottom, EASE) ?? over(BAR, EASE)
  if (easy) return easy
  const sides = [right + EDGE, left - EDGE - width]
  const next = (rtl ? sides.reverse() : sides).find(fits)
  if (next !== undefined && height <= floor - 2 * EDGE) return { left: next, top: held(top - 14) }
  const squeezed = [under(bottom, LEAST), over(EDGE, LEAST)].filter(each => !!each).sort((a, b) => b.most - a.most)[0] ?? under(lower(first), LEAST)
  return { ...squeezed ?? { left: aligned, top: held(lower(first) + GAP, most), most }, poor: true }
}

/**
 * Puts it there.
 * @param {HTMLElement} card  @param {HTMLElement} log its messages  @param {Seen} seen  @param {boolean} [still] the page stands still: a sheet may change its side
 * @returns {number} pixels at the lower edge of the window where the passage had better not be
 */
export function seat(card, log, seen, still = false) {
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
    const covered = lines.length && lower(lines[0]) > above + room - tall
    if (still) classList.toggle('over', !!covered && lines[0].top > above + tall)
    // Above the keyboard of a phone.
    if (classList.contains('over')) style.marginTop = above + 'px'
    else style.marginBottom = Math.max(0, height - room - above) + 'px'
    return classList.contains('over') ? 0 : tall + EDGE
  }
  // A discussion that was deleted, or lost its text, while it is looked at: the card stays where it is.
  if (!lines.length && style.top) return 0
  const width = card.offsetWidth
  let found = lines.length ? beside({ width, height: tall }, seen) : { left: Math.max(EDGE, seen.width - width - 16), top: 60 }
  if (found.most !== undefined && found.most < tall) {
    const less = fit(found.most + 2 * EDGE)
    // With less around what is said it may need less than it was given.
    if (less < found.most && found.top < Math.min(...lines.map(line => line.top))) found = { ...found, top: found.top + found.most - less }
  }
  Object.assign(style, { left: found.left + 'px', top: found.top + 'px' })
  return found.poor ? Math.min(tall, EASE) + GAP + EDGE : 0
}

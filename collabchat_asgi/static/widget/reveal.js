/** A passage brought into sight: what is closed around it is opened, what scrolls around it is moved, and what stands still before it is minded. */

import { windowWidth, zoomOf } from './view.js'

/** Of a page that opens a part in its own time, or slides it open. */
const OPENING = 600
/** A scroll is over when nothing has moved for so long, where a browser does not say that it is. */
const SCROLLED = 600
/** And where it does: it may have said so of another scroll, and this one goes on. */
const ENDED = 50
const MARGIN = 12
/** So often at most: a page that moves for ever is not followed for ever. */
const TURNS = 4

/** Of the window, in pixels. @typedef {{top: number, bottom: number, left: number, right: number}} Box */

/** What is drawn around a node: through slots and shadow roots. @param {Node} node  @returns {Element | null} */
const around = node => /** @type {Text} */ (node).assignedSlot ?? node.parentElement ?? (node.parentNode instanceof ShadowRoot ? node.parentNode.host : null)

/** @param {Range} range  @returns {Element[]} from the inside out */
function ancestors(range) {
  const found = []
  for (let each = around(range.startContainer); each; each = around(each)) found.push(each)
  return found
}

/** What hides the beginning of a passage. @param {Range} range  @returns {Element[]} from the outside in */
export const closed = range => ancestors(range).filter((each, index, all) => {
  if (each instanceof HTMLDetailsElement) return !each.open && all[index - 1] !== each.querySelector(':scope > summary')
  const { display, contentVisibility, visibility, overflowX, overflowY } = getComputedStyle(each)
  if (display === 'none' || contentVisibility === 'hidden' || visibility !== 'visible') return true
  if (overflowX === 'visible' && overflowY === 'visible' || display === 'inline' || display === 'contents') return false
  // Their overflow is the window's, and an app that fills it with what is placed leaves them no height.
  if (each === document.body || each === document.documentElement) return false
  // An accordion without any height. What is for those who hear the page alone has a pixel.
  const { width, height } = each.getBoundingClientRect()
  return width < 1 || height < 1
}).reverse()

/** Whether a reader cannot see where a passage begins, when all was done to bring it there: closed, cut off, or a slide of a deck that is not its turn. What fades in where it is scrolled to is in the window. @param {Range} range */
export const hidden = range => closed(range).length > 0 || cut(range) || outside(range) && ancestors(range).some(each => getComputedStyle(each).opacity === '0')

/** Where no reader can scroll to: cut off by what does not scroll, such as the frame of a carousel, or before the page begins. @param {Range} range */
function cut(range) {
  const first = [...range.getClientRects()].find(rect => rect.width && rect.height)
  if (!first) return false
  let { left, right, top, bottom } = first
  /** What is placed so reaches out of what is around it. */
  let placed = ''
  for (const each of ancestors(range)) {
    const { display, position, transform, overflowX, overflowY } = getComputedStyle(each)
    if (ofWindow(each) || display === 'inline' || display === 'contents') continue
    if (placed && transform === 'none' && (placed === 'fixed' || position === 'static')) continue
    placed = /absolute|fixed/.test(position) ? position : ''
    const box = each.getBoundingClientRect(), cuts = (/** @type {string} */ overflow) => each !== document.body && /hidden|clip/.test(overflow)
    if (cuts(overflowX) && (right <= box.left || left >= box.right) || cuts(overflowY) && (bottom <= box.top || top >= box.bottom)) return true
    // Scrolled, it is where this is.
    if (scrolls(overflowX) && each.scrollWidth > each.clientWidth) ({ left, right } = box)
    if (scrolls(overflowY) && each.scrollHeight > each.clientHeight) ({ top, bottom } = box)
  }
  return outside(range) && (bottom + scrollY <= 0 || right + scrollX <= 0 && !backwards(document.body, true).across)
}

/** @param {string} overflow */
const scrolls = overflow => /auto|scroll/.test(overflow)

/** The body's own overflow is the window's, unless the root has one too. @param {Element} element */
function ofWindow(element) {
  const { overflowX, overflowY } = getComputedStyle(document.documentElement)
  return element === document.documentElement || element === document.body && overflowX === 'visible' && overflowY === 'visible'
}

/** In which ways it scrolls from 0 down: its beginning is at the right, or at the bottom. @param {Element} element  @param {boolean} [whole] for the window */
function backwards(element, whole = false) {
  const { writingMode, direction, display, flexDirection } = getComputedStyle(element)
  const flex = !whole && display.endsWith('flex') ? flexDirection : '', upright = !/^(vertical|sideways)/.test(writingMode)
  const line = (direction === 'rtl') !== (flex === 'row-reverse'), block = writingMode.endsWith('-rl') !== (flex === 'column-reverse')
  return upright ? { across: line, down: block } : { across: block, down: line }
}

/** How far to move so that a slide is where it will snap to: anywhere else it would go away from again. @param {Element[]} parts within, from the inside out  @param {Box} box  @param {boolean} down */
function snapped(parts, box, down) {
  const slide = parts.find(each => getComputedStyle(each).scrollSnapAlign !== 'none')
  if (!slide) return undefined
  const [block, inline = block] = getComputedStyle(slide).scrollSnapAlign.split(' '), align = down ? block : inline
  const rect = slide.getBoundingClientRect()
  const [start, end, from, to] = down ? [rect.top, rect.bottom, box.top, box.bottom] : [rect.left, rect.right, box.left, box.right]
  if (align === 'none' || end - start > to - from + 1) return undefined
  return align === 'start' ? start - from : align === 'end' ? end - to : (start + end - from - to) / 2
}

/** @param {Range} range */
function outside(range) {
  const { top, bottom, left, right } = range.getBoundingClientRect()
  return bottom <= 0 || top >= innerHeight || right <= 0 || left >= windowWidth()
}

/** A tab or a button of the page that says that it opens this. @param {Element} part  @returns {HTMLElement | undefined} */
function control(part) {
  const home = /** @type {Document | ShadowRoot} */ (part.getRootNode())
  const labels = (part.getAttribute('aria-labelledby') ?? '').split(/\s+/)
  return /** @type {HTMLElement[]} */ ([...home.querySelectorAll('[role=tab], [aria-expanded=false]')]).find(each => {
    const leads = labels.includes(each.id || '?') || !!part.id && (each.getAttribute('aria-controls') ?? '').split(/\s+/).includes(part.id)
    const waits = each.getAttribute('role') === 'tab' ? each.getAttribute('aria-selected') !== 'true' : each.getAttribute('aria-expanded') === 'false'
    const safe = each instanceof HTMLAnchorElement ? !each.getAttribute('href') || each.getAttribute('href')?.startsWith('#') : !(each instanceof HTMLButtonElement && each.form && each.type !== 'button')
    return leads && waits && safe
  })
}

/** @param {Element} part */
function open(part) {
  if (part instanceof HTMLDetailsElement) part.open = true
  else if (part.getAttribute('hidden') === 'until-found') {
    // As a browser does that finds something in there: a page listens to it.
    part.dispatchEvent(new Event('beforematch', { bubbles: true }))
    part.removeAttribute('hidden')
  } else control(part)?.click()
}

const frame = () => new Promise(resolve => requestAnimationFrame(resolve))

/** @param {() => Range | undefined} passage as it is now: a page may draw anew what it opens  @param {AbortSignal} signal */
async function unfold(passage, signal) {
  const tried = new Set(), until = performance.now() + OPENING
  while (!signal.aborted && performance.now() < until) {
    const range = passage()
    const parts = range ? closed(range) : []
    if (range && !parts.length) return
    const next = parts.find(each => !tried.has(each))
    if (next) open(next)
    else if (!tried.size) return
    tried.add(next)
    await frame()
  }
}

/** How far what stands still reaches into a box, from its beginning or its end. @param {Box} box  @param {number} at of the line through it that is looked along  @param {1 | -1} way  @param {Element[]} path what is around the passage  @param {boolean} [across] */
function inset({ top, bottom, left, right }, at, way, path, across = false) {
  const [start, end] = across ? [left, right] : [top, bottom]
  let depth = 0
  for (let more = true; more;) {
    more = false
    const edge = way > 0 ? start + depth + 1 : end - depth - 1
    for (const hit of across ? document.elementsFromPoint(edge, at) : document.elementsFromPoint(at, edge)) {
      if (path.includes(hit) || hit.closest('collab-chat')) continue
      /** @type {Element | null} */
      let still = hit
      while (still && !stands(still, across)) still = around(still)
      if (!still || path.includes(still)) continue
      const rect = still.getBoundingClientRect(), [low, high] = across ? [rect.left, rect.right] : [rect.top, rect.bottom]
      const reach = way > 0 ? high - start : end - low
      // What takes half the window is no header.
      if (reach <= depth || reach > (end - start) / 2) continue
      depth = reach
      more = true
    }
  }
  return depth
}

/** While the page is scrolled so. @param {Element} element  @param {boolean} across */
function stands(element, across) {
  const { position, top, bottom, left, right } = getComputedStyle(element)
  return position === 'fixed' || position === 'sticky' && (across ? [left, right] : [top, bottom]).some(each => each !== 'auto')
}

/** How far to move so that a stretch comes into another; 0 where enough of it is there. @param {number} start  @param {number} end  @param {number} from  @param {number} to */
function way(start, end, from, to) {
  const inside = Math.min(end, to) - Math.max(start, from)
  return inside >= Math.min(end - start, 48, to - from) - 1 ? 0 : start - from - Math.max(0, to - from - Math.min(end - start, to - from)) / 3
}

/** @param {number} wanted  @param {number} now  @param {number} most  @param {boolean} [backwards] counts from 0 down */
const possible = (wanted, now, most, backwards = false) => Math.min(Math.max(wanted, (backwards ? -most : 0) - now), (backwards ? 0 : most) - now)

/**
 * From the inside out. What is moved within moves the passage by as much.
 * @param {Range} range  @param {number} below pixels at the lower edge of the window that something covers  @returns {boolean} whether anything moves
 */
function scroll(range, below) {
  const path = ancestors(range), page = document.scrollingElement ?? document.documentElement
  const behavior = matchMedia('(prefers-reduced-motion: reduce)').matches ? 'instant' : 'smooth'
  const { top, bottom, right } = range.getBoundingClientRect()
  const first = [...range.getClientRects()].find(rect => rect.width && rect.height)
  if (!first) return false
  let across = 0, down = 0
  for (const each of [...path.filter(each => each !== page), page]) {
    const style = getComputedStyle(each), outer = each.getBoundingClientRect()
    const whole = each === page
    if (!whole && ofWindow(each)) continue
    const tall = (whole || scrolls(style.overflowY)) && each.scrollHeight > each.clientHeight, wide = (whole || scrolls(style.overflowX)) && each.scrollWidth > each.clientWidth
    if (!tall && !wide) continue
    const { offsetWidth, offsetHeight } = /** @type {HTMLElement} */ (each)
    // How many pixels of the window are one of its own.
    const [wider, taller] = whole || !offsetWidth || !offsetHeight ? Array(2).fill(zoomOf(each)) : [outer.width / offsetWidth, outer.height / offsetHeight]
    const seen = window.visualViewport ?? { offsetTop: 0, height: innerHeight }
    const box = whole
      ? { top: seen.offsetTop, bottom: seen.offsetTop + seen.height, left: 0, right: windowWidth() }
      : { top: outer.top + each.clientTop * taller, bottom: outer.top + (each.clientTop + each.clientHeight) * taller, left: outer.left + each.clientLeft * wider, right: outer.left + (each.clientLeft + each.clientWidth) * wider }
    const x = Math.min(Math.max(first.left - across + 2, box.left + 1), box.right - 1)
    const above = Math.max(inset(box, x, 1, path), parseFloat(style.scrollPaddingTop) || 0, whole ? 44 : 0)
    // Where that is most of the window, the first line has its place all the same.
    const least = Math.max(0, box.bottom - box.top - above - 2 * MARGIN - Math.min(first.height, 48))
    const under = Math.max(inset(box, x, -1, path), parseFloat(style.scrollPaddingBottom) || 0, whole ? Math.min(below, least) : 0)
    const back = backwards(whole ? document.body : each, whole), snaps = style.scrollSnapType === 'none' ? undefined : path.slice(0, path.indexOf(each))
    const settled = (/** @type {number} */ move, /** @type {boolean} */ down, /** @type {number} */ moved) => {
      const slide = move && snaps && snapped(snaps, box, down)
      return slide === undefined ? move : slide && slide - moved
    }
    const y = tall ? possible(settled(way(top - down, bottom - down, box.top + above + MARGIN, box.bottom - under - MARGIN), true, down) / taller, each.scrollTop, each.scrollHeight - each.clientHeight, back.down) : 0
    const line = Math.min(Math.max(first.top - down + 2, box.top + above + 1), box.bottom - under - 1)
    const z = wide ? possible(settled(way(first.left - across, Math.min(first.right, right) - across, box.left + inset(box, line, 1, path, true) + MARGIN, box.right - inset(box, line, -1, path, true) - MARGIN), false, across) / wider, each.scrollLeft, each.scrollWidth - each.clientWidth, back.across) : 0
    if (Math.abs(y) < 1 && Math.abs(z) < 1) continue
    each.scrollBy({ top: y, left: z, behavior })
    down += y * taller
    across += z * wider
  }
  return !!(across || down)
}

/**
 * Where it cannot be opened, nothing moves.
 * @param {() => Range | undefined} passage  @param {() => number} below pixels at the lower edge of the window that something of ours covers  @param {AbortSignal} signal
 */
export async function reveal(passage, below, signal) {
  const shown = () => {
    const range = signal.aborted ? undefined : passage()
    return range && !closed(range).length ? range : undefined
  }
  if (!shown()) await unfold(passage, signal)
  // What only sticks after a while, or was loaded on the way, may be before it when the page stands still; and the end that is told may be of another scroll. A reader who moves the page knows better.
  for (let turns = TURNS; turns > 0; turns--) {
    const range = shown()
    if (!range || !scroll(range, below()) || !await rests(signal)) return
  }
}

/** Until nothing scrolls any more: a page that a reader takes over moves on for a while. @param {AbortSignal} signal  @returns {Promise<boolean>} whether nobody moved the page meanwhile */
async function rests(signal) {
  const done = new AbortController()
  let alone = true
  await new Promise(resolve => {
    // What is typed or pressed in what is ours moves no page.
    const taken = (/** @type {Event} */ event) => { if (/wheel|move/.test(event.type) || !/** @type {Element} */ (event.target).closest?.('collab-chat')) alone = false }
    for (const type of ['wheel', 'touchmove', 'keydown', 'pointerdown']) addEventListener(type, taken, { signal: done.signal, capture: true, passive: true })
    signal.addEventListener('abort', resolve, { signal: done.signal })
    let still = setTimeout(resolve, SCROLLED)
    for (const [type, wait] of /** @type {const} */ ([['scroll', SCROLLED], ['scrollend', ENDED]])) {
      addEventListener(type, () => {
        clearTimeout(still)
        still = setTimeout(resolve, wait)
      }, { signal: done.signal, capture: true, passive: true })
    }
  })
  done.abort()
  return alone
}

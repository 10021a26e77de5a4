/**
 * Where the bar is put unless the page says it: into the first corner where nothing of the page's own is to be pressed. That is decided when the
 * page stands, and again when its window or its address is another one, or something has come to lie under the bar and stays there; not by what
 * is scrolled past, for a bar that jumps is worse than one in the way.
 */

const CONTROLS = 'a[href], button, input, select, textarea, summary, label, iframe, [role=button], [role=link], [role=tab], [role=menuitem], [tabindex]:not([tabindex^="-"])'
const CORNERS = ['top-right', 'bottom-right', 'bottom-left', 'top-left']
const ON_PHONES = ['bottom-right', 'bottom-left', 'top-right', 'top-left']
/** Milliseconds without a change after which a page stands, and the most that it is waited for. */
const QUIET = 100, PATIENCE = 1000
/** Pixels at most between two looks at what is under a corner (each takes 0.1 ms on a page of a megabyte, and nobody presses what is smaller), and around it; and the width of a bar that has something to tell. */
const STEP = 20, AROUND = 2, USUAL = 160
/** Milliseconds until it is looked whether something has come under the bar, and once more: what is there both times stays. */
const PAUSE = 600
/** Pixels between two looks then: nothing that is pressed should be smaller. Milliseconds of one piece of it, whose first look may take 4 by itself. */
const FINGER = 24, PIECE = 1

/** @typedef {{left: number, top: number, right: number, bottom: number}} Box in pixels of the window */

/** What is drawn around it, through shadow roots. @param {Element} element  @returns {Element | null} */
const around = element => element.assignedSlot ?? element.parentElement ?? (element.parentNode instanceof ShadowRoot ? element.parentNode.host : null)

/** What takes a quarter of the window is a page, and no control. @param {Box} box */
const small = ({ left, top, right, bottom }) => (right - left) * (bottom - top) < innerWidth * innerHeight / 4

/** What would be pressed there. @param {number} x  @param {number} y  @returns {Element | undefined} */
function control(x, y) {
  /** @type {Element | undefined} */
  let hit
  for (let tree = /** @type {Document | ShadowRoot | null | undefined} */ (document); tree; tree = hit?.shadowRoot) {
    const home = tree
    const next = home.elementsFromPoint(x, y).find(each => each.getRootNode() === home && !each.matches('collab-chat, .inline'))
    if (!next) break
    hit = next
  }
  for (let each = /** @type {Element | null} */ (hit ?? null); each; each = around(each)) if (each.matches(CONTROLS) && small(each.getBoundingClientRect())) return each
  return undefined
}

/** Whether it can be seen at all. @param {Element} element */
const seen = element => element.checkVisibility?.({ visibilityProperty: true, opacityProperty: true }) !== false

/** @param {Box} one  @param {Box} other */
const meet = (one, other) => one.left < other.right && one.right > other.left && one.top < other.bottom && one.bottom > other.top

/** How far the page itself scrolls. */
const most = () => {
  const page = document.scrollingElement ?? document.documentElement
  return page.scrollHeight - page.clientHeight
}

/** Whether it is there however the reader scrolls. @param {Element} element */
function stands(element) {
  for (let each = /** @type {Element | null} */ (element); each; each = around(each)) {
    const { position, overflowY } = getComputedStyle(each)
    if (/fixed|sticky/.test(position)) return true
    if (each !== document.body && each !== document.documentElement && /auto|scroll/.test(overflowY) && each.scrollHeight > each.clientHeight) return false
  }
  return most() < 2
}

/** Whether something comes to lie there where the page begins, or ends. @param {Box} box  @param {boolean} upper */
function passes({ left, top, right, bottom }, upper) {
  const moved = upper ? scrollY : scrollY - most()
  return [...document.querySelectorAll(CONTROLS)].some(each => {
    const rect = each.getBoundingClientRect()
    return rect.width && meet(rect, { left, top: top - moved, right, bottom: bottom - moved }) && small(rect) && !stands(each) && seen(each)
  })
}

/** From end to end. @param {number} from  @param {number} to  @param {number} step at most */
const steps = (from, to, step) => {
  const count = Math.ceil((to - from) / step)
  return [...Array(count + 1).keys()].map(at => from + (to - from) * at / count)
}

/** Points of a box, from edge to edge. @param {Box} box  @param {number} step at most  @returns {[number, number][]} */
const grid = ({ left, top, right, bottom }, step) => steps(top, bottom, step).flatMap(y => steps(left, right, step).map(x => /** @type {[number, number]} */ ([x, y])))

/** Whether something is in the way of it always. @param {Box} box */
function taken(box) {
  for (const [x, y] of grid(box, STEP)) {
    const found = control(x, y)
    if (found && stands(found)) return true
  }
  return false
}

/** 0 where nothing is in the way of it; 1 where something is at times, and 2 where it is always. @param {Box} box  @param {boolean} upper */
const price = (box, upper) => taken(box) ? 2 : passes(box, upper) ? 1 : 0

/** What is away because the reader scrolls comes again. @param {{element: Element, box: Box, scrolled: number}} what */
const gone = ({ element, box, scrolled }) => !element.isConnected || scrollY === scrolled && !(meet(element.getBoundingClientRect(), box) && seen(element))

/** @param {string[]} corners  @param {(corner: string) => number} priced  @returns {string} the first of the cheapest */
export function cheapest(corners, priced) {
  let found = corners[0], least = Infinity
  for (const corner of corners) {
    const now = priced(corner)
    if (now >= least) continue
    found = corner
    least = now
    if (!now) break
  }
  return found
}

/** @param {HTMLElement} bar whose `data-at` is empty where the page leaves it to us  @param {HTMLElement} host that tells of another page  @param {() => boolean} narrow  @param {AbortSignal} signal */
export function corners(bar, host, narrow, signal) {
  /** What was decided here. @type {string | undefined} */
  let ours
  let due = 0, since = 0, turn = 0, glancing = 0
  /** What it costs to be there. */
  let paid = 0
  /** What lay under the bar when it was looked last. @type {Element | undefined} */
  let under
  /** It is only to make way, or to come back. */
  let yields = false
  /** What it makes way for, where the bar was, and how far the page was scrolled. @type {{element: Element, box: Box, scrolled: number} | undefined} */
  let cause
  /** The same, once it has. @type {typeof cause} */
  let away
  /** It came back once: what comes again will go on so. */
  let back = false
  /** Nobody's bar goes away under a pointer, or from under the keyboard. */
  const held = () => bar.matches(':hover, :focus-within') || isOpen()
  /** What stands beside it goes with it, or out of its way. */
  const moved = () => { for (const each of host.shadowRoot?.querySelectorAll(':is(.panel, .card):not([hidden])') ?? []) each.dispatchEvent(new Event('resize')) }
  const isOpen = () => !!bar.querySelector('[aria-expanded=true]')
  const put = (/** @type {string} */ corner) => {
    bar.dataset.at = corner
    placed.takeRecords()
  }
  const decide = async () => {
    due = 0
    changes.disconnect()
    // The page has it in an element of its own, or nowhere.
    if (ours === undefined || getComputedStyle(bar).position !== 'fixed') return
    const rtl = getComputedStyle(bar).direction === 'rtl', mine = ++turn
    const order = (narrow() ? ON_PHONES : CORNERS).map(each => rtl ? each.replace(/left|right/, side => side === 'left' ? 'right' : 'left') : each)
    const boxes = new Map(order.map(corner => {
      put(corner)
      const { left, top, right, bottom } = bar.getBoundingClientRect()
      const more = Math.max(0, USUAL - (right - left)), atLeft = corner.endsWith('left')
      return [corner, { left: left - AROUND - (atLeft ? 0 : more), top: top - AROUND, right: right + AROUND + (atLeft ? more : 0), bottom: bottom + AROUND }]
    }))
    put(ours)
    // What lies where is known when a frame was drawn; asked before, it would be reckoned twice, which takes 9 ms on a page of a megabyte.
    await new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)))
    if (signal.aborted || mine !== turn || ours === undefined) return
    if (yields && held()) return
    // A list that is open stands beside it, wherever that is.
    if (ours && isOpen()) return void (due = -1)
    const prices = new Map()
    put(ours = cheapest(order, corner => {
      prices.set(corner, price(/** @type {Box} */ (boxes.get(corner)), corner.startsWith('top')))
      return prices.get(corner)
    }))
    paid = prices.get(ours)
    away = back ? undefined : cause
    back = yields && (back || !cause)
    if (away) going.observe(document.body, { childList: true, subtree: true })
    else going.disconnect()
    moved()
  }
  const idle = (/** @type {() => void} */ act) => { (globalThis.requestIdleCallback ?? setTimeout)(act) }
  /** A banner, a bubble, a button that leads to the top: they come when they like. */
  const look = () => {
    const box = bar.getBoundingClientRect(), { left, top, right, bottom } = box, before = under, points = right > left ? grid({ left: left + 1, top: top + 1, right: right - 1, bottom: bottom - 1 }, FINGER) : []
    under = undefined
    // In pieces, for a look at each of them takes a millisecond on a page of a megabyte.
    const further = () => {
      glancing = 0
      if (signal.aborted || !ours || due || held()) return
      if (away && gone(away)) return yieldTo(undefined)
      // Where everything is taken there is nothing better.
      if (paid > 1) return
      for (const began = performance.now(); points.length && !under && performance.now() - began < PIECE;) {
        const [x, y] = /** @type {[number, number]} */ (points.pop()), found = control(x, y)
        if (found && stands(found)) under = found
      }
      if (under && under === before) yieldTo({ element: under, box, scrolled: scrollY })
      else if (under) glance()
      else if (points.length) later()
    }
    const later = () => {
      // No timer's number: the page has those too.
      glancing = -1
      idle(further)
    }
    // Where it is may have been to be reckoned first, which is a piece too.
    later()
  }
  const yieldTo = (/** @type {typeof cause} */ to) => {
    soon()
    cause = to
    yields = true
  }
  const glance = () => { glancing ||= +setTimeout(() => idle(look), PAUSE) }
  const wait = () => {
    clearTimeout(due)
    due = +setTimeout(decide, Math.min(QUIET, Math.max(0, since + PATIENCE - performance.now())))
  }
  const soon = () => {
    since = performance.now()
    cause = undefined
    yields = false
    changes.observe(document.body, { childList: true, subtree: true })
    wait()
  }
  const changes = new MutationObserver(wait)
  const going = new MutationObserver(() => {
    if (away?.element.isConnected) return
    going.disconnect()
    glance()
  })
  const placed = new MutationObserver(records => {
    if (due < 0 && !isOpen()) soon()
    else glance()
    if (!records.some(({ attributeName }) => attributeName === 'data-at')) return
    ours = bar.dataset.at ? undefined : ours ?? ''
    // It was taken away, and is put back.
    if (ours) put(ours)
    if (ours !== undefined) soon()
  })
  placed.observe(bar, { attributes: true, attributeFilter: ['data-at', 'aria-expanded'], subtree: true })
  addEventListener('resize', moved, { signal })
  addEventListener('resize', soon, { signal })
  addEventListener('load', soon, { signal })
  host.addEventListener('collabchat:ready', soon, { signal })
  const comers = new MutationObserver(glance)
  comers.observe(document.body, { childList: true })
  for (const type of ['load', 'scroll', 'click', 'transitionend', 'animationend']) addEventListener(type, glance, { signal, capture: true, passive: true })
  for (const type of ['pointerleave', 'focusout']) bar.addEventListener(type, glance, { signal })
  signal.addEventListener('abort', () => {
    clearTimeout(due)
    clearTimeout(glancing)
    changes.disconnect()
    comers.disconnect()
    going.disconnect()
    placed.disconnect()
  })
  if (bar.dataset.at) return
  ours = ''
  soon()
}

/** When the ground of a page may have become dark, or light. */
import { drawnAround } from './ground.js'

/** Milliseconds after which it is looked: a sheet that a script adopts, or switches off, and what `:has()` sees far away tell of nothing. Twice as long each time while nothing happens, up to the most. */
const UNTOLD = 500, MOST = 4000

/** `again` is called with the next frame, before it is painted, and so after all that may have changed it. @param {() => Element} root  @param {() => void} again  @param {AbortSignal} signal */
export function followGround(root, again, signal) {
  let frame = 0, pause = UNTOLD
  // Without a frame, which a page that stands still would draw for it alone.
  const look = () => {
    if (!document.hidden && !frame) again()
    pause = Math.min(2 * pause, MOST)
    looking = setTimeout(look, pause)
  }
  let looking = setTimeout(look, pause)
  const often = () => {
    if (pause === UNTOLD) return
    clearTimeout(looking)
    pause = UNTOLD
    looking = setTimeout(look, pause)
  }
  const soon = () => {
    often()
    frame ||= requestAnimationFrame(() => { frame = 0; again() })
  }
  for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)']) matchMedia(query).addEventListener('change', soon, { signal })
  // A fade is over, a style sheet has come, a box was ticked, somebody looks at the page again.
  for (const type of ['transitionend', 'animationend', 'load', 'click', 'change', 'visibilitychange']) document.addEventListener(type, soon, { signal, capture: true, passive: true })
  // What a page does upon these may tell of nothing.
  for (const type of ['keydown', 'pointerdown']) document.addEventListener(type, often, { signal, capture: true, passive: true })
  const watching = new MutationObserver(soon)
  for (let element = /** @type {Element | null | undefined} */ (root()); element; element = drawnAround(element)) watching.observe(element, { attributes: true })
  watching.observe(document.head, { childList: true, subtree: true, characterData: true, attributes: true })
  signal.addEventListener('abort', () => {
    watching.disconnect()
    clearTimeout(looking)
    cancelAnimationFrame(frame)
  })
  soon()
}

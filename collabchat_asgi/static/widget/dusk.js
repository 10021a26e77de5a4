/** When the ground of a page may have become dark, or light. */
import { drawnAround } from './ground.js'

/** Milliseconds after which it is looked: a sheet that a script adopts, or switches off, and what `:has()` sees far away tell of nothing. */
const UNTOLD = 500

/** `again` is called with the next frame, before it is painted, and so after all that may have changed it. @param {() => Element} root  @param {() => void} again  @param {AbortSignal} signal */
export function followGround(root, again, signal) {
  let frame = 0
  const soon = () => { frame ||= requestAnimationFrame(() => { frame = 0; again() }) }
  for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)']) matchMedia(query).addEventListener('change', soon, { signal })
  // A fade is over, a style sheet has come, a box was ticked.
  for (const type of ['transitionend', 'animationend', 'load', 'click', 'change']) document.addEventListener(type, soon, { signal, capture: true, passive: true })
  const watching = new MutationObserver(soon)
  for (let element = /** @type {Element | null | undefined} */ (root()); element; element = drawnAround(element)) watching.observe(element, { attributes: true })
  watching.observe(document.head, { childList: true, subtree: true, characterData: true, attributes: true })
  // Of a page that nobody sees there are no frames.
  const looking = setInterval(soon, UNTOLD)
  signal.addEventListener('abort', () => {
    watching.disconnect()
    clearInterval(looking)
    cancelAnimationFrame(frame)
  })
  soon()
}

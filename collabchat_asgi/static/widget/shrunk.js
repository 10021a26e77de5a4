/**
 * A page that says nothing of its viewport is laid out as on a desk, and a phone shows it made smaller. So would the widget be, and
 * nobody could read it: there it has the part that is in sight for its window, and the size that it has on pages made for phones.
 */

/** @import { View } from './view.js' */
import { sheet } from './styles.js'

const SHRUNK = `
.face { position: fixed; inset: 0 auto auto 0; transform-origin: 0 0; pointer-events: none }
.face > * { pointer-events: auto }
.panel { max-height: calc(.72 * var(--window)) !important }`
const LIMIT = /\(max-(width|height): (\d+)px\)/

/** What they said before. @type {WeakMap<CSSMediaRule, string>} */
const asked = new WeakMap()

/** The browser would ask for its own window. @param {CSSStyleSheet} looks  @param {View} view */
function answer(looks, view) {
  for (const rule of looks.cssRules) {
    if (!(rule instanceof CSSMediaRule)) continue
    const question = asked.get(rule) ?? rule.media.mediaText, [, side, most] = LIMIT.exec(question) ?? []
    if (!side) continue
    asked.set(rule, question)
    rule.media.mediaText = view[/** @type {'width' | 'height'} */ (side)] <= Number(most) ? 'all' : 'not all'
  }
}

/** @param {HTMLElement} face  @param {View} view to be kept  @param {VisualViewport} seen  @param {AbortSignal} signal */
export function shrunk(face, view, seen, signal) {
  if (signal.aborted) return
  const shadow = /** @type {ShadowRoot} */ (face.getRootNode())
  shadow.adoptedStyleSheets = [...shadow.adoptedStyleSheets, sheet('shrunk', () => SHRUNK)]
  let known = 0
  const dress = () => {
    known = shadow.adoptedStyleSheets.length
    for (const each of shadow.adoptedStyleSheets) answer(each, view)
  }
  const follow = () => {
    // Fingers that look closer than that want to see it larger too: then it stays, as far as it goes on holding what is in sight.
    const closer = Math.max(1, seen.scale)
    const within = (/** @type {number} */ before, /** @type {number} */ start, /** @type {number} */ length) => Math.min(Math.max(before, start + length - length * closer), start)
    view.zoom = closer / seen.scale
    view.left = within(view.left, seen.offsetLeft, seen.width)
    view.top = within(view.top, seen.offsetTop, seen.height)
    view.width = seen.width * seen.scale
    view.height = seen.height * seen.scale
    Object.assign(face.style, { width: view.width + 'px', height: view.height + 'px', transform: `translate(${view.left}px, ${view.top}px) scale(${view.zoom})` })
    face.style.setProperty('--window', view.height + 'px')
    dress()
  }
  for (const type of ['resize', 'scroll']) seen.addEventListener(type, follow, { signal })
  // What is loaded later brings its looks.
  const coming = new MutationObserver(() => { if (known !== shadow.adoptedStyleSheets.length) dress() })
  coming.observe(face, { childList: true, subtree: true })
  signal.addEventListener('abort', () => coming.disconnect())
  follow()
}

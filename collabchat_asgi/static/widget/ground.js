/** Whether the widget stands on a dark ground: as the page really looks, in whatever way its colours are written, and whenever they change. */

/** @type {CanvasRenderingContext2D | null | undefined} */
let canvas

/** What a gradient is made of. */
const COLOURS = /#[\da-f]{3,8}\b|\b(?:rgb|hsl|hwb|lab|lch|oklab|oklch|color)a?\([^()]*\)/gi

/** Layers of colours, from the lowest to the highest, drawn: so every colour that the browser knows counts, with all that shines through it. @param {string[][]} layers  @returns {number} from 0, black, to 255 */
function brightness(layers) {
  canvas ??= Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d', { willReadFrequently: true })
  if (!canvas) return 255
  canvas.fillStyle = '#fff'
  canvas.fillRect(0, 0, 1, 1)
  for (const colours of layers) {
    // Each by its share: the last lies over all, the one before over the half of it.
    for (const [index, colour] of colours.entries()) {
      canvas.globalAlpha = 1 / (index + 1)
      canvas.fillStyle = '#0000'
      canvas.fillStyle = colour
      canvas.fillRect(0, 0, 1, 1)
    }
  }
  canvas.globalAlpha = 1
  const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data
  return 0.299 * red + 0.587 * green + 0.114 * blue
}

/** @param {string | null} theme what is asked for  @param {Element} root of the text  @param {Element} host whose outline has the colour of an empty page (styles.js) */
export function isDark(theme, root, host) {
  if (theme === 'dark' || theme === 'light') return theme === 'dark'
  /** @type {string[][]} */
  const layers = []
  let picture = false
  for (let element = /** @type {Element | null} */ (root); element; element = element.parentElement) {
    const { backgroundColor, backgroundImage } = getComputedStyle(element)
    picture ||= backgroundImage.includes('url(')
    layers.unshift([backgroundColor], backgroundImage.match(COLOURS) ?? [])
  }
  // Of a picture nothing is known; but its page has chosen letters that can be read on it.
  if (picture) return brightness([[getComputedStyle(root).color]]) > 128
  return brightness([[getComputedStyle(host).outlineColor], ...layers]) < 128
}

/** `again` is called with the next frame, before it is painted, and so after all that may have changed it. @param {() => Element} root  @param {() => void} again  @param {AbortSignal} signal */
export function followGround(root, again, signal) {
  let frame = 0
  const soon = () => { frame ||= requestAnimationFrame(() => { frame = 0; again() }) }
  for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)']) matchMedia(query).addEventListener('change', soon, { signal })
  // A fade is over, a style sheet has come, a box was ticked.
  for (const type of ['transitionend', 'animationend', 'load', 'click', 'change']) document.addEventListener(type, soon, { signal, capture: true, passive: true })
  const watching = new MutationObserver(soon)
  for (let element = /** @type {Element | null} */ (root()); element; element = element.parentElement) watching.observe(element, { attributes: true })
  watching.observe(document.head, { childList: true, subtree: true, characterData: true, attributes: true })
  signal.addEventListener('abort', () => {
    watching.disconnect()
    cancelAnimationFrame(frame)
  })
  soon()
}

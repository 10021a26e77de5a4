/** Whether the widget stands on a dark ground: as the page really looks, in whatever way its colours are written. */

/** @type {CanvasRenderingContext2D | null | undefined} */
let canvas

/** Of 255, between letters and their ground: with less nobody could read them, so something else lies there. */
const LEGIBLE = 48
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
    let index = 0
    for (const colour of colours) {
      canvas.globalAlpha = 1 / ++index
      canvas.fillStyle = '#0000'
      canvas.fillStyle = colour
      canvas.fillRect(0, 0, 1, 1)
    }
  }
  canvas.globalAlpha = 1
  const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data
  return 0.299 * red + 0.587 * green + 0.114 * blue
}

/** Through slots and shadow roots. @param {Element} element  @returns {Element | null | undefined} */
export const drawnAround = element => element.assignedSlot ?? element.parentElement ?? /** @type {Partial<ShadowRoot>} */ (element.getRootNode()).host

/** @param {string | null} theme what is asked for  @param {Element} root of the text  @param {Element} host whose outline has the colour of an empty page (styles.js) */
export function isDark(theme, root, host) {
  if (theme === 'dark' || theme === 'light') return theme === 'dark'
  /** @type {string[][]} */
  const layers = []
  let picture = false, inverted = false
  for (let element = /** @type {Element | null | undefined} */ (root); element; element = drawnAround(element)) {
    const { backgroundColor, backgroundImage, filter } = getComputedStyle(element)
    picture ||= backgroundImage.includes('url(')
    inverted = inverted !== filter.includes('invert(1')
    layers.unshift([backgroundColor], backgroundImage.match(COLOURS) ?? [])
  }
  const empty = [getComputedStyle(host).outlineColor]
  const ground = brightness([empty, ...layers]), letters = brightness([[getComputedStyle(root).color]])
  // Of a picture nothing is known, and what a page lays behind its text may be around none of it; but its letters can be read there.
  return inverted !== (picture || ground === brightness([empty]) && Math.abs(ground - letters) < LEGIBLE ? letters > 128 : ground < 128)
}

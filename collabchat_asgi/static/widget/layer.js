/**
 * Where the widget is drawn: in the top layer, so that nothing which the page puts around the element moves, clips, tints or
 * covers it; in pixels of the window, however the page is zoomed by a style; and inside of whatever is modal with the text.
 */
import { zoomOf } from './view.js'

/** A browser that has it knows the other two. */
const KNOWN = 'popover' in HTMLElement.prototype
const TOP = KNOWN ? ':modal, :fullscreen, :popover-open' : ':not(*)'
/** Everything outside of these is out of reach: by the browser's own doing, which also closes most popovers where a press falls beside them, or by a script that keeps the focus in. */
const MODAL = ':modal, :fullscreen, [aria-modal=true]' + (KNOWN ? ', :popover-open:not([popover=manual])' : '')

/** @param {Node} node  @param {string} selector  @returns {Element | undefined} the nearest around it, through shadow roots */
function around(node, selector) {
  for (let each = /** @type {Node | null} */ (node); each; each = each.parentNode ?? (each instanceof ShadowRoot ? each.host : null)) {
    if (each instanceof Element && each.matches(selector)) return each
  }
  return undefined
}

export class Layer {
  /** What of the page we were last put above. @type {Element | undefined} */
  #above
  /** Where the element belongs while it is in something modal. @type {{into: Element, parent: Node, next: ChildNode | null} | undefined} */
  #lent
  /** The last that had the focus in here. @type {HTMLElement | null} */
  #focus = null

  /** @param {HTMLElement} element  @param {HTMLElement} face  @param {() => Element} root of the text  @param {AbortSignal} signal */
  constructor(element, face, root, signal) {
    this.element = element
    this.face = face
    this.root = root
    // What is opened later lies above what was open before, also where it is around it.
    const changed = (/** @type {EventTarget | null} */ target) => {
      if (target === this.#above) this.#above = undefined
      this.follow()
    }
    const opened = new MutationObserver(records => { for (const { target } of records) if (/** @type {Element} */ (target).matches('dialog')) changed(target) })
    opened.observe(document.documentElement, { attributes: true, attributeFilter: ['open'], subtree: true })
    for (const type of ['toggle', 'fullscreenchange']) document.addEventListener(type, event => { if (event.target !== element) changed(event.target) }, { signal, capture: true })
    face.addEventListener('focusin', event => { this.#focus = /** @type {HTMLElement} */ (event.target) }, { signal })
    // A page closes its dialog where a click falls beside it.
    for (const type of ['pointerdown', 'pointerup', 'mousedown', 'mouseup', 'click']) face.addEventListener(type, event => { if (this.#lent) event.stopPropagation() }, { signal })
    signal.addEventListener('abort', () => {
      opened.disconnect()
      if (element.isConnected) this.#back()
    })
  }

  /** After whatever may have changed what is around. @param {Node} [text] that is now concerned */
  follow(text = this.root()) {
    const { element, face } = this, root = this.root()
    const modal = around(text, MODAL) ?? around(root, MODAL) ?? (this.#lent && around(element, MODAL))
    const into = this.#lent?.into
    if (!modal) this.#back()
    // What it was put into may have ended within what has not.
    else if (!modal.contains(!into ? element : into.matches(MODAL) ? into : null)) this.#move(modal)
    const zoom = zoomOf(element)
    face.style.zoom = zoom === 1 ? '' : String(1 / zoom)
    if (getComputedStyle(element).getPropertyValue('--collabchat-z')) face.removeAttribute('popover')
    else this.#show(around(text, TOP) ?? around(root, TOP))
  }

  /** @param {Element | undefined} above */
  #show(above) {
    const { face } = this
    if (!face.showPopover || !face.isConnected) return
    face.setAttribute('popover', 'manual')
    if (face.matches(':popover-open')) {
      if (!above || above === this.#above) return
      this.#holding(() => face.hidePopover())
    }
    this.#above = above
    this.#holding(() => face.showPopover())
  }

  /** The focus stays where it is. @param {() => void} act */
  #holding(act) {
    const shadow = /** @type {ShadowRoot} */ (this.face.getRootNode())
    const held = shadow.activeElement
    act()
    if (held instanceof HTMLElement && shadow.activeElement !== held) held.focus({ preventScroll: true })
  }

  /** @param {Element} into */
  #move(into) {
    const { element } = this
    const from = this.#lent ?? { parent: /** @type {Node} */ (element.parentNode), next: element.nextSibling }
    this.#put(into, null)
    // A script that shuts off what is beside its dialog has taken it for that.
    for (const name of ['inert', 'aria-hidden']) element.removeAttribute(name)
    this.#lent = { ...from, into }
  }

  /** @returns {boolean} whether it is where it belongs */
  #back() {
    if (!this.#lent) return this.element.isConnected
    const { parent, next } = this.#lent
    this.#lent = undefined
    if (parent.isConnected) this.#put(parent, next?.parentNode === parent ? next : null)
    return this.element.isConnected
  }

  /** Where a browser can, nothing of its state is lost. @param {Node} parent  @param {ChildNode | null} next */
  #put(parent, next) {
    const { element } = this, way = /** @type {{moveBefore?: typeof Node.prototype.insertBefore}} */ (/** @type {unknown} */ (parent))
    if (way.moveBefore && element.isConnected) way.moveBefore(element, next)
    else parent.insertBefore(element, next)
  }

  /** The element was moved: what it lost on the way is given back. */
  moved() {
    const focus = this.#focus
    this.follow()
    if (focus?.isConnected && document.activeElement === document.body) focus.focus({ preventScroll: true })
  }

  /** What it was put into is gone. @returns {boolean} whether it is in the page again */
  rescued() { return this.#back() }
}

/**
 * The window that the widget is laid out in: the browser's own, or, where a phone shows a page made smaller, the part of it in sight
 * (shrunk.js), in the device's pixels.
 */

import { part } from './parts.js'

/** @typedef {{left: number, top: number, width: number, height: number, zoom: number}} View in pixels of the page: where it begins; in its own: how large it is; how many of the page's are one of it */

/** The browser's own where it has no width. @type {View} */
export const view = { left: 0, top: 0, width: 0, height: 0, zoom: 1 }

/** @param {Element} element */
export const zoomOf = element => /** @type {{currentCSSZoom?: number}} */ (element).currentCSSZoom ?? 1

/** Of the window without its scroll bar, in its own pixels. */
export const windowWidth = () => view.width || document.documentElement.clientWidth * zoomOf(document.documentElement)
export const windowHeight = () => view.height || innerHeight

export const narrow = () => view.width ? view.width <= 640 : matchMedia('(max-width: 640px)').matches

/** Of the page's pixels, in those of the window. @param {{left: number, top: number, right: number, bottom: number}} box */
export const inWindow = ({ left, top, right, bottom }) => new DOMRect((left - view.left) / view.zoom, (top - view.top) / view.zoom, (right - left) / view.zoom, (bottom - top) / view.zoom)

/** Looks whether the page is shown made smaller: only then is more to be done. @param {HTMLElement} face  @param {AbortSignal} signal */
export function watch(face, signal) {
  const seen = globalThis.visualViewport
  let coming = false
  const look = () => {
    // Either it is seen so, or it is laid out wider than the device, and looked at closely.
    if (coming || !seen || seen.scale > .95 && windowWidth() < 1.1 * seen.width * seen.scale) return
    coming = true
    part('./shrunk.js', () => import('./shrunk.js')).then(({ shrunk }) => shrunk(face, view, seen, signal), () => { coming = false }) // out of reach, it is asked for again
  }
  seen?.addEventListener('resize', look, { signal })
  look()
}

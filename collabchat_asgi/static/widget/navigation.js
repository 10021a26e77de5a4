/** Where this document is, and when that changes without a load. */

import { part } from './parts.js'

/** @typedef {EventTarget} Navigations where a browser has them */

/** The canonical link that was seen last, and the path that it was first seen at. */
let link = '', path = ''

/** What the canonical link says of the present address: one that an application has left behind from the page before says nothing. @returns {string | undefined} */
export function canonical() {
  const found = /** @type {HTMLLinkElement | null} */ (document.querySelector('head link[rel~=canonical]'))?.href ?? ''
  if (found !== link) [link, path] = [found, location.pathname]
  return path === location.pathname && found || undefined
}

/** `moved` is called after each change of address, and of what the head says of it. @param {() => void} moved  @param {AbortSignal} signal */
export function follow(moved, signal) {
  for (const type of ['popstate', 'hashchange']) addEventListener(type, moved, { signal })
  const { navigation } = /** @type {{navigation?: Navigations}} */ (/** @type {unknown} */ (globalThis))
  if (navigation) navigation.addEventListener('currententrychange', moved, { signal })
  // Only old browsers load it.
  else part('./history.js', () => import('./history.js')).then(({ watch }) => watch(moved, signal), () => {})
  const head = new MutationObserver(moved)
  head.observe(document.head, { childList: true, subtree: true, attributes: true, attributeFilter: ['href', 'rel'] })
  signal.addEventListener('abort', () => head.disconnect())
}

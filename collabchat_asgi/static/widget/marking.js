/** Whether there are marks at the scroll bar: where a pointer can hit them, and there is something to mark. */

/** @import { Page } from '../client/client.js' */
/** @import { Places } from './places.js' */
import { atLast } from './latecomers.js'
import { part } from './parts.js'
import { QUIET } from './quiet.js'

/** Without a scroll bar that stays, or a pointer that can hit it. */
const NONE = '(max-width: 640px), (pointer: coarse)'

/**
 * @typedef {object} MarkersHost
 * @property {() => boolean} quiet the reader wants no highlights
 * @property {(on?: boolean) => void} hush nothing: as the browser remembers it
 * @property {Page} page
 * @property {Places} places
 * @property {(chatId: string) => void} open
 */

/**
 * @param {HTMLElement} face  @param {MarkersHost} host  @param {AbortSignal} signal
 * @returns {() => void} to be called when discussions, or their places, may have changed
 */
export function marking(face, host, signal) {
  /** @type {import('./markers.js').Markers | undefined} */
  let markers
  let coming = false
  const none = matchMedia(NONE)
  const follow = () => {
    if (markers) return markers.follow()
    if (coming || none.matches || host.quiet() || !host.page.state.chats.length) return
    coming = true
    atLast(() => part('./markers.js', () => import('./markers.js')).then(({ Markers }) => {
      if (signal.aborted) return
      markers = new Markers(face, host, none, signal)
      markers.follow()
    }), signal)
  }
  // Another tab was told.
  addEventListener('storage', ({ key }) => { if (key === QUIET) host.hush() }, { signal })
  none.addEventListener('change', follow, { signal })
  return follow
}

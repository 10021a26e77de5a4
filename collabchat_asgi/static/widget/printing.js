/** Whether there are notes on paper: while the attribute `print` asks for them. */

/** @import { NotesHost } from './notes.js' */
import { atLast } from './latecomers.js'
import { part } from './parts.js'

/**
 * @param {Element} element  @param {NotesHost} host  @param {AbortSignal} signal
 * @returns {() => void} to be called when the attribute may have changed
 */
export function printing(element, host, signal) {
  /** @type {import('./notes.js').Notes | undefined} */
  let notes
  const wanted = () => element.hasAttribute('print') && !signal.aborted
  const look = () => {
    if (!wanted()) {
      notes?.destroy()
      notes = undefined
    } else if (!notes) {
      atLast(() => part('./notes.js', () => import('./notes.js')).then(({ Notes }) => {
        if (wanted()) notes ??= new Notes(/** @type {ShadowRoot} */ (element.shadowRoot), host)
      }), signal)
    }
  }
  signal.addEventListener('abort', look)
  look()
  return look
}

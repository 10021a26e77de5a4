/** What did not come when it was wanted, and nobody will ask for again: a language, the marks at the scroll bar, the notes on paper. */

/** Until it is asked for again, in milliseconds; twice as long each time. */
const PAUSE = 2000

/** @param {() => Promise<unknown>} come resolves to whether it is asked for once more  @param {AbortSignal} signal  @param {number} [pause] */
export function atLast(come, signal, pause = PAUSE) {
  const again = (/** @type {number} */ later) => { if (!signal.aborted) atLast(come, signal, later) }
  const timer = setTimeout(() => come().then(more => { if (more) again(PAUSE) }, () => again(2 * pause)), pause)
  signal.addEventListener('abort', () => clearTimeout(timer))
}

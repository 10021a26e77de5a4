/** What nobody will ask for again where it does not come: a language, the marks at the scroll bar, the notes on paper. */

/** Until it is asked for again, in milliseconds; twice as long each time. */
const PAUSE = 2000

/** @param {() => Promise<unknown>} come resolves to whether it is asked for once more  @param {AbortSignal} signal  @param {number} [pause] */
export async function atLast(come, signal, pause = PAUSE) {
  const more = await come().catch(error => {
    console.error('collabchat:', error)
    return pause *= 2
  })
  if (more) setTimeout(() => { if (!signal.aborted) atLast(come, signal, pause) }, pause)
}

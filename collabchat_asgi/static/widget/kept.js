/** What is typed, pasted or pressed in what is ours stays there: a page sees the element and not the field or the button in it, and would take it for its own. */

const TYPES = ['keydown', 'keypress', 'keyup', 'beforeinput', 'input', 'copy', 'cut', 'paste']

/** @param {(ShadowRoot | Element)[]} homes around what is ours  @param {AbortSignal} signal */
export function keep(homes, signal) {
  const stop = (/** @type {Event} */ event) => {
    const target = /** @type {Element} */ (event.target)
    if (event.defaultPrevented || target.matches('textarea, input, select') || target.matches('button, a') && /^( |Enter)$/.test(/** @type {KeyboardEvent} */ (event).key)) event.stopPropagation()
  }
  for (const home of homes) for (const type of TYPES) home.addEventListener(type, stop, { signal })
}

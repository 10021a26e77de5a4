/** Navigations without a load in browsers that tell of none by themselves: the two methods of `history` are watched. */

/** @type {Set<() => void>} */
const watching = new Set()

for (const name of /** @type {const} */ (['pushState', 'replaceState'])) {
  const original = history[name]
  /** @this {History}  @param {Parameters<History['pushState']>} given */
  history[name] = function (...given) {
    original.apply(this, given)
    // An application's own work must not fail with ours.
    for (const moved of watching) queueMicrotask(moved)
  }
}

/** @param {() => void} moved  @param {AbortSignal} signal */
export function watch(moved, signal) {
  if (signal.aborted) return
  watching.add(moved)
  signal.addEventListener('abort', () => watching.delete(moved))
}

/** @template {object} Events */
export class Emitter {
  /** @type {Map<keyof Events, Set<(detail: any) => void>>} */
  #listeners = new Map()

  /**
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {(detail: Events[Name]) => void} listener
   * @returns {() => void} takes the listener away
   */
  on(name, listener) {
    const set = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, set)
    // Its own function each time: the same listener given twice is two listeners, each with its own end.
    const own = (/** @type {any} */ detail) => listener(detail)
    set.add(own)
    return () => { set.delete(own) }
  }

  /**
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {Events[Name]} detail
   */
  emit(name, detail) {
    for (const listener of [...this.#listeners.get(name) ?? []]) {
      // A listener's bug must reach the console, but neither the other listeners nor the protocol. One of them may take another away.
      try { if (this.#listeners.get(name)?.has(listener)) listener(detail) } catch (error) { (globalThis.reportError ?? console.error)(error) }
    }
  }

  /** Takes every listener away. */
  mute() { this.#listeners.clear() }
}

/** Where in the page each discussion's text is, now: found anew when the page changes, a slice at a time. */

/** @import { Anchor } from './types.js' */
import { Haystack, match } from './anchor.js'
import { CanonicalText } from './text.js'

/** What one turn may take, so that two thousand anchors, or hostile ones, never hold up a key press. */
const SLICE = 8
const SETTLED = 150
const LONGEST = 1000
const LONGEST_WHEN_BUSY = 5000

/** What is annotated is not there yet: no text, until some change of the page brings it. */
const NOTHING = () => document.createElement('div')

/** Of anyone's making: one that cannot even be read has lost its place like any other. @param {Haystack} haystack  @param {Anchor} anchor */
function matched(haystack, anchor) {
  try { return match(haystack, anchor) } catch { return undefined }
}

/** @typedef {{readonly id: string, readonly anchor: Anchor}} Anchored */
/** @typedef {{anchor: Anchor, start: number, end: number, range: Range | undefined, text: CanonicalText}} Place */

export class Places {
  /** @type {CanonicalText} */
  text
  /** @type {Haystack} */
  #haystack
  /** @type {Map<string, Place>} */
  #found = new Map()
  /** @type {readonly Anchored[]} */
  #chats = []
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #slice
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #settling
  #since = 0
  #read = 0
  #longest = LONGEST
  #stale = false

  /**
   * @param {() => Element | null} root asked again when the one we had is gone
   * @param {(chatIds: string[]) => void} moved these have, or have lost, their place
   */
  constructor(root, moved) {
    this.root = root
    this.moved = moved
    this.text = new CanonicalText(root() ?? NOTHING())
    this.#haystack = new Haystack(this.text.text)
    this.observer = new MutationObserver(records => {
      if (this.text.root.isConnected && !records.some(({ target }) => this.text.root.contains(target))) return
      this.#stale = true
      this.#wait()
    })
    this.observer.observe(document.documentElement, { childList: true, characterData: true, subtree: true })
  }

  /** @param {readonly Anchored[]} chats */
  follow(chats) {
    this.#chats = chats
    this.#work()
  }

  /** @param {string} chatId  @returns {Place | undefined} */
  get(chatId) { return this.#found.get(chatId) }

  /** The discussions at a position of the text, the shortest passage first. @param {number} at  @returns {string[]} */
  at(at) {
    /** @type {[string, Place][]} */
    const hit = []
    // A page has two thousand discussions at most: to look at each takes microseconds.
    for (const entry of this.#found) if (entry[1].range && entry[1].start <= at && at <= entry[1].end) hit.push(entry)
    return hit.sort((a, b) => a[1].end - a[1].start - (b[1].end - b[1].start)).map(([id]) => id)
  }

  /** The text as it is at this moment, whatever waits. */
  fresh() {
    if (this.#stale || !this.text.root.isConnected) this.reread()
    return this.text
  }

  /** Where an anchor is now that belongs to no discussion yet. @param {Anchor} anchor  @returns {import('./anchor.js').Passage | undefined} */
  find(anchor) {
    this.fresh()
    return matched(this.#haystack, anchor)
  }

  /** Reads the page again and looks for everything in it. */
  reread() {
    clearTimeout(this.#settling)
    this.#settling = undefined
    this.#stale = false
    this.observer.takeRecords()
    const now = performance.now()
    // A page that changes all the time gets less of our attention.
    this.#longest = now - this.#read < 2 * LONGEST ? Math.min(LONGEST_WHEN_BUSY, this.#longest * 2) : LONGEST
    this.#read = now
    this.text = new CanonicalText(this.root() ?? NOTHING())
    if (this.text.text !== this.#haystack.text) this.#haystack = new Haystack(this.text.text)
    this.#work()
  }

  #wait() {
    const now = performance.now()
    if (this.#settling === undefined) this.#since = now
    clearTimeout(this.#settling)
    this.#settling = setTimeout(() => this.reread(), Math.max(0, Math.min(SETTLED, this.#since + this.#longest - now)))
  }

  #work() {
    clearTimeout(this.#slice)
    this.#slice = undefined
    const until = performance.now() + SLICE
    const moved = []
    const gone = new Set(this.#found.keys())
    for (const { id, anchor } of this.#chats) {
      gone.delete(id)
      const known = this.#found.get(id)
      if (known?.anchor === anchor && known.text === this.text) continue
      if (performance.now() > until) {
        this.#slice ??= setTimeout(() => this.#work())
        continue
      }
      const passage = known?.anchor === anchor && known.text.text === this.text.text ? known : matched(this.#haystack, anchor)
      const { start, end } = passage ?? { start: -1, end: -1 }
      this.#found.set(id, { anchor, start, end, range: passage && this.text.range(start, end), text: this.text })
      moved.push(id)
    }
    for (const id of gone) {
      this.#found.delete(id)
      moved.push(id)
    }
    if (moved.length) this.moved(moved)
  }

  destroy() {
    this.observer.disconnect()
    clearTimeout(this.#slice)
    clearTimeout(this.#settling)
  }
}

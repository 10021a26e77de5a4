/**
 * Where in the page each discussion's text is, now: found anew when the page changes, in pieces of work that never hold up a
 * key press, and first what the reader has before the eyes.
 */

/** @import { Anchor, AnchorState } from '../typed/types.js' */
/** @import { Passage } from '../anchors/describe.js' */
/** @import { Revised } from '../anchors/revised.js' */
import { ofPage } from '../anchors/describe.js'
import { exactly, recorded } from '../anchors/exact.js'
import { Haystack } from '../anchors/haystack.js'
import { CanonicalText } from '../anchors/text.js'
import { part } from './parts.js'

/** Milliseconds that one turn may take, less than a frame with what a browser does in it. */
const SLICE = 6
/** And what comes beside other work: the first turn, for code that never ran is slow, and that of new discussions, which are drawn too. */
const BRIEF = 2
/** Beyond so much work on one reading of the page, turns come further apart: two thousand lost anchors are no reason to heat a phone. */
const BUDGET = 1500
const PACED = 40
/** Nobody sees that a mark was away for so long. */
const SOON = 16
/** Reading again takes this part of the time at most, however often a page changes; and it is not put off for longer. */
const SHARE = 1 / 20, LONGEST = 5000

/** What is annotated is not there yet: no text, until some change of the page brings it. */
const NOTHING = () => document.createElement('div')

/** @typedef {{readonly id: string, readonly anchor: Anchor}} Anchored */
/** `start` and `end` in `text`, the page's; -1 where it is lost. @typedef {{anchor: Anchor, state: AnchorState, start: number, end: number, range: Range | undefined, text: CanonicalText}} Place */
/** One reading of the page: all of it, and what a reader can select, which is mostly the same. @typedef {{text: CanonicalText, layers: {text: CanonicalText, haystack: Haystack, revised?: Revised}[]}} Reading */

export class Places {
  /** @type {Reading} */
  #reading
  /** @type {Map<string, Place>} */
  #found = new Map()
  /** @type {readonly Anchored[]} */
  #chats = []
  /** What is being done. @type {Iterator<void> | undefined} */
  #job
  /** The page is being read: what is found then is compared with all discussions, so nothing else begins. */
  #busy = false
  #spent = 0
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #slice
  /** Brings the next turn behind what waits already. A timeout of 0 is one of 4 ms where turn follows turn. */
  #turns = new MessageChannel()
  /** A turn is on its way. */
  #coming = false
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #settling
  #read = 0
  #stale = true
  /** @type {Set<string>} */
  #news = new Set()
  /** Milliseconds until what finds changed passages is asked for again, where it did not come. */
  #missed = 1000
  /** @type {typeof import('../anchors/seek.js') | undefined} */
  #tools

  /**
   * @param {() => Element | null} root asked again when the one we had is gone
   * @param {(chatIds: string[]) => void} moved these have, or have lost, their place
   * @param {() => void} again the page was read again
   */
  constructor(root, moved, again) {
    this.root = root
    this.moved = moved
    this.again = again
    this.#reading = { text: new CanonicalText(root() ?? NOTHING(), { later: true }), layers: [] }
    this.observer = new MutationObserver(records => {
      if (this.text.root.isConnected && !records.some(({ target }) => this.text.root.contains(target))) return
      this.#outdated()
    })
    const seen = { childList: true, characterData: true, subtree: true }
    for (const home of [document, this.text.root.getRootNode()]) this.observer.observe(home, seen)
    // A style sheet that came later hides what was read.
    this.styled = (/** @type {Event} */ event) => { if (event.target instanceof HTMLLinkElement) this.#outdated() }
    addEventListener('load', this.styled, true)
    this.#turns.port1.onmessage = () => {
      this.#coming = false
      this.#run(this.#read ? SLICE : BRIEF)
    }
    this.#busy = true
    this.#job = this.#work(true)
    this.#later()
  }

  /** The page's text as it was last read. */
  get text() { return this.#reading.text }

  /** @param {readonly Anchored[]} chats */
  follow(chats) {
    this.#chats = chats
    const here = new Set(chats.map(each => each.id))
    for (const id of this.#found.keys()) {
      if (here.has(id)) continue
      this.#found.delete(id)
      this.#news.add(id)
    }
    // What is being read is compared with all of them in the end.
    if (!this.#busy) this.#begin(!this.#reading.layers.length, BRIEF)
  }

  /** Until it was looked for, nothing. @param {string} chatId  @returns {Place | undefined} */
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

  /** What of a passage of the page's text others can read too, and where that lies. @param {Passage} passage  @returns {Passage & {text: string} | undefined} */
  seen(passage) {
    this.fresh()
    const seen = this.#seen(passage)
    if (seen) return seen
    // It is selected, so it is shown: a dialog, a tab or a style has been opened since the page was read, and no node has changed.
    this.reread()
    return this.#seen(passage)
  }

  /** @param {Passage} passage  @returns {Passage & {text: string} | undefined} */
  #seen({ start, end }) {
    const range = this.text.range(start, end), { text } = this.#reading.layers[0]
    if (!range || text === this.text) return range && { start, end, text: text.text }
    const from = text.offset(range.startContainer, range.startOffset), to = text.offset(range.endContainer, range.endOffset)
    return from < to ? { start: from, end: to, text: text.text } : undefined
  }

  /** Where an anchor is now that belongs to no discussion yet; in other words only once `fetch` has come. @param {Anchor} anchor  @returns {Passage | undefined} */
  find(anchor) {
    this.fresh()
    const found = this.#exactly(anchor)
    if (found || !this.#tools) return found
    const { text, haystack } = this.#reading.layers[0]
    const passage = this.#tools.finish(new this.#tools.Revised(haystack).seek(anchor))
    return passage && this.#inText(text, passage)
  }

  /** Reads the page again and looks for everything in it. */
  reread() {
    this.#stale = true
    this.#job = this.#work(true)
    while (this.#stale) this.#job.next()
    this.#run()
  }

  #outdated() {
    this.#stale = true
    // That would be neither the old text nor the new one.
    if (this.#busy) this.#job = undefined
    this.#settling ??= setTimeout(() => {
      this.#settling = undefined
      // What is looked for now is first found, or those at the end of a long list never were.
      this.#job && performance.now() < this.#read + LONGEST ? this.#outdated() : this.#begin(true)
    }, Math.max(SOON, Math.min(this.#read + this.#spent / SHARE - performance.now(), LONGEST)))
  }

  /** @param {boolean} read the page has changed  @param {number} [most] */
  #begin(read, most) {
    this.#job = this.#work(read)
    this.#spent = 0
    this.#run(most)
  }

  /** One turn. @param {number} [most] milliseconds */
  #run(most = SLICE) {
    clearTimeout(this.#slice)
    const began = performance.now()
    let done = !this.#job
    while (!done && performance.now() < began + most) done = !!this.#job?.next().done
    this.#spent += performance.now() - began
    if (done) this.#job = undefined
    else if (this.#spent > BUDGET) this.#slice = setTimeout(() => this.#run(), PACED)
    else this.#later()
    if (!this.#news.size) return
    const news = [...this.#news]
    this.#news.clear()
    this.moved(news)
  }

  #later() {
    if (this.#coming) return
    this.#coming = true
    this.#turns.port2.postMessage(0)
  }

  /** All that there is to do, in small steps. @param {boolean} read @returns {Generator<void>} */
  *#work(read) {
    this.#busy = read
    if (read) yield* this.#readAll()
    this.#busy = false
    const { text, layers } = this.#reading
    /** @type {Anchored[]} */
    const doubtful = []
    for (const each of this.#due()) {
      const { id, anchor } = each, known = this.#found.get(id)
      const before = known?.anchor === anchor && known.text.text === text.text ? known : undefined
      const passage = before ? before.range && before : this.#exactly(anchor)
      if (before || passage || ofPage(anchor)) this.#put(id, anchor, before?.state ?? 'anchored', passage)
      else doubtful.push(each)
      yield
    }
    if (!doubtful.length) return
    if (!this.#tools) {
      const again = () => { if (!this.#busy) this.#begin(false) }
      this.fetch().then(again, error => {
        console.error('collabchat:', error)
        this.#slice = setTimeout(again, this.#missed *= 2)
      })
      return
    }
    const { Revised } = this.#tools
    for (const layer of layers) {
      if (layer.revised) continue
      layer.revised = new Revised(layer.haystack)
      for (const { id, anchor } of this.#chats) {
        const place = this.#found.get(id)
        if (place?.state !== 'anchored' || !place.range || place.text !== text) continue
        const at = this.#inLayer(layer.text, place)
        if (at) layer.revised.learn(anchor, at)
        yield
      }
    }
    for (const { id, anchor } of doubtful) {
      /** @type {{start: number, end: number, state: AnchorState} | undefined} */
      let found
      for (const layer of layers) {
        try {
          const passage = yield* /** @type {Revised} */ (layer.revised).seek(anchor)
          if (passage) found = { ...passage, ...this.#inText(layer.text, passage) }
        } catch {
          // Of anyone's making: one that cannot even be read has lost its place like any other.
        }
        if (found) break
      }
      this.#put(id, anchor, found?.state ?? 'lost', found)
      yield
    }
  }

  /** What is beyond doubt. @param {Anchor} anchor  @returns {Passage | undefined} */
  #exactly(anchor) {
    for (const { text, haystack } of this.#reading.layers) {
      try {
        const found = exactly(haystack, anchor)
        if (found) return this.#inText(text, found)
      } catch {
        // Of anyone's making.
      }
    }
    return undefined
  }

  /** From what can be selected to the page's text. @param {CanonicalText} layer  @param {Passage} passage  @returns {Passage} */
  #inText(layer, { start, end }) {
    const range = layer === this.text ? undefined : layer.range(start, end)
    return range ? { start: this.text.offset(range.startContainer, range.startOffset), end: this.text.offset(range.endContainer, range.endOffset) } : { start, end }
  }

  /** And back. @param {CanonicalText} layer  @param {Place} place  @returns {Passage | undefined} */
  #inLayer(layer, { start, end, range }) {
    if (layer === this.text) return { start, end }
    return range && { start: layer.offset(range.startContainer, range.startOffset), end: layer.offset(range.endContainer, range.endOffset) }
  }

  /** @param {string} id  @param {Anchor} anchor  @param {AnchorState} state  @param {Passage} [passage] */
  #put(id, anchor, state, passage) {
    const { start, end } = passage ?? { start: -1, end: -1 }
    const range = passage && this.text.range(start, end)
    this.#found.set(id, { anchor, state: range || ofPage(anchor) ? state : 'lost', start, end, range, text: this.text })
    this.#news.add(id)
  }

  /** @returns {Generator<void>} */
  *#readAll() {
    clearTimeout(this.#settling)
    this.#settling = undefined
    this.observer.takeRecords()
    this.#read = performance.now()
    const root = this.root() ?? NOTHING()
    const text = new CanonicalText(root, { later: true }), seen = new CanonicalText(root, { later: true, seen: true })
    yield* seen.reading()
    yield* text.reading()
    /** @type {Reading['layers']} */
    const layers = []
    for (const each of seen.text === text.text ? [text] : [seen, text]) {
      let haystack = this.#reading.layers.find(layer => layer.text.text === each.text)?.haystack
      if (!haystack) yield* (haystack = new Haystack(each.text, true)).making()
      layers.push({ text: each, haystack })
    }
    this.#reading = { text, layers }
    this.#stale = false
    this.again()
  }

  /** Whose place is not known in this text: first those that the reader may be looking at. */
  #due() {
    const due = this.#chats.filter(({ id, anchor }) => {
      const known = this.#found.get(id)
      return known?.anchor !== anchor || known.text !== this.text
    })
    if (due.length < 2) return due
    const { top, height } = this.text.root.getBoundingClientRect()
    const here = height ? (innerHeight / 2 - top) / height : 0
    const away = (/** @type {Anchored} */ { anchor }) => {
      try {
        const { start, length } = recorded(anchor)
        return Math.abs((length ? start / length : 0) - here)
      } catch {
        return Infinity
      }
    }
    return due.map(each => ({ each, far: away(each) })).sort((a, b) => a.far - b.far).map(({ each }) => each)
  }

  /** What finds changed passages: only pages that have such need it. */
  async fetch() { this.#tools ??= await part('./seek.js', () => import('../anchors/seek.js')) }

  destroy() {
    // Nothing begins any more.
    this.#busy = true
    this.#job = undefined
    removeEventListener('load', this.styled, true)
    this.observer.disconnect()
    clearTimeout(this.#slice)
    clearTimeout(this.#settling)
    this.#turns.port1.close()
  }
}

/** "Discuss this text": a small offer beside a selection, which never takes the focus from it. */

/** @import { Passage } from '../anchors/describe.js' */
/** @import { Words } from './words.js' */
import { h, icon, iconButton } from './dom.js'
import { within } from './selection.js'
import { inWindow, windowHeight, windowWidth } from './view.js'

const AFTER_POINTER = 150
const AFTER_KEYS = 300

/**
 * @typedef {object} PromptHost
 * @property {Words} words
 * @property {() => Passage | undefined} selected the selected passage, where there is one that can be discussed
 * @property {() => import('./barring.js').Barred | undefined} barred why this reader may not discuss it
 * @property {() => boolean} moving whether it is to be the new place of a discussion
 * @property {() => boolean} quiet it offers nothing by itself
 * @property {() => void} join
 * @property {(trees: ShadowRoot[]) => Range | undefined} range what is selected, also in these trees
 * @property {() => Element} root what is annotated
 * @property {(range: Range) => void} above the prompt is about to be shown above this text
 * @property {(passage: Passage) => void} discuss
 * @property {() => {left: number, top: number, right: number, bottom: number} | undefined} covered by the bar
 * @property {(words: string) => void} say for those who hear the page
 */

export class Prompt {
  /** @type {Passage | undefined} */
  #passage
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer
  #pressed = false
  /** In which the pointer was pressed, within what is annotated: the page's text has nothing of them. @type {ShadowRoot[]} */
  #inner = []
  #touch = false
  #frame = 0
  #discussing
  #barred
  #join
  #verb = h('span')

  /** @param {HTMLElement} face  @param {PromptHost} host  @param {AbortSignal} signal */
  constructor(face, host, signal) {
    const { words } = this.host = host
    // On touch the callout of the system would swallow a click, so the finger's end is the act; and where the prompt was, a click
    // would then fall on the page.
    const button = (/** @type {() => void} */ act) => ({
      ontouchend: (/** @type {Event} */ event) => {
        event.preventDefault()
        act()
      },
      onclick: act,
    })
    const discuss = h('button', { class: 'text-button main', title: 'Alt+Shift+M', 'aria-keyshortcuts': 'Alt+Shift+M', ...button(() => this.#discuss()) }, icon('chat'), this.#verb)
    const copy = h('button', { class: 'text-button', ...button(() => this.#copy()) }, icon('copy'), words.say('Copy'))
    this.element = h('div', { class: 'prompt', part: 'prompt', role: 'toolbar', 'aria-label': words.say('Discuss this text'), hidden: true, onpointerdown: (/** @type {Event} */ event) => event.preventDefault() },
      this.#discussing = discuss, this.#barred = h('span', { class: 'barred', hidden: true }), this.#join = h('button', { class: 'text-button join', hidden: true, ...button(() => host.join()) }, words.say('Sign in')),
      copy, iconButton('close', words.say('Cancel'), () => this.hide(), button(() => this.hide())))
    face.append(this.element)

    document.addEventListener('pointerdown', event => {
      const path = event.composedPath()
      if (path.includes(this.element)) return
      this.#pressed = true
      this.#inner = path.some(each => each instanceof Element && each.matches('collab-chat, [data-collabchat-ignore]')) ? [] : within(path, host.root())
      this.#touch = event.pointerType === 'touch'
      this.hide()
    }, { signal, capture: true })
    for (const type of ['pointerup', 'pointercancel']) {
      document.addEventListener(type, event => {
        if (event.composedPath().includes(this.element)) return
        this.#pressed = false
        this.#later(AFTER_POINTER)
      }, { signal, capture: true })
    }
    document.addEventListener('selectionchange', () => {
      if (this.#pressed) return
      if (!this.#range()) this.hide()
      // The pointer's own selection is told of only after it was let go.
      else if (!this.#timer || this.#timerIs === AFTER_KEYS) this.#later(AFTER_KEYS)
    }, { signal })
    for (const scroller of [document, globalThis.visualViewport]) scroller?.addEventListener('scroll', () => { if (this.shown) this.#frame ||= requestAnimationFrame(() => this.#place()) }, { signal, capture: true, passive: true })
    signal.addEventListener('abort', () => {
      this.hide()
      this.element.remove()
    })
  }

  get shown() { return !this.element.hidden }

  #timerIs = 0

  /** @param {number} ms */
  #later(ms) {
    clearTimeout(this.#timer)
    this.#timerIs = ms
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.offer()
    }, ms)
  }

  #range() { return this.host.range(this.#inner) }

  /** A component of the page keeps its text to itself: nobody could find it again. */
  get #apart() {
    const tree = this.#inner.length && this.#range()?.startContainer.getRootNode()
    return tree instanceof ShadowRoot && this.#inner.includes(tree) ? { words: this.host.words.say('Text in this part of the page cannot be discussed.'), join: false } : undefined
  }

  /** @param {boolean} [asked] the reader did */
  offer(asked = false) {
    if (!asked && this.host.quiet()) return this.hide()
    const apart = this.#apart, passage = apart ? undefined : this.host.selected(), range = this.#range()
    if (!range || !passage && !apart) return this.hide()
    this.host.above(range)
    const before = this.shown
    const barred = apart ?? this.host.barred()
    this.#passage = passage
    this.#discussing.hidden = !!barred
    this.#verb.textContent = this.host.moving() ? this.host.words.say('Move it here') : this.host.words.say('Discuss this text')
    this.#barred.textContent = barred?.words ?? ''
    this.#barred.hidden = !barred
    this.#join.hidden = !barred?.join
    this.element.hidden = false
    this.#place()
    if (!before) this.host.say(barred?.words ?? this.host.words.say('Text selected. Press Alt Shift M to discuss it.'))
  }

  /** The reader asked for it by the keyboard: what is in the way is said. @param {Passage} passage */
  begin(passage) { this.host.barred() ? this.offer(true) : this.host.discuss(passage) }

  #place() {
    this.#frame = 0
    const range = this.#range()
    if (!range) return this.hide()
    const rects = [...range.getClientRects()].map(inWindow).filter(({ width, height }) => width && height)
    const first = rects[0], last = rects.at(-1)
    if (!first || !last || last.bottom < 0 || first.top > windowHeight()) return this.hide()
    const { offsetWidth: width, offsetHeight: height } = this.element
    // Above the selection, but below it on touch, where the system's own menu is above.
    const below = this.#touch || first.top - height - 8 < 4
    const anchor = below ? last : first
    const under = Math.min(last.bottom + (this.#touch ? 22 : 8), windowHeight() - height - 8)
    const left = Math.min(Math.max(8, anchor.left + (Math.min(anchor.width, 320) - width) / 2), windowWidth() - width - 8)
    const covered = this.host.covered(), bar = covered && inWindow(covered)
    const hit = (/** @type {number} */ top) => bar && left < bar.right && bar.left < left + width && top < bar.bottom && bar.top < top + height
    let top = below ? under : first.top - height - 8
    if (hit(top)) top = under
    // Away from the edge that the bar is at.
    if (bar && hit(top)) top = bar.top < windowHeight() / 2 ? bar.bottom + 8 : bar.top - height - 8
    Object.assign(this.element.style, { left: left + 'px', top: top + 'px' })
  }

  hide() {
    clearTimeout(this.#timer)
    this.#timer = undefined
    cancelAnimationFrame(this.#frame)
    this.#frame = 0
    this.#passage = undefined
    if (this.shown) this.host.say('')
    this.element.hidden = true
  }

  #discuss() {
    const passage = this.#passage
    this.hide()
    if (passage) this.host.discuss(passage)
  }

  async #copy() {
    const words = String(document.getSelection()) || String(this.#range() ?? '')
    this.hide()
    try {
      await navigator.clipboard.writeText(words)
    } catch {
      document.execCommand('copy') // plain http has no clipboard of its own
    }
    this.host.say(this.host.words.say('Copied'))
  }
}

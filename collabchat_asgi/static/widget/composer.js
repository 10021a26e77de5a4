/** Where a reader writes: grows with the text, counts when it gets long, and keeps the words when they are not taken. */

/** @import { Words } from './words.js' */
import { h, icon, textButton } from './dom.js'
import { thrown } from './refusals.js'

const SHOWN_FROM = 200

/**
 * @typedef {object} ComposerOptions
 * @property {Words} words
 * @property {string} label
 * @property {string} [value]
 * @property {string} [action] what the button says; only an arrow otherwise
 * @property {() => number} most code points
 * @property {(text: string) => void} send may throw: the words stay, and the reason is shown
 * @property {() => void} [typing]
 * @property {(text: string) => void} [changed]
 * @property {() => void} [cancel]
 */

export class Composer {
  /** @param {ComposerOptions} options */
  constructor(options) {
    this.options = options
    const { words, label, value = '', action, cancel } = options
    this.input = h('textarea', {
      rows: 1, 'aria-label': label, placeholder: label, enterkeyhint: matchMedia('(hover: none)').matches ? 'enter' : 'send', autocomplete: 'off',
      oninput: () => {
        this.#changed()
        options.typing?.()
      },
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        // An Enter or Escape that ends a composition of Japanese belongs to the composition; a touch keyboard has no Shift to spare.
        // In Safari it comes after the end, as key 229.
        if (event.isComposing || event.keyCode === 229) return
        if (event.key === 'Enter' && !event.shiftKey && (event.ctrlKey || event.metaKey || !matchMedia('(hover: none)').matches)) {
          event.preventDefault()
          this.#send()
        } else if (event.key === 'Escape' && cancel) {
          event.preventDefault()
          event.stopPropagation()
          cancel()
        }
      },
    })
    this.input.value = value
    this.count = h('span', { class: 'count', hidden: true })
    this.button = action
      ? textButton(action, () => this.#send(), { class: 'text-button main' })
      : h('button', { class: 'send', 'aria-label': words.say('Send'), title: words.say('Send (Enter)'), onclick: () => this.#send() }, icon('send'))
    this.problem = h('div', { class: 'problem', role: 'alert', hidden: true })
    this.element = h('div', { class: 'composer', part: 'composer' }, this.input,
      h('div', { class: 'tools' }, this.count, cancel && textButton(words.say('Cancel'), cancel), this.button), this.problem)
    this.#changed()
  }

  get value() { return this.input.value }
  set value(text) {
    this.input.value = text
    this.#changed()
  }

  /** What was written can still be read and copied. @param {boolean} locked */
  set locked(locked) {
    if (this.input.readOnly === locked) return
    this.input.readOnly = locked
    this.#changed()
  }

  /** Beside what is there already. @param {string} words */
  add(words) { this.value = [this.value, words].filter(Boolean).join('\n') }

  focus() {
    this.input.focus({ preventScroll: true })
    this.input.selectionStart = this.input.value.length
  }

  #changed() {
    const left = this.options.most() - [...this.input.value.trim()].length
    this.button.disabled = this.input.readOnly || !this.input.value.trim() || left < 0
    this.count.hidden = left >= SHOWN_FROM
    this.count.textContent = this.options.words.number(left)
    this.count.classList.toggle('over', left < 0)
    this.problem.hidden = true
    // An empty field would read its placeholder from left to right.
    this.input.dir = this.input.value ? 'auto' : ''
    this.options.changed?.(this.input.value)
    if (!CSS.supports('field-sizing', 'content') && this.input.isConnected) {
      this.input.style.height = '0'
      this.input.style.height = this.input.scrollHeight + 'px'
    }
  }

  #send() {
    if (this.button.disabled) return
    try {
      this.options.send(this.input.value)
    } catch (error) {
      this.problem.textContent = thrown(this.options.words, error)
      this.problem.hidden = false
    }
  }
}

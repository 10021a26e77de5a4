/** One comment in a discussion. */

/** @import { Chat, Comment, PageState } from './types.js' */
/** @import { Page } from './client.js' */
import { Composer } from './composer.js'
import { avatar, fill, h, iconButton, linked, nameOf, redraw, textButton } from './dom.js'
import { keep, unsent } from './unsent.js'
import { ago, moment } from './words.js'

const QUICK = ['👍', '❤️', '🎉', '😄', '👀', '✅']
const NAMES = ['Thumbs up', 'Heart', 'Celebrate', 'Laugh', 'Eyes', 'Done']

export class Message {
  element = h('article', { class: 'message', part: 'message', tabindex: -1 })
  /** @type {Comment | undefined} */
  comment
  /** What is asked or written in the place of the comment. @type {'' | 'edit' | 'delete' | 'react'} */
  #mode = ''
  #alone = false

  /** What is written in the place of the comment. */
  #words = ''

  /** @param {Page} page  @param {string} chatId  @param {() => number} most code points  @param {() => void} gone the reader has deleted the last one */
  constructor(page, chatId, most, gone) {
    this.page = page
    this.chatId = chatId
    this.most = most
    this.gone = gone
  }

  /** @param {Comment} comment  @param {Chat} chat  @param {PageState} state  @param {boolean} offline */
  update(comment, chat, state, offline) {
    const alone = chat.commentCount === 1
    if (this.comment === comment && this.#alone === alone && this.offline === offline && this.can === state.can) return
    if (!this.comment) {
      this.#words = unsent(state, comment.id)
      if (this.#words) this.#mode = 'edit'
    }
    this.comment = comment
    this.#alone = alone
    this.offline = offline
    this.can = state.can
    this.me = state.user?.id
    // Whoever writes in here must not lose the words because somebody pressed a thumb.
    if (this.#mode !== 'edit' || !this.element.firstChild) this.#draw()
  }

  /** The reader's words in the place of a comment, where they are not the comment's. */
  get words() { return this.#mode === 'edit' && this.#words !== this.comment?.body ? this.#words : '' }

  /** Words that came back. @param {string} words */
  edit(words) {
    this.#keep([this.words, words].filter(Boolean).join('\n'))
    this.#to('edit')
  }

  /** @param {string} words */
  #keep(words) {
    this.#words = words
    if (this.comment) keep(this.page.state, this.comment.id, this.words)
  }

  tick() {
    const time = this.element.querySelector('time')
    const words = this.comment ? ago(this.comment.createdAt, this.page.now) : ''
    // Untouched where it says so already: it stands in a live region.
    if (time && time.textContent !== words) time.textContent = words
  }

  /** @param {'' | 'edit' | 'delete' | 'react'} mode */
  #to(mode) {
    const key = this.#mode || 'edit'
    if (!mode) this.#keep('')
    this.#mode = mode
    this.#draw()
    const next = mode ? this.element.querySelector('.composer textarea, .ask .danger, .picker button') : this.element.querySelector(`[data-key="${key}"]`)
    if (next instanceof HTMLElement) next.focus({ preventScroll: true })
  }

  #draw() { redraw(this.element, () => this.#fill(), () => /** @type {HTMLElement | null} */ (this.element.querySelector('[data-key=react]')) ?? this.element) }

  #fill() {
    const { comment, me } = this
    if (!comment) return
    const own = comment.author.id === me, may = this.can?.includes('comment') ?? false
    this.element.setAttribute('aria-label', nameOf(comment.author))
    this.element.classList.toggle('pending', !!comment.pending)
    const wordsOf = !comment.pending ? '' : this.offline ? 'Not sent yet' : 'Sending…'
    const react = (/** @type {string} */ emoji) => () => {
      const mine = Object.entries(comment.reactions ?? {}).some(([one, users]) => one === emoji && me !== undefined && users.includes(me))
      this.#mode = ''
      mine ? this.page.removeReaction(this.chatId, comment.id, emoji) : this.page.addReaction(this.chatId, comment.id, emoji)
    }
    const reactions = Object.entries(comment.reactions ?? {})
    const body = this.#mode === 'edit'
      ? new Composer({
        label: 'Edit your message', value: this.#words || comment.body, action: 'Save', most: this.most, cancel: () => this.#to(''), changed: words => this.#keep(words),
        send: text => {
          if (text.trim() !== comment.body) this.page.editComment(this.chatId, comment.id, text)
          this.#to('')
        },
      }).element
      : h('p', { class: 'body', dir: 'auto' }, ...linked(comment.body))
    fill(this.element, avatar(comment.author), h('div', {},
      h('div', { class: 'byline' }, h('bdi', {}, nameOf(comment.author)),
        wordsOf ? h('span', { class: this.offline ? '' : 'sending' }, wordsOf) : h('time', { datetime: iso(comment.createdAt), title: moment(comment.createdAt) }, ago(comment.createdAt, this.page.now)),
        comment.editedAt !== undefined && !wordsOf && h('span', { title: moment(comment.editedAt) }, 'edited')),
      body,
      reactions.length > 0 && h('div', { class: 'reactions' }, ...reactions.map(([emoji, users]) => h('button', {
        'data-key': emoji, 'aria-pressed': String(me !== undefined && users.includes(me)), disabled: !may,
        'aria-label': `${NAMES[QUICK.indexOf(emoji)] ?? emoji}, ${users.length}`, onclick: react(emoji),
      }, `${emoji} ${users.length}`))),
      this.#mode === 'react' && h('div', { class: 'reactions picker', role: 'group', 'aria-label': 'Reactions', onkeydown: this.#escape },
        ...QUICK.map((emoji, i) => h('button', { 'data-key': 'pick ' + emoji, 'aria-label': NAMES[i], title: NAMES[i], onclick: react(emoji) }, emoji))),
      this.#mode === 'delete' && h('div', { class: 'ask', role: 'group', 'aria-label': 'Delete?', onkeydown: this.#escape },
        h('span', {}, this.#alone ? 'Delete this discussion?' : 'Delete this message?'),
        textButton('Keep', () => this.#to(''), { 'data-key': 'keep' }),
        textButton('Delete', () => {
          const last = this.#alone
          this.page.deleteComment(this.chatId, comment.id)
          if (last) this.gone()
        }, { class: 'text-button danger', 'data-key': 'really' }))),
    !this.#mode && may && h('div', { class: 'actions' },
      iconButton('smile', 'React', () => this.#to('react'), { 'data-key': 'react' }),
      own && iconButton('pencil', 'Edit', () => this.#to('edit'), { 'data-key': 'edit' }),
      (own || this.can?.includes('moderate')) && iconButton('trash', 'Delete', () => this.#to('delete'), { 'data-key': 'delete' })))
  }

  /** @param {KeyboardEvent} event */
  #escape = event => {
    if (event.key !== 'Escape') return
    event.stopPropagation()
    this.#to('')
  }
}

/** @param {number} at */
const iso = at => Math.abs(at) < 8.64e15 ? new Date(at).toISOString() : undefined

/** One comment in a discussion. */

/** @import { Chat, Comment, PageState } from '../typed/types.js' */
/** @import { Setting } from './messages.js' */
/** @import { Words } from './words.js' */
import { ago, moment } from './ages.js'
import { avatar } from './avatar.js'
import { Composer } from './composer.js'
import { directionOf } from './direction.js'
import { fill, h, iconButton, nameOf, redraw, textButton } from './dom.js'
import { formatted } from './formatted.js'

const QUICK = ['👍', '❤️', '🎉', '😄', '👀', '✅']
const named = (/** @type {Words} */ words) => [words.say('Thumbs up'), words.say('Heart'), words.say('Celebrate'), words.say('Laugh'), words.say('Eyes'), words.say('Done')]

export class Message {
  element = h('article', { class: 'message', part: 'message', tabindex: -1 })
  /** @type {Comment | undefined} */
  comment
  /** What is asked or written in the place of the comment. @type {'' | 'edit' | 'delete' | 'react'} */
  #mode = ''
  #alone = false

  /** What is written in the place of the comment. */
  #written = ''

  /** @param {Setting} setting  @param {string} chatId  @param {() => void} gone the reader has deleted the last one */
  constructor({ words, markdown, kept, page, most }, chatId, gone) {
    this.words = words
    this.markdown = markdown
    this.kept = kept
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
      this.#written = this.kept.words(state, comment.id)
      if (this.#written) this.#mode = 'edit'
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
  get written() { return this.#mode === 'edit' && this.#written !== this.comment?.body ? this.#written : '' }

  /** Words that came back. @param {string} words */
  edit(words) {
    this.#keep([this.written, words].filter(Boolean).join('\n'))
    this.#to('edit')
  }

  /** @param {string} words */
  #keep(words) {
    this.#written = words
    if (this.comment) this.kept.keep(this.page.state, this.comment.id, this.written)
  }

  tick() {
    const time = this.element.querySelector('time')
    const words = this.comment ? ago(this.words, this.comment.createdAt, this.page.now) : ''
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
    if (!(next instanceof HTMLElement)) return
    next.focus({ preventScroll: true })
    // It stands below the words, which may end where the card does.
    next.closest('.composer, .ask, .picker')?.scrollIntoView({ block: 'nearest' })
  }

  #draw() {
    // It stands in a live region: what was said once is drawn again in silence.
    if (this.element.firstChild) this.element.setAttribute('aria-live', 'off')
    redraw(this.element, () => this.#fill(), () => /** @type {HTMLElement | null} */ (this.element.querySelector('[data-key=react]')) ?? this.element)
  }

  #fill() {
    const { comment, me, words } = this
    if (!comment) return
    const names = named(words), name = nameOf(words, comment.author)
    const own = comment.author.id === me, may = this.can?.includes('comment') ?? false
    this.element.setAttribute('aria-label', name)
    this.element.classList.toggle('pending', !!comment.pending)
    const wordsOf = !comment.pending ? '' : words.say(this.offline ? 'Not sent yet' : 'Sending…')
    const react = (/** @type {string} */ emoji) => () => {
      const mine = Object.entries(comment.reactions ?? {}).some(([one, users]) => one === emoji && me !== undefined && users.includes(me))
      this.#mode = ''
      mine ? this.page.removeReaction(this.chatId, comment.id, emoji) : this.page.addReaction(this.chatId, comment.id, emoji)
    }
    const reactions = Object.entries(comment.reactions ?? {})
    const body = this.#mode === 'edit'
      ? new Composer({
        words, label: words.say('Edit your message'), value: this.#written || comment.body, action: words.say('Save'), most: this.most, cancel: () => this.#to(''), changed: text => this.#keep(text),
        send: text => {
          if (text.trim() !== comment.body) this.page.editComment(this.chatId, comment.id, text)
          this.#to('')
        },
      }).element
      : h('div', { class: 'body', dir: directionOf(comment.body) }, ...formatted(this.markdown, comment.body))
    fill(this.element, avatar(words, comment.author), h('div', {},
      h('div', { class: 'byline' }, h('bdi', {}, name),
        wordsOf ? h('span', { class: this.offline ? '' : 'sending' }, wordsOf) : h('time', { datetime: iso(comment.createdAt), title: moment(words, comment.createdAt) }, ago(words, comment.createdAt, this.page.now)),
        comment.editedAt !== undefined && !wordsOf && h('span', { title: moment(words, comment.editedAt) }, words.say('edited'))),
      body,
      reactions.length > 0 && h('div', { class: 'reactions' }, ...reactions.map(([emoji, users]) => h('button', {
        'data-key': emoji, 'aria-pressed': String(me !== undefined && users.includes(me)), disabled: !may,
        'aria-label': `${names[QUICK.indexOf(emoji)] ?? emoji}, ${words.number(users.length)}`, onclick: react(emoji),
      }, `${emoji} ${words.number(users.length)}`))),
      this.#mode === 'react' && h('div', { class: 'reactions picker', role: 'group', 'aria-label': words.say('Reactions'), onkeydown: this.#escape },
        ...QUICK.map((emoji, i) => h('button', { 'data-key': 'pick ' + emoji, 'aria-label': names[i], title: names[i], onclick: react(emoji) }, emoji))),
      this.#mode === 'delete' && h('div', { class: 'ask', role: 'group', 'aria-label': words.say('Delete?'), onkeydown: this.#escape },
        h('span', {}, words.say(this.#alone ? 'Delete this discussion?' : 'Delete this message?')),
        textButton(words.say('Keep'), () => this.#to(''), { 'data-key': 'keep' }),
        textButton(words.say('Delete'), () => {
          const last = this.#alone
          this.page.deleteComment(this.chatId, comment.id)
          if (last) this.gone()
        }, { class: 'text-button danger', 'data-key': 'really' }))),
    !this.#mode && may && h('div', { class: 'actions' },
      iconButton('smile', words.say('React'), () => this.#to('react'), { 'data-key': 'react' }),
      own && iconButton('pencil', words.say('Edit'), () => this.#to('edit'), { 'data-key': 'edit' }),
      (own || this.can?.includes('moderate')) && iconButton('trash', words.say('Delete'), () => this.#to('delete'), { 'data-key': 'delete' })))
  }

  /** @param {KeyboardEvent} event */
  #escape = event => {
    if (event.key !== 'Escape') return
    event.preventDefault()
    event.stopPropagation()
    this.#to('')
  }
}

/** @param {number} at */
const iso = at => Math.abs(at) < 8.64e15 ? new Date(at).toISOString() : undefined

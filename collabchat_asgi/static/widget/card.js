/** A discussion beside its passage: what was said, and where to answer. */

/** @import { Anchor, AnchorState, Chat, Draft, PageState, User } from '../typed/types.js' */
/** @import { Page } from '../client/client.js' */
/** @import { Words } from './words.js' */
import { listed } from './ages.js'
import { describe, moved, ofPage, quoted } from '../anchors/describe.js'
import { Composer } from './composer.js'
import { fill, focused, h, icon, iconButton, nameOf, redraw, textButton } from './dom.js'
import { formatted } from './formatted.js'
import { json } from '../json.js'
import { Messages } from './messages.js'
import { linkTo } from './pageid.js'
import { Placement } from './placement.js'
import { refused, stopped, thrown } from './refusals.js'

const TICK = 30_000
const SAID = 6000

/**
 * @typedef {object} CardHost
 * @property {Words} words
 * @property {Page} page
 * @property {import('./formatted.js').Markdown} markdown
 * @property {import('./unsent.js').Unsent} kept words that were begun and not sent
 * @property {typeof import('./beside.js').seat} seat where it has its place
 * @property {Element} root what is annotated
 * @property {(chatId: string) => Range | undefined} range where a discussion's passage is
 * @property {() => boolean} translated whether a browser has put the page into another language
 * @property {(chatId: string) => AnchorState | undefined} state what became of it; undefined until it was looked for
 * @property {(chatId: string) => {at: number, here: string[], step: (way: 1 | -1) => void} | undefined} steps among those at the same place, where there are several
 * @property {(anchor: Anchor) => Range | undefined} find where a passage is that nobody discusses yet; in other words once `prepared`
 * @property {() => Promise<void>} prepared
 * @property {(range: Range | undefined) => void} drafting what is written about is here
 * @property {() => void} closed
 * @property {HTMLElement} home of the focus, where what had it before is not to be seen any more
 * @property {(chatId: string) => void} created
 * @property {(draft: Draft) => void} rewrite a discussion that was refused is begun again, with its words
 * @property {() => number} most code points of a comment
 * @property {() => {left: number, top: number, right: number, bottom: number} | undefined} covered by the bar
 * @property {(state: PageState) => import('./barring.js').Barred | undefined} barred why this reader may not write
 * @property {() => void} join
 */

export class Card {
  /** @type {string | undefined} */
  chatId
  /** For a discussion that does not exist yet. @type {{anchor: Anchor, range: Range | undefined} | undefined} */
  #fresh
  /** @type {Composer | undefined} */
  #composer
  #timer = 0
  #wasThere = false
  /** What was refused a moment ago and is no text: nothing else would show it. */
  #said = ''
  #saidTimer = 0
  /** Only who has a card open needs it. */
  described = describe
  /** The reader is looking for another place for it. */
  moving = false
  /** @type {Placement} */
  #placement
  /** Where the focus goes when the card is closed. @type {HTMLElement | null} */
  #from = null

  /** @param {HTMLElement} face  @param {CardHost} host  @param {AbortSignal} signal */
  constructor(face, host, signal) {
    this.host = host
    this.head = h('div', { class: 'head' })
    this.quote = h('blockquote', { class: 'quote', dir: 'auto', id: 'quote' })
    this.notice = h('p', { class: 'notice', hidden: true })
    this.placing = h('div', { class: 'placing', hidden: true })
    this.messages = new Messages(host, {
      close: () => this.close(),
      seen: () => { if (this.chatId !== undefined && document.visibilityState === 'visible') host.page.markRead(this.chatId) },
      failed: (chatId, error) => { if (this.chatId === chatId) this.say(thrown(host.words, error)) },
      torn: written => {
        if (written) this.#composer?.add(written)
        return written && this.#composer ? this.#composer.input : this.element
      },
    })
    this.log = this.messages.element
    this.failed = h('div', {})
    this.typing = h('div', { class: 'typing', 'aria-live': 'off' })
    this.foot = h('div', {})
    this.barred = h('div', { class: 'base', id: 'barred', hidden: true })
    /** @type {HTMLElement} */
    this.element = h('section', {
      class: 'card', part: 'card', role: 'dialog', 'aria-describedby': 'quote', tabindex: -1, hidden: true,
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        if (event.key !== 'Escape' || event.isComposing || event.keyCode === 229) return
        event.preventDefault() // a dialog of the page around us stays open
        event.stopPropagation()
        this.close()
      },
    }, this.head, this.quote, this.notice, this.placing, this.log, this.failed, this.typing, this.foot, this.barred)
    face.append(this.element)

    this.#placement = new Placement(this, () => this.#range(), signal)
    signal.addEventListener('abort', () => {
      this.close(false)
      this.element.remove()
    })
  }

  get shown() { return !this.element.hidden }

  /**
   * @param {Anchor} anchor  @param {Range} [range] none where the text is gone
   * @param {Draft} [draft] that was refused, and is sent again with other words
   */
  compose(anchor, range, draft) {
    this.#open(undefined)
    this.#fresh = { anchor, range }
    if (!draft) this.#take(range)
    const { words } = this.host
    this.element.setAttribute('aria-label', words.say('New discussion'))
    delete this.head.dataset.look
    fill(this.head, h('h2', {}, words.say('New discussion')), iconButton('close', words.say('Close'), () => this.close()))
    this.#cite(anchor, range ? 'anchored' : 'lost')
    this.#compose(words.say('Say something about this…'), text => {
      // With the same ids: what else came back belongs to it.
      const { chatId } = draft ? this.host.page.retryDraft(draft.id, text) : this.host.page.createChat(anchor, text)
      this.#keep('')
      this.host.created(chatId)
    })
    if (draft && this.#composer) this.#composer.value = draft.text
    else if (this.host.kept.begun(this.host.page.state).length) this.#takeLater()
    this.update(this.host.page.state)
    this.place()
    this.#composer?.focus()
    this.#placement.reveal()
  }

  /** @param {string} chatId  @param {boolean} [write] puts the cursor where one answers */
  open(chatId, write = false) {
    const same = this.chatId === chatId && this.shown
    if (!same) {
      this.#open(chatId)
      // What neither stands on the page nor waits to be sent was there once: a link may be older than that.
      this.#wasThere = !this.host.page.state.drafts.some(each => each.chatId === chatId)
      this.messages.fresh = new Set(this.host.page.unread().get(chatId))
      this.update(this.host.page.state)
      this.place()
      this.messages.toEnd()
    }
    if (write && this.#composer) this.#composer.focus()
    else if (!this.#active) {
      if (same) this.#from = focused()
      this.element.focus({ preventScroll: true })
    }
    this.#placement.reveal(true)
  }

  /** As it was, whatever became of it. @param {Anchor} anchor  @param {AnchorState | undefined} became */
  #cite(anchor, became) {
    const whole = ofPage(anchor)
    this.quote.textContent = whole ? this.host.words.say('The page as a whole') : quoted(anchor)
    this.quote.classList.toggle('gone', became === 'lost' && !whole && !this.host.translated())
    if (became === 'changed') this.quote.prepend(h('span', { class: 'badge' }, this.host.words.say('Changed')))
  }

  /** @param {string | undefined} chatId */
  #open(chatId) {
    if (!this.shown) this.#from = focused()
    this.chatId = chatId
    this.#fresh = undefined
    this.#wasThere = this.moving = false
    this.messages.clear()
    this.#composer = undefined
    this.notice.hidden = this.placing.hidden = true
    this.#bar()
    this.typing.textContent = ''
    this.typing.hidden = this.log.hidden = !chatId
    for (const each of [this.failed, this.foot]) fill(each)
    this.#placement.begin()
    this.element.hidden = false
    clearInterval(this.#timer)
    this.#timer = +setInterval(() => this.messages.tick(), TICK)
  }

  /** @param {boolean} [back] gives the focus back */
  close(back = true) {
    if (!this.shown) return
    this.#placement.end()
    clearInterval(this.#timer)
    clearTimeout(this.#saidTimer)
    this.#said = ''
    const active = this.#active
    const range = this.#range()
    // Left to itself a browser takes the focus out of what is hidden a frame later: a key in between would be lost in here.
    active?.blur()
    this.element.hidden = true
    this.chatId = this.#fresh = undefined
    this.moving = false
    this.host.closed()
    if (!back || !active) return
    const from = this.#from
    // What was pressed in the list is not to be seen any more.
    if (from && from !== document.body && from.isConnected) return (from.getClientRects()[0] ? from : this.host.home).focus({ preventScroll: true })
    // Who reads with a caret goes on behind the passage.
    if (range?.startContainer.isConnected) document.getSelection()?.collapse(range.endContainer, range.endOffset)
  }

  /** It is known now who writes, and what that person had begun of the same. @param {PageState} state */
  claim(state) {
    this.host.kept.claim(state)
    const composer = this.#composer, words = this.#begun
    if (composer && composer.value !== words) composer.value = words
  }

  /** Who comes next must not find what was shown, or written. */
  empty() {
    this.close(false)
    this.host.kept.forgetNobodys()
    this.messages.clear()
    this.#composer = undefined
    this.quote.textContent = this.notice.textContent = this.typing.textContent = ''
    for (const each of [this.head, this.failed, this.foot]) fill(each)
    delete this.head.dataset.look
  }

  /** What has the focus in here. */
  get #active() {
    const active = /** @type {ShadowRoot} */ (this.element.getRootNode()).activeElement
    return active instanceof HTMLElement && this.element.contains(active) ? active : undefined
  }

  /** The page was read again: what is written about is where it is now. */
  again() {
    const fresh = this.#fresh
    if (!fresh || !this.shown) return
    const range = this.host.find(fresh.anchor)
    fresh.range = range
    this.quote.classList.toggle('gone', !range)
    this.host.drafting(range)
    this.place()
  }

  #range() { return this.#fresh?.range ?? (this.chatId === undefined ? undefined : this.host.range(this.chatId)) }

  /** What the words in the composer are about. */
  get #about() { return this.chatId ?? json(this.#fresh?.anchor.selector) }

  /** As far as they were written. */
  get #begun() { return this.host.kept.words(this.host.page.state, this.#about) }

  #keep(/** @type {string} */ text) { this.host.kept.keep(this.host.page.state, this.#about, text) }

  /** Words that were begun about this text, or a part of it, go on here: a page may have changed, or a reader select a word more. @param {Range | undefined} range */
  #take(range) {
    const { page: { state }, kept } = this.host
    if (this.#begun) return
    for (const { about, selector, words } of kept.begun(state)) {
      const other = this.host.find({ selector, length: 0 })
      if (!range || !other || range.compareBoundaryPoints(Range.START_TO_END, other) <= 0 || range.compareBoundaryPoints(Range.END_TO_START, other) >= 0) continue
      kept.keep(state, about, '')
      return this.#keep(words)
    }
  }

  /** Once passages in other words are found too: the text may have changed since they were begun. */
  async #takeLater() {
    const fresh = this.#fresh
    await this.host.prepared()
    if (!fresh || this.#fresh !== fresh || !this.#composer || this.#composer.value) return
    this.#take(fresh.range)
    this.#composer.value = this.#begun
  }

  /** @param {string} label  @param {(text: string) => void} send */
  #compose(label, send) {
    const value = this.#begun
    this.#composer = new Composer({
      words: this.host.words, label, value, most: this.host.most, send, changed: text => this.#keep(text),
      typing: () => { if (this.chatId) this.host.page.typing(this.chatId) },
    })
    fill(this.foot, this.#composer.element)
  }

  /** What is committed and what is not, of the discussion that is open; of a new one, whether this reader may write. @param {PageState} state */
  update(state) {
    if (!this.shown) return
    const { chatId, host: { page, words } } = this, barred = state.status === 'refused' ? undefined : this.host.barred(state)
    if (chatId === undefined) {
      if (this.#composer) this.#composer.locked = !!barred
      return this.#bar(barred)
    }
    const chat = state.chats.find(each => each.id === chatId)
    const drafts = state.drafts.filter(each => each.chatId === chatId)
    const offline = state.status !== 'live' && state.status !== 'connecting'
    const may = state.can.includes('comment')
    const end = this.messages.atEnd
    const anchor = chat?.anchor ?? drafts.map(each => each.operation).find(each => each.type === 'create-chat')?.chat.anchor
    const became = chat && this.host.state(chatId)
    // Where it has lost its place, or is moved, that is offered below.
    this.#drawHead(chat, may, became === 'anchored' && !this.moving && this.#mayMove(state, chat))
    if (anchor) this.#cite(anchor, became)
    this.element.setAttribute('aria-label', words.say('Discussion'))
    this.#tell(state, chat, became)
    this.#offer(state, chat, became)
    this.messages.update(chat, state, offline, end)
    if (!chat) this.typing.textContent = ''
    if (chat) this.#wasThere = true
    // A composer with words in it stays, whatever happens around it.
    const writes = !!chat && may && state.status !== 'refused'
    if (writes && !this.#composer) {
      this.#compose(words.say('Reply…'), text => {
        page.addComment(chatId, text)
        if (this.#composer) this.#composer.value = ''
        this.messages.toEnd()
      })
    } else if (!writes && (state.status === 'refused' || !this.#composer?.value)) {
      this.#composer = undefined
      redraw(this.foot, () => fill(this.foot), () => this.element)
    }
    if (this.#composer) this.#composer.locked = !writes
    this.#bar(chat && barred)
    redraw(this.failed, () => fill(this.failed, ...drafts.map(each => this.#draft(each, chat, writes))), () => this.#composer?.input ?? this.element)
    // It has taken room from what was in sight.
    if (end && drafts.length) this.messages.toEnd()
  }

  /** In the place of a field, what is in the way of one. Why no connection is left is said above. @param {import('./barring.js').Barred} [barred] */
  #bar({ words, join } = { words: '', join: false }) {
    const { barred, host } = this, look = words + join
    if (barred.dataset.look === look) return
    barred.dataset.look = look
    barred.hidden = !words
    this.element.setAttribute('aria-describedby', words ? 'quote barred' : 'quote')
    redraw(barred, () => fill(barred, h('span', {}, words), join && textButton(host.words.say('Sign in'), host.join, { class: 'text-button join', 'data-key': 'join' })), () => this.element)
  }

  /** What was refused and is no text. @param {import('../typed/types.js').Refusal} refusal */
  fault(refusal) { this.say(refused(this.host.words, refusal)) }

  /** Above what is written. @param {string} words */
  note(words) {
    this.notice.textContent = words
    this.notice.hidden = false
    this.place()
  }

  /** For a moment. @param {string} words */
  say(words) {
    clearTimeout(this.#saidTimer)
    this.#said = words
    this.update(this.host.page.state)
    if (words) this.#saidTimer = +setTimeout(() => this.say(''), SAID)
  }

  /** @param {PageState} state  @param {Chat | undefined} chat  @param {AnchorState | undefined} became */
  #tell(state, chat, became) {
    const { status, reason } = state, { words } = this.host
    const told = !chat && this.#wasThere && !state.drafts.some(each => each.chatId === this.chatId) ? words.say('This discussion was deleted.')
      : status === 'refused' ? stopped(words, reason)
      : status === 'offline' ? words.say('You are offline. What you write is kept, and sent when you are back.')
      : this.#said ? this.#said
      : this.moving ? words.say('Select the new place in the text.')
      : became === 'lost' ? this.host.translated() ? words.say('The page is machine-translated. Show the original to see what this is about.') : words.say('The text this was about is no longer on this page.')
      : this.#placement.hidden ? words.say('This is in a part of the page that is closed.')
      : became === 'changed' ? words.say('The text was changed since. Above is what it said.') : ''
    if (this.notice.textContent !== told) this.notice.textContent = told
    this.notice.hidden = !told
  }

  /** @param {PageState} state  @param {Chat | undefined} chat */
  #mayMove({ can, user, status }, chat) {
    return !!chat && status !== 'refused' && !ofPage(chat.anchor) && !this.host.translated() && (can.includes('moderate') || can.includes('comment') && chat.createdBy.id === user?.id)
  }

  /** Another place, where it has lost its own, or may have. @param {PageState} state  @param {Chat | undefined} chat  @param {AnchorState | undefined} became */
  #offer(state, chat, became) {
    const { words } = this.host
    this.moving &&= this.#mayMove(state, chat)
    const look = this.moving ? words.say('Keep it where it is') : became !== 'anchored' && became && this.#mayMove(state, chat) ? words.say('Select the new place') : ''
    if (this.placing.textContent !== look) redraw(this.placing, () => fill(this.placing, look && textButton(look, () => this.relocate(!this.moving), { 'data-key': 'another' })), () => this.element)
    this.placing.hidden = !look
    this.element.classList.toggle('choosing', this.moving)
  }

  /** @param {boolean} moving whether the reader looks for another place */
  relocate(moving) {
    const held = this.#active?.dataset.key
    this.moving = moving
    this.update(this.host.page.state)
    this.place()
    // The control is another one now.
    const next = held && this.element.querySelector('[data-key=another], [data-key=move]')
    if (next instanceof HTMLElement) next.focus({ preventScroll: true })
  }

  /** The place that was looked for. @param {Anchor} anchor */
  move(anchor) {
    const { page } = this.host, chat = page.state.chats.find(each => each.id === this.chatId)
    this.moving = false
    if (chat) page.moveAnchor(chat.id, moved(anchor, chat.anchor))
    this.update(page.state)
    this.place()
  }

  /** @param {Chat | undefined} chat  @param {boolean} may  @param {boolean} mayMove */
  #drawHead(chat, may, mayMove) {
    const { page, words } = this.host
    const steps = chat && this.host.steps(chat.id)
    const look = json([chat?.id, may, mayMove, chat?.resolved, steps])
    if (this.head.dataset.look === look) return
    this.head.dataset.look = look
    const by = chat?.resolved?.by
    const resolve = chat && may && h('button', { class: 'text-button', 'data-key': 'resolve', onclick: () => by ? page.reopen(chat.id) : page.resolve(chat.id) }, icon(by ? 'back' : 'check'), words.say(by ? 'Reopen' : 'Resolve'))
    redraw(this.head, () => fill(this.head,
      // What it is can be heard in any case; where several are here, their number takes the place of a title cut short.
      h('h2', { class: by ? 'long' : steps && 'hidden' }, by ? words.say('Resolved by {name}', { name: nameOf(words, by) }) : words.say(chat || this.#wasThere ? 'Discussion' : 'Not sent')),
      steps && h('span', { class: 'steps' },
        iconButton('previous', words.say('Previous discussion here'), () => steps.step(-1), { 'data-key': 'previous' }), words.say('{at} of {n}', { at: steps.at, n: steps.here.length }),
        iconButton('next', words.say('Next discussion here'), () => steps.step(1), { 'data-key': 'next' })),
      chat && iconButton('link', words.say('Copy link'), () => this.#copyLink(chat.id), { 'data-key': 'link' }),
      resolve, mayMove && iconButton('move', words.say('Select the new place'), () => this.relocate(!this.moving), { 'data-key': 'move' }), iconButton('close', words.say('Close'), () => this.close(), { 'data-key': 'close' })), () => this.element)
  }

  /** @param {string} chatId */
  async #copyLink(chatId) {
    const link = linkTo(location.href, chatId)
    try {
      await navigator.clipboard.writeText(link)
      this.say(this.host.words.say('Copied'))
    } catch {
      this.say(link) // plain http has no clipboard of its own
    }
  }

  /** A text that came back. @param {Draft} draft  @param {Chat | undefined} chat  @param {boolean} writes */
  #draft(draft, chat, writes) {
    const { page, words } = this.host
    const act = (/** @type {() => void} */ run) => () => {
      try {
        run()
      } catch (error) {
        this.say(thrown(this.host.words, error))
      }
    }
    const { operation } = draft
    const message = operation.type === 'edit-comment' ? this.messages.get(operation.comment.id) : undefined
    const edit = () => {
      if (!chat) return this.host.rewrite(draft)
      if (message) message.edit(draft.text)
      else {
        this.#composer?.add(draft.text)
        this.#composer?.focus()
      }
      page.discardDraft(draft.id)
    }
    return h('div', { class: 'failed', role: 'group', 'aria-label': words.say('Not sent') },
      h('strong', {}, words.say('Not sent.')), ' ', refused(words, draft.refusal),
      h('div', { class: 'body', dir: 'auto' }, ...formatted(this.host.markdown, draft.text)),
      h('div', { class: 'ask' },
        textButton(words.say('Discard'), () => {
          page.discardDraft(draft.id)
          if (!chat) this.close()
        }, { class: 'text-button danger', 'data-key': 'discard ' + draft.id }),
        (chat ? writes && (operation.type === 'add-comment' || message) : operation.type === 'create-chat' && (ofPage(operation.chat.anchor) || this.#range())) && textButton(words.say('Edit'), edit, { 'data-key': 'edit ' + draft.id }),
        textButton(words.say('Try again'), act(() => page.retryDraft(draft.id)), { 'data-key': 'again ' + draft.id })))
  }

  /** @param {readonly User[]} users */
  showTyping(users) { this.typing.textContent = users.length ? typing(this.host.words, users) : '' }

  /** Something may have moved. */
  place() { this.#placement.place() }
}

/** @param {Words} words  @param {readonly User[]} users */
const typing = (words, users) => users.length > 3 ? words.say('Several people are typing…')
  : words.count(users.length, '{names} is typing…', '{names} are typing…', { names: listed(words, users.map(user => nameOf(words, user))) })

/** A widget at work: the page of its client, and everything that shows it and acts on it. */

/** @import { Passage } from '../anchors/describe.js' */
/** @import { Anchor, Chat, ClientOptions, PageState } from '../typed/types.js' */
/** @import { Card } from './card.js' */
/** @import { Page } from '../client/client.js' */
/** @import { Layer } from './layer.js' */
/** @import { Panel } from './panel.js' */
/** @import { Prompt } from './prompt.js' */
/** @import { CollabChatElement } from './widget.js' */
/** @import { Words } from './words.js' */
import { ofPage, trimmed } from '../anchors/describe.js'
import { Announcer } from './announcer.js'
import { Bar } from './bar.js'
import { CollabClient } from '../client/client.js'
import { h, nameOf } from './dom.js'
import { isDark } from './ground.js'
import { Highlights, caretAt, covers } from './highlights.js'
import { followLanguage, languageOf } from './language.js'
import { canonical, follow } from './navigation.js'
import { linkedChat, pageId } from './pageid.js'
import { part } from './parts.js'
import { Places } from './places.js'
import { hush, quiet } from './quiet.js'
import { selected } from './selection.js'
import { signedOut } from './troubles.js'

/** A selection beyond this is cut: nobody discusses a chapter as one passage. */
const MOST_SELECTED = 2000
const HEALING = 500
/** Until card and list are asked for again where they did not come; twice as long each time. */
const MISSED = 2000

/** Of all widgets of the document. @type {Set<Life>} */
const lives = new Set()

/** From one start to its end: everything that listens, paints or ticks belongs to it, and ends with it. */
export class Life {
  #ending = new AbortController()
  #shadow
  /** The client is not the host's. */
  #own
  /** @type {ReadonlyMap<string, Chat>} */
  #chats = new Map()
  #ready = false
  #hovered = ''
  #frame = 0
  #counts = ''
  #bar = ''
  /** The discussion that the address leads to, until it is there. */
  #linked = linkedChat(location.href)
  /** For whom all this is shown. */
  #who = ''
  /** Whose passage is under the pointer, in the list or in the text. */
  #cursor = ''

  /** The attribute `print` may have changed. @type {(() => void) | undefined} */
  printing
  /** @type {(() => void) | undefined} */
  marking
  /** Until they have come, nothing is open. @type {Card | undefined} */
  card
  /** @type {Panel | undefined} */
  panel
  /** @type {Prompt | undefined} */
  prompt
  /** @type {Layer | undefined} */
  layer

  /** @param {CollabChatElement} element  @param {Words} words */
  constructor(element, words) {
    this.element = element
    this.words = words
    const { signal } = this.#ending
    this.#shadow = /** @type {ShadowRoot} */ (element.shadowRoot)
    this.face = h('div', { class: 'face', role: 'region', 'aria-label': words.say('Discussions'), lang: words.locale, dir: words.direction })
    this.#shadow.replaceChildren(this.face)
    /** @type {ClientOptions} */
    const options = { prefix: element.getAttribute('prefix') ?? undefined, tenantId: element.getAttribute('tenant') ?? undefined, token: element.token }
    this.#own = !element.client
    this.client = element.client ?? CollabClient.shared(options)
    try {
      /** @type {Page} */
      this.page = this.client.page(this.#urlId())
    } catch (error) {
      if (this.#own) this.client.destroy()
      throw error
    }
    this.places = new Places(() => this.#root(), moved => this.#moved(moved), () => this.card?.again())
    this.highlights = new Highlights(this.#trees[0] ?? document, this.face)
    this.announcer = new Announcer(this.face, words)
    this.bar = new Bar(this.face, { words, toggle: () => this.panel?.shown ? this.panel.close() : this.#list(), again: () => this.client.connect(), join: () => this.join(), mayJoin: () => element.hasAttribute('signin') })
    this.#listen(signal)
    this.dress()
    this.page.on('change', state => this.#changed(state))
    this.page.on('presence', () => this.#drawBar())
    this.page.on('read', () => {
      this.#drawBar()
      this.#relist()
    })
    // What came while nobody looked is seen when somebody does.
    document.addEventListener('visibilitychange', () => this.card?.update(this.page.state), { signal })
    this.page.on('typing', ({ chatId, users }) => { if (this.card?.chatId === chatId) this.card.showTyping(users) })
    this.page.on('status', detail => {
      this.#changed(this.page.state)
      this.tell('status', detail)
    })
    this.page.on('error', detail => {
      if (detail.broadcastId) this.card?.fault(detail)
      this.tell('error', detail)
    })
    this.page.on('draft', draft => {
      this.card?.say('') // the card shows the text with its reason
      this.announcer.say(words.say('A message was not sent'))
      this.#relist()
    })
    this.#changed(this.page.state)
    this.#with()
    lives.add(this)
    this.#healing = setInterval(() => this.#heal(), HEALING)
  }

  /** @type {ReturnType<typeof setInterval> | undefined} */
  #healing

  /** A page may take away what is ours with what is its own, and nothing tells of it. */
  #heal() {
    this.highlights.restore()
    if (!this.bar.inPlace(this.#bar)) this.#place()
  }

  /** What two widgets have open would lie over each other. */
  #alone() {
    this.#others(other => {
      other.card?.close(false)
      other.panel?.close(false)
    })
  }

  /** @param {(other: Life) => unknown} test */
  #others(test) { return [...lives].some(other => other !== this && test(other)) }

  // Card and list

  /** @type {Promise<void> | undefined} */
  #coming
  /** Milliseconds until it is asked for again; 0 where it never failed. */
  #missed = 0
  #again = 0

  /** With card and list: at once where they are here, else when they have come. @param {(card: Card, panel: Panel) => void} [act] */
  #with(act) {
    if (this.card && this.panel) return act?.(this.card, this.panel)
    clearTimeout(this.#again)
    const coming = this.#coming ??= Promise.all([
      part('./talk.js', () => import('./talk.js')), part('./room.js', () => import('./room.js')), part('./markdown.js', () => import('./markdown.js')),
    ]).then(([{ furnish }, room, markdown]) => {
      if (this.#ending.signal.aborted) return
      if (this.#missed) {
        this.#missed = 0
        this.#place()
      }
      furnish(this, room, markdown, quiet, this.#ending.signal)
      this.#drawBar()
      this.marking?.()
    })
    coming.then(() => { if (this.card) this.#with(act) }, error => {
      if (this.#coming === coming) {
        // The next need of it tries again, and so do we.
        this.#coming = undefined
        this.#missed ||= MISSED
        this.#seen()
        if (!this.#ending.signal.aborted) {
          this.#again = +setTimeout(() => {
            this.#missed *= 2
            this.#with()
          }, this.#missed)
        }
      }
      if (act) this.element.failed(error)
    })
  }

  /** @returns {Element | null} */
  #root() {
    const { element } = this
    if (element.rootElement?.isConnected) return element.rootElement
    const selector = element.getAttribute('root')
    return selector ? /** @type {Element} */ (element.getRootNode()).querySelector(selector) ?? document.querySelector(selector) : document.querySelector('main') ?? document.body
  }

  /** @param {AbortSignal} signal */
  #listen(signal) {
    const inText = (/** @type {Event} */ event) => this.places.text.root.contains(/** @type {Node | null} */ (event.composedPath()[0]))
    // In capture, for a page may keep events to itself.
    addEventListener('pointermove', event => {
      if (event.pointerType === 'touch') return
      const { clientX, clientY } = event, over = inText(event)
      cancelAnimationFrame(this.#frame)
      this.#frame = requestAnimationFrame(() => this.hover(over ? this.#under(clientX, clientY)[0] ?? '' : '', true))
    }, { signal, passive: true, capture: true })
    addEventListener('click', event => {
      // The page's own links and buttons, and a selection that was just made, come first.
      if (!inText(event) || event.button || this.range()) return
      if (/** @type {Element} */ (event.composedPath()[0]).closest?.('a[href], button, input, textarea, select, label, summary, [contenteditable]')) return
      const { clientX, clientY } = event
      // The page decides first whether the click was for itself.
      setTimeout(() => {
        // Who looks for another place may look in what is discussed too.
        if (event.defaultPrevented || signal.aborted || this.card?.moving) return
        const [first] = this.#under(clientX, clientY)
        first ? this.open(first) : this.card?.close(false)
      })
    }, { signal, capture: true })
    addEventListener('keydown', event => this.#key(event), { signal, capture: true })
    const language = languageOf(this.element)
    followLanguage(() => { if (languageOf(this.element) !== language) this.element.restart() }, signal)
    // Once, before it is painted; when it changes, see dusk.js.
    requestAnimationFrame(() => { if (!signal.aborted) this.theme() })
    addEventListener('scroll', () => this.highlights.refresh(), { signal, capture: true, passive: true })
    let here = location.href
    follow(() => {
      this.relocate()
      if (here !== location.href) {
        this.client.navigated()
        this.#linked = linkedChat(location.href)
      }
      this.#openLinked()
      here = location.href
    }, signal)
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    // Another widget of this page may have taken it.
    if (event.defaultPrevented || event.isComposing || event.keyCode === 229) return
    if (event.key === 'Escape') {
      if (this.prompt?.shown) this.prompt.hide()
      // With the focus anywhere else, it is the page's own.
      else if (document.activeElement === document.body) {
        const open = this.panel?.shown ? this.panel : this.card
        if (!open?.shown) return
        event.preventDefault()
        event.stopPropagation()
        open.close()
      }
      return
    }
    const target = /** @type {Element} */ (event.composedPath()[0])
    if (!event.altKey || !event.shiftKey || event.ctrlKey || event.metaKey || (target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)))) return
    const act = { KeyM: () => this.discussSelection() || !this.#others(other => other.selected()) && this.#listOrClose(), KeyJ: () => this.#next(1), KeyK: () => this.#next(-1) }[event.code]
    if (act?.()) event.preventDefault()
  }

  /** @param {1 | -1} way  @returns {boolean} whether there is one */
  #next(way) {
    const order = [...this.#chats.values()].filter(chat => !chat.resolved && (ofPage(chat.anchor) || this.places.get(chat.id)?.range))
      .sort((a, b) => (this.places.get(a.id)?.start ?? 0) - (this.places.get(b.id)?.start ?? 0))
    const now = order.findIndex(chat => chat.id === this.card?.chatId)
    const next = order[now < 0 ? (way > 0 ? 0 : order.length - 1) : (now + way + order.length) % order.length]
    if (next) this.open(next.id)
    return !!next
  }

  /** The page may do it in its own way; otherwise the attribute leads there. */
  join() {
    const event = new CustomEvent('collabchat:signin', { bubbles: true, composed: true, cancelable: true })
    const address = this.element.getAttribute('signin')
    if (this.element.dispatchEvent(event) && address) location.assign(new URL(address, document.baseURI))
  }

  // What the reader selects and points at

  /** The shadow root that what is annotated stands in. */
  get #trees() {
    const tree = this.places.text.root.getRootNode()
    return tree instanceof ShadowRoot ? [tree] : []
  }

  /** What is selected, also in these trees. @param {ShadowRoot[]} [trees] */
  range(trees = []) { return selected([...this.#trees, ...trees]) }

  /** @returns {Passage & {cut?: boolean} | undefined} */
  selected() {
    const range = this.range()
    // With nothing selected, which is asked of each page that comes, there is no reason to read it in one go.
    const text = range && this.places.fresh()
    if (!text || !range.intersectsNode(text.root)) return undefined
    const start = text.offset(range.startContainer, range.startOffset)
    let end = text.offset(range.endContainer, range.endOffset)
    // Not in the middle of a word, where the text has blanks at all.
    const cut = end > start + MOST_SELECTED
    if (cut) end = Math.max(text.text.lastIndexOf(' ', start + MOST_SELECTED), start + MOST_SELECTED / 2)
    const passage = trimmed(text.text, start, end)
    return passage && this.places.seen(passage) && { ...passage, cut }
  }

  discussSelection() {
    const passage = this.selected()
    if (passage) this.#with(() => this.prompt?.begin(passage))
    return !!passage
  }

  /** @param {Passage & {cut?: boolean}} passage  @param {import('../typed/types.js').Draft} [draft] */
  discuss(passage, draft) {
    this.prompt?.hide()
    this.#with(card => {
      // In words that others can read too.
      const seen = this.places.seen(passage), whole = seen && trimmed(seen.text, seen.start, seen.end), range = this.places.text.range(passage.start, passage.end)
      if (!whole || !range) return
      const anchor = card.described(seen.text, whole)
      if (card.moving && !draft) {
        card.move(anchor)
        document.getSelection()?.removeAllRanges()
      } else this.compose(anchor, range, draft, passage.cut)
    })
  }

  /** As a whole: about no passage. */
  discussPage() { this.resume([]) }

  /** @param {import('../typed/types.js').Selector[]} selector of a discussion that was begun */
  async resume(selector) {
    const anchor = { selector, length: [...this.places.fresh().text].length }
    // Its text may have been changed meanwhile.
    if (selector.length && !this.places.find(anchor)) await this.places.fetch().catch(() => {})
    const passage = this.places.find(anchor)
    // Where its text is gone, the words are still to be had.
    passage ? this.discuss(passage) : this.compose(anchor, undefined)
  }

  /** @param {Anchor} anchor  @param {Range | undefined} range  @param {import('../typed/types.js').Draft} [draft]  @param {boolean} [cut] */
  compose(anchor, range, draft, cut) {
    this.#with((card, panel) => {
      panel.close(false)
      this.#alone()
      this.layer?.follow(range?.startContainer)
      // Before the composer has the focus: WebKit would take the caret out of it, and what is typed would be lost.
      document.getSelection()?.removeAllRanges()
      card.compose(anchor, range, draft)
      if (cut) card.note(this.words.say('What you selected is very long: only its beginning is discussed.'))
      this.highlights.set('draft', 'draft', range)
      this.paintActive(undefined, true)
    })
  }

  /** @param {number} x  @param {number} y */
  #under(x, y) {
    const caret = caretAt(x, y, this.#trees)
    if (!caret || quiet() || !this.places.text.root.contains(caret.node)) return []
    const at = this.places.text.offset(caret.node, caret.offset)
    return this.places.at(at).filter(id => {
      const range = this.places.get(id)?.range
      return range && covers(range, x, y)
    })
  }

  /** @param {string} chatId  @param {boolean} [pointer] */
  hover(chatId, pointer = false) {
    if (pointer && this.#cursor !== chatId) {
      this.#cursor = chatId
      this.highlights.point(!!chatId)
    }
    if (this.#hovered === chatId) return
    this.#hovered = chatId
    this.highlights.set('hover', 'hover', this.places.get(chatId)?.range)
  }

  // What is open

  /** @param {string} [chatId]  @param {boolean} [write] */
  open(chatId, write = false) {
    if (chatId === undefined) return this.#list()
    const { state } = this.page
    if (!this.#chats.has(chatId) && !state.drafts.some(draft => draft.chatId === chatId)) return
    this.prompt?.hide()
    this.#with((card, panel) => {
      panel.close(false)
      this.#alone()
      this.layer?.follow(this.places.get(chatId)?.range?.startContainer)
      card.open(chatId, write)
      this.paintActive(chatId)
      this.tell('thread-open', { chatId })
    })
  }

  #openLinked() {
    const chatId = this.#linked
    if (chatId === undefined || !this.#chats.has(chatId)) return
    this.#linked = undefined
    this.open(chatId)
  }

  /** By the keyboard, from wherever one reads. */
  #listOrClose() {
    this.panel?.shown ? this.panel.close() : this.#list()
    return true
  }

  #list() {
    this.#with((card, panel) => {
      card.close(false)
      this.#alone()
      panel.open(this.page.state)
      this.bar.expanded(true)
    })
  }

  /** @param {string | undefined} chatId  @param {boolean} [drafting] */
  paintActive(chatId, drafting = false) {
    if (!drafting) this.highlights.set('draft', 'draft', undefined)
    this.highlights.set('active', 'active', chatId === undefined ? undefined : this.places.get(chatId)?.range)
  }

  // What changed

  #urlId() {
    const { element } = this
    const usual = () => pageId(location.href, this.client.prefix, canonical())
    return element.getAttribute('page') || element.pageId?.(new URL(location.href), usual()) || usual()
  }

  /** The page may be another one now. */
  relocate() {
    try {
      const urlId = this.#urlId()
      if (this.page.state.urlId === urlId) return
      this.prompt?.hide()
      this.card?.close(false)
      this.panel?.close(false)
      this.#ready = false
      this.page.setPage(urlId)
    } catch (error) {
      this.element.failed(error)
    }
  }

  /** @param {PageState} state */
  #changed(state) {
    const who = state.user ? `${state.tenantId}\n${state.user.id}` : ''
    if ((this.#who && who !== this.#who) || signedOut(state.reason) || state.reason?.code === '4403') {
      this.prompt?.hide()
      this.card?.empty()
      this.panel?.empty()
      this.announcer.say('')
      this.#ready = false
    }
    if (who && who !== this.#who) this.#with(card => card.claim(state))
    this.#who = who
    const before = this.#chats
    this.#chats = new Map(state.chats.map(chat => [chat.id, chat]))
    let news = 0
    for (const [id, chat] of this.#chats) {
      const known = before.get(id)
      if (known === chat) continue
      const unheard = this.#ready ? heardFirst(known, chat, state.user?.id) : []
      // Of what is open the words themselves: the list of messages is drawn anew too often to be listened to.
      if (id !== this.card?.chatId) news += unheard.length
      else for (const said of unheard) this.announcer.say(`${nameOf(this.words, said.author)}: ${said.body}`, () => !!this.#chats.get(id)?.comments.some(each => each.id === said.id && each.body === said.body))
      if (!known || !!known.resolved !== !!chat.resolved) this.#paint(id)
    }
    if (news) this.announcer.news(news)
    this.announcer.hush()
    // What was refused keeps its place too: whoever tries again must see about what.
    const unsent = state.drafts.flatMap(({ operation, chatId }) => operation.type === 'create-chat' && !this.#chats.has(chatId) ? [{ id: chatId, anchor: operation.chat.anchor }] : [])
    this.places.follow(unsent.length ? [...state.chats, ...unsent] : state.chats)
    for (const { id } of unsent) if (before.has(id)) this.#paint(id)
    this.card?.update(state)
    this.#relist()
    // From here on what others write is new to who was never here before.
    if (state.status === 'live' && state.read === undefined) this.page.markRead()
    this.#drawBar()
    if (!this.#ready && state.loaded) {
      this.#ready = true
      this.tell('ready', { urlId: state.urlId })
      // Another widget of this document may have it.
      const linked = this.#linked
      if (linked && !this.#chats.has(linked) && lives.size < 2) this.#with(card => card.open(linked))
    }
    this.#openLinked()
  }

  /** @param {string[]} chatIds */
  #moved(chatIds) {
    for (const id of chatIds) this.#paint(id)
    if (chatIds.includes(this.#hovered)) this.highlights.set('hover', 'hover', this.places.get(this.#hovered)?.range)
    const { card } = this
    if (card?.chatId !== undefined && chatIds.includes(card.chatId)) {
      this.paintActive(card.chatId)
      card.update(this.page.state)
      card.place()
    }
    this.#relist()
    this.highlights.refresh()
  }

  /** What lists the discussions, or marks where they are. */
  #relist() {
    this.panel?.update(this.page.state)
    this.marking?.()
  }

  /** Whether highlights are seen is another thing now, for all of the document. @param {boolean} [on] nothing: as the browser remembers it */
  hush(on) {
    hush(on)
    for (const each of lives) {
      for (const id of each.#chats.keys()) each.#paint(id)
      each.#relist()
    }
  }

  /** @param {string} id */
  #paint(id) {
    const chat = this.#chats.get(id)
    this.highlights.set('chat ' + id, !chat ? 'draft' : chat.resolved ? 'resolved' : 'open', chat && quiet() ? undefined : this.places.get(id)?.range)
  }

  #drawBar() {
    const { state } = this.page, { users } = state
    const chats = state.chats.filter(chat => !chat.resolved).length
    this.bar.update(state, chats, [...this.page.unread().values()].flat().length)
    const detail = users === undefined ? { chats } : { users, chats }
    const counts = `${users} ${chats}`
    if (counts === this.#counts) return
    this.#counts = counts
    this.tell('count', detail)
  }

  #place() {
    this.bar.place(this.#bar)
    if (this.#missed) this.#seen()
  }

  /** Nobody looks for its corner (corners.js). */
  #seen() { this.bar.element.dataset.at ||= 'top-right' }

  /** What the attributes say of the bar may be another thing now. */
  dress() {
    const where = this.element.getAttribute('bar') ?? ''
    if (where !== this.#bar) {
      this.#bar = where
      this.#place()
    }
    this.#drawBar()
    this.printing?.()
  }

  theme() {
    this.layer?.follow()
    const dark = isDark(this.element.getAttribute('theme'), this.places.text.root, this.element)
    this.face.classList.toggle('dark', dark)
    this.bar.theme(dark)
    this.highlights.theme(dark)
  }

  /** @param {string} name  @param {object} detail */
  tell(name, detail) { this.element.dispatchEvent(new CustomEvent('collabchat:' + name, { detail, bubbles: true, composed: true })) }

  end() {
    lives.delete(this)
    clearInterval(this.#healing)
    clearTimeout(this.#again)
    cancelAnimationFrame(this.#frame)
    this.hover('', true)
    this.#ending.abort()
    this.announcer.destroy()
    this.bar.destroy()
    this.places.destroy()
    this.highlights.destroy()
    this.page.close()
    if (this.#own) this.client.destroy()
    this.#shadow.replaceChildren()
  }
}

/** Comments of others that came since: not what was only loaded, which stands before what was there. @param {Chat | undefined} before  @param {Chat} now  @param {string | undefined} me */
function heardFirst(before, now, me) {
  // What is not committed yet will stand behind what they wrote meanwhile.
  const known = new Set(before?.comments.map(comment => comment.pending || comment.id))
  return now.comments.slice(now.comments.findLastIndex(comment => known.has(comment.id)) + 1).filter(comment => comment.author.id !== me)
}

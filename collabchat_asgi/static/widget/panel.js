/** All discussions of the page in the order of the text: for those who look for one, and those who cannot see highlights. */

/** @import { AnchorState, Chat, Comment, Draft, PageState } from '../typed/types.js' */
/** @import { Page } from '../client/client.js' */
/** @import { Finding } from './finding.js' */
/** @import { Kind } from './kinds.js' */
/** @import { Words } from './words.js' */
import { ago } from './ages.js'
import { avatar } from './avatar.js'
import { directionOf } from './direction.js'
import { ofPage, quoted } from '../anchors/describe.js'
import { fill, h, iconButton, nameOf, redraw, textButton } from './dom.js'
import { kinds } from './kinds.js'
import { part } from './parts.js'
import { remember } from './quiet.js'
import { barred, refused } from './refusals.js'
import { inWindow, windowHeight, windowWidth } from './view.js'

/**
 * @typedef {object} PanelHost
 * @property {Words} words
 * @property {import('./formatted.js').Markdown} markdown
 * @property {import('./unsent.js').Unsent} kept words that were begun and not sent
 * @property {(chatId: string) => void} open
 * @property {(chatId: string, on: boolean) => void} point at a passage while its line is under the pointer
 * @property {(chatId: string) => {state: AnchorState, start: number} | undefined} place in the text; undefined until it was looked for
 * @property {() => void} discuss the page as a whole
 * @property {() => boolean} translated whether a browser has put the page into another language
 * @property {Page} page
 * @property {() => boolean} quiet the reader wants no highlights
 * @property {(on: boolean) => void} hush
 * @property {(back: boolean) => void} closed
 * @property {(selector: import('../typed/types.js').Selector[]) => void} resume what was begun about this
 * @property {() => {left: number, top: number, right: number, bottom: number} | undefined} beside where the bar is
 */

const GAP = 8
/** Of a message's characters: more than two lines hold. */
const SHOWN = 400
/** So many lines are drawn in one turn: a page may have hundreds. */
const LINES = 40

/** What a discussion is about, in words. @param {Words} words  @param {import('../typed/types.js').Anchor} anchor */
const subject = (words, anchor) => ofPage(anchor) ? words.say('The page as a whole') : quoted(anchor)

export class Panel {
  /** @type {Kind} */
  #shows = 'open'
  /** @type {Finding | undefined} */
  #finding
  /** @type {Promise<void> | undefined} */
  #coming
  /** @type {PageState | undefined} */
  #state
  /** Each discussion's line, and what it was drawn of. @type {Map<string, {chat: Chat, of: string, line: HTMLElement}>} */
  #lines = new Map()
  /** @type {Record<string, HTMLElement>} */
  #lists = {}

  /** @param {HTMLElement} face  @param {PanelHost} host */
  constructor(face, host) {
    const { words } = this.host = host
    this.filters = h('div', { class: 'filters', role: 'group', 'aria-label': words.say('Show') })
    // Its room is kept until it has come: nothing moves away from under a pointer.
    this.finder = h('div', { class: 'finding', role: 'search', hidden: true })
    this.told = h('p', { class: 'told', role: 'status' })
    this.list = h('div', { class: 'list' })
    this.foot = h('div', { class: 'base' })
    this.element = h('section', {
      class: 'panel', part: 'panel', role: 'dialog', 'aria-label': words.say('Discussions'), tabindex: -1, hidden: true,
      // The window has another size, or the bar another place (corners.js).
      onresize: () => this.#place(),
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        if (event.key === 'Escape' && !event.isComposing) {
          event.preventDefault() // a dialog of the page around us stays open
          event.stopPropagation()
          if (event.target !== this.#finding?.input || !this.#finding?.said) return this.close()
          this.#finding.input.value = ''
          return this.#again()
        }
        if (event.target instanceof HTMLSelectElement) return
        const way = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
        if (!way) return
        event.preventDefault()
        const items = /** @type {HTMLElement[]} */ ([...this.list.querySelectorAll('.item')])
        const active = /** @type {ShadowRoot} */ (this.element.getRootNode()).activeElement
        items[Math.min(Math.max(0, items.findIndex(each => each === active) + way), items.length - 1)]?.focus()
      },
    }, h('div', { class: 'head' }, h('h2', {}, words.say('Discussions')), iconButton('close', words.say('Close'), () => this.close())), this.finder, this.filters, this.told, this.list, this.foot)
    face.append(this.element)
  }

  get shown() { return !this.element.hidden }

  /** @param {PageState} state */
  open(state) {
    this.element.hidden = false
    this.#place()
    this.update(state)
    const first = /** @type {HTMLElement} */ (this.list.querySelector('.item') ?? this.element)
    first.focus({ preventScroll: true })
    this.#find()
  }

  #again() { if (this.#state) this.update(this.#state) }

  /** Only who opens the list needs it; out of reach, it is asked for with the next one. */
  #find() {
    this.#coming ??= part('./finding.js', () => import('./finding.js')).then(({ Finding }) => {
      this.#finding = new Finding(this.finder, this.host, () => this.#again())
      this.#again()
    }, () => { this.#coming = undefined })
  }

  /** Where the bar has more room, above or below it, and at the edge of the window that it is nearer to. Without one: where it would be. */
  #place() {
    const beside = this.host.beside(), bar = beside && inWindow(beside), { style } = this.element
    const place = (top = '', bottom = '', left = '', right = '', maxHeight = '') => Object.assign(style, { top, bottom, left, right, maxHeight })
    if (!bar) return void place()
    const width = windowWidth(), room = width - this.element.offsetWidth - GAP
    const above = bar.top - 2 * GAP, below = windowHeight() - bar.bottom - 2 * GAP
    const px = (/** @type {number} */ length) => Math.max(GAP, length) + 'px'
    const atStart = bar.left < width - bar.right
    const under = below >= above
    place(under ? px(bar.bottom + GAP) : 'auto', under ? 'auto' : px(windowHeight() - bar.top + GAP),
      atStart ? px(Math.min(bar.left, room)) : 'auto', atStart ? 'auto' : px(Math.min(width - bar.right, room)), Math.min(720, under ? below : above) + 'px')
  }

  /** @param {boolean} [back] gives the focus back */
  close(back = true) {
    if (!this.shown) return
    this.element.hidden = true
    this.host.closed(back)
  }

  /** Who comes next must not find what was shown. */
  empty() {
    this.close(false)
    this.#state = undefined
    this.#lines.clear()
    this.#finding?.empty()
    this.told.textContent = ''
    for (const each of [this.list, this.filters, this.foot]) fill(each)
  }

  /** @param {PageState} state */
  update(state) {
    if (!this.shown) return
    this.#state = state
    redraw(this.element, () => this.#draw(state), () => this.element)
  }

  /** @param {PageState} state */
  #draw(state) {
    const { words } = this.host, { chats } = state, unread = this.host.page.unread(), translated = this.host.translated()
    const all = kinds(chats, { me: state.user?.id, unread, state: id => translated ? undefined : this.host.place(id)?.state })
    const found = this.#finding?.among(chats)
    this.finder.hidden = !chats.length && !this.#finding?.said
    const among = (/** @type {Kind} */ kind) => found ? all[kind].filter(each => found.has(each)) : all[kind]
    const counted = (/** @type {Kind} */ kind) => ({ n: among(kind).length })
    const others = { new: all.new.length > 0, own: all.own.length > 0 && all.own.length < chats.length, lost: all.lost.length > 0 }
    if (others[/** @type {keyof typeof others} */ (this.#shows)] === false) this.#shows = 'open'
    const filter = (/** @type {Kind} */ name, /** @type {string} */ label) => textButton(label, () => {
      this.#shows = name
      this.#again()
    }, { 'aria-pressed': String(this.#shows === name), 'data-key': name })
    const writes = state.loaded && state.status !== 'refused' && state.can.includes('comment')
    fill(this.filters, filter('open', words.say('Open {n}', counted('open'))), filter('resolved', words.say('Resolved {n}', counted('resolved'))),
      others.new && filter('new', words.say('New {n}', counted('new'))),
      others.own && filter('own', words.say('Mine {n}', counted('own'))),
      others.lost && filter('lost', words.say('Lost {n}', counted('lost'))))
    const quiet = this.host.quiet()
    fill(this.foot, h('button', { class: 'text-button switch', role: 'switch', 'aria-checked': String(!quiet), 'data-key': 'quiet', onclick: () => {
      remember(!quiet)
      this.host.hush(!quiet)
    } }, words.say('Highlights in the text')),
    writes && textButton(words.say('Discuss this page'), () => this.host.discuss(), { class: 'text-button whole', 'data-key': 'whole' }))
    const shown = among(this.#shows)
    const told = found ? words.count(shown.length, '{n} discussion', '{n} discussions') : ''
    if (this.told.textContent !== told) this.told.textContent = told
    const everything = this.#shows === 'open' && !found
    // Of discussions that do not exist, or exist no more: nothing else leads to them.
    const unsent = everything ? state.drafts.filter(each => !chats.some(chat => chat.id === each.chatId)) : []
    const started = everything ? this.host.kept.begun(state) : []
    const placed = shown.map(chat => ({ chat, whole: ofPage(chat.anchor), place: /** @type {{state?: AnchorState, start: number}} */ (this.host.place(chat.id) ?? { start: Infinity }) }))
    const here = placed.filter(({ whole, place }) => !whole && place.state !== 'lost').sort((a, b) => a.place.start - b.place.start || 0)
    const gone = placed.filter(({ place }) => place.state === 'lost')
    let left = LINES
    const lines = (/** @type {string} */ name, /** @type {typeof placed} */ of) => of.length > 0 && put(this.#lists[name] ??= h('ul', { class: 'list' }), of.map(({ chat, place }) => {
      const fresh = unread.get(chat.id)?.length ?? 0, hit = found?.get(chat), age = ago(words, chat.updatedAt, this.host.page.now)
      // As it was drawn before, where it would be the same.
      const drawn = age + fresh + place.state + hit?.id, known = this.#lines.get(chat.id)
      if (known?.chat === chat && known.of === drawn) return known.line
      // Until its turn comes it stays as it was.
      if (left-- < 1) return known?.line
      const line = h('li', {}, this.#item(chat, fresh, age, place.state, hit))
      this.#lines.set(chat.id, { chat, of: drawn, line })
      return line
    }))
    put(this.list, [
      this.#shows === 'new' && textButton(words.say('Mark all as read'), () => this.host.page.markRead(), { 'data-key': 'read' }),
      started.length > 0 && h('h3', {}, words.say('Begun, not sent')), started.length > 0 && h('ul', { class: 'list' }, ...started.map(({ about, selector, words: written }) => h('li', {},
        h('button', { class: 'item', 'data-key': about, onclick: () => this.host.resume(selector) }, h('span', {}), h('span', {},
          h('span', { class: 'passage', dir: 'auto' }, subject(words, { selector, length: 0 })), h('span', { class: 'body', dir: 'auto' }, written)))))),
      unsent.length > 0 && h('h3', {}, words.say('Not sent')), unsent.length > 0 && h('ul', { class: 'list' }, ...unsent.map(each => h('li', {}, this.#unsent(each)))),
      lines('whole', placed.filter(({ whole }) => whole)),
      lines('open', here),
      gone.length > 0 && h('h3', {}, translated ? words.say('Not found in the translated text ({n})', { n: gone.length }) : words.say('Text no longer on this page ({n})', { n: gone.length })),
      lines('lost', gone),
      !shown.length && !unsent.length && !started.length && h('p', { class: 'empty' }, ...this.#nothing(state, !!found, writes)),
      this.#finding?.further(chats, this.told)])
    if (left < 0) setTimeout(() => this.#again())
  }

  /** @param {PageState} state  @param {boolean} sought  @param {boolean} writes */
  #nothing(state, sought, writes) {
    const { words } = this.host
    const [what, more] = sought ? [words.say('Nothing found'), ''] : !state.loaded ? [words.say('Not loaded yet'), state.status === 'refused' ? barred(words, state) : '']
      : this.#shows === 'open' ? [words.say('No open discussions'), writes ? words.say('Select some text on the page to start one.') : barred(words, state)] : [words.say('Nothing resolved yet'), words.say('Discussions that are settled are kept here.')]
    return [h('strong', {}, what), more]
  }

  /** @param {Chat} chat  @param {number} unread  @param {string} age  @param {AnchorState} [state] of its passage  @param {Comment} [found] what is looked for is in it */
  #item(chat, unread, age, state, found) {
    const last = found ?? chat.comments.at(-1)
    const others = chat.commentCount - 1, { words, markdown } = this.host
    const meta = [h('bdi', {}, nameOf(words, last?.author ?? chat.createdBy)), unread > 0 && words.count(unread, '{n} new comment', '{n} new comments'), others > 0 && words.count(others, '{n} reply', '{n} replies'), age, chat.pending && words.say('not sent yet')].filter(each => each)
    const point = (/** @type {boolean} */ on) => () => this.host.point(chat.id, on)
    return h('button', { class: unread ? 'item fresh-item' : 'item', 'data-key': chat.id, onclick: () => this.host.open(chat.id), onpointerenter: point(true), onpointerleave: point(false), onfocus: point(true), onblur: point(false) },
      avatar(words, found?.author ?? chat.createdBy), h('span', {},
        h('span', { class: state === 'lost' ? 'passage gone' : 'passage', dir: 'auto' }, state === 'changed' && h('span', { class: 'badge' }, words.say('Changed')), subject(words, chat.anchor)),
        h('span', { class: 'body', dir: directionOf(last?.body ?? '') }, markdown.words(markdown.parse((last?.body ?? '').slice(0, SHOWN)))),
        // A line ends between two of them, and not within.
        h('span', { class: 'meta' }, ...meta.flatMap((each, at) => [at > 0 && ' ', h('span', {}, each, at < meta.length - 1 && ' ·')])),
        chat.failed && h('span', { class: 'meta bad' }, words.say('A message was not sent'))))
  }

  /** @param {Draft} draft */
  #unsent(draft) {
    const { operation } = draft
    return h('button', { class: 'item', 'data-key': draft.id, onclick: () => this.host.open(draft.chatId) },
      h('span', {}), h('span', {},
        h('span', { class: 'passage', dir: 'auto' }, operation.type === 'create-chat' ? subject(this.host.words, operation.chat.anchor) : ''),
        h('span', { class: 'body', dir: 'auto' }, draft.text),
        h('span', { class: 'meta bad' }, refused(this.host.words, draft.refusal))))
  }
}

/** In place of what is in there. What stays is not moved: a browser lays out only what is new. @template {HTMLElement} Parent  @param {Parent} parent  @param {(HTMLElement | false | undefined)[]} children  @returns {Parent} */
function put(parent, children) {
  for (const each of [...parent.children]) if (!children.includes(/** @type {HTMLElement} */ (each))) each.remove()
  let at = parent.firstChild
  for (const each of children) if (each) each === at ? at = at.nextSibling : parent.insertBefore(each, at)
  return parent
}

/**
 * A server in memory, written from PROTOCOL.md and not from the client: full log, full chats, merging, idempotency, the halt
 * after `retry: true`. It sends when it is told to, so that a schedule decides what overtakes what.
 */

/** @typedef {import('./world.js').Random} Random */

const NEWEST = 5

class ServerPage {
  /** @param {string} epoch */
  constructor(epoch) {
    this.nextEpoch = epoch
    this.epoch = ''
    /** @type {any[]} */
    this.log = []
    this.base = 0
    /** @type {Map<string, any>} */
    this.chats = new Map()
    /** @type {Map<string, any>} */
    this.known = new Map()
    /** @type {Set<string>} */
    this.used = new Set()
  }

  get seq() { return this.base + this.log.length }

  /** @param {any} event */
  append(event) {
    if (!this.epoch) this.epoch = this.nextEpoch
    event.seq = this.seq + 1
    this.log.push(event)
    this.fold(event)
    return event
  }

  /** Changes in place, unlike the client. @param {any} event */
  fold({ type, chat, chatId, change, comment, commentId, anchor, emoji, user, ts }) {
    if (type === 'new-text-chat') {
      this.chats.set(chat.id, { id: chat.id, anchor: chat.anchor, createdBy: user, createdAt: ts, updatedAt: ts, commentCount: 1, comments: [{ id: chat.comment.id, body: chat.comment.body, author: user, createdAt: ts }] })
      return
    }
    if (type === 'deleted-text-chat') return void this.chats.delete(chatId)
    const there = this.chats.get(chatId)
    const at = there.comments.findIndex((/** @type {any} */ each) => each.id === (comment?.id ?? commentId))
    if (!change.startsWith('reaction')) there.updatedAt = ts
    if (change === 'comment-added') { there.comments.push({ id: comment.id, body: comment.body, author: user, createdAt: ts }); there.commentCount++ }
    if (change === 'comment-edited') { there.comments[at].body = comment.body; there.comments[at].editedAt = ts }
    if (change === 'comment-deleted') { there.comments.splice(at, 1); there.commentCount-- }
    if (change === 'resolved') there.resolved = { by: user, at: ts }
    if (change === 'reopened') delete there.resolved
    if (change === 'anchor-moved') there.anchor = anchor
    if (change === 'reaction-added') ((there.comments[at].reactions ??= {})[emoji] ??= []).push(user.id)
    if (change === 'reaction-removed') {
      const { reactions } = there.comments[at]
      reactions[emoji] = reactions[emoji].filter((/** @type {string} */ id) => id !== user.id)
      if (!reactions[emoji].length) delete reactions[emoji]
      if (!Object.keys(reactions).length) delete there.comments[at].reactions
    }
  }

  snapshot() { return structuredClone([...this.chats.values()].map(chat => ({ ...chat, comments: chat.comments.slice(-NEWEST) }))) }
}

export class ModelServer {
  /** @type {Map<string, ServerPage>} */
  pages = new Map()
  /** @type {Set<Session>} */
  sessions = new Set()
  /** Operations are answered `unavailable` while this is set. */
  away = false
  /** Answers `load: true` instead of snapshots. */
  large = false
  #epochs = 0
  #now = 1_700_000_000_000

  /** @param {Random} random */
  constructor(random) { this.random = random }

  /** @param {string} urlId */
  page(urlId) {
    let page = this.pages.get(urlId)
    if (!page) this.pages.set(urlId, page = new ServerPage('e' + ++this.#epochs))
    return page
  }

  /** @param {any} socket  @param {{id: string, name: string}} user */
  connect(socket, user) { return new Session(this, socket, user) }

  /** History was lost: everybody gets `subscribed` and a snapshot again. @param {string} urlId */
  newEpoch(urlId) {
    const page = this.page(urlId)
    if (!page.epoch) return
    page.epoch = 'e' + ++this.#epochs
    // Where numbers go on matters to nobody: they only count within an epoch.
    page.base = 1 + this.random.below(page.seq + 3)
    page.log = []
    for (const session of this.sessions) if (session.cursors.has(urlId)) session.join(urlId, undefined)
  }

  /** Rules, idempotency, commit. @param {any} operation  @param {{id: string, name: string}} user */
  commit(operation, user) {
    const { type, urlId, broadcastId, ...rest } = operation
    const page = this.page(urlId)
    const print = JSON.stringify([type, rest])
    const first = page.known.get(broadcastId)
    if (first) return first.print === print && first.user === user.id ? first.ack : { type: 'error', code: 'conflict', message: 'used', retry: false, broadcastId, urlId }
    const event = this.#event(page, structuredClone(operation), user)
    if (typeof event === 'string') return { type: 'error', code: event, message: event, retry: false, broadcastId, urlId }
    // Clocks of several processes: time may run backwards against seq.
    // What before_commit may do: the sender must see it too.
    for (const text of [event?.comment, event?.chat?.comment]) if (text) text.body = text.body.replace('rude', '****')
    if (event) page.append({ ...event, broadcastId, ts: this.#now += this.random.below(40) - 10, user })
    const ack = { type: 'ack', broadcastId, urlId, epoch: page.epoch, seq: page.seq, ts: this.#now }
    page.known.set(broadcastId, { print, user: user.id, ack })
    return ack
  }

  /** @param {ServerPage} page  @param {any} op  @param {{id: string}} user  @returns {any} an event, undefined for nothing to do, or the code of a refusal */
  #event(page, op, user) {
    if (op.type === 'create-chat') {
      if (page.used.has(op.chat.id)) return 'conflict'
      if (/forbidden/.test(op.chat.comment.body)) return 'forbidden'
      page.used.add(op.chat.id)
      return { type: 'new-text-chat', chat: op.chat }
    }
    const chat = page.chats.get(op.chatId)
    if (!chat) return 'not-found'
    const update = { type: 'updated-text-chat', chatId: chat.id }
    const comment = chat.comments.find((/** @type {any} */ each) => each.id === (op.commentId ?? op.comment?.id))
    const mine = (/** @type {any} */ owner) => owner.id === user.id
    switch (op.type) {
      case 'add-comment':
        if (page.used.has(op.comment.id)) return 'conflict'
        if (/forbidden/.test(op.comment.body)) return 'forbidden'
        page.used.add(op.comment.id)
        return { ...update, change: 'comment-added', comment: op.comment }
      case 'edit-comment':
        if (!comment) return 'not-found'
        return mine(comment.author) ? { ...update, change: 'comment-edited', comment: op.comment } : 'forbidden'
      case 'delete-comment':
        if (!comment) return 'not-found'
        if (!mine(comment.author)) return 'forbidden'
        return chat.comments.length > 1 ? { ...update, change: 'comment-deleted', commentId: op.commentId } : { type: 'deleted-text-chat', chatId: chat.id }
      case 'resolve-chat': return chat.resolved ? undefined : { ...update, change: 'resolved' }
      case 'reopen-chat': return chat.resolved ? { ...update, change: 'reopened' } : undefined
      case 'move-anchor': return mine(chat.createdBy) ? { ...update, change: 'anchor-moved', anchor: op.anchor } : 'forbidden'
      case 'delete-chat': return mine(chat.createdBy) ? { type: 'deleted-text-chat', chatId: chat.id } : 'forbidden'
      case 'add-reaction': case 'remove-reaction': {
        if (!comment) return 'not-found'
        const has = comment.reactions?.[op.emoji]?.includes(user.id) ?? false
        if (has === (op.type === 'add-reaction')) return undefined
        return { ...update, change: has ? 'reaction-removed' : 'reaction-added', commentId: comment.id, emoji: op.emoji }
      }
    }
    return 'unsupported'
  }

  /** @param {URL} url */
  http(url) {
    const urlId = /** @type {string} */ (url.searchParams.get('urlId'))
    const page = this.page(urlId)
    if (url.pathname.endsWith('/v1/chats')) return { status: 200, body: structuredClone({ epoch: page.epoch, seq: page.seq, chats: page.snapshot() }) }
    if (url.pathname.endsWith('/v1/comments')) {
      const all = page.chats.get(String(url.searchParams.get('chatId')))?.comments
      if (!all) return { status: 404, body: { code: 'not-found', message: 'no such chat', retry: false } }
      const before = url.searchParams.get('before')
      const end = before === null ? all.length : all.findIndex((/** @type {any} */ each) => each.id === before)
      if (end < 0) return { status: 404, body: { code: 'not-found', message: 'no such comment', retry: false } }
      const start = Math.max(0, end - Number(url.searchParams.get('limit')))
      return { status: 200, body: structuredClone({ comments: all.slice(start, end), more: start > 0 }) }
    }
    return { status: 426, body: { code: 'invalid', message: 'a WebSocket' } }
  }
}

class Session {
  /** Where this reader stands, by page. @type {Map<string, number>} */
  cursors = new Map()
  /** @type {Map<string, string>} */
  halted = new Map()
  /** Frames of pages, and acks and errors: each in order, and none between the two. @type {any[]} */
  frames = []
  /** @type {any[]} */
  answers = []
  /** @type {any[]} */
  inbox = []
  greeted = false

  /** @param {ModelServer} server  @param {any} socket  @param {{id: string, name: string}} user */
  constructor(server, socket, user) {
    this.server = server
    this.socket = socket
    this.user = user
    server.sessions.add(this)
    socket.reader = (/** @type {any} */ frame) => {
      if (frame) this.inbox.push(frame)
      else server.sessions.delete(this)
    }
    socket.accept()
  }

  /** @param {number} code */
  drop(code) {
    this.server.sessions.delete(this)
    this.socket.fail(code)
  }

  /** Handles the next frame of the client. */
  handle() {
    const frame = this.inbox.shift()
    if (!frame) return
    const { type, urlId } = frame
    if (type === 'hello') {
      this.greeted = true
      this.answers.push({ type: 'welcome', connectionId: 'c', tenantId: 't', user: this.user, now: 1_700_000_000_000, pingIntervalMs: 25_000, limits: { frameBytes: 65_536, bodyChars: 2000, dedupeMs: 604_800_000 } })
    } else if (type === 'subscribe') this.join(urlId, frame.since)
    else if (type === 'unsubscribe') {
      this.cursors.delete(urlId)
      this.frames.push({ type: 'unsubscribed', urlId })
    } else if (type === 'ping') this.answers.push({ type: 'pong', n: frame.n })
    else if (frame.broadcastId) this.#operate(frame)
  }

  /** @param {any} frame */
  #operate(frame) {
    const { urlId, broadcastId } = frame
    const halt = this.halted.get(urlId)
    if ((halt && halt !== broadcastId) || this.server.away) {
      if (!halt) this.halted.set(urlId, broadcastId)
      this.answers.push({ type: 'error', code: 'unavailable', message: 'away', retry: true, broadcastId, urlId, ...this.server.random.chance(0.5) && { retryAfterMs: 300 } })
      return
    }
    this.halted.delete(urlId)
    this.answers.push(this.server.commit(frame, this.user))
  }

  /** @param {string} urlId  @param {{epoch: string, seq: number} | undefined} since */
  join(urlId, since) {
    const page = this.server.page(urlId)
    const { epoch, seq } = page
    const good = since && since.seq <= seq && since.seq >= page.base && (since.seq === 0 || since.epoch === epoch)
    const subscribed = { type: 'subscribed', urlId, epoch, seq, recovered: !!good, can: ['comment'] }
    if (good) {
      this.frames.push(subscribed)
      this.cursors.set(urlId, since.seq)
      this.flush(urlId)
    } else if (this.server.large && page.chats.size) {
      this.cursors.delete(urlId)
      this.frames.push({ ...subscribed, load: true })
    } else {
      this.frames.push(subscribed)
      const chats = page.snapshot()
      const cut = this.server.random.below(chats.length + 1)
      this.frames.push({ type: 'snapshot', urlId, epoch, seq, chats: chats.slice(0, cut), last: false }, { type: 'snapshot', urlId, epoch, seq, chats: chats.slice(cut), last: true })
      this.cursors.set(urlId, seq)
    }
  }

  /** @param {string} urlId */
  flush(urlId) {
    const page = this.server.page(urlId)
    const cursor = this.cursors.get(urlId)
    if (cursor === undefined || cursor >= page.seq) return
    const last = cursor + 1 + this.server.random.below(page.seq - cursor)
    const events = structuredClone(page.log.slice(cursor - page.base, last - page.base))
    this.frames.push({ type: 'events', urlId, epoch: page.epoch, first: cursor + 1, last, events: this.server.random.chance(0.5) ? merged(events) : events })
    this.cursors.set(urlId, last)
    if (last < page.seq) this.flush(urlId)
  }

  /** Hands the next frame to the client: any order between acks and events. */
  deliver() {
    const from = !this.greeted ? [] : this.frames.length && (!this.answers.length || this.server.random.chance(0.5)) ? this.frames : this.answers
    const frame = (this.answers[0]?.type === 'welcome' ? this.answers : from).shift()
    if (frame) this.socket.receive(frame)
  }
}

/** @param {any[]} events */
export function merged(events) {
  /** @type {any[]} */
  const kept = []
  for (const event of events) {
    const chatId = event.chatId ?? event.chat.id
    const index = kept.findLastIndex(each => (each.chatId ?? each.chat.id) === chatId)
    const before = kept[index]
    const parts = before && join(before, event)
    if (!parts) kept.push(event)
    else {
      kept.splice(index, 1)
      kept.push(...parts)
    }
  }
  return kept
}

/** @param {any} first  @param {any} then  @returns {any[] | undefined} */
function join(first, then) {
  const { seq, broadcastId, ts } = then
  if (then.type === 'deleted-text-chat') return first.type === 'new-text-chat' ? [] : [then]
  if (then.change === 'anchor-moved' && first.change === 'anchor-moved') return [then]
  if (then.change !== 'comment-edited') return undefined
  const comment = first.chat?.comment ?? first.comment
  if (comment?.id !== then.comment.id) return undefined
  if (first.change === 'comment-edited') return [then]
  const edited = { ...comment, body: then.comment.body, editedAt: ts }
  return [first.chat ? { ...first, seq, broadcastId, chat: { ...first.chat, comment: edited } } : { ...first, seq, broadcastId, comment: edited }]
}

/** A page as this tab follows it: brings the confirmed page up to date and the queue to the server. */

/** @import { Ack, Chat, Comment, ErrorEvent, Operation, PageEvents, PageState, Queued, Refusal, Sent, Settled, StatusEvent, User, Welcome } from './types.js' */
import { Backoff } from './backoff.js'
import { Timer, uuid } from './browser.js'
import { MOST_AT_ONCE } from './connection.js'
import { overlay } from './overlay.js'
import { ConfirmedPage } from './page.js'
import { CollabError, Malformed, characters, chatOf, commentOf, count, list, needs, readChat, readComment, readEvents, readPosition, readUser, text, wellFormed } from './protocol.js'
import { Queue, bytesOf, queueKey } from './queue.js'
import { StatusLine } from './status.js'

/** Operations under way at once: a queue of 200 in one go would look like a flood. */
const WINDOW = 8
/** In a second: a server closes a connection that sends 200 frames in 10. */
const PACE = 12
const ANSWER = 30_000
const TYPING_EVERY = 3000
const TYPING_SHOWN = 5000
const MOST_TYPING = 500
const NOBODY = Object.freeze({ id: '', name: '' })

/**
 * @typedef {object} Link what a subscription needs of its client
 * @property {import('./types.js').Environment} env
 * @property {() => Welcome | undefined} welcome of the open connection
 * @property {() => Welcome | undefined} lastWelcome
 * @property {() => [string, string] | undefined} lastUser tenant and user of this browser's last visit
 * @property {(frame: object) => boolean} send
 * @property {(path: string, query: Record<string, string | number | undefined>, signal: AbortSignal) => Promise<any>} get
 * @property {() => void} work something waits to be sent
 * @property {() => void} moved this page became live, or ceased to be
 * @property {(name: keyof PageEvents, detail: any) => void} emit
 */

export class Subscription {
  page = new ConfirmedPage()
  /** Queues by user: whoever signs in next must not see, or send, what another wrote. @type {Map<string, Queue>} */
  #queues = new Map()
  /** `asked`: waiting for `subscribed`. `following`: for the missed events up to #target. @type {'idle' | 'asked' | 'following' | 'snapshot' | 'loading' | 'live' | 'refused'} */
  #sync = 'idle'
  #open = true
  #target = 0
  /** @type {Chat[]} */
  #parts = []
  /** In characters, as they came. */
  #partsSize = 0
  #loads = 0
  #faults = { at: '', times: 0 }
  /** @type {string[]} */
  #can = []
  /** @type {number | undefined} */
  #users
  /** @type {number | undefined} */
  #connections
  /** @type {User | undefined} */
  #user
  #clockOffset = 0
  #window = WINDOW
  /** When the last operations left. @type {number[]} */
  #departures = []
  /**
   * Settled by their events before their last answer. Where that is, or was, `retry: true`, the server refuses everything behind
   * until they come again on this connection: so they must.
   * @type {Map<unknown, Queued>}
   */
  #owed = new Map()
  /** Answered with `retry: true`: until it has come again, the server refuses whatever else is sent. @type {Queued | undefined} */
  #awaited
  /** Which of its departures was refused. */
  #awaitedTurn = 0
  #turns = 0
  /** Whose answer the timer `answer` waits for. @type {Queued | undefined} */
  #expected
  /** @type {Map<string, (outcome: Settled) => void>} */
  #waiting = new Map()
  /** @type {Map<string, number>} */
  #typed = new Map()
  /** @type {Map<string, Map<string, {user: User, until: number}>>} */
  #typing = new Map()
  /** @type {Map<string, Promise<boolean>>} */
  #reading = new Map()
  /** Comments that a snapshot left in doubt are being read again. @type {Promise<void>} */
  #rereading = Promise.resolve()
  /** @type {PageState | undefined} */
  #state
  /** @type {readonly Chat[] | undefined} */
  #chats
  #abort = new AbortController()

  /** @param {string} urlId  @param {Link} link */
  constructor(urlId, link) {
    this.urlId = urlId
    this.link = link
    const { env } = link
    const last = link.lastUser()
    this.queue = new Queue(env.storage, last && queueKey(last[0], urlId, last[1]))
    this.line = new StatusLine(env, value => {
      this.#state = undefined
      link.emit('status', value)
    })
    this.line.set(false)
    this.asking = new Backoff(env.random)
    this.sending = new Backoff(env.random)
    this.askAgain = new Timer(env)
    this.halt = new Timer(env)
    this.answer = new Timer(env)
    this.pace = new Timer(env)
    this.typingOver = new Timer(env)
  }

  get live() { return this.#sync === 'live' }
  get open() { return this.#open }
  get settledDown() { return !this.#open || this.#sync === 'live' || this.#sync === 'refused' }
  get hasWork() { return this.#owed.size > 0 || this.queue.operations.some(each => !each.ack) }

  /** @returns {PageState} */
  get state() {
    this.#chats ??= overlay(this.page.chats, this.queue.operations.filter(each => !each.overtaken), this.queue.drafts, this.#user ?? NOBODY, this.#clockOffset)
    return this.#state ??= Object.freeze({
      urlId: this.urlId, ...this.line.value, loaded: this.page.loaded, position: this.page.position, chats: this.#chats, can: this.#can,
      ...this.#user && { user: this.#user }, ...this.#users !== undefined && { users: this.#users }, ...this.#connections !== undefined && { connections: this.#connections },
      pending: this.queue.operations.length, drafts: this.queue.drafts,
    })
  }

  #changed() {
    this.#state = this.#chats = undefined
    this.link.emit('change', this.state)
  }

  // The connection

  /** @param {Welcome} welcome */
  welcomed(welcome) {
    const { env } = this.link
    this.#clockOffset = welcome.now - env.clock()
    const key = queueKey(welcome.tenantId, this.urlId, welcome.user.id)
    if (!this.queue.opened || this.queue.key !== key) {
      if (this.queue.opened) this.queue = this.#queues.get(key) ?? new Queue(env.storage)
      this.#queues.set(key, this.queue)
      if (!this.queue.opened) this.queue.open(key)
    }
    this.#user = welcome.user
    this.#window = WINDOW
    this.#faults.at = ''
    for (const queued of this.queue.operations) queued.sent = queued.asked = queued.overtaken = false
    for (const queued of [...this.queue.operations]) {
      if (!queued.ack && env.clock() - queued.at > welcome.limits.dedupeMs) this.#refuse(queued, { code: 'expired', message: 'It waited too long to be sent' })
    }
    if (this.#sync === 'refused') this.#sync = 'idle'
    if (this.#open) this.#subscribe()
    this.#pump()
    this.#changed()
  }

  lost() {
    if (this.#sync !== 'refused') this.#to('idle')
    this.#parts = []
    this.#owed.clear()
    this.#awaited = undefined
    for (const timer of [this.askAgain, this.halt, this.answer, this.pace]) timer.stop()
  }

  /** No connection will come. @param {Refusal} reason */
  refusedWithAll(reason) {
    this.#sync = 'refused'
    this.line.refuse(reason)
    this.#changed()
  }

  /** A refused connection is tried again. */
  hope() {
    this.#sync = 'idle'
    this.line.set(false)
    this.#changed()
  }

  reopen() {
    if (this.#open) return
    this.#open = true
    this.line.timer.stop()
    if (this.link.welcome()) this.#subscribe()
  }

  /** Nobody looks any more; what is queued goes out all the same. */
  leave() {
    if (!this.#open) return
    this.#open = false
    this.askAgain.stop()
    this.typingOver.stop()
    this.line.timer.stop()
    if (this.link.welcome() && this.#sync !== 'refused') this.link.send({ type: 'unsubscribe', urlId: this.urlId })
    this.#sync = 'idle'
    for (const queued of [...this.queue.operations]) if (queued.ack) this.#settle(queued)
  }

  end() {
    this.leave()
    this.line.close()
    for (const timer of [this.halt, this.answer, this.pace]) timer.stop()
    this.#abort.abort()
  }

  /** @param {'idle' | 'asked' | 'following' | 'snapshot' | 'loading' | 'live' | 'refused'} sync */
  #to(sync) {
    const was = this.live
    this.#sync = sync
    if (sync !== 'refused') this.line.set(this.live)
    if (was !== this.live) this.link.moved()
  }

  // Bringing the confirmed page up to date

  /** @param {boolean} [fromPosition] */
  #subscribe(fromPosition = true) {
    if (!this.#open || !this.link.welcome() || this.#sync === 'asked') return
    this.askAgain.stop()
    this.#to('asked')
    for (const queued of this.queue.operations) queued.certain = !!queued.ack
    this.link.send({ type: 'subscribe', urlId: this.urlId, ...fromPosition && this.page.loaded && { since: this.page.position } })
  }

  /** What the server sent does not fit: once from the position, once from nothing, and then it would only go on like that. @param {string} message */
  #fault(message) {
    const { epoch, seq } = this.page.position
    const at = `${epoch} ${seq}`
    if (this.#faults.at !== at) this.#faults = { at, times: 0 }
    const times = ++this.#faults.times
    if (times < 3) return this.#subscribe(times === 1)
    this.#refusePage({ code: 'protocol', message })
  }

  /** @param {Refusal} reason */
  #refusePage(reason) {
    this.#to('refused')
    this.line.refuse(reason)
    this.link.moved()
    this.#changed()
    for (const queued of [...this.queue.operations]) if (queued.ack) this.#settle(queued)
  }

  /** @param {Record<string, any>} frame  @param {number} size in characters */
  received(frame, size) {
    try {
      switch (frame.type) {
        case 'subscribed': return this.#subscribed(frame)
        case 'snapshot': return this.#snapshot(frame, size)
        case 'events': return this.#events(frame)
        case 'unsubscribed': return this.#unsubscribed(frame)
        case 'presence': return this.#presence(frame)
        case 'typing': return this.#showTyping(text(frame.chatId), readUser(frame.user))
      }
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      if (frame.type === 'subscribed' && this.#sync === 'asked') this.#sync = 'idle'
      if (['subscribed', 'snapshot', 'events'].includes(frame.type)) this.#fault(`A frame ${frame.type} that cannot be used: ${error.message}`)
    }
  }

  /** @param {Record<string, any>} frame */
  #subscribed(frame) {
    if (!this.#open || this.#sync === 'refused') return
    const { epoch, seq } = readPosition(frame)
    this.#can = list(frame.can ?? [], text)
    this.#count(frame)
    if (frame.load === true) {
      this.#to('loading')
      if (this.#loads++) this.askAgain.start(this.asking.next(), () => this.#load())
      else this.#load()
    } else if (frame.recovered === true) {
      const { position } = this.page
      if (position.seq > 0 && (position.epoch !== epoch || position.seq > seq)) {
        this.#sync = 'idle'
        return this.#fault('Recovered to a position before ours')
      }
      this.page.loaded = true
      this.#target = seq
      if (position.seq >= seq) this.#caughtUp()
      else this.#to('following')
    } else {
      this.#parts = []
      this.#partsSize = 0
      this.#to('snapshot')
    }
  }

  #caughtUp() {
    this.#loads = 0
    this.asking.reset()
    this.#to('live')
    this.#settleReached(true)
    // An empty page is either not yet what the acks say, or erased since: only an answer given after them tells.
    if (this.page.position.seq === 0 && this.queue.operations.some(each => each.ack)) this.#subscribe()
    this.#changed()
  }

  /** @param {Record<string, any>} frame  @param {number} size */
  #snapshot(frame, size) {
    if (this.#sync !== 'snapshot') return
    this.#partsSize += size
    if (this.#partsSize > MOST_AT_ONCE) {
      this.#parts = []
      return this.#fault('A snapshot that does not end')
    }
    const position = readPosition(frame)
    for (const chat of list(frame.chats, readChat)) this.#parts.push(chat)
    if (frame.last !== true) return
    const chats = this.#parts
    this.#parts = []
    this.#replace(position, chats)
    this.#caughtUp()
  }

  /** @param {import('./types.js').Position} position  @param {Chat[]} chats */
  #replace(position, chats) {
    const again = this.page.replace(position, chats), { generation } = this.page
    const current = () => generation === this.page.generation && !this.#abort.signal.aborted
    for (const { chatId, older, stale } of again) {
      // One after another: a server that has just come back has more to do.
      this.#rereading = this.#rereading.then(() => current() ? this.#read(chatId, older, stale) : undefined).then(() => {}, () => {
        if (!current()) return
        // Better a shorter thread than one that may show what was deleted.
        this.page.older({ chatId, events: [] }, [], stale)
        this.#changed()
      })
    }
  }

  /** A large page comes over HTTP, where it is compressed and cached. */
  async #load() {
    try {
      const given = await this.link.get('v1/chats', { urlId: this.urlId }, this.#abort.signal)
      if (this.#sync !== 'loading') return
      const position = readPosition(given), chats = list(given.chats, readChat)
      this.#replace(position, chats)
      this.#changed()
      this.#subscribe()
    } catch (error) {
      if (this.#sync !== 'loading') return
      const refusal = asRefusal(error)
      if (refusal.code === 'forbidden' || refusal.code === 'unauthenticated') return this.#refusePage(refusal)
      this.askAgain.start(this.asking.next(error instanceof CollabError ? /** @type {any} */ (error).retryAfterMs : undefined), () => this.#load())
    }
  }

  /** @param {Record<string, any>} frame */
  #events(frame) {
    // Between our `subscribe` and its answer, live frames belong to the subscription that ends.
    if (this.#sync !== 'live' && this.#sync !== 'following') return
    const events = readEvents(frame)
    const place = this.page.place(events)
    if (place === 'old') return
    if (place === 'gap') return this.#fault(`Events ${events.first} to ${events.last} do not follow ${this.page.position.seq}`)
    this.page.fold(events)
    for (const event of events.events) {
      if (event.user.id === this.#user?.id) {
        const own = this.#find(event.broadcastId)
        if (own) {
          for (const each of this.queue.operations.slice(0, this.queue.operations.indexOf(own))) each.overtaken = own.sent && each.sent
          this.#settle(own)
        }
      }
      if (event.type === 'updated-text-chat' && event.change === 'comment-added') this.#stopsTyping(event.chatId, event.user.id)
    }
    if (this.#sync === 'following' && this.page.position.seq >= this.#target) return this.#caughtUp()
    this.#settleReached(false)
    this.#pump()
    this.#changed()
  }

  /** @param {Record<string, any>} frame */
  #unsubscribed({ reason }) {
    // The answer to an `unsubscribe` that a new `subscribe` has overtaken.
    if (!this.#open || this.#sync === 'asked' || this.#sync === 'refused') return
    this.#refusePage({ code: typeof reason === 'string' ? reason : 'unsubscribed', message: 'The server ended the subscription' })
  }

  /** @param {Record<string, any>} frame */
  #count({ users, connections }) {
    if (users !== undefined) this.#users = count(users)
    if (connections !== undefined) this.#connections = count(connections)
    this.#state = undefined
  }

  /** @param {Record<string, any>} frame */
  #presence(frame) {
    const joined = list(frame.joined ?? [], readUser), left = list(frame.left ?? [], text)
    this.#count(frame)
    this.link.emit('presence', { users: count(frame.users), connections: count(frame.connections), joined, left })
  }

  // Older comments

  /** @param {string} chatId  @param {number} limit  @returns {Promise<boolean>} */
  loadOlder(chatId, limit) {
    const running = this.#reading.get(chatId)
    if (running) return running
    const reading = this.#readOlder(chatId, Math.min(Math.max(1, limit), 1000)).finally(() => this.#reading.delete(chatId))
    this.#reading.set(chatId, reading)
    return reading
  }

  /** @param {string} chatId  @param {number} limit  @returns {Promise<boolean>} */
  async #readOlder(chatId, limit) {
    // A snapshot meanwhile makes the answer useless: ask again, but not for ever.
    for (let tries = 0; tries < 4; tries++) {
      await this.#rereading
      const more = await this.#read(chatId, limit)
      if (more !== undefined) return more
    }
    throw new CollabError('unavailable', 'The page changed too often')
  }

  /** @param {string} chatId  @param {number} limit  @param {Set<string>} [stale]  @returns {Promise<boolean | undefined>} undefined where a snapshot came between */
  async #read(chatId, limit, stale = new Set()) {
    const { page } = this, { generation } = page
    const comments = page.chats.get(chatId)?.comments ?? []
    const before = comments[comments.findLastIndex(comment => stale.has(comment.id)) + 1]?.id
    const journal = page.listen(chatId)
    try {
      const given = await this.link.get('v1/comments', { urlId: this.urlId, chatId, before, limit: Math.min(limit, 1000) }, this.#abort.signal)
      const read = list(given.comments, readComment)
      if (generation !== page.generation) return undefined
      page.older(journal, read, stale)
      this.#changed()
      return given.more === true
    } catch (error) {
      throw error instanceof Malformed ? new CollabError('protocol', error.message) : error
    } finally {
      page.forget(journal)
    }
  }

  // The queue

  /** @param {Operation} operation  @returns {Sent} */
  do(operation) {
    const { env } = this.link
    const limits = this.link.lastWelcome()?.limits
    if (bytesOf(operation) + 3 * this.urlId.length > (limits?.frameBytes ?? 65_536) - 512) throw new CollabError('too-large', 'Larger than a frame may be')
    const broadcastId = uuid(env)
    this.queue.add({ broadcastId, operation, at: env.clock() })
    /** @type {Promise<Settled>} */
    const settled = new Promise(resolve => this.#waiting.set(broadcastId, resolve))
    this.#changed()
    this.#pump()
    this.link.work()
    const commentId = commentOf(operation)
    return { broadcastId, chatId: chatOf(operation), ...commentId !== undefined && { commentId }, settled }
  }

  /** @param {string} body  @returns {string} as the server will keep it */
  checked(body) {
    const most = this.link.lastWelcome()?.limits.bodyChars ?? 2000
    const trimmed = body.length > 8 * most ? body : wellFormed(body).replace(/^\p{White_Space}+|\p{White_Space}+$/gu, '')
    if (trimmed === '') throw new CollabError('invalid', 'The text is empty')
    if (characters(trimmed) > most) throw new CollabError('too-long', `The text is longer than ${most} characters`)
    return trimmed
  }

  #pump() {
    if (!this.link.welcome() || this.halt.set) return
    const { operations } = this.queue, awaited = this.#awaited
    if (awaited && !awaited.ack && (operations.includes(awaited) || this.#owed.has(awaited.broadcastId))) {
      // By itself: others before it would only use up what the reader is allowed to send.
      if (!awaited.sent) this.#transmit(awaited)
      if (!this.answer.set) this.#expectAnswer()
      return
    }
    this.#awaited = undefined
    for (const queued of this.#owed.values()) if (!queued.sent) this.#transmit(queued)
    let under = operations.filter(each => each.sent).length
    for (const [index, queued] of operations.entries()) {
      if (queued.ack || queued.sent) continue
      if (under >= this.#window || operations.slice(0, index).some(each => !each.ack && needs(queued.operation, each.operation))) break
      if (!this.#inPace() || !this.#transmit(queued)) break
      under++
    }
    if (under && !this.answer.set) this.#expectAnswer()
  }

  /** Whether one more may leave now; where not, the queue goes on by itself. */
  #inPace() {
    const now = this.link.env.now()
    this.#departures = this.#departures.filter(at => at > now - 1000)
    if (this.#departures.length < PACE) return this.#departures.push(now) > 0
    this.pace.start(this.#departures[0] + 1000 - now, () => this.#pump())
    return false
  }

  /** @param {Queued} queued */
  #transmit(queued) {
    queued.turn = ++this.#turns
    queued.sent = queued.asked = this.link.send({ ...queued.operation, urlId: this.urlId, broadcastId: queued.broadcastId })
    return queued.sent
  }

  /** A server that says nothing about an operation is asked again: it knows the broadcastId. */
  #expectAnswer() {
    const under = () => [...this.#owed.values(), ...this.queue.operations].find(each => each.sent)
    const first = this.#expected = under()
    this.answer.start(ANSWER, () => {
      if (first?.sent) this.#stall(first, undefined)
      else if (under()) this.#expectAnswer()
    })
  }

  /** @param {Queued} queued */
  #answered(queued) { if (this.#expected === queued) this.answer.stop() }

  /** The queue stands still at `queued`: nothing behind it may overtake it. @param {Queued} queued  @param {unknown} retryAfterMs */
  #stall(queued, retryAfterMs) {
    const { operations } = this.queue
    // It waits for the first of what it refused, though its answers may come in another order, and when that is on its way again.
    const turn = queued.turn ?? 0
    if (!this.#awaited || turn < this.#awaitedTurn) {
      this.#awaited = queued
      this.#awaitedTurn = turn
    }
    queued.sent = false
    for (const each of operations.slice(Math.max(0, operations.indexOf(queued)))) each.sent = each.overtaken = false
    this.#window = 1
    if (this.halt.set) return
    this.halt.start(this.sending.next(retryAfterMs), () => this.#pump())
  }

  /** @param {string} broadcastId */
  holds(broadcastId) { return this.#find(broadcastId) !== undefined }

  /** @param {unknown} broadcastId */
  #find(broadcastId) { return this.queue.operations.find(each => each.broadcastId === broadcastId) }

  /** @param {Record<string, any>} frame */
  acked(frame) {
    const queued = this.#find(frame.broadcastId)
    this.#owed.delete(frame.broadcastId)
    if (!queued) return this.#pump()
    /** @type {Ack} */
    const ack = { broadcastId: queued.broadcastId, ...readPosition(frame) }
    queued.ack = ack
    queued.sent = queued.asked = false
    this.#answered(queued)
    this.sending.reset()
    this.#window = WINDOW
    this.queue.save()
    const { position } = this.page
    if (this.#reached(ack) || !this.#open || this.#sync === 'refused') {
      this.#settle(queued)
      this.#changed()
    } else if (this.live && (position.seq > 0 || this.page.generation > 1) && position.epoch !== ack.epoch) {
      // Ours or the ack's is another history: the answer tells which, and settles it either way.
      this.#subscribe()
    }
    this.#pump()
  }

  /** @param {Ack} ack */
  #reached({ epoch, seq }) {
    const { position } = this.page
    return this.page.loaded && (seq === 0 || (position.epoch === epoch && position.seq >= seq))
  }

  /** @param {boolean} synchronised whatever was acked in another epoch is in the new page, or lost with the old one */
  #settleReached(synchronised) {
    for (const queued of [...this.queue.operations]) {
      if (!queued.ack) continue
      const { epoch, seq } = this.page.position
      const lost = seq > 0 ? queued.ack.epoch !== epoch : queued.certain
      if (this.#reached(queued.ack) || (synchronised && lost)) this.#settle(queued)
    }
  }

  /** @param {Queued} queued */
  #settle(queued) {
    if (queued.asked) this.#owed.set(queued.broadcastId, queued)
    this.queue.remove(queued)
    this.#resolve(queued, { ok: true })
  }

  /** @param {Queued} queued  @param {Settled} outcome */
  #resolve({ broadcastId }, outcome) {
    this.#waiting.get(broadcastId)?.(outcome)
    this.#waiting.delete(broadcastId)
  }

  /** An `error` frame for this page. @param {Record<string, any>} frame  @param {ErrorEvent} error */
  failed(frame, error) {
    const queued = this.#find(frame.broadcastId), owed = this.#owed.get(frame.broadcastId)
    const again = frame.retry === true || error.code === 'unauthenticated'
    if (queued?.ack) return
    if (queued || owed) {
      this.#answered(/** @type {Queued} */ (queued ?? owed))
      // Where our identity ran out, the words are kept for the next one.
      if (again) return this.#stall(/** @type {Queued} */ (queued ?? owed), frame.retryAfterMs)
      this.#owed.delete(frame.broadcastId)
      if (this.#awaited?.broadcastId === frame.broadcastId) this.#awaited = undefined
      if (queued) this.#refuse(queued, error)
      this.#changed()
      return this.#pump()
    }
    // It answers a `subscribe`, and says that there is no subscription now, whatever a new epoch has brought in between.
    if (frame.broadcastId === undefined && this.#open && this.#sync !== 'idle' && this.#sync !== 'refused') {
      this.#to('idle')
      if (frame.retry === true) this.askAgain.start(this.asking.next(frame.retryAfterMs), () => this.#subscribe())
      else if (error.code === 'reset') this.#fault(error.message)
      else this.#refusePage({ code: error.code, message: error.message })
    }
    this.link.emit('error', error)
  }

  /** @param {Queued} queued  @param {Refusal} refusal */
  #refuse(queued, { code, message, field }) {
    queued.asked = false
    const refusal = Object.freeze({ code, message, ...field !== undefined && { field } })
    const draft = this.queue.giveBack(queued, refusal)
    this.#state = this.#chats = undefined
    this.#resolve(queued, { ok: false, refusal })
    this.link.emit('error', { ...refusal, urlId: this.urlId, broadcastId: queued.broadcastId })
    if (draft) this.link.emit('draft', draft)
    for (const each of this.queue.operations.filter(each => !each.ack && needs(each.operation, queued.operation))) {
      this.#refuse(each, { code: 'not-found', message: 'What it belongs to was refused' })
    }
  }

  /** @param {string} draftId  @param {string} [words]  @returns {Sent} */
  retryDraft(draftId, words) {
    const draft = this.queue.drafts.find(each => each.id === draftId)
    if (!draft) throw new CollabError('not-found', 'There is no such draft')
    const body = this.checked(words ?? draft.text)
    const { operation } = draft
    // The ids stay, so that other drafts of the chat still fit; unless it was about the ids.
    const id = (/** @type {string} */ old) => draft.refusal.code === 'conflict' ? uuid(this.link.env) : old
    /** @type {Operation} */
    let anew = operation
    if (operation.type === 'create-chat') anew = { type: 'create-chat', chat: { id: id(operation.chat.id), anchor: operation.chat.anchor, comment: { id: id(operation.chat.comment.id), body } } }
    else if (operation.type === 'add-comment') anew = { ...operation, comment: { id: id(operation.comment.id), body } }
    else if (operation.type === 'edit-comment') anew = { ...operation, comment: { id: operation.comment.id, body } }
    const sent = this.do(anew)
    this.discardDraft(draftId)
    return sent
  }

  /** @param {string} draftId */
  discardDraft(draftId) { if (this.queue.takeDraft(draftId)) this.#changed() }

  /** Another tab wrote to the storage. @param {string | null} key */
  stored(key) {
    if (!key || key !== this.queue.key) return
    this.queue.readDrafts()
    this.#changed()
  }

  // Typing

  /** @param {string} chatId */
  typing(chatId) {
    const now = this.link.env.now()
    if (!this.live || now - (this.#typed.get(chatId) ?? -TYPING_EVERY) < TYPING_EVERY) return
    if (this.#typed.size > MOST_TYPING) this.#typed.clear()
    this.#typed.set(chatId, now)
    this.link.send({ type: 'typing', urlId: this.urlId, chatId })
  }

  /** @param {string} chatId  @param {User} user */
  #showTyping(chatId, user) {
    if (!this.#open || user.id === this.#user?.id || !this.page.chats.has(chatId)) return
    const users = this.#typing.get(chatId) ?? new Map()
    if (users.size >= MOST_TYPING) return
    users.set(user.id, { user, until: this.link.env.now() + TYPING_SHOWN })
    this.#typing.set(chatId, users)
    this.#tellTyping(chatId)
    if (!this.typingOver.set) this.#watchTyping()
  }

  /** @param {string} chatId  @param {string} userId */
  #stopsTyping(chatId, userId) { if (this.#typing.get(chatId)?.delete(userId)) this.#tellTyping(chatId) }

  /** @param {string} chatId */
  #tellTyping(chatId) {
    const users = [...this.#typing.get(chatId)?.values() ?? []].map(each => each.user)
    if (!users.length) this.#typing.delete(chatId)
    this.link.emit('typing', { chatId, users })
  }

  #watchTyping() {
    const now = this.link.env.now()
    let next = Infinity
    for (const [chatId, users] of this.#typing) {
      const before = users.size
      for (const [id, { until }] of users) until <= now ? users.delete(id) : next = Math.min(next, until)
      if (users.size !== before) this.#tellTyping(chatId)
    }
    if (next < Infinity) this.typingOver.start(next - now, () => this.#watchTyping())
  }
}

/** @param {unknown} error  @returns {Refusal} */
export const asRefusal = error => error instanceof CollabError ? { code: error.code, message: error.message } : { code: 'unavailable', message: String(error) }

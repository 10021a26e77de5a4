/** A page as this tab follows it: brings the confirmed page up to date, and shows over it what is still on its way. */

/** @import { Ack, Chat, ErrorEvent, PageEvents, PageState, Refusal, User, Welcome } from '../typed/types.js' */
import { Backoff } from './backoff.js'
import { Timer } from './browser.js'
import { MOST_AT_ONCE } from './connection.js'
import { OlderComments } from './older.js'
import { Outbox } from './outbox.js'
import { overlay } from './overlay.js'
import { ConfirmedPage } from './confirmed.js'
import { Presence } from './presence.js'
import { CollabError, Malformed, list, readChat, readEvents, readPosition, readUser, text } from './protocol.js'
import { Reading } from './reading.js'
import { StatusLine, signedOut } from './status.js'
import { Typing } from './typing.js'

const NOBODY = Object.freeze({ id: '', name: '' })
/** A server that begins an answer to `subscribe`, or does not, is asked again after this. */
const ANSWER = 60_000

/**
 * @typedef {object} Link what a subscription needs of its client
 * @property {import('../typed/types.js').Environment} env
 * @property {string} server where it answers
 * @property {() => Welcome | undefined} welcome of the open connection
 * @property {() => Welcome | undefined} lastWelcome
 * @property {import('./nobodys.js').Nobodys} nobodys
 * @property {() => number} clockOffset what to add to this device's clock to have the server's, in milliseconds
 * @property {() => [string, string] | undefined} lastUser tenant and user of this browser's last visit
 * @property {(frame: object) => boolean} send
 * @property {() => void} unsubscribe as soon as the pace allows
 * @property {import('./pace.js').Pace} subscribing
 * @property {import('./pace.js').Pace} operating
 * @property {import('./older.js').Get} get
 * @property {() => void} work something waits to be sent
 * @property {() => void} moved this page became live, or ceased to be
 * @property {(name: keyof PageEvents, detail: any) => void} emit
 */

export class Subscription {
  page = new ConfirmedPage()
  /** `asked`: waiting for `subscribed`. `following`: for the missed events up to #target. @type {'idle' | 'asked' | 'following' | 'snapshot' | 'loading' | 'live' | 'refused'} */
  #sync = 'idle'
  #open = true
  #target = 0
  /** Whether the next `subscribe` names our position. */
  #resumes = true
  /** Whether the server may think that we are subscribed. */
  #held = false
  /** @type {Chat[]} */
  #parts = []
  /** In characters, as they came. */
  #partsSize = 0
  #loads = 0
  #complained = false
  #faults = { at: '', times: 0 }
  /** @type {string[]} */
  #can = []
  #presence = new Presence()
  /** @type {User | undefined} */
  #user
  #tenantId = ''
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
    this.line = new StatusLine(env, value => {
      this.#state = this.#chats = undefined
      link.emit('status', value)
    })
    this.line.set(false)
    this.asking = new Backoff(env.random)
    this.askAgain = new Timer(env)
    this.answer = new Timer(env)
    this.others = new Typing(env, (chatId, users) => link.emit('typing', { chatId, users }))
    this.older = new OlderComments(urlId, this.page, link.get, this.#abort.signal, () => this.#changed())
    this.reading = new Reading(urlId, this.page, env, link.get, this.#abort.signal, seq => this.live && link.send({ type: 'read', urlId, seq }), () => {
      this.#state = undefined
      link.emit('read', { read: this.reading.seq, unread: this.unread() })
    })
    this.outbox = new Outbox(urlId, {
      env, server: link.server, nobodys: link.nobodys, welcome: link.welcome, lastWelcome: link.lastWelcome, send: link.send, pace: link.operating, work: link.work,
      changed: () => this.#changed(),
      failed: error => this.#tell('error', error),
      gaveBack: draft => this.#tell('draft', draft),
    }, link.lastUser())
  }

  /** The server's clock, as far as this device can tell. */
  get now() { return this.link.env.clock() + this.link.clockOffset() }
  get live() { return this.#sync === 'live' }
  get open() { return this.#open }
  get settledDown() { return !this.#open || this.#sync === 'live' || this.#sync === 'refused' }
  get hasWork() { return this.outbox.hasWork }

  /** @returns {PageState} */
  get state() {
    this.#chats ??= overlay(this.page.chats, this.outbox.pending, this.outbox.queue.drafts, this.#user ?? NOBODY, this.link.clockOffset())
    return this.#state ??= Object.freeze({
      urlId: this.urlId, ...this.line.value, loaded: this.page.loaded, position: this.page.position, chats: this.#chats, can: this.#can,
      ...this.#user && { user: this.#user, tenantId: this.#tenantId }, ...this.#presence.here,
      pending: this.outbox.queue.operations.length, drafts: this.outbox.queue.drafts,
      ...this.reading.seq !== undefined && { read: this.reading.seq },
    })
  }

  #changed() { this.#tell('change') }

  /** Whoever hears of it sees the new state. @param {keyof PageEvents} name  @param {any} [detail] */
  #tell(name, detail) {
    this.#state = this.#chats = undefined
    this.link.emit(name, detail ?? this.state)
  }

  // The connection

  /** @param {Welcome} welcome */
  welcomed(welcome) {
    if (this.#user && (this.#user.id !== welcome.user.id || this.#tenantId !== welcome.tenantId)) this.#empty()
    this.#user = welcome.user
    this.#tenantId = welcome.tenantId
    this.#faults.at = ''
    this.outbox.welcomed(welcome)
    if (this.#sync === 'refused') this.#sync = 'idle'
    if (this.#open) this.#subscribe()
    this.outbox.pump()
    this.#changed()
  }

  lost() {
    this.reading.lost()
    if (this.#sync !== 'refused') this.#to('idle')
    this.#parts = []
    this.#held = false
    this.askAgain.stop()
    this.answer.stop()
    this.outbox.lost()
  }

  #empty() {
    this.page.clear()
    this.reading.clear()
    this.#can = []
    this.#user = undefined
    this.#presence.clear()
    this.#tenantId = ''
  }

  /** Another token was given, and may be another user's. @param {boolean} doubt whether that is still open */
  doubt(doubt) { doubt ? this.outbox.doubt() : this.outbox.trust() }

  /** Nobody is known here any more: nothing that was shown, and nothing that was written, is the next one's. @param {Refusal} reason */
  signedOut(reason) {
    this.#empty()
    this.outbox.signedOut(reason)
    this.#changed()
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

  /** This page was refused by itself, and something has changed since. @param {boolean} [token] only that; HTTP has just refused the newest */
  again(token = false) {
    if (this.#sync !== 'refused' || !this.#open || !this.link.welcome() || (token && this.line.value.reason?.code === 'unauthenticated')) return
    this.#faults.at = ''
    this.hope()
    this.#subscribe()
  }

  reopen() {
    if (this.#open) return this.again()
    this.#open = true
    this.line.timer.stop()
    if (this.link.welcome()) this.#subscribe()
    else this.line.set(false)
  }

  /** Nobody looks any more; what is queued goes out all the same. */
  leave() {
    if (!this.#open) return
    this.#open = false
    this.askAgain.stop()
    this.answer.stop()
    this.others.stop()
    this.line.timer.stop()
    this.reading.leave()
    this.#unsubscribe()
    this.#sync = 'idle'
    this.#settleAcked()
  }

  end() {
    this.leave()
    this.line.close()
    this.outbox.end()
    this.#abort.abort()
  }

  #unsubscribe() {
    if (this.#held) this.link.unsubscribe()
    this.#held = false
  }

  /** @param {'idle' | 'asked' | 'following' | 'snapshot' | 'loading' | 'live' | 'refused'} sync */
  #to(sync) {
    const was = this.live
    this.#sync = sync
    if (sync === 'asked' || sync === 'following' || sync === 'snapshot') this.answer.start(ANSWER, () => this.#unanswered())
    else this.answer.stop()
    if (sync !== 'refused') this.line.set(this.live)
    if (was !== this.live) this.link.moved()
  }

  // Bringing the confirmed page up to date

  /** @param {boolean} [resumes] from our position, and not from nothing */
  #subscribe(resumes = true) {
    if (!this.#open || !this.link.welcome() || this.#sync === 'asked') return
    this.askAgain.stop()
    this.#resumes = resumes
    if (!this.link.subscribing.take(this.#itsTurn)) return this.#to('idle')
    this.#to('asked')
    this.outbox.asked()
    this.#held = this.link.send({ type: 'subscribe', urlId: this.urlId, ...resumes && this.page.loaded && { since: this.page.position } })
  }

  #itsTurn = () => { if (this.#sync === 'idle' && !this.askAgain.set) this.#subscribe(this.#resumes) }

  #unanswered() {
    this.#to('idle')
    this.#subscribe()
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
    this.#unsubscribe()
    this.#to('refused')
    this.line.refuse(reason)
    this.link.moved()
    this.#changed()
    this.#settleAcked()
  }

  /** @param {Record<string, any>} frame  @param {number} size in characters */
  received(frame, size) {
    try {
      switch (frame.type) {
        case 'subscribed': return this.#subscribed(frame)
        case 'snapshot': return this.#snapshot(frame, size)
        case 'events': return this.#events(frame)
        case 'unsubscribed': return this.#unsubscribed(frame)
        case 'presence':
          this.#state = undefined
          return this.link.emit('presence', this.#presence.change(frame))
        case 'read': return this.reading.told(frame.seq)
        case 'typing': return this.#typing(text(frame.chatId), readUser(frame.user))
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
    if (this.page.position.seq > 0 && this.page.position.epoch !== epoch) this.reading.clear()
    if (frame.read !== undefined) this.reading.told(frame.read)
    this.#can = list(frame.can ?? [], text)
    this.#state = undefined
    this.#presence.begin(frame)
    if (frame.load === true) {
      this.#to('loading')
      if (this.#loads++) this.askAgain.start(this.asking.next(), () => this.#load())
      else this.#load()
    } else if (frame.recovered === true) {
      const { position } = this.page
      if (position.seq > 0 && (position.epoch !== epoch || position.seq > seq)) {
        this.#sync = 'idle'
        return this.#fault('Recovered before our position')
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
    if (this.page.position.seq === 0 && this.outbox.acked.length) this.#subscribe()
    this.reading.caughtUp(this.#user?.id)
    this.#changed()
  }

  /** @param {Record<string, any>} frame  @param {number} size */
  #snapshot(frame, size) {
    if (this.#sync !== 'snapshot') return
    this.#partsSize += size
    if (this.#partsSize > MOST_AT_ONCE) {
      this.#parts = []
      return this.#fault('An endless snapshot')
    }
    const position = readPosition(frame)
    for (const chat of list(frame.chats, readChat)) this.#parts.push(chat)
    if (frame.last !== true) return
    const chats = this.#parts
    this.#parts = []
    this.#replace(position, chats)
    this.#caughtUp()
  }

  /** @param {import('../typed/types.js').Position} position  @param {Chat[]} chats */
  #replace(position, chats) { this.older.reread(this.page.replace(position, chats)) }

  /** A large page comes over HTTP, where it is compressed and cached. */
  async #load() {
    const { generation } = this.page
    // Whoever is here when the answer comes may be another user, of another tenant.
    const late = () => this.#sync !== 'loading' || this.page.generation !== generation
    try {
      const given = await this.link.get('v1/chats', { urlId: this.urlId }, this.#abort.signal)
      if (late()) return
      const position = readPosition(given), chats = list(given.chats, readChat)
      this.#replace(position, chats)
      this.#changed()
      this.#subscribe()
    } catch (error) {
      if (late()) return
      const { code, message, retryAfterMs } = /** @type {any} */ (error)
      if (code === 'forbidden' || code === 'unauthenticated') return this.#refusePage({ code, message })
      this.askAgain.start(this.asking.next(retryAfterMs), () => this.#load())
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
      if (event.user.id === this.#user?.id) this.outbox.happened(event)
      this.reading.happened(event, this.#user?.id)
      if (event.type === 'updated-text-chat' && event.change === 'comment-added') this.others.ends(event.chatId, event.user.id)
    }
    if (this.#sync === 'following' && this.page.position.seq >= this.#target) return this.#caughtUp()
    this.#settleReached(false)
    this.outbox.pump()
    this.#changed()
  }

  /** @param {Record<string, any>} frame */
  #unsubscribed({ reason }) {
    // The answer to an `unsubscribe` that a new `subscribe` has overtaken.
    if (!this.#open || this.#sync === 'asked' || this.#sync === 'refused') return
    this.#held = false
    this.#refusePage({ code: typeof reason === 'string' ? reason : 'unsubscribed', message: 'The server ended the subscription' })
  }

  /** @param {string} chatId  @param {User} user */
  #typing(chatId, user) { if (this.#open && user.id !== this.#user?.id && this.page.chats.has(chatId)) this.others.begins(chatId, user) }

  // What the reader does

  /** While signed out nobody writes: it would be nobody's, or the next one's. @param {import('../typed/types.js').Operation} operation */
  do(operation) {
    const { reason } = this.line.value
    if (signedOut(reason)) throw new CollabError(reason?.code === '4403' ? 'forbidden' : 'unauthenticated', 'Nobody is signed in')
    return this.outbox.do(operation)
  }

  /** @param {string} chatId */
  typing(chatId) { if (this.live && this.page.chats.has(chatId) && this.others.due(chatId)) this.link.send({ type: 'typing', urlId: this.urlId, chatId }) }

  /** Comments of others that this person has not read, by their chat. @returns {ReadonlyMap<string, readonly string[]>} */
  unread() {
    /** @type {Map<string, string[]>} */
    const found = new Map()
    for (const [id, { chatId }] of this.reading.unread) {
      const ids = found.get(chatId) ?? []
      if (this.page.chats.has(chatId)) found.set(chatId, ids)
      ids.push(id)
    }
    return found
  }

  // What the server answers

  /** @param {Record<string, any>} frame */
  acked(frame) {
    const queued = this.outbox.ack(frame)
    if (queued) {
      const { position } = this.page
      if (this.#reached(queued.ack) || !this.#open || this.#sync === 'refused') {
        this.outbox.settle(queued)
        this.#changed()
      } else if (this.live && (position.seq > 0 || this.page.generation > 1) && position.epoch !== queued.ack.epoch) {
        // Ours or the ack's is another history: the answer tells which, and settles it either way.
        this.#subscribe()
      }
    }
    this.outbox.pump()
  }

  /** @param {Ack} ack */
  #reached({ epoch, seq }) {
    const { position } = this.page
    return this.page.loaded && (seq === 0 || (position.epoch === epoch && position.seq >= seq))
  }

  /** @param {boolean} synchronised whatever was acked in another epoch is in the new page, or lost with the old one */
  #settleReached(synchronised) {
    for (const queued of this.outbox.acked) {
      const { epoch, seq } = this.page.position
      const lost = seq > 0 ? queued.ack.epoch !== epoch : queued.certain
      if (this.#reached(queued.ack) || (synchronised && lost)) this.outbox.settle(queued)
    }
  }

  /** Nothing of this page will come any more to settle them. */
  #settleAcked() { for (const queued of this.outbox.acked) this.outbox.settle(queued) }

  /** An `error` frame for this page. @param {Record<string, any>} frame  @param {ErrorEvent} error */
  failed(frame, error) {
    if (this.outbox.error(frame, error)) return
    // An older server, which knows no `read`.
    if (frame.code === 'unsupported' && frame.broadcastId === undefined) return this.reading.refused()
    // It answers a `subscribe` (or a `typing`, the only other one with a field of its own), and says that there is no subscription
    // now, whatever a new epoch has brought in between.
    if (frame.broadcastId === undefined && frame.field !== 'chatId' && frame.field !== 'seq' && this.#open && this.#sync !== 'idle' && this.#sync !== 'refused') {
      this.#held = false
      this.#to('idle')
      if (error.code === 'unavailable' && !this.#complained) {
        this.#complained = true
        this.link.env.warn(`collabchat: the server cannot show ${this.urlId} now (${error.message}): its log says why, such as an authorize hook that failed`)
      }
      if (frame.retry === true) this.askAgain.start(this.asking.next(frame.retryAfterMs), () => this.#subscribe())
      else if (error.code === 'reset') this.#fault(error.message)
      else this.#refusePage({ code: error.code, message: error.message, ...error.until && { until: error.until } })
    }
    this.link.emit('error', error)
  }
}

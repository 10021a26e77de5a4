/** Brings what a reader did on a page to the server: each operation once, none past another that the server waits for. */

/** @import { Ack, Draft, Environment, ErrorEvent, Operation, PageEvent, Queued, Refusal, Sent, Settled, Welcome } from '../typed/types.js' */
import { Backoff } from './backoff.js'
import { Timer, uuid } from './browser.js'
import { CollabError, bytesOf, characters, chatOf, commentOf, needs, readPosition, wellFormed } from './protocol.js'
import { Queue, queueKey } from './queue.js'

/** Operations under way at once: a queue of 200 in one go would look like a flood. */
const WINDOW = 8
const ANSWER = 30_000
/** An operation from the future was written by a clock that was wrong: nobody knows its age. */
const DAY = 86_400_000

/**
 * @typedef {object} Sender what an outbox needs of its page
 * @property {Environment} env
 * @property {string} server where it answers
 * @property {import('./nobodys.js').Nobodys} nobodys
 * @property {() => Welcome | undefined} welcome of the open connection
 * @property {() => Welcome | undefined} lastWelcome
 * @property {(frame: object) => boolean} send
 * @property {import('./pace.js').Pace} pace
 * @property {() => void} work something waits to be sent
 * @property {() => void} changed what is pending is not what it was
 * @property {(draft: Draft) => void} gaveBack
 * @property {(error: ErrorEvent) => void} failed
 */

export class Outbox {
  /** Queues by user: whoever signs in next must not see, or send, what another wrote. @type {Map<string, Queue>} */
  #queues = new Map()
  #window = WINDOW
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
  #ended = false
  /** Made since another token was given and not yet taken: whose they are, the server will say. @type {Set<string> | undefined} */
  #doubtful

  /** @param {string} urlId  @param {Sender} sender  @param {[string, string]} [last] tenant and user of this browser's last visit */
  constructor(urlId, sender, last) {
    const { env } = sender
    this.urlId = urlId
    this.sender = sender
    this.queue = new Queue(env.storage, last && queueKey(sender.server, last[0], urlId, last[1]), sender.nobodys.place(urlId))
    this.backoff = new Backoff(env.random)
    this.halt = new Timer(env)
    this.answer = new Timer(env)
  }

  get hasWork() { return this.#owed.size > 0 || this.queue.waits || this.queue.operations.some(each => !each.ack) }
  /** Committed, and not yet in the page. @returns {(Queued & {ack: Ack})[]} */
  get acked() { return /** @type {any} */ (this.queue.operations.filter(each => each.ack)) }
  /** What is shown over the confirmed page, in its order. */
  get pending() { return this.queue.operations.filter(each => !each.overtaken) }

  // The connection

  /** @param {Welcome} welcome */
  welcomed(welcome) {
    const { env, server } = this.sender
    const key = queueKey(server, welcome.tenantId, this.urlId, welcome.user.id)
    if (!this.queue.opened || this.queue.key !== key) {
      const known = this.#queues.get(key), moved = known || this.queue.opened ? this.#takeNobodys() : []
      // Where nothing can be stored, what somebody left behind is there alone.
      if (known || this.queue.opened) this.queue = known ?? new Queue(env.storage)
      this.#queues.set(key, this.queue)
      this.queue.opened ? this.queue.readDrafts() : this.queue.open(key)
      for (const each of moved) {
        try { this.queue.add(each) } catch (error) { this.#refuse(each, /** @type {CollabError} */ (error)) }
      }
    }
    this.#doubtful = undefined
    this.#window = WINDOW
    for (const queued of this.queue.operations) queued.sent = queued.asked = queued.overtaken = false
    for (const queued of [...this.queue.operations]) {
      const age = env.clock() - queued.at
      // Refused already with what it belongs to, it is gone.
      if (this.#find(queued.broadcastId) && !queued.ack && (age > welcome.limits.dedupeMs || age < -DAY)) this.#refuse(queued, { code: 'expired', message: 'It waited too long' })
    }
  }

  /** Another token was given, and may be another user's. */
  doubt() { this.#doubtful ??= new Set() }

  /** It was the same user's. */
  trust() { this.#doubtful = undefined }

  /** What may be another user's. */
  #takeNobodys() {
    if (!this.queue.opened) return this.queue.forget()
    const taken = this.queue.operations.filter(each => !each.ack && this.#doubtful?.has(each.broadcastId))
    for (const each of taken) this.queue.remove(each)
    return taken
  }

  /** Nobody is known here any more. What is whose stays stored under that name; what is nobody's is gone. @param {Refusal} reason */
  signedOut(reason) {
    const nobodys = this.#takeNobodys()
    this.#doubtful = undefined
    for (const each of nobodys) this.#resolve(each, { ok: false, refusal: reason })
    this.queue = new Queue(this.sender.env.storage, undefined, this.sender.nobodys.place(this.urlId))
  }

  lost() {
    this.#owed.clear()
    this.#awaited = undefined
    this.stop()
  }

  stop() {
    this.halt.stop()
    this.answer.stop()
  }

  end() {
    this.#ended = true
    this.queue.leave()
    this.stop()
  }

  // What the reader does

  /** @param {Operation} operation  @returns {Sent} */
  do(operation) {
    const { env } = this.sender
    const limits = this.sender.lastWelcome()?.limits
    if (bytesOf(operation) + 3 * this.urlId.length > (limits?.frameBytes ?? 65_536) - 512) throw new CollabError('too-large', 'Too large for a frame')
    const broadcastId = uuid(env)
    this.#doubtful?.add(broadcastId)
    this.queue.add({ broadcastId, operation, at: env.clock() })
    /** @type {Promise<Settled>} */
    const settled = new Promise(resolve => this.#waiting.set(broadcastId, resolve))
    // It is on its way before it is drawn: others see it by the time that drawing takes sooner.
    this.pump()
    this.sender.changed()
    this.sender.work()
    const commentId = commentOf(operation)
    return { broadcastId, chatId: chatOf(operation), ...commentId !== undefined && { commentId }, settled }
  }

  /** @param {string} body  @returns {string} as the server will keep it */
  checked(body) {
    const most = this.sender.lastWelcome()?.limits.bodyChars ?? 2000
    const trimmed = body.length > 8 * most ? body : wellFormed(body).replace(/^\p{White_Space}+|\p{White_Space}+$/gu, '')
    if (trimmed === '') throw new CollabError('invalid', 'The text is empty')
    if (characters(trimmed) > most) throw new CollabError('too-long', `The text is longer than ${most} characters`)
    return trimmed
  }

  /** @param {string} draftId  @param {string} [words]  @returns {Sent} */
  retryDraft(draftId, words) {
    const draft = this.queue.drafts.find(each => each.id === draftId)
    if (!draft) throw new CollabError('not-found', 'There is no such draft')
    const body = this.checked(words ?? draft.text)
    const { operation } = draft
    // The ids stay, so that other drafts of the chat still fit; unless it was about the ids.
    const id = (/** @type {string} */ old) => draft.refusal.code === 'conflict' ? uuid(this.sender.env) : old
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
  discardDraft(draftId) { if (this.queue.takeDraft(draftId)) this.sender.changed() }

  /** Another tab wrote to the storage. @param {string | null | undefined} key */
  stored(key) {
    if (!key || key !== this.queue.key) return
    this.queue.readDrafts()
    this.sender.changed()
  }

  // On its way

  pump = () => {
    if (this.#ended || this.halt.set || !this.sender.welcome()) return
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
    for (let index = 0; index < operations.length; index++) {
      const queued = operations[index]
      if (queued.ack || queued.sent) continue
      if (under >= this.#window || operations.slice(0, index).some(each => !each.ack && needs(queued.operation, each.operation))) break
      if (!this.sender.pace.take(this.pump) || !this.#transmit(queued)) break
      under++
    }
    if (under && !this.answer.set) this.#expectAnswer()
  }

  /** @param {Queued} queued */
  #transmit(queued) {
    queued.turn = ++this.#turns
    queued.sent = queued.asked = this.sender.send({ ...queued.operation, urlId: this.urlId, broadcastId: queued.broadcastId })
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
    this.halt.start(this.backoff.next(retryAfterMs), () => this.pump())
  }

  // What the server answers

  /** @param {unknown} broadcastId */
  holds(broadcastId) { return this.#find(broadcastId) !== undefined }

  /** @param {unknown} broadcastId */
  #find(broadcastId) { return this.queue.operations.find(each => each.broadcastId === broadcastId) }

  /** @param {Record<string, any>} frame  @returns {Queued & {ack: Ack} | undefined} what is committed now, where it is not settled already */
  ack(frame) {
    const queued = this.#find(frame.broadcastId)
    this.#owed.delete(frame.broadcastId)
    if (!queued) return undefined
    const ack = { broadcastId: queued.broadcastId, ...readPosition(frame) }
    queued.ack = ack
    queued.sent = queued.asked = false
    this.#answered(queued)
    this.backoff.reset()
    this.#window = WINDOW
    this.queue.save()
    return Object.assign(queued, { ack })
  }

  /** An `error` frame with a broadcastId. @param {Record<string, any>} frame  @param {ErrorEvent} error  @returns {boolean} whether it was one of ours */
  error(frame, error) {
    const queued = this.#find(frame.broadcastId), concerned = queued ?? this.#owed.get(frame.broadcastId)
    if (!concerned || queued?.ack) return !!concerned
    this.#answered(concerned)
    // Where our identity ran out, the words are kept for the next one.
    if (frame.retry === true || error.code === 'unauthenticated') {
      this.#stall(concerned, frame.retryAfterMs)
      return true
    }
    this.#owed.delete(frame.broadcastId)
    if (this.#awaited?.broadcastId === frame.broadcastId) this.#awaited = undefined
    if (queued) this.#refuse(queued, error)
    this.sender.changed()
    this.pump()
    return true
  }

  /** An event of this reader's own: it takes the pending operation away. @param {PageEvent} event */
  happened({ broadcastId }) {
    // Another tab may have sent what came back here.
    this.discardDraft(broadcastId)
    const own = this.#find(broadcastId)
    if (!own) return
    const { operations } = this.queue
    for (const each of operations.slice(0, operations.indexOf(own))) each.overtaken = own.sent && each.sent
    this.settle(own)
  }

  /** Acked before the page was asked for: whatever the answer shows holds it, or it was erased. */
  asked() { for (const queued of this.queue.operations) queued.certain = !!queued.ack }

  /** @param {Queued} queued */
  settle(queued) {
    if (queued.asked) this.#owed.set(queued.broadcastId, queued)
    this.queue.remove(queued)
    this.#resolve(queued, { ok: true })
  }

  /** @param {Queued} queued  @param {Settled} outcome */
  #resolve({ broadcastId }, outcome) {
    this.#waiting.get(broadcastId)?.(outcome)
    this.#waiting.delete(broadcastId)
  }

  /** @param {Queued} queued  @param {Refusal} refusal */
  #refuse(queued, { code, message, field, until }) {
    queued.asked = false
    const refusal = Object.freeze({ code, message, ...field !== undefined && { field }, ...until && { until } })
    const draft = this.queue.giveBack(queued, refusal)
    // Before anybody hears of it: who tries again at once makes an operation of the same ids.
    const orphans = this.queue.operations.filter(each => !each.ack && needs(each.operation, queued.operation))
    this.#resolve(queued, { ok: false, refusal })
    this.sender.failed({ ...refusal, urlId: this.urlId, broadcastId: queued.broadcastId })
    if (draft) this.sender.gaveBack(draft)
    for (const each of orphans) {
      if (this.queue.operations.includes(each)) this.#refuse(each, { code: 'not-found', message: 'What it belongs to was refused' })
    }
  }
}

/**
 * collabchat client: live annotations of a page, without a user interface. No dependencies, no build step.
 *
 *     import { CollabClient } from '/collabchat/client.js'
 *
 *     const client = CollabClient.shared({ tenantId: 'acme', token: () => getToken() })     // all options are optional
 *     const page = client.page('/articles/1')
 *
 *     page.on('change', state => render(state.chats))       // on() returns a function that takes the listener away
 *     page.on('status', ({ status, reason }) => …)          // connecting, live, reconnecting, offline, refused, closed
 *     page.on('draft', draft => composer.value = draft.text) // a text that was refused comes back
 *
 *     const { chatId, settled } = page.createChat(anchor, 'First!')   // shows in page.state.chats at once, as pending
 *     const outcome = await settled                                   // {ok: true} or {ok: false, refusal}
 *     page.addComment(chatId, 'Second')
 *     page.close(); client.destroy()
 *
 * `page.state` is an immutable view: what is committed and, over it, what this reader did and is not yet committed
 * (`pending`). A chat that did not change is the same object as before, so `===` tells what to draw again.
 * Events of a page: `change` (the new state), `status`, `presence`, `typing` and `read` (these four without `change`), `draft`, `error`.
 * Events of the client: `status` of the connection, and `error`: what concerns no page, such as a server that cannot be reached.
 *
 * Every change works offline: it is queued, survives a reload, and is sent when the connection and the same user are back.
 * Until the server has said who is here, the tab alone keeps it: a reload makes drafts of it, a sign-out forgets it.
 * Methods throw a CollabError only for what can be seen at once: an empty or too long text (`invalid`, `too-long`, `too-large`)
 * and a full queue (`too-many`). Whatever the server refuses comes back as `draft`, where there was a text, and as `error`;
 * drafts stay in `state.drafts`, over a reload too, until `retryDraft` or `discardDraft`.
 * Threads hold their newest comments; `loadOlder(chatId)` brings more. An application that navigates without loading calls
 * `page.setPage(urlId)`. Several widgets on one page use `CollabClient.shared(options)` and have one connection.
 * The whole vocabulary is in types.d.ts; the wire is in PROTOCOL.md.
 */

/** @import { ClientEvents, ClientOptions, ErrorEvent, Refusal, StatusEvent, Token, User, Welcome } from '../typed/types.js' */
import { environment, uuid, visitor } from './browser.js'
import { Connection, addresses } from './connection.js'
import { Emitter } from './emitter.js'
import { json } from '../json.js'
import { Pace } from './pace.js'
import { Page } from './page.js'
import { Nobodys } from './nobodys.js'
import { CollabError, Malformed, characters, text } from './protocol.js'
import { Queue, queueKey } from './queue.js'
import { StatusLine, signedOut } from './status.js'
import { Subscription } from './subscription.js'

export { CollabError, Page }

const HTTP_TIMEOUT = 30_000
const HEARD = ['storage', 'pageshow']
/** Of all pages together: a server closes a connection that sends 200 frames in 10 s, and takes 20 operations a second of a user. */
const SUBSCRIPTIONS = /** @type {const} */ ([60, 10_000])
const OPERATIONS = /** @type {const} */ ([12, 1000])

/** Where this module came from is where the server is; a bundled copy must be told. */
const home = () => {
  const from = new URL(import.meta.url) // in two steps, for bundlers take `new URL('…', import.meta.url)` for a file to copy
  return from.protocol.startsWith('http') ? new URL('.', from).href : '/collabchat'
}

/**
 * One connection of one tab to one (prefix, tenant), for any number of pages.
 * @extends {Emitter<ClientEvents>}
 */
export class CollabClient extends Emitter {
  /** @type {Map<string, CollabClient[]>} */
  static #shared = new Map()

  /**
   * The tab's client for these options: widgets that ask alike get the same one. Each calls `destroy()` once; the last ends it.
   * @param {ClientOptions} [options]
   * @returns {CollabClient}
   */
  static shared(options = {}) {
    const { http } = addresses(options.prefix ?? home(), environment(options.environment).location)
    const key = json([http, options.tenantId, options.visitorId])
    const alike = this.#shared.get(key) ?? []
    this.#shared.set(key, alike)
    // Two different tokens are two identities, which cannot travel over one connection.
    let client = alike.find(each => each.#connection.token === options.token)
    if (!client) {
      client = new CollabClient(options)
      client.#among = alike
      alike.push(client)
    }
    client.#owners++
    return client
  }

  #owners = 0
  /** @type {CollabClient[]} */
  #among = []
  /** @type {Map<string, Subscription>} */
  #pages = new Map()
  /** @type {Map<string, Set<Page>>} */
  #handles = new Map()
  /** Pages whose `unsubscribe` is not answered yet, and how many times: what comes of them belongs to a subscription that has ended. @type {Map<string, number>} */
  #leaving = new Map()
  /** Whose `unsubscribe` waits for its turn. @type {Set<string>} */
  #toLeave = new Set()
  /** @type {Welcome | undefined} */
  #welcome
  /** @type {Welcome | undefined} */
  #lastWelcome
  /** What to add to this device's clock to have the server's, in milliseconds. */
  #clockOffset = 0
  #destroyed = false

  /** Connects when the first page is opened. @param {ClientOptions} [options] */
  constructor(options = {}) {
    super()
    const env = this.#env = environment(options.environment)
    this.#line = new StatusLine(env, value => this.emit('status', value))
    this.#visitorId = options.visitorId ?? visitor(env)
    this.#subscribing = new Pace(env, ...SUBSCRIPTIONS)
    this.#operating = new Pace(env, ...OPERATIONS)
    this.#connection = new Connection(env, options, this.#visitorId, addresses(options.prefix ?? home(), env.location), {
      hasWork: () => [...this.#pages.values()].some(each => each.hasWork),
      welcomed: welcome => this.#welcomed(welcome),
      received: (frame, size) => this.#received(frame, size),
      renewed: () => {
        for (const subscription of this.#pages.values()) subscription.doubt(false)
        this.#again(true)
      },
      lost: () => this.#lost(),
      leaves: () => { for (const { reading } of this.#pages.values()) reading.leave() },
      again: () => this.connect(),
      refused: reason => this.#refused(reason),
      troubled: error => this.emit('error', error),
    })
    this.#nobodys = new Nobodys(env, this.prefix, options.tenantId)
  }

  /** @type {import('../typed/types.js').Environment} */ #env
  /** @type {StatusLine} */ #line
  /** @type {Nobodys} */ #nobodys
  /** @type {string} */ #visitorId
  /** @type {Connection} */ #connection
  /** @type {Pace} */ #subscribing
  /** @type {Pace} */ #operating

  /** Of the connection alone; a page may still be catching up: see `page.state.status`. @returns {StatusEvent} */
  get status() { return this.#line.value }

  /** Who the server says we are; undefined before the first `welcome`, and while signed out. @returns {User | undefined} */
  get user() { return this.#lastWelcome?.user }

  /** Where collabchat answers, as an absolute address that ends with a slash. @returns {string} */
  get prefix() { return this.#connection.at.http }

  /** What the server takes, as its last `welcome` said; undefined before the first. @returns {Welcome['limits'] | undefined} */
  get limits() { return this.#lastWelcome?.limits }

  /** A handle on a page; several handles of one page share everything but their listeners. @param {string} urlId @returns {Page} */
  page(urlId) { return new Page(this, urlId) }

  /** After `refused`, of the connection or of a page: try again. While waiting for the next attempt: try now. */
  connect() {
    if (this.#destroyed) return
    if (this.#connection.state === 'refused') this.#hope()
    this.#connection.wake(true)
    this.#again()
  }

  /** For the widget: the application has navigated, as after a sign-in of its own. @internal */
  navigated() { this.#connection.signedInSince(true) }

  /**
   * Another token: sent over the open connection, or tried at once where the old one was refused. Without an open connection nobody
   * knows whose it is: what was shown is gone until the server has said so.
   * @param {Token} token
   */
  setToken(token) {
    if (this.#destroyed) return
    if (token !== this.#connection.token) {
      // None in place of one signs out.
      if (this.#welcome && (token || !this.#connection.bearer)) for (const subscription of this.#pages.values()) subscription.doubt(true)
      else if (this.#lastWelcome) this.#signedOut({ code: 'unauthenticated', message: 'Another token was given' })
    }
    if (this.#connection.state === 'refused') this.#hope()
    this.#connection.setToken(token)
  }

  /** Closes everything: no timer, listener or socket stays. What is queued stays stored for the next visit. */
  destroy() {
    if (this.#destroyed || --this.#owners > 0) return
    this.#destroyed = true
    const index = this.#among.indexOf(this)
    if (index >= 0) this.#among.splice(index, 1)
    for (const type of HEARD) this.#env.window?.removeEventListener(type, this.#stored)
    this.#welcome = undefined
    for (const subscription of this.#pages.values()) subscription.end()
    this.#connection.stop()
    this.#line.close()
    for (const handles of [...this.#handles.values()]) for (const handle of [...handles]) handle.close()
    this.#forgetPace()
    this.#pages.clear()
    this.#handles.clear()
    this.mute()
  }

  /** For Page. @internal */
  id() { return uuid(this.#env) }

  /** For Page. @internal @param {Page} handle  @param {string} urlId  @returns {Subscription} */
  join(handle, urlId) {
    if (this.#destroyed) throw new CollabError('invalid', 'This client was destroyed')
    if (typeof urlId !== 'string' || !urlId || characters(urlId) > 512 || /[\p{Cc}\p{Cs}]/u.test(urlId)) {
      throw new CollabError('invalid', 'urlId must be 1 to 512 characters without control characters')
    }
    let subscription = this.#pages.get(urlId)
    if (!subscription) {
      subscription = this.#subscription(urlId)
      this.#pages.set(urlId, subscription)
      if (this.#welcome) subscription.welcomed(this.#welcome)
    }
    const handles = this.#handles.get(urlId) ?? new Set()
    this.#handles.set(urlId, handles.add(handle))
    subscription.reopen()
    if (this.#line.value.reason) subscription.refusedWithAll(this.#line.value.reason)
    if (this.#connection.state === 'idle') {
      for (const type of HEARD) this.#env.window?.addEventListener(type, this.#stored)
      this.#line.set(false)
      this.#connection.start()
    }
    this.#steady()
    return subscription
  }

  /** For Page. @internal @param {Page} handle  @param {string} urlId */
  part(handle, urlId) {
    const handles = this.#handles.get(urlId)
    if (!handles?.delete(handle) || handles.size) return
    this.#handles.delete(urlId)
    this.#pages.get(urlId)?.leave()
    this.#tidy(urlId)
    this.#steady()
  }

  /** A page that nobody looks at is kept until its queue is empty. @param {string} urlId */
  #tidy(urlId) {
    const subscription = this.#pages.get(urlId)
    if (!subscription || subscription.open || subscription.hasWork) return
    subscription.end()
    this.#pages.delete(urlId)
  }

  /** @param {string} urlId */
  #subscription(urlId) {
    return new Subscription(urlId, {
      env: this.#env,
      server: this.prefix,
      nobodys: this.#nobodys,
      welcome: () => this.#welcome,
      lastWelcome: () => this.#lastWelcome,
      clockOffset: () => this.#clockOffset,
      lastUser: () => this.#lastUser(),
      send: frame => {
        if ('type' in frame && frame.type === 'subscribe') this.#toLeave.delete(urlId)
        return this.#connection.send(frame)
      },
      unsubscribe: () => this.#leave(urlId),
      subscribing: this.#subscribing, operating: this.#operating,
      get: (path, query, signal) => this.#get(path, query, signal),
      work: () => this.#connection.wake(),
      moved: () => this.#steady(),
      emit: (name, detail) => {
        for (const handle of [...this.#handles.get(urlId) ?? []]) handle.emit(name, detail)
      },
    })
  }

  /** @param {string} urlId */
  #leave(urlId) {
    if (!this.#subscribing.take(this.#leaveMore)) this.#toLeave.add(urlId)
    else if (this.#connection.send({ type: 'unsubscribe', urlId })) this.#leaving.set(urlId, (this.#leaving.get(urlId) ?? 0) + 1)
  }

  #leaveMore = () => {
    const waiting = [...this.#toLeave]
    this.#toLeave.clear()
    for (const urlId of waiting) this.#leave(urlId)
  }

  get #userKey() { return 'collabchat:user:' + json([this.prefix, this.#connection.options.tenantId]) }

  /** @returns {[string, string] | undefined} */
  #lastUser() {
    try {
      const [tenantId, userId] = JSON.parse(this.#env.storage?.getItem(this.#userKey) ?? '')
      return [text(tenantId), text(userId)]
    } catch {
      return undefined
    }
  }

  #steady() { this.#connection.steady(!!this.#welcome && [...this.#pages.values()].every(each => each.settledDown)) }

  /** @param {Welcome} welcome */
  #welcomed(welcome) {
    this.#welcome = this.#lastWelcome = welcome
    this.#clockOffset = welcome.now - this.#env.clock()
    try { this.#env.storage?.setItem(this.#userKey, json([welcome.tenantId, welcome.user.id])) } catch { /* then it is not remembered */ }
    this.#line.set(true)
    for (const [urlId, subscription] of [...this.#pages]) {
      // A listener of the one before may have closed it, or everything.
      if (this.#welcome === welcome && this.#pages.get(urlId) === subscription) subscription.welcomed(welcome)
      this.#tidy(urlId)
    }
    // Of pages that are not open now: it is not left to whoever comes next.
    for (const urlId of this.#nobodys.pages) new Queue(this.#env.storage, undefined, this.#nobodys.place(urlId)).open(queueKey(this.prefix, welcome.tenantId, urlId, welcome.user.id))
    this.#steady()
  }

  /** What was refused by itself may not be now. @param {boolean} [token] only that is another */
  #again(token) { for (const subscription of [...this.#pages.values()]) subscription.again(token) }

  #forgetPace() {
    this.#subscribing.reset()
    this.#operating.reset()
    this.#leaving.clear()
    this.#toLeave.clear()
  }

  #lost() {
    this.#welcome = undefined
    this.#line.set(false)
    for (const subscription of this.#pages.values()) subscription.lost()
    // Last, for who hears of it may leave a page over a connection that is only about to go.
    this.#forgetPace()
  }

  /** @param {Refusal} reason */
  #refused(reason) {
    if (signedOut(reason)) this.#signedOut(reason)
    this.#line.refuse(reason)
    for (const subscription of this.#pages.values()) subscription.refusedWithAll(reason)
  }

  /** @param {Refusal} reason */
  #signedOut(reason) {
    this.#lastWelcome = undefined
    try { this.#env.storage?.removeItem(this.#userKey) } catch { /* then it was not remembered */ }
    this.#nobodys.forget()
    for (const subscription of [...this.#pages.values()]) subscription.signedOut(reason)
  }

  #hope() {
    this.#line.set(false)
    for (const subscription of this.#pages.values()) subscription.hope()
  }

  /** @param {Record<string, any>} frame  @param {number} size */
  #received(frame, size) {
    const { type, urlId, broadcastId } = frame
    const leaving = this.#leaving.get(urlId)
    if (leaving && type !== 'ack' && (type !== 'error' || broadcastId === undefined)) {
      if (type === 'unsubscribed' && frame.reason === undefined) leaving > 1 ? this.#leaving.set(urlId, leaving - 1) : this.#leaving.delete(urlId)
      return
    }
    const page = this.#pages.get(urlId)
    if (type === 'ack' || type === 'error') {
      const owner = page ?? (typeof broadcastId === 'string' ? [...this.#pages.values()].find(each => each.outbox.holds(broadcastId)) : undefined)
      try {
        if (type === 'ack') owner?.acked(frame)
        else this.#failed(frame, owner)
      } catch (error) {
        if (!(error instanceof Malformed)) throw error
        this.emit('error', { code: 'protocol', message: `A frame ${type} that cannot be used: ${error.message}` })
      }
      if (owner) this.#tidy(owner.urlId)
    } else {
      page?.received(frame, size)
    }
  }

  /** @param {Record<string, any>} frame  @param {Subscription} [owner] */
  #failed(frame, owner) {
    /** @type {ErrorEvent} */
    const error = {
      code: text(frame.code), message: typeof frame.message === 'string' ? frame.message : '', ...typeof frame.field === 'string' && { field: frame.field },
      ...owner && { urlId: owner.urlId }, ...typeof frame.broadcastId === 'string' && { broadcastId: frame.broadcastId },
      ...typeof frame.retryAfterMs === 'number' && { until: this.#env.clock() + this.#clockOffset + frame.retryAfterMs },
    }
    owner ? owner.failed(frame, error) : this.emit('error', error)
  }

  /** @type {RequestCredentials} */
  #credentials = 'include'

  /** @param {string} path  @param {Record<string, string | number | undefined>} query  @param {AbortSignal} signal */
  async #get(path, query, signal) {
    const { tenantId = this.#connection.options.tenantId } = this.#lastWelcome ?? {}
    const url = new URL(path, this.#connection.at.http)
    for (const [name, value] of Object.entries({ tenantId, ...query })) if (value !== undefined) url.searchParams.set(name, String(value))
    const aborting = new AbortController()
    const abort = () => aborting.abort()
    const timer = this.#env.setTimeout(abort, HTTP_TIMEOUT)
    signal.addEventListener('abort', abort)
    try {
      /** @returns {ReturnType<import('../typed/types.js').Environment['fetch']>} */
      const ask = async () => {
        const { bearer, options } = this.#connection
        const credentials = options.credentials ?? this.#credentials
        try {
          return await this.#env.fetch(url.href, {
            headers: { ...bearer && { authorization: 'Bearer ' + bearer }, 'x-collabchat-visitor': this.#visitorId },
            credentials, signal: aborting.signal,
          })
        } catch (error) {
          // A server of another origin that answers every origin takes no cookies, and a browser says only that it failed.
          if (aborting.signal.aborted || credentials !== 'include' || options.credentials || url.origin === new URL(this.#env.location).origin) throw error
          const before = this.#credentials
          this.#credentials = 'omit'
          return ask().catch(again => {
            this.#credentials = before
            throw again
          })
        }
      }
      const { bearer } = this.#connection
      let response = await ask()
      if (response.status === 401) {
        // Another one may have come while this one was under way. A function that hangs must not hold up the page.
        if (this.#connection.bearer === bearer) await Promise.race([this.#connection.renew(false), new Promise(resolve => aborting.signal.addEventListener('abort', resolve))])
        if (aborting.signal.aborted) throw new CollabError('unavailable', 'No token in time')
        if (this.#connection.bearer !== bearer) response = await ask()
      }
      const given = await response.json().catch(() => ({}))
      if (response.status === 200) return given ?? {}
      throw Object.assign(new CollabError(String(given?.code ?? 'unavailable'), String(given?.message ?? `answered ${response.status}`)), { retryAfterMs: given?.retryAfterMs })
    } catch (error) {
      throw error instanceof CollabError ? error : new CollabError('unavailable', String(error))
    } finally {
      this.#env.clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    }
  }

  /** Another tab wrote, or may have while this one was in the back/forward cache. @param {{key?: string | null, persisted?: boolean}} event */
  #stored = ({ key, persisted }) => {
    for (const { outbox } of this.#pages.values()) outbox.stored(persisted ? outbox.queue.key : key)
  }
}

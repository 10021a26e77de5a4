/** One WebSocket at a time: hello, heartbeat, and when to come back. It knows nothing of pages. */

/** @import { ClientOptions, Environment, Refusal, SocketLike, Token, Welcome } from '../typed/types.js' */
import { Backoff, LONGEST_DELAY } from './backoff.js'
import { Timer } from './browser.js'
import { isObject, readBye, readWelcome, wellFormed } from './protocol.js'
import { json } from '../json.js'

const HANDSHAKE = 15_000
const PROBE = 2000
const STABLE = 5000
const GRACE = 10_000
/** Waking up is no licence to hammer: at most one attempt in this time. */
const WAKE_EVERY = 2000
/** After a sign-out, where nothing says that somebody has signed in. */
const TRY_EVERY = 30_000, TRIES = 10
/** Characters. The largest page that a server keeps is half of it. */
export const MOST_AT_ONCE = 64 * 1024 * 1024

/** @param {number} code */
const isFinal = code => code >= 4400 && code <= 4499
/** A server that is only busy or restarting. Anything else it does not say by the protocol, so it is met more slowly. @param {number} code */
const isOrdinary = code => (code >= 4500 && code <= 4599 && code !== 4529) || [1000, 1001, 1005, 1006, 1011, 1012, 1013].includes(code)

/** Sandboxed frames throw on the mere look. @param {Environment} env */
function visibleCookie(env) {
  try { return env.document?.cookie } catch { return undefined }
}

/** @param {string} prefix  @param {string} location */
export function addresses(prefix, location) {
  const http = new URL(prefix.endsWith('/') ? prefix : prefix + '/', location)
  const ws = new URL('ws', http)
  // A page that came encrypted must not speak in the clear.
  ws.protocol = http.protocol === 'https:' || new URL(location).protocol === 'https:' ? 'wss:' : 'ws:'
  return { http: http.href, ws: ws.href }
}

/**
 * @typedef {object} Host what a connection asks and tells
 * @property {() => boolean} hasWork whether something waits to be sent
 * @property {(welcome: Welcome) => void} welcomed
 * @property {(frame: Record<string, any>, size: number) => void} received
 * @property {() => void} renewed the server has taken another token
 * @property {() => void} lost
 * @property {() => void} leaves the reader may, and never come back
 * @property {() => void} again somebody may have signed in since
 * @property {(reason: Refusal) => void} refused
 * @property {(error: Refusal) => void} troubled
 */

export class Connection {
  /** idle: nothing wanted; open: welcomed; waiting: for a timer; paused: for a reader to look; asleep: in the back/forward cache. @type {'idle' | 'connecting' | 'open' | 'waiting' | 'paused' | 'asleep' | 'refused'} */
  state = 'idle'
  /** The token of the present attempt, for HTTP too. @type {string | undefined} */
  bearer
  /** @type {SocketLike | undefined} */
  #socket
  #attempt = 0
  #heard = 0
  #opened = false
  #explained = false
  #complained = false
  #refusedBy = ''
  /** @type {string | undefined} */
  #cookie
  /** Since the last welcome, or the last cookie. */
  #tries = 0
  #tokenRenewed = false
  /** Tokens that were sent over the open connection and are not answered yet. */
  #refreshing = 0
  #forced = false
  #attemptedAt = -WAKE_EVERY
  #pings = 0
  /** Whoever is told something may end everything: nothing begins after that. */
  #stopped = false
  /** @type {{code?: number, reason?: string, retryAfterMs?: number} | undefined} */
  #bye
  /** @type {[import('../typed/types.js').ListenerTarget, string, (event: any) => void][]} */
  #listening = []

  /** @param {Environment} env  @param {ClientOptions} options  @param {string} visitorId  @param {{http: string, ws: string}} at  @param {Host} host */
  constructor(env, options, visitorId, at, host) {
    this.env = env
    this.options = options
    /** @type {Token | undefined} */
    this.token = options.token
    this.visitorId = visitorId
    this.at = at
    this.host = host
    this.backoff = new Backoff(env.random)
    this.slow = new Backoff(env.random, 10_000, 60_000)
    /** Of the present state: how long to wait for the welcome, for the next frame, or before the next attempt. */
    this.due = new Timer(env)
    this.probe = new Timer(env)
    this.stable = new Timer(env)
    this.renewal = new Timer(env)
    this.aborting = new AbortController()
  }

  start() {
    if (this.state !== 'idle') return
    const { window, document } = this.env
    const listen = (/** @type {any} */ target, /** @type {string} */ type, /** @type {(event: any) => void} */ listener) => {
      if (!target) return
      target.addEventListener(type, listener)
      this.#listening.push([target, type, listener])
    }
    for (const type of ['online', 'offline', 'focus']) listen(window, type, () => this.#check())
    listen(document, 'visibilitychange', () => this.#hidden ? this.host.leaves() : this.#check())
    // Where another page is gone to, Firefox closes the socket before `pagehide`. Listening alone keeps no page out of the back/forward cache.
    listen(window, 'beforeunload', () => this.host.leaves())
    // An open socket would keep the page out of the back/forward cache.
    listen(window, 'pagehide', () => this.#sleep())
    listen(window, 'pageshow', () => { if (this.state === 'asleep') this.#attemptNow() })
    this.#attemptSoon()
  }

  stop() {
    this.#stopped = true
    this.aborting.abort()
    for (const [target, type, listener] of this.#listening) target.removeEventListener(type, listener)
    this.#listening = []
    this.#drop(1000)
    this.state = 'idle'
  }

  /** There is something to send, or somebody asked: no waiting for a reader to look. @param {boolean} [now] */
  wake(now = false) {
    if (this.state === 'paused' || (now && (this.state === 'waiting' || this.state === 'refused'))) this.#attemptNow()
  }

  /** @param {object} frame  @returns {boolean} */
  send(frame) {
    if (this.state !== 'open' || !this.#socket) return false
    return this.#write(frame)
  }

  /** Everything is live: only a connection that stays so has earned a fast return. @param {boolean} steady */
  steady(steady) {
    if (!steady) this.stable.stop()
    else if (!this.stable.set) {
      this.stable.start(STABLE, () => {
        this.backoff.reset()
        this.slow.reset()
        this.#tokenRenewed = false
      })
    }
  }

  /** @param {Token} token */
  setToken(token) {
    this.token = token
    if (this.state === 'open') this.renew()
    else if (this.state === 'connecting') this.#attemptNow()
    else this.wake(this.state === 'refused')
  }

  /** Nobody looks and nothing waits. */
  get #idle() { return this.#hidden && !this.host.hasWork() }
  get #hidden() { return this.env.document?.visibilityState === 'hidden' }

  /** @param {object} frame */
  #write(frame) {
    // Per string, so that a text of an application cannot make the whole frame ill-formed.
    try {
      this.#socket?.send(json(frame, (_, value) => typeof value === 'string' ? wellFormed(value) : value))
      return true
    } catch {
      return false
    }
  }

  /** At once, unless nobody looks and nothing waits. */
  #attemptSoon() {
    if (this.#idle) this.state = 'paused'
    else this.#attemptNow()
  }

  async #attemptNow() {
    if (this.#stopped) return
    this.#drop()
    const attempt = ++this.#attempt
    this.state = 'connecting'
    this.#attemptedAt = this.env.now()
    this.#opened = false
    this.#bye = undefined
    this.due.start(HANDSHAKE, () => this.#over(1006))
    try {
      const { token } = this
      // One that throws at once is told of a turn later: whoever opens a page has it in hand by then.
      this.bearer = typeof token === 'function' ? await new Promise(done => { done(token()) }) : token
    } catch (error) {
      if (attempt !== this.#attempt) return
      this.host.troubled({ code: 'token', message: 'The token function failed: ' + error })
      return this.#over(1006)
    }
    if (attempt !== this.#attempt) return
    /** @type {SocketLike} */
    let socket
    try {
      socket = new this.env.WebSocket(this.at.ws, ['collabchat.v1'])
    } catch (error) {
      return this.#refuse({ code: 'unsupported', message: 'The browser did not open ' + this.at.ws + ': ' + error })
    }
    this.#socket = socket
    socket.onopen = () => {
      this.#opened = true
      const { tenantId } = this.options
      this.#write({ type: 'hello', ...tenantId && { tenantId }, ...this.bearer && { token: this.bearer }, visitorId: this.visitorId, client: 'collabchat-js/1' })
    }
    socket.onmessage = event => this.#message(event.data)
    socket.onclose = event => this.#over(event.code, event.reason)
    socket.onerror = null
  }

  /** @param {unknown} data */
  #message(data) {
    this.#heard = this.env.now()
    this.probe.stop()
    if (typeof data === 'string' && data.length > MOST_AT_ONCE) {
      this.host.troubled({ code: 'protocol', message: 'Too large a frame' })
      return this.#over(1009)
    }
    /** @type {any} */
    let frame
    try { frame = JSON.parse(String(data)) } catch { /* as below */ }
    if (typeof data !== 'string' || !isObject(frame) || typeof frame.type !== 'string') {
      return this.host.troubled({ code: 'protocol', message: 'Not a frame' })
    }
    // At once, before anything else is done with what lies behind it: the server measures by it how far we are.
    if (frame.type === 'ping') this.#write({ type: 'pong', n: frame.n })
    else if (frame.type === 'bye') this.#bye = readBye(frame)
    else if (frame.type === 'welcome') this.#welcome(frame)
    else if (frame.type === 'error' && this.#refreshing > 0 && frame.urlId === undefined && frame.broadcastId === undefined) {
      this.#refreshing--
      this.host.received(frame, data.length)
    } else if (frame.type === 'refreshed') {
      this.#refreshing--
      this.#expires(frame.expiresInMs)
      this.host.renewed()
    } else if (frame.type !== 'pong' && (this.state === 'open' || frame.type === 'error')) this.host.received(frame, data.length)
  }

  /** @param {Record<string, any>} frame */
  #welcome(frame) {
    if (this.state !== 'connecting') return
    /** @type {Welcome} */
    let welcome
    try { welcome = readWelcome(frame) } catch (error) {
      this.host.troubled({ code: 'protocol', message: 'A welcome that cannot be used: ' + error })
      return this.#over(1002)
    }
    this.state = 'open'
    this.#forced = false
    this.#tries = 0
    this.#listenForSilence(welcome.pingIntervalMs + GRACE)
    this.#expires(welcome.expiresInMs)
    this.host.welcomed(welcome)
  }

  /** Timers of a hidden tab come late: the clock decides, not the tick. @param {number} limit */
  #listenForSilence(limit) {
    const left = this.#heard + limit - this.env.now()
    if (left <= 0) this.#over(1006)
    else this.due.start(left, () => this.#listenForSilence(limit))
  }

  /** @param {unknown} ms */
  #expires(ms) {
    this.renewal.stop()
    if (typeof ms !== 'number' || typeof this.token !== 'function') return
    this.renewal.start(Math.max(5000, ms - 30_000, Math.min(ms / 2, ms - 5000)), () => this.renew())
  }

  /** Asks for another token and sends it over the open connection; where there is none any more, begins anew. @param {boolean} [same] even where it is the one we have */
  async renew(same = true) {
    const attempt = this.#attempt, { token: source } = this
    try {
      const token = typeof source === 'function' ? await source() : source
      if (attempt !== this.#attempt || source !== this.token || (token === this.bearer && !same)) return
      // Signed out: a refresh cannot say so, and the next connection, which has none, is nobody's.
      if (!token) return void (this.bearer && this.#over(4401))
      this.bearer = token
      if (this.send({ type: 'refresh', token })) this.#refreshing++
    } catch (error) {
      // The old identity runs out, and the next connection asks again.
      this.host.troubled({ code: 'token', message: 'The token function failed: ' + error })
    }
  }

  /**
   * Signed out, and the browser says that something happened: somebody may have signed in since, here or in another tab. A cookie
   * that changed says so at once; one that no script may see is tried now and then, and not for ever.
   * @param {boolean} [moved] the application has navigated, as after its own sign-in
   */
  signedInSince(moved = false) {
    if (this.state !== 'refused' || this.#refusedBy !== '4401' || this.#hidden) return
    const cookie = visibleCookie(this.env), changed = cookie !== this.#cookie
    this.#cookie = cookie
    if (!changed && (this.#tries >= TRIES || (!moved && this.env.now() - this.#attemptedAt < TRY_EVERY))) return
    this.#tries = changed ? 0 : this.#tries + 1
    this.host.again()
  }

  /** The browser says something happened: see for yourself. */
  #check() {
    if (this.state === 'refused') return this.signedInSince()
    if (this.state === 'paused') return this.#attemptSoon()
    if (this.state === 'waiting' && !this.#forced && !this.#idle && this.env.now() - this.#attemptedAt >= WAKE_EVERY) return void this.#attemptNow()
    if (this.state !== 'open' || this.probe.set) return
    this.send({ type: 'ping', n: ++this.#pings })
    this.probe.start(PROBE, () => {
      this.#drop(1000)
      this.host.lost()
      if (this.backoff.failures) this.#comeBack(this.backoff.next())
      else this.#attemptSoon()
    })
  }

  #sleep() {
    if (this.state === 'idle' || this.state === 'refused') return
    // First, because what was not told yet can still be sent.
    if (this.state === 'open') this.host.lost()
    this.#drop(1000)
    this.state = 'asleep'
  }

  /** @param {number} code  @param {string} [reason] */
  #over(code, reason = '') {
    if (this.#stopped) return
    const wasOpen = this.state === 'open', opened = this.#opened, tried = this.#socket, bye = this.#bye, refreshing = this.#refreshing
    this.#drop(1000)
    this.state = 'waiting'
    if (wasOpen) this.host.lost()
    if (this.state !== 'waiting') return
    // Where a proxy ate the close code, the bye still says it.
    if (code < 4000 && bye?.code !== undefined) code = bye.code
    if (code === 4401 && !this.#tokenRenewed) {
      this.#tokenRenewed = true
      return this.#attemptSoon()
    }
    // The new token is another user's: whoever that is begins anew.
    if (code === 4403 && refreshing > 0) return this.#attemptSoon()
    if (isFinal(code)) return this.#refuse({ code: String(code), message: reason || bye?.reason || 'The server closed the connection' })
    if (tried && !opened && !wasOpen) this.#explain()
    // It answers, and will not let anybody in: nothing that a reader could mend, or that a silent console would tell.
    if (opened && !wasOpen && code === 4503 && !this.#complained) {
      this.#complained = true
      this.#complain('unavailable', `the server cannot let anybody in now (${reason || bye?.reason || 'no reason given'}): its log says why, such as an authenticate hook that failed`)
    }
    this.#forced = !isOrdinary(code) || bye?.retryAfterMs !== undefined
    this.#comeBack((isOrdinary(code) ? this.backoff : this.slow).next(bye?.retryAfterMs))
  }

  /** @param {number} ms */
  #comeBack(ms) {
    if (this.#stopped) return
    this.state = 'waiting'
    this.due.start(Math.min(ms, LONGEST_DELAY * 2), () => this.#attemptSoon())
  }

  /** @param {Refusal} reason */
  #refuse(reason) {
    if (this.#stopped) return
    this.#drop(1000)
    this.state = 'refused'
    this.#refusedBy = reason.code
    this.#cookie = visibleCookie(this.env)
    this.host.refused(reason)
  }

  /** Browsers hide why a handshake failed; a plain request is told. */
  async #explain() {
    if (this.#explained) return
    this.#explained = true
    let message
    try {
      const response = await this.env.fetch(this.at.http + 'ws', { headers: {}, credentials: 'omit', signal: this.aborting.signal })
      const told = await response.json().catch(() => ({}))
      message = [told?.hint, told?.message].find(each => typeof each === 'string') ?? `${this.at.http}ws answered ${response.status}: is the prefix right?`
    } catch (error) {
      message = `${this.at.http}ws cannot be reached: ${error}`
    }
    if (this.state === 'idle' || this.state === 'open') return
    this.#complain('unreachable', message)
  }

  /** @param {string} code  @param {string} message */
  #complain(code, message) {
    this.env.warn('collabchat: ' + message)
    this.host.troubled({ code, message })
  }

  /** @param {number} [code] */
  #drop(code) {
    this.#attempt++
    this.#refreshing = 0
    for (const timer of [this.due, this.probe, this.stable, this.renewal]) timer.stop()
    const socket = this.#socket
    this.#socket = undefined
    if (!socket) return
    socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null
    try { socket.close(code) } catch { /* it was closed */ }
  }
}

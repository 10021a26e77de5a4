/** A browser without a browser: clock, sockets, storage and window events that a test turns by hand. */

/** Small seeded generator (mulberry32): a failing schedule can be run again. @param {number} seed */
export function seeded(seed) {
  let state = seed >>> 0
  const random = () => {
    state = state + 0x6D2B79F5 | 0
    let mixed = Math.imul(state ^ state >>> 15, 1 | state)
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed
    return ((mixed ^ mixed >>> 14) >>> 0) / 4294967296
  }
  return Object.assign(random, {
    below: (/** @type {number} */ n) => Math.floor(random() * n),
    chance: (/** @type {number} */ p) => random() < p,
    /** @template T @param {readonly T[]} from @returns {T} */
    pick: from => from[Math.floor(random() * from.length)],
  })
}

/** @typedef {ReturnType<typeof seeded>} Random */

export class Clock {
  now = 1000
  #next = 1
  /** @type {Map<number, {at: number, run: () => void}>} */
  timers = new Map()

  /** @param {() => void} run  @param {number} ms */
  setTimeout = (run, ms) => {
    // As browsers do it.
    this.timers.set(this.#next, { at: this.now + (ms > 2 ** 31 - 1 ? 0 : Math.max(0, ms)), run })
    return this.#next++
  }

  /** @param {number} id */
  clearTimeout = id => { this.timers.delete(id) }

  /** Runs what falls due within `ms`, in order. @param {number} ms */
  async pass(ms) {
    const end = this.now + ms
    await settle()
    for (;;) {
      const [id, due] = [...this.timers].filter(([, timer]) => timer.at <= end).sort((a, b) => a[1].at - b[1].at || a[0] - b[0])[0] ?? []
      if (id === undefined || !due) break
      this.timers.delete(id)
      this.now = Math.max(this.now, due.at)
      due.run()
      await settle()
    }
    this.now = end
  }
}

/** Lets everything run that waits for no clock. */
export const settle = () => new Promise(resolve => setImmediate(resolve))

export class Target {
  /** @type {Map<string, Set<(event: any) => void>>} */
  listeners = new Map()
  visibilityState = 'visible'

  /** @param {string} type  @param {(event: any) => void} listener */
  addEventListener(type, listener) {
    const set = this.listeners.get(type) ?? new Set()
    this.listeners.set(type, set.add(listener))
  }

  /** @param {string} type  @param {(event: any) => void} listener */
  removeEventListener(type, listener) { this.listeners.get(type)?.delete(listener) }

  /** @param {string} type  @param {object} [event] */
  fire(type, event = {}) { for (const listener of [...this.listeners.get(type) ?? []]) listener(event) }

  get size() { return [...this.listeners.values()].reduce((sum, set) => sum + set.size, 0) }
}

export class MemoryStorage {
  broken = false

  /** A load of a page has an object of its own for what it shares with others. @param {Map<string, string>} [items] */
  constructor(items = new Map()) { this.items = items }

  get length() { return this.items.size }
  /** @param {number} index */
  key(index) { this.#works(); return [...this.items.keys()][index] ?? null }
  /** @param {string} key */
  getItem(key) { this.#works(); return this.items.get(key) ?? null }
  /** @param {string} key  @param {string} value */
  setItem(key, value) { this.#works(); this.items.set(key, value) }
  /** @param {string} key */
  removeItem(key) { this.#works(); this.items.delete(key) }
  #works() { if (this.broken) throw new Error('SecurityError') }
}

/** The browser's end of a socket. Nothing moves until the test says so. */
export class FakeSocket {
  /** @type {any} */ onopen = null
  /** @type {any} */ onmessage = null
  /** @type {any} */ onclose = null
  /** @type {any} */ onerror = null
  /** Everything the client sent. @type {any[]} */
  sent = []
  state = 'opening'
  /** @type {((frame: any) => void) | undefined} */
  reader

  /** @param {string} url  @param {string[]} protocols */
  constructor(url, protocols) {
    this.url = url
    this.protocols = protocols
  }

  /** @param {string} data */
  send(data) {
    if (this.state !== 'open') throw new Error('InvalidStateError')
    const frame = JSON.parse(data)
    this.sent.push(frame)
    this.reader?.(frame)
  }

  /** @param {number} [code] */
  close(code) {
    if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999)) throw new Error('InvalidAccessError')
    this.state = 'closed'
    this.reader?.(null)
  }

  accept() {
    this.state = 'open'
    this.onopen?.({})
  }

  /** @param {object | string} frame */
  receive(frame) { this.onmessage?.({ data: typeof frame === 'string' ? frame : JSON.stringify(frame) }) }

  /** @param {number} code  @param {string} [reason] */
  fail(code, reason = '') {
    this.state = 'closed'
    this.onclose?.({ code, reason })
  }

  /** @param {string} type */
  frames(type) { return this.sent.filter(frame => frame.type === type) }
}

export class World {
  clock = new Clock()
  window = new Target()
  document = new Target()
  storage = new MemoryStorage()
  /** Of the tab. */
  session = new MemoryStorage()
  /** @type {FakeSocket[]} */
  sockets = []
  /** @type {string[]} */
  warnings = []
  /** @type {{url: string, headers: Record<string, string>, credentials: string}[]} */
  fetched = []
  /** @type {(url: URL, init: any) => Promise<{status: number, json: () => Promise<any>}> | {status: number, json: () => Promise<any>}} */
  answer = () => json(426, { code: 'invalid', message: 'This is a WebSocket endpoint' })
  location = 'http://site.test/article'
  /** @type {Error | undefined} */
  socketError

  /** @param {number} [seed] */
  constructor(seed = 1) { this.random = seeded(seed) }

  /** @returns {Partial<import('../../collabchat_asgi/static/typed/types.js').Environment>} */
  get environment() {
    const world = this
    return {
      WebSocket: /** @type {any} */ (class extends FakeSocket {
        /** @param {string} url  @param {string[]} protocols */
        constructor(url, protocols) {
          super(url, protocols)
          if (world.socketError) throw world.socketError
          world.sockets.push(this)
        }
      }),
      fetch: async (url, init) => {
        world.fetched.push({ url, headers: init.headers, credentials: init.credentials })
        return world.answer(new URL(url), init)
      },
      storage: this.storage, session: this.session, now: () => this.clock.now, clock: () => this.clock.now + 1_700_000_000_000,
      setTimeout: this.clock.setTimeout, clearTimeout: this.clock.clearTimeout, random: this.random,
      crypto: { getRandomValues: bytes => bytes.map((_, i) => bytes[i] = this.random.below(256)) },
      window: this.window, document: this.document, location: this.location, warn: message => { world.warnings.push(message) },
    }
  }

  get socket() { return /** @type {FakeSocket} */ (this.sockets.at(-1)) }
}

/** @param {number} status  @param {any} body */
export const json = (status, body) => ({ status, json: async () => structuredClone(body) })

/** @param {object} [more] */
export const welcome = more => ({
  type: 'welcome', connectionId: 'c1', tenantId: 'acme', user: { id: 'ann', name: 'Ann' }, now: 1_700_000_000_000, pingIntervalMs: 25_000,
  limits: { frameBytes: 65_536, bodyChars: 2000, dedupeMs: 604_800_000 }, server: 'test', ...more,
})

/** @type {import('../../collabchat_asgi/static/typed/types.js').Anchor} */
export const ANCHOR = { selector: [{ type: 'TextQuoteSelector', exact: 'quick brown fox', prefix: 'The ', suffix: ' jumps' }, { type: 'TextPositionSelector', start: 4, end: 19 }], length: 44 }

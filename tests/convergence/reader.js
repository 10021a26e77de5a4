/** A person with a browser: what they write, and the tabs they open, reload and lose. */
import { CollabClient } from '../client/subject.js'
import { ANCHOR, MemoryStorage, Target } from '../client/world.js'

/** @typedef {import('../client/world.js').Random} Random */
/** @typedef {import('./simulation.js').Simulation} Simulation */
/** @typedef {import('./simulation.js').Wire} Wire */
/** @typedef {import('../../collabchat_asgi/static/typed/types.js').Sent} Sent */

export const URL_ID = 'https://site.test/article'
const EMOJI = ['👍', '🎉', '❤️']

/** One life of a page in a tab: after its end nothing of it runs any more. */
export class Tab {
  alive = true
  window = new Target()
  document = new Target()
  /** @type {Set<import('./simulation.js').Timer>} */
  timers = new Set()
  /** @type {Wire[]} */
  wires = []
  /** @type {any[]} */
  errors = []
  /** Where the page stood when it last changed. */
  position = { epoch: '', seq: 0 }

  /** @param {Simulation} simulation  @param {string} token  @param {MemoryStorage} storage  @param {MemoryStorage} session of the tab  @param {number} skew of this device's clock */
  constructor(simulation, token, storage, session, skew) {
    const { clock, random } = simulation, tab = this
    this.simulation = simulation
    this.client = new CollabClient({
      prefix: '/collabchat', tenantId: 'acme', token: () => token,
      environment: {
        WebSocket: /** @type {any} */ (function () {
          const wire = simulation.connect()
          tab.wires.push(wire)
          return wire
        }),
        fetch: async (url, { signal }) => {
          const aborted = new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('AbortError'))))
          const answer = await Promise.race([simulation.get(url, token), aborted])
          if (!this.alive) throw new Error('AbortError')
          return answer
        },
        storage, session, now: () => clock.now, clock: () => 1_750_000_000_000 + skew + clock.now,
        setTimeout: (run, ms) => {
          const timer = clock.at(clock.now + Math.max(0, ms), () => {
            this.timers.delete(timer)
            if (this.alive) run()
          })
          this.timers.add(timer)
          return timer
        },
        clearTimeout: timer => {
          if (timer) timer.gone = true
          this.timers.delete(timer)
        },
        random, crypto: { getRandomValues: bytes => bytes.map((_, i) => bytes[i] = random.below(256)) },
        window: this.window, document: this.document, location: 'http://site.test/article', warn: () => {},
      },
    })
    this.client.on('error', error => this.errors.push(error))
    this.page = this.#look()
  }

  #look() {
    const page = this.client.page(URL_ID)
    page.on('error', error => this.errors.push(error))
    page.on('change', ({ urlId, position: { epoch, seq } }) => {
      if (urlId !== URL_ID) return
      if (epoch === this.position.epoch && seq < this.position.seq) this.errors.push({ code: 'backwards', message: `from ${this.position.seq} to ${seq}` })
      if (this.position.epoch && epoch !== this.position.epoch) this.simulation.count('epoch changes seen by a screen')
      this.position = { epoch, seq }
    })
    return page
  }

  /** Turns away from the page and back to it, by the same handle or another. @param {boolean} anew  @param {() => Promise<void>} meanwhile */
  async turn(anew, meanwhile) {
    if (anew) this.page.close()
    else this.page.setPage(URL_ID + '/next')
    await meanwhile()
    this.position = { epoch: '', seq: 0 }
    if (anew) this.page = this.#look()
    else this.page.setPage(URL_ID)
  }

  get wire() { return this.wires.at(-1) }

  /** @param {boolean} politely as when one leaves a page; otherwise as when a browser is killed */
  end(politely) {
    if (politely) this.client.destroy()
    else {
      for (const timer of this.timers) timer.gone = true
      this.timers.clear()
      for (const wire of this.wires) {
        wire.onopen = wire.onmessage = wire.onclose = null
        wire.cut()
      }
    }
    this.alive = false
  }
}

export class Reader {
  /** Everything ever said here. @type {{sent: Sent, words: string, outcome?: import('../../collabchat_asgi/static/typed/types.js').Settled}[]} */
  spoken = []
  /** Errors of all tabs of this reader. @type {any[]} */
  errors = []
  /** Of its tab, over all loads. */
  #session = new MemoryStorage()

  /** @param {Simulation} simulation  @param {string} name  @param {string} role  @param {MemoryStorage} [storage]  @param {number} [skew] */
  constructor(simulation, name, role, storage = new MemoryStorage(), skew = simulation.random.pick([0, 0, -3_600_000, 90_000])) {
    this.simulation = simulation
    this.name = name
    this.token = `${name}:${role}`
    this.storage = storage
    this.skew = skew
    this.tab = this.#open()
  }

  #open() {
    const tab = new Tab(this.simulation, this.token, this.storage, new MemoryStorage(this.#session.items), this.skew)
    tab.errors = this.errors
    return tab
  }

  get page() { return this.tab.page }
  get state() { return this.tab.page.state }

  reload() {
    const { random, count } = this.simulation
    const politely = random.chance(0.6)
    count(politely ? 'reloads' : 'tabs killed')
    if (this.state.pending) count('reloads with a queue')
    if (this.state.pending && !this.tab.client.user) count('reloads with a queue before anybody is known')
    this.tab.end(politely)
    this.tab = this.#open()
  }

  /** @param {Sent} sent  @param {string} words */
  #said(sent, words = '') {
    const entry = { sent, words, outcome: /** @type {any} */ (undefined) }
    this.spoken.push(entry)
    sent.settled.then(outcome => { entry.outcome = outcome })
  }

  /** Sends again what came back. */
  retry() {
    const draft = this.simulation.random.pick(this.state.drafts)
    this.#said(this.page.retryDraft(draft.id), draft.text)
  }

  /** One thread, longer than a snapshot holds. @param {string[]} words */
  talk([first, ...others]) {
    const begun = this.page.createChat(ANCHOR, first)
    this.#said(begun, first)
    for (const each of others) this.#said(this.page.addComment(begun.chatId, each), each)
  }

  /** @param {string} words  @param {boolean} [talk] in the one thread that everybody talks in */
  act(words, talk = false) {
    const { random } = this.simulation
    const said = (/** @type {Sent} */ sent, /** @type {string | undefined} */ text = undefined) => this.#said(sent, text)
    const { page } = this, { chats, drafts } = this.state
    if (drafts.length && random.chance(0.3)) return this.retry()
    if (!chats.length || random.chance(0.12)) return said(page.createChat({ ...ANCHOR, length: random.below(1000) }, words), words)
    // Contested: everybody is drawn to the same few chats.
    const chat = chats[Math.floor(random() ** 2 * chats.length)]
    if (talk) return said(page.addComment(chats.reduce((longest, each) => each.commentCount > longest.commentCount ? each : longest).id, words), words)
    const comment = chat.comments.length ? random.pick(chat.comments) : { id: '00000000-0000-4000-8000-000000000000' }
    switch (random.below(14)) {
      case 0: case 1: case 2: case 3: return said(page.addComment(chat.id, words), words)
      case 4: case 5: case 6: return said(page.editComment(chat.id, comment.id, words), words)
      case 7: return said(page.deleteComment(chat.id, comment.id))
      case 8: return said(page.resolve(chat.id))
      case 9: return said(page.reopen(chat.id))
      case 10: return said(page.moveAnchor(chat.id, { ...ANCHOR, length: random.below(1000) }))
      case 11: return random.chance(0.3) ? said(page.deleteChat(chat.id)) : said(page.addReaction(chat.id, comment.id, random.pick(EMOJI)))
      case 12: return said(page.addReaction(chat.id, comment.id, random.pick(EMOJI)))
      case 13: return said(page.removeReaction(chat.id, comment.id, random.pick(EMOJI)))
    }
  }
}

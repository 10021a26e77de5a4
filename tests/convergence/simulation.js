/**
 * Time and the network, as the schedule wants them. Node owns the clock: it runs the clients up to some moment, hands everything
 * that reached the servers until then to the Python process, and gets back what they sent. Nothing else decides anything.
 */
import { readSync, writeSync } from 'node:fs'
import { settle } from '../client/world.js'

/** @typedef {import('../client/world.js').Random} Random */
/** @typedef {{at: number, order: number, run: () => void, gone: boolean}} Timer */

/** In one schedule; the longest honest ones need a tenth of it. */
const MOST_EVENTS = 200_000

/** A heap of timers; what is due at the same time runs in the order it was set. */
export class Clock {
  now = 0
  #order = 0
  #runs = 0
  /** @type {Timer[]} */
  #heap = []

  /** @param {number} at  @param {() => void} run  @returns {Timer} */
  at(at, run) {
    // Whole milliseconds: of two times that differ in the last bit only, a timer may be set for no time at all, for ever.
    const timer = { at: Math.ceil(at), order: this.#order++, run, gone: false }
    const heap = this.#heap
    let index = heap.push(timer) - 1
    while (index > 0) {
      const parent = index - 1 >> 1
      if (before(heap[parent], timer)) break
      heap[index] = heap[parent]
      heap[index = parent] = timer
    }
    return timer
  }

  get next() {
    while (this.#heap.length && this.#heap[0].gone) this.#pop()
    return this.#heap[0]?.at ?? Infinity
  }

  #pop() {
    const heap = this.#heap, [first] = heap
    const last = /** @type {Timer} */ (heap.pop())
    if (!heap.length) return first
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++
      if (child >= heap.length || before(last, heap[child])) break
      heap[index] = heap[child]
      index = child
    }
    heap[index] = last
    return first
  }

  /** Runs what falls due until `end`. @param {number} end */
  async pass(end) {
    while (this.next <= end) {
      const timer = this.#pop()
      if (++this.#runs > MOST_EVENTS) throw new Error('something goes round in a circle')
      this.now = Math.max(this.now, timer.at)
      timer.gone = true
      timer.run()
      await settle()
    }
    this.now = Math.max(this.now, end)
  }
}

/** @param {Timer} a  @param {Timer} b */
const before = (a, b) => a.at < b.at || (a.at === b.at && a.order < b.order)

/** One line there, one line back. */
export class Link {
  #rest = ''
  #buffer = Buffer.alloc(1 << 20)

  /** @param {number} output  @param {number} input */
  constructor(output, input) {
    this.output = output
    this.input = input
  }

  /** @param {object} message */
  tell(message) {
    const bytes = Buffer.from(JSON.stringify(message) + '\n')
    for (let sent = 0; sent < bytes.length;) sent += writeSync(this.output, bytes, sent)
  }

  /** @returns {any} */
  hear() {
    for (;;) {
      const end = this.#rest.indexOf('\n')
      if (end >= 0) {
        const line = this.#rest.slice(0, end)
        this.#rest = this.#rest.slice(end + 1)
        return JSON.parse(line)
      }
      // ASCII only: Python escapes everything else.
      const read = readSync(this.input, this.#buffer)
      if (!read) throw new Error('the server process has gone')
      this.#rest += this.#buffer.toString('latin1', 0, read)
    }
  }
}

/** How long a message is under way, by the line it travels on. @type {Record<string, (random: Random) => number>} */
const LINES = {
  fast: random => 1 + random() * 20,
  usual: random => 5 + random() * 150,
  slow: random => 50 + random() * 1500,
  wild: random => random.chance(0.9) ? random() * 60 : random() * 5000,
}

/** The browser's end of one connection. In each direction messages arrive in the order they were sent, or not at all. */
export class Wire {
  /** @type {any} */ onopen = null
  /** @type {any} */ onmessage = null
  /** @type {any} */ onclose = null
  /** @type {any} */ onerror = null
  state = 'opening'
  /** Nothing passes any more, and neither side has noticed yet. */
  broken = false
  #up = 0
  #down = 0

  /** @param {Simulation} simulation  @param {number} id  @param {number} process */
  constructor(simulation, id, process) {
    this.simulation = simulation
    this.id = id
    this.line = simulation.random.pick(['fast', 'fast', 'usual', 'usual', 'slow', 'wild'])
    this.#send('open', process)
  }

  get #delay() { return this.simulation.calm ? 5 : LINES[this.line](this.simulation.random) }

  /** @param {string} kind  @param {...any} rest */
  #send(kind, ...rest) {
    const { clock } = this.simulation
    this.#up = Math.max(this.#up, clock.now + this.#delay)
    this.simulation.travel(this.#up, () => { if (!this.broken) this.simulation.batch.push([clock.now, kind, this.id, ...rest]) })
  }

  /** @param {string} data */
  send(data) {
    if (this.state === 'opening') throw new Error('InvalidStateError')
    if (this.state === 'open') this.#send('text', data)
  }

  /** @param {number} [code] */
  close(code) {
    if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999)) throw new Error('InvalidAccessError')
    if (this.state === 'closed') return
    this.state = 'closed'
    this.#send('gone', code ?? 1005)
  }

  /** The network breaks: both sides learn it some time or other. */
  cut() {
    if (this.broken || this.state === 'closed') return
    const { clock, random } = this.simulation
    this.broken = true
    this.simulation.count('cuts')
    clock.at(clock.now + random() * random.pick([10, 1000, 20_000]), () => this.simulation.batch.push([clock.now, 'gone', this.id, 1006]))
    if (random.chance(0.8)) clock.at(clock.now + random() * random.pick([10, 1000, 8000]), () => this.#closed(1006, ''))
    else this.simulation.count('cuts that nobody was told of')
  }

  /** From the server. @param {string} kind  @param {any[]} rest */
  arrives(kind, rest) {
    const { clock } = this.simulation
    this.#down = Math.max(this.#down, clock.now + this.#delay)
    this.simulation.travel(this.#down, () => {
      if (this.broken || this.state === 'closed') return
      if (kind === 'accept') {
        this.state = 'open'
        this.onopen?.({})
      } else if (kind === 'text') {
        this.simulation.seen(this, rest[0])
        this.onmessage?.({ data: rest[0] })
      } else if (kind === 'close') {
        // The client's half of the closing handshake.
        this.simulation.count(`closed ${rest[0]}`)
        this.#send('gone', rest[0])
        this.#closed(rest[0], rest[1])
      } else {
        this.#closed(1006, '')
      }
    })
  }

  /** @param {number} code  @param {string} reason */
  #closed(code, reason) {
    if (this.state === 'closed') return
    this.state = 'closed'
    this.onclose?.({ code, reason })
  }
}

export class Simulation {
  clock = new Clock()
  /** What reaches the servers in this step. @type {any[][]} */
  batch = []
  /** No more surprises: everything takes its course. */
  calm = false
  /** @type {Map<number, Wire>} */
  wires = new Map()
  /** @type {Map<number, {resolve: (answer: any) => void, reject: (error: Error) => void}>} */
  #requests = new Map()
  #ids = 0
  #serverNext = 0

  /**
   * @param {Link} link  @param {Random} random
   * @param {(what: string) => void} count  @param {(wire: Wire, text: string) => void} seen  @param {(line: string) => void} note
   */
  constructor(link, random, count, seen, note) {
    this.link = link
    this.random = random
    this.count = count
    this.seen = seen
    this.note = note
  }

  connect() {
    const wire = new Wire(this, ++this.#ids, this.random.below(2))
    this.wires.set(wire.id, wire)
    return wire
  }

  /** @param {number} at  @param {() => void} arrive */
  travel(at, arrive) {
    this.clock.at(at, arrive)
  }

  /** @param {string} url  @param {string} token  @returns {Promise<{status: number, json: () => Promise<any>}>} */
  get(url, token) {
    const id = ++this.#ids, { random, clock } = this
    return new Promise((resolve, reject) => {
      const late = () => clock.now + (this.calm ? 5 : random() * random.pick([20, 1500]))
      if (!this.calm && random.chance(0.05)) {
        this.count('requests lost')
        return this.travel(late(), () => reject(new TypeError('Failed to fetch')))
      }
      this.#requests.set(id, {
        resolve: answer => this.travel(late(), () => resolve(answer)),
        reject: error => this.travel(late(), () => reject(error)),
      })
      const { pathname, search } = new URL(url)
      this.travel(late(), () => this.batch.push([clock.now, 'get', id, random.below(2), pathname + search, token]))
    })
  }

  /** Something happens to the servers. @param {string} kind  @param {...any} rest */
  tell(kind, ...rest) { this.batch.push([this.clock.now, kind, ...rest]) }

  /** @param {number} ms */
  async pass(ms) {
    const until = Math.ceil(this.clock.now + ms)
    while (this.clock.now < until) {
      // Whatever is sent within one step meets what was sent to there in the same step only at its end.
      const longest = this.calm ? 600 : this.random.pick([10, 60, 200, 500])
      const nearest = Math.ceil(Math.min(this.clock.next, this.#serverNext))
      const end = Math.min(until, Math.max(this.clock.now + longest, nearest))
      await this.clock.pass(end)
      if (this.batch.length || this.#serverNext <= end) this.#exchange(end)
    }
  }

  /** @param {number} until */
  #exchange(until) {
    const batch = this.batch
    this.batch = []
    for (const [at, ...what] of batch) this.note(`${Math.round(at)} arrives ${JSON.stringify(what).slice(0, 600)}`)
    this.count('steps')
    this.link.tell({ until, do: batch })
    const { out, next } = this.link.hear()
    this.#serverNext = next ?? Infinity
    for (const [, kind, id, ...rest] of out) this.#heard(kind, id, rest)
  }

  /** @param {string} kind  @param {number} id  @param {any[]} rest */
  #heard(kind, id, rest) {
    if (kind !== 'answer') return this.wires.get(id)?.arrives(kind, rest)
    const request = this.#requests.get(id), [status, body] = rest
    this.#requests.delete(id)
    if (status) request?.resolve({ status, json: async () => JSON.parse(body) })
    else request?.reject(new TypeError('Failed to fetch'))
  }

  verdict() {
    this.link.tell({ verdict: true })
    return this.link.hear().verdict
  }
}

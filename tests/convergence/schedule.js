/** One schedule from its seed: trouble for some seconds, then calm, then the verdict. */
import { seeded, settle } from '../client/world.js'
import { Reader, URL_ID } from './reader.js'
import { Simulation } from './simulation.js'
import { judge } from './verdict.js'

/** @typedef {import('../client/world.js').Random} Random */
/** @typedef {import('./simulation.js').Link} Link */

/** Calm must bring rest within so many virtual milliseconds. */
const PATIENCE = 900_000

/** What differs from one schedule to the next on the servers' side. @param {Random} random */
function draw(random) {
  const some = (/** @type {number} */ p, /** @type {object} */ more) => random.chance(p) ? more : {}
  return {
    hooks: random.pick(['none', 'none', 'rewrite', 'authorize', 'both', 'both']),
    batch: random.pick([0, 0.03, 0.1]),
    limits: {
      ...random.chance(0.25) ? { comments_per_minute: 30, operations_per_second: 3 } : { comments_per_minute: 100_000, operations_per_second: 100_000 },
    },
    tuning: {
      ...some(0.4, { ring_frames: 4 }),
      ...some(0.3, { snapshot_bytes: 1500 }),
      ...some(0.3, { snapshot_frame_bytes: 600 }),
      ...some(0.2, { window_bytes: 6000, ping_bytes: 1000 }),
    },
    timing: { sweep_seconds: random.pick([1, 5]), ping_seconds: random.pick([5, 25]), send_seconds: random.pick([2, 10]), backend_seconds: random.pick([0.5, 2]) },
  }
}

/** @param {Random} random */
const troubles = random => ({
  'wire.loss': random.pick([0, 0.1, 0.5]), 'wire.repeat': random.pick([0, 0.3]), 'wire.delay': random.pick([0, 0.3, 3]),
  'storage.slow': random.pick([0, 0, 0.02, 0.2, 0.8]), 'storage.loses_answers': random.pick([0, 0, 0.1]),
  'host.slow': random.pick([0, 0.05, 0.5]), 'host.fails': random.pick([0, 0, 0.05]),
})

/** @type {Record<string, any>} */
const PEACE = {
  'wire.loss': 0, 'wire.repeat': 0, 'wire.delay': 0, 'storage.away': false, 'storage.slow': 0, 'storage.loses_answers': 0,
  'host.slow': 0, 'host.fails': 0,
}

/**
 * @typedef {object} Outcome
 * @property {Record<string, number>} hits what really happened
 * @property {string} digest of everything that any screen was sent
 */

/**
 * @param {Link} link  @param {number} seed  @param {(line: string) => void} [trace]
 * @returns {Promise<Outcome>} rejects with what is wrong
 */
export async function play(link, seed, trace) {
  const random = seeded(seed * 2654435761 % 4294967296)
  const options = draw(random)
  /** @type {Record<string, number>} */
  const hits = {}
  const count = (/** @type {string} */ what, by = 1) => { hits[what] = (hits[what] ?? 0) + by }
  const witness = new Witness(count, trace)
  const simulation = new Simulation(link, random, count, (wire, text) => witness.saw(simulation.clock.now, wire.id, text), line => witness.note(line))
  link.tell({ seed, ...options })
  link.hear()
  const readers = gather(simulation)
  witness.note(`${readers.length} readers, ${JSON.stringify(options)}`)
  try {
    await trouble(simulation, readers, options.hooks !== 'none', seeded(seed ^ 0x5bd1e995), line => witness.note(`${Math.round(simulation.clock.now)} ${line}`))
    await calm(simulation, readers)
    const verdict = simulation.verdict()
    for (const [what, times] of Object.entries(verdict.hits)) count(what, /** @type {number} */ (times))
    judge(readers, verdict, witness)
    for (const { tab } of readers) tab.end(true)
    await settle()
    for (const { tab } of readers) {
      if (tab.timers.size || tab.window.size || tab.document.size) throw new Error('a destroyed client keeps timers or listeners')
    }
  } finally {
    link.tell({ over: true })
  }
  return { hits, digest: witness.digest }
}

/** @param {Simulation} simulation */
function gather(simulation) {
  const { random } = simulation
  const names = ['ann', 'bob', 'cid']
  const readers = [new Reader(simulation, 'ann', 'commenter'), new Reader(simulation, 'bob', random.pick(['commenter', 'moderator']))]
  for (let more = random.below(4); more > 0; more--) {
    // Another person, another device of somebody, or another tab of the same browser.
    const known = random.pick(readers)
    if (random.chance(0.4)) readers.push(new Reader(simulation, names[2], random.pick(['commenter', 'reader'])))
    else {
      const [name, role] = known.token.split(':')
      readers.push(random.chance(0.6) ? new Reader(simulation, name, role, known.storage, known.skew) : new Reader(simulation, name, role))
    }
  }
  return readers
}

/** @param {Simulation} simulation  @param {Reader[]} readers  @param {boolean} hooks  @param {Random} twist draws what is besides  @param {(line: string) => void} note */
async function trouble(simulation, readers, hooks, twist, note) {
  // Threads long enough that a snapshot does not hold them, and readers who come and go.
  const talkative = twist.chance(0.3), restless = twist.chance(talkative ? 0.8 : 0.2)

  const { random, clock, count } = simulation
  const eager = random.pick([0.4, 0.6, 0.8]), steps = 20 + random.below(50), pause = random.pick([30, 120, 300])
  let words = 0
  if (talkative) {
    await simulation.pass(1000)
    readers[0].talk(Array.from({ length: 8 }, () => `words ${++words}.`))
    await simulation.pass(5000)
  }
  if (random.chance(0.85)) simulation.tell('trouble', troubles(random))
  const later = (/** @type {number} */ ms, /** @type {() => void} */ run) => clock.at(clock.now + random() * ms, run)
  await simulation.pass(random.pick([50, 2000]))
  for (let step = 0; step < steps; step++) {
    const reader = random.pick(readers), { wire } = reader.tab
    if (random.chance(eager)) {
      const mood = hooks && random.chance(0.15) ? random.pick([' rude', ' forbidden']) : ''
      reader.act(`words ${++words}.${mood}`, talkative && twist.chance(0.8))
      note(`${reader.token} acts, ${words}`)
    } else {
      const what = random.below(26)
      note(`trouble ${what} ${reader.token} ${wire?.id}`)
      switch (what) {
        case 0: case 1: case 2: case 3: wire?.cut(); break
        case 4: case 5: reader.reload(); break
        case 6: for (const each of readers) each.tab.wire?.cut(); break
        case 7: case 8: case 9:
          if (!wire) break
          count('readers slowed down')
          simulation.tell('stall', wire.id, true)
          later(random.pick([300, 3000, 15_000]), () => simulation.tell('stall', wire.id, false))
          break
        case 10: case 11:
          count('outages of the storage')
          simulation.tell('trouble', { 'storage.away': true })
          later(random.pick([200, 4000]), () => simulation.tell('trouble', { 'storage.away': false }))
          break
        case 12: simulation.tell('erase', URL_ID); break
        case 13: case 14: simulation.tell('trim', URL_ID, random.below(4)); break
        case 15: {
          const index = random.below(2)
          simulation.tell('kill', index)
          later(random.pick([100, 5000]), () => simulation.tell('revive', index))
          break
        }
        case 16: case 17: simulation.tell('trouble', troubles(random)); break
        case 18: case 19: reader.tab.window.fire(random.pick(['online', 'focus'])); break
        case 20: case 21: {
          const chat = reader.state.chats.find(each => each.commentCount > each.comments.length)
          if (chat) { count('older comments asked for'); reader.page.loadOlder(chat.id, 1 + random.below(4)).catch(() => {}) }
          break
        }
        case 22: reader.page.typing(reader.state.chats[0]?.id ?? 'none'); break
        case 23: if (reader.state.drafts.length) reader.retry(); break
        case 24: simulation.tell('gap'); break
        case 25: await simulation.pass(random.below(8000)); break
      }
    }
    if (restless && twist.chance(0.15)) {
      const anew = twist.chance(0.5)
      count('pages left and opened again')
      note(`${reader.token} turns away and back ${anew}`)
      await reader.tab.turn(anew, async () => { if (twist.chance(0.5)) await simulation.pass(twist() * 500) })
    }
    if (random.chance(0.7)) await simulation.pass(random() * 2 * pause)
    if (talkative && twist.chance(0.5)) {
      const found = readers.flatMap(each => each.state.chats.map(chat => ({ reader: each, chat }))).find(({ chat }) => chat.commentCount > chat.comments.length)
      if (found) {
        count('older comments asked for')
        found.reader.page.loadOlder(found.chat.id, 1 + twist.below(4)).then(() => count('older comments read'), () => {})
      }
    }
  }
}

/** @param {Simulation} simulation  @param {Reader[]} readers */
async function calm(simulation, readers) {
  simulation.calm = true
  simulation.tell('trouble', PEACE)
  for (const id of simulation.wires.keys()) simulation.tell('stall', id, false)
  for (const index of [0, 1]) simulation.tell('revive', index)
  // Who sits before a dead connection finds out by its silence.
  const rest = () => readers.every(({ state, tab }) => state.status === 'live' && state.pending === 0 && !tab.wire?.broken)
  for (let quiet = false; !quiet;) {
    await simulation.pass(2000)
    if (rest()) {
      // Longer than everything that heals by itself: a sweep, a hint, a retry.
      await simulation.pass(6000)
      quiet = rest()
    }
    if (simulation.clock.now > PATIENCE) {
      throw new Error('it never comes to rest: ' + JSON.stringify(readers.map(({ token, storage, state: { status, reason, pending, position } }) =>
        ({ token, status, reason, pending, position, stored: [...storage.items.values()] }))))
    }
  }
}

/** Sees every frame that reaches a client, and keeps what the verdict needs. */
export class Witness {
  /** What was acked to somebody: broadcastId to position. @type {Map<string, {epoch: string, seq: number}>} */
  acked = new Map()
  #hash = 0x811c9dc5

  /** @param {(what: string, by?: number) => void} count  @param {(line: string) => void} [trace] */
  constructor(count, trace) {
    this.count = count
    this.trace = trace
  }

  get digest() { return (this.#hash >>> 0).toString(16) }

  /** @param {string} line */
  note(line) { this.trace?.(line) }

  /** @param {number} now  @param {number} socket  @param {string} text */
  saw(now, socket, text) {
    for (let i = 0; i < text.length; i++) this.#hash = Math.imul(this.#hash ^ text.charCodeAt(i), 0x01000193)
    this.trace?.(`${Math.round(now)} → ${socket} ${text.slice(0, 600)}`)
    const frame = JSON.parse(text), { type } = frame
    this.count('frames ' + type)
    if (type === 'ack') {
      const { broadcastId, epoch, seq } = frame
      this.acked.set(broadcastId, { epoch, seq })
    } else if (type === 'error') {
      this.count(frame.retry ? 'answers with retry: true' : 'refusals')
      this.count(`error ${frame.code}`)
    } else if (type === 'subscribed') {
      this.count(frame.load ? 'load: true' : frame.recovered ? 'recovered' : 'not recovered')
    } else if (type === 'events') {
      if (frame.events.length < frame.last - frame.first + 1) this.count('frames with merged events')
      if (frame.events.length > 1) this.count('frames with several events')
    }
  }
}

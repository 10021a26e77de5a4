/** Whatever happens on the way: every screen ends as the server's page, and no word is lost. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CollabClient } from './subject.js'
import { ModelServer } from './server.js'
import { ANCHOR, MemoryStorage, World, json, seeded, settle } from './world.js'

const SCHEDULES = Number(process.env.SCHEDULES ?? (process.env.TESTS_LONG ? 5000 : 500))
const FIRST = Number(process.env.SEED ?? 1)
const URL_ID = 'https://site.test/article'
const EMOJI = ['👍', '🎉', '❤️']

class Reader {
  /** @param {ModelServer} server  @param {string} id  @param {number} seed  @param {World['storage']} [storage] */
  constructor(server, id, seed, storage) {
    this.server = server
    this.user = { id, name: id.toUpperCase() }
    this.world = new World(seed)
    if (storage) this.world.storage = storage
    this.world.answer = async url => {
      // Time passes between the question, the reading and the answer.
      for (let n = this.server.random.below(3); n > 0; n--) await settle()
      const { status, body } = this.server.http(url)
      for (let n = this.server.random.below(3); n > 0; n--) await settle()
      return json(status, body)
    }
    /** @type {Map<any, any>} */
    this.sessions = new Map()
    this.open()
  }

  open() {
    this.client = new CollabClient({ prefix: '/collabchat', environment: this.world.environment })
    this.page = this.client.page(URL_ID)
  }

  reload() {
    this.client?.destroy()
    this.world.clock.timers.clear()
    this.world.session = new MemoryStorage(this.world.session.items)
    this.open()
  }

  get session() { return this.sessions.get(this.world.socket) }

  /** @param {boolean} reachable */
  arrive(reachable) {
    const { socket } = this.world
    if (socket?.state !== 'opening' || !socket.onopen) return
    if (reachable) this.sessions.set(socket, this.server.connect(socket, this.user))
    else socket.fail(1006)
  }

  /** @param {import('./world.js').Random} random  @param {string} words */
  act(random, words) {
    const page = /** @type {import('../../collabchat_asgi/static/client/client.js').Page} */ (this.page)
    const { chats, drafts } = page.state
    if (drafts.length && random.chance(0.3)) return void (random.chance(0.5) ? page.retryDraft(random.pick(drafts).id) : 0)
    if (!chats.length || random.chance(0.15)) return page.createChat({ ...ANCHOR, length: random.below(1000) }, words)
    const chat = random.pick(chats)
    const comment = chat.comments.length ? random.pick(chat.comments) : { id: 'none' }
    switch (random.below(12)) {
      case 0: case 1: case 2: case 3: return page.addComment(chat.id, words)
      case 4: case 5: return page.editComment(chat.id, comment.id, words)
      case 6: page.deleteComment(chat.id, comment.id); break
      case 7: page.resolve(chat.id); break
      case 8: page.reopen(chat.id); break
      case 9: page.moveAnchor(chat.id, { ...ANCHOR, length: random.below(1000) }); break
      case 10: random.chance(0.3) ? page.deleteChat(chat.id) : page.addReaction(chat.id, comment.id, random.pick(EMOJI)); break
      case 11: page.removeReaction(chat.id, comment.id, random.pick(EMOJI)); break
    }
    return undefined
  }
}

/** @param {number} seed */
async function schedule(seed) {
  const random = seeded(seed)
  const server = new ModelServer(random)
  const ann = new Reader(server, 'ann', seed * 7 + 1)
  const readers = [ann, new Reader(server, 'bob', seed * 7 + 2), new Reader(server, 'ann', seed * 7 + 3, ann.world.storage)]
  /** @type {{sent: any, words: string, reader: Reader}[]} */
  const spoken = []
  let words = 0
  const trouble = random.chance(0.7)
  for (const reader of readers) { await settle(); reader.arrive(true) }
  for (let step = 0; step < 90; step++) {
    const reader = random.pick(readers), { session } = reader
    switch (random.below(trouble ? 20 : 14)) {
      case 0: case 1: case 2: case 3: {
        const said = `words ${++words}.` + (random.chance(0.08) ? ' forbidden' : random.chance(0.1) ? ' rude' : '')
        const sent = reader.act(random, said)
        if (sent) spoken.push({ sent, words: said, reader })
        break
      }
      case 4: case 5: case 6: case 7: session?.handle(); break
      case 8: case 9: case 10: case 11: session?.deliver(); break
      case 12: session?.flush(URL_ID); break
      case 13: for (let n = 0; n < 6; n++) { session?.handle(); session?.flush(URL_ID); session?.deliver() } break
      case 14: if (session && server.sessions.has(session)) session.drop(random.pick([1006, 1001, 4500, 4510, 4509])); break
      case 15: await reader.world.clock.pass(random.below(3000)); reader.arrive(random.chance(0.8)); break
      case 16: server.away = random.chance(0.4); break
      case 17: {
        const chat = reader.page?.state.chats.find(each => each.commentCount > each.comments.length)
        if (chat) reader.page?.loadOlder(chat.id, 1 + random.below(4)).catch(() => {})
        break
      }
      case 18: if (random.chance(0.3)) reader.reload(); else server.large = random.chance(0.3); break
      case 19: if (random.chance(0.25)) server.newEpoch(URL_ID); break
    }
    if (random.chance(0.3)) await settle()
  }
  server.away = false
  for (let round = 0; ; round++) {
    assert.ok(round < 200, 'it never comes to rest: ' + JSON.stringify(readers.map(({ page }) => [page?.state.status, page?.state.pending])))
    let busy = false
    for (const reader of readers) {
      await settle()
      reader.arrive(true)
      const { session } = reader
      while (session && (session.inbox.length || session.frames.length || session.answers.length || (session.cursors.get(URL_ID) ?? Infinity) < server.page(URL_ID).seq)) {
        busy = true
        session.handle()
        session.flush(URL_ID)
        session.deliver()
      }
      const { status, pending } = /** @type {any} */ (reader.page).state
      if (status !== 'live' || pending) busy = true
      await reader.world.clock.pass(500)
    }
    if (!busy) break
  }
  for (let n = 0; n < 20; n++) await settle()
  const page = server.page(URL_ID)
  for (const reader of readers) {
    const { chats, position } = /** @type {any} */ (reader.page).state
    assert.deepEqual(position, { epoch: page.epoch, seq: page.seq })
    assert.deepEqual(chats.map((/** @type {any} */ chat) => chat.id).sort(), [...page.chats.keys()].sort())
    for (const chat of chats) {
      const { failed, ...shown } = chat
      const truth = page.chats.get(chat.id)
      const loaded = chat.comments.map((/** @type {any} */ { failed, ...comment }) => comment)
      assert.deepEqual({ ...shown, comments: loaded }, { ...truth, comments: truth.comments.slice(truth.comments.length - loaded.length) })
    }
  }
  for (const { sent, words, reader } of spoken) {
    const committed = page.known.has(sent.broadcastId)
    const kept = readers.some(each => each.user.id === reader.user.id && each.page?.state.drafts.some(draft => draft.text === words))
    const again = [...page.known.values()].some(({ print }) => print.includes(words))
    assert.ok(committed || kept || again, `lost: ${words}`)
  }
  for (const { client } of readers) client?.destroy()
  for (const { world } of readers) {
    assert.equal(world.clock.timers.size, 0)
    assert.equal(world.window.size + world.document.size, 0)
  }
}

test(`${SCHEDULES} schedules end alike everywhere, with nothing lost`, async () => {
  for (let seed = FIRST; seed < FIRST + SCHEDULES; seed++) {
    try {
      await schedule(seed)
    } catch (error) {
      throw Object.assign(/** @type {Error} */ (error), { message: `seed ${seed}: ${/** @type {Error} */ (error).message}` })
    }
  }
})

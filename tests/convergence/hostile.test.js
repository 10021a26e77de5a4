/** A server that lies, repeats itself, sends rubbish and never stops: the client may give up, but not break. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CollabClient } from '../client/subject.js'
import { ANCHOR, World, json, seeded, settle, welcome } from '../client/world.js'

/** @typedef {import('../client/world.js').Random} Random */

const RUNS = Number(process.env.RUNS ?? (process.env.TESTS_LONG ? 20_000 : 1000))
const FIRST = Number(process.env.SEED ?? 1)
const URL_ID = '/page'
const IDS = ['__proto__', 'constructor', 'toString', 'c1', 'c2', 'm1', '', 'ann', '👍', '\ud800', 'x'.repeat(5000)]

/** Whatever JSON can hold, in the wrong place. @param {Random} random  @param {number} [depth]  @returns {any} */
function rubbish(random, depth = 0) {
  switch (random.below(depth > 2 ? 7 : 10)) {
    case 0: return null
    case 1: return random.chance(0.5)
    case 2: return random.pick([0, -1, 1, 7, 1.5, 2 ** 53, -(2 ** 53), 1e300, -0])
    case 3: case 4: case 5: return random.pick(IDS)
    case 6: return 'y'.repeat(random.below(3) ** 12)
    case 7: return Array.from({ length: random.below(4) }, () => rubbish(random, depth + 1))
    default: return JSON.parse(`{"${random.pick(['__proto__', 'id', 'type', 'constructor', 'comments'])}":${JSON.stringify(rubbish(random, depth + 1))}}`)
  }
}

/** Somewhere in a frame something else stands. @param {Random} random  @param {any} frame */
function spoilt(random, frame) {
  let part = frame
  for (;;) {
    const keys = Object.keys(part)
    if (!keys.length) return frame
    const key = random.pick(keys)
    if (part[key] !== null && typeof part[key] === 'object' && random.chance(0.8)) part = part[key]
    else {
      if (random.chance(0.2)) delete part[key]
      else part[key] = rubbish(random)
      return frame
    }
  }
}

/** @param {Random} random */
const user = random => ({ id: random.pick(IDS), name: random.pick(IDS), ...random.chance(0.3) && { avatar: 'javascript:alert(1)' } })

/** @param {Random} random */
function chat(random) {
  const comments = Array.from({ length: random.below(4) }, () => ({ id: random.pick(IDS), body: random.pick(IDS), author: user(random), createdAt: 1, ...random.chance(0.3) && { reactions: JSON.parse(`{${JSON.stringify(random.pick(IDS))}:["ann"]}`) } }))
  return { id: random.pick(IDS), anchor: ANCHOR, createdBy: user(random), createdAt: 1, updatedAt: 1, commentCount: random.below(6), comments }
}

/** @param {Random} random  @param {number} seq  @param {string[]} sent */
function event(random, seq, sent) {
  const base = { seq, broadcastId: random.pick([...IDS, ...sent]), ts: 1, user: user(random) }
  if (random.chance(0.3)) return { ...base, type: 'new-text-chat', chat: { id: random.pick(IDS), anchor: ANCHOR, comment: { id: random.pick(IDS), body: 'b' } } }
  if (random.chance(0.1)) return { ...base, type: random.pick(['deleted-text-chat', 'from-the-future']), chatId: random.pick(IDS) }
  return {
    ...base, type: 'updated-text-chat', chatId: random.pick(IDS), commentId: random.pick(IDS), emoji: random.pick(IDS), anchor: ANCHOR, comment: { id: random.pick(IDS), body: 'b' },
    change: random.pick(['comment-added', 'comment-edited', 'comment-deleted', 'resolved', 'reopened', 'anchor-moved', 'reaction-added', 'reaction-removed', 'conquered']),
  }
}

/** A frame as an honest server might send it, though not now. @param {Random} random  @param {number} seq where the client stands  @param {string[]} sent */
function frame(random, seq, sent) {
  const at = { urlId: random.chance(0.9) ? URL_ID : random.pick(IDS), epoch: random.pick(['E', 'E', 'E', 'F', '']), seq: random.pick([seq, seq, seq + 3, 0]) }
  const first = Math.max(1, seq + random.pick([1, 1, 1, 1, 0, 2, -3])), last = first + random.below(3)
  switch (random.below(14)) {
    case 0: return { type: 'subscribed', ...at, recovered: random.chance(0.5), can: ['comment'], users: 1, ...random.chance(0.2) && { load: true } }
    case 1: case 2: return { type: 'snapshot', ...at, chats: [chat(random), chat(random)], last: random.chance(0.6) }
    case 3: case 4: case 5: case 6: return { type: 'events', ...at, first, last, events: [event(random, first, sent), ...last > first ? [event(random, last, sent)] : []] }
    case 7: return { type: 'ack', broadcastId: random.pick([...IDS, ...sent]), ...at, ts: 1 }
    case 8: return { type: 'error', code: random.pick(['not-found', 'unavailable', 'reset', '__proto__']), message: 'm', retry: random.chance(0.5), ...random.chance(0.5) && { retryAfterMs: random.pick([0, -5, 1e300, 10]) }, ...random.chance(0.7) && { broadcastId: random.pick([...IDS, ...sent]) }, urlId: URL_ID }
    case 9: return { type: 'presence', urlId: URL_ID, users: 1, connections: 2, joined: [user(random)], left: [random.pick(IDS)] }
    case 10: return { type: 'typing', urlId: URL_ID, chatId: random.pick(IDS), user: user(random) }
    case 11: return random.pick([{ type: 'unsubscribed', urlId: URL_ID }, { type: 'bye', code: random.pick([4512, 4400, 1e9]), reason: 'r', retryAfterMs: random.pick([0, -1, 1e300]) }])
    case 12: return random.pick([{ type: 'ping', n: rubbish(random) }, { type: 'pong' }, { type: 'refreshed', expiresInMs: random.pick([0, -1, 1e300]) }])
    default: return welcome({ pingIntervalMs: random.pick([25_000, 0, -1, 1e300]), expiresInMs: random.pick([1, 1e9]), limits: rubbish(random) })
  }
}

/** @param {Random} random  @param {any} honest  @returns {string} */
function text(random, honest) {
  if (random.chance(0.05)) return random.pick(['', 'x', 'null', '[]', '{}', '{"type":7}', '{"type":"__proto__"}', '['.repeat(50_000), '\u0000', '{"type":"events"', '{"type":"' + 'z'.repeat(200_000) + '"}'])
  let json = JSON.stringify(random.chance(0.4) ? spoilt(random, structuredClone(honest)) : honest)
  // A name that only a parser can give an object.
  if (random.chance(0.1)) json = json.replace('{"type"', '{"__proto__":{"polluted":1},"type"')
  return json
}

/** @param {number} seed */
async function run(seed) {
  const random = seeded(seed), world = new World(seed)
  world.answer = () => json(random.pick([200, 404, 503, 200]), random.chance(0.3) ? rubbish(random) : { epoch: 'E', seq: random.below(9), chats: [chat(random)], comments: [], more: true, retryAfterMs: rubbish(random) })
  const client = new CollabClient({ prefix: '/collabchat', environment: world.environment })
  const page = client.page(URL_ID)
  /** @type {string[]} */
  const said = []
  const speak = () => {
    try {
      const { chats } = page.state
      const { broadcastId } = chats.length && random.chance(0.5) ? page.addComment(random.pick(chats).id, 'hello') : page.createChat(ANCHOR, 'hello')
      said.push(broadcastId)
    } catch (error) {
      assert.equal(/** @type {any} */ (error).name, 'CollabError')
    }
  }
  let frames = 0
  for (let step = 0; step < 60; step++) {
    await settle()
    const { socket } = world
    if (socket?.state === 'opening') {
      socket.accept()
      if (random.chance(0.9)) socket.receive(welcome())
    } else if (socket?.state === 'open') {
      const { position: { seq } } = page.state
      socket.receive(text(random, frame(random, seq, said)))
      frames++
      if (random.chance(0.15)) speak()
      if (random.chance(0.04)) socket.fail(random.pick([1006, 4500, 4510, 1e6, 0]))
    }
    if (random.chance(0.2)) await world.clock.pass(random.below(4000))
    page.state.chats.forEach(each => assert.ok(Object.isFrozen(each)))
  }
  const sent = world.sockets.reduce((sum, { sent }) => sum + sent.length, 0)
  // Each frame may be answered (a pong, a new subscribe), each operation be sent again a few times: no storm.
  assert.ok(sent < 40 + 6 * (frames + said.length + world.sockets.length), `${frames} frames were answered by ${sent}`)
  assert.ok(world.sockets.length < 60, `${world.sockets.length} connections`)
  assert.equal(/** @type {any} */ ({}).polluted, undefined)
  assert.equal(Object.keys(Object.prototype).length, 0)
  await heals(world, client, page)
  client.destroy()
  assert.equal(world.clock.timers.size, 0)
}

/** After all that an honest server answers: what it sends is shown, and nothing of the lies is left. @param {World} world  @param {import('../../collabchat_asgi/static/client/client.js').CollabClient} client  @param {import('../../collabchat_asgi/static/client/client.js').Page} page */
async function heals(world, client, page) {
  world.answer = () => json(503, { code: 'unavailable', message: '', retry: true })
  const old = world.socket
  if (old?.state === 'open') old.fail(1006)
  client.connect()
  for (let tries = 0; world.socket.state !== 'opening'; tries++) {
    assert.ok(tries < 700, `it does not come back: ${JSON.stringify(client.status)}`)
    client.connect()
    await world.clock.pass(1000)
  }
  await settle()
  const { socket } = world
  socket.accept()
  socket.receive(welcome())
  const truth = { id: 'true', anchor: ANCHOR, createdBy: { id: 'bob', name: 'Bob' }, createdAt: 1, updatedAt: 1, commentCount: 1, comments: [{ id: 't', body: 'true', author: { id: 'bob', name: 'Bob' }, createdAt: 1 }] }
  socket.receive({ type: 'subscribed', urlId: URL_ID, epoch: 'H', seq: 900, recovered: false, can: ['comment'] })
  socket.receive({ type: 'snapshot', urlId: URL_ID, epoch: 'H', seq: 900, chats: [truth], last: true })
  for (let rounds = 0; page.state.pending && rounds < 400; rounds++) {
    for (const { broadcastId, type } of socket.sent) {
      if (broadcastId) socket.receive({ type: 'error', code: 'forbidden', message: type, retry: false, broadcastId, urlId: URL_ID })
    }
    socket.receive({ type: 'ping', n: 1 })
    await world.clock.pass(1000)
  }
  const { status, pending, position, chats } = page.state
  assert.deepEqual({ status, pending, position, chats: chats.map(each => each.id) }, { status: 'live', pending: 0, position: { epoch: 'H', seq: 900 }, chats: ['true'] })
}

test(`${RUNS} hostile servers: no throw, no storm, nothing left behind, and an honest one is believed afterwards`, async () => {
  /** @type {unknown[]} */
  const thrown = []
  const world = /** @type {any} */ (globalThis), before = world.reportError
  world.reportError = (/** @type {unknown} */ error) => { thrown.push(error) }
  try {
    for (let seed = FIRST; seed < FIRST + RUNS; seed++) {
      try {
        await run(seed)
        if (thrown.length) throw thrown[0]
      } catch (error) {
        throw Object.assign(/** @type {Error} */ (error), { message: `seed ${seed}: ${/** @type {Error} */ (error).message}` })
      }
    }
  } finally {
    world.reportError = before
  }
})

test('a snapshot that never ends is given up, and what it brought is forgotten', async () => {
  const world = new World(1)
  const client = new CollabClient({ prefix: '/collabchat', environment: world.environment })
  const page = client.page(URL_ID)
  await settle()
  world.socket.accept()
  world.socket.receive(welcome())
  const body = 'x'.repeat(1 << 20)
  const part = JSON.stringify({ type: 'snapshot', urlId: URL_ID, epoch: 'E', seq: 9, last: false, chats: [{ ...chat(seeded(1)), comments: [{ id: 'm', body, author: { id: 'b', name: 'b' }, createdAt: 1 }] }] })
  let parts = 0
  const refused = () => page.state.status === 'refused'
  while (!refused()) {
    const asked = world.socket.frames('subscribe').length
    world.socket.receive({ type: 'subscribed', urlId: URL_ID, epoch: 'E', seq: 9, recovered: false, can: [] })
    while (!refused() && world.socket.frames('subscribe').length === asked) {
      world.socket.receive(part)
      assert.ok(++parts < 400, 'it takes parts for ever')
    }
  }
  assert.equal(page.state.reason?.code, 'protocol')
  assert.deepEqual(page.state.chats, [])
  client.destroy()
})

/** A server that says too little, too much, or anything at all. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { C, Table, events, subscribed, update } from './table.js'
import { ANCHOR, json, seeded, settle } from './world.js'

describe('hostile input', () => {
  test('ids that are words of JavaScript', async () => {
    const table = await new Table().live()
    let seq = 10
    for (const id of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      const user = { id, name: id }
      const frame = JSON.stringify(events([
        { type: 'new-text-chat', seq: seq + 1, broadcastId: id, ts: 1, user, chat: { id, anchor: ANCHOR, comment: { id, body: 'x' } } },
        { type: 'updated-text-chat', seq: seq + 2, broadcastId: id, ts: 1, user, chatId: id, change: 'reaction-added', commentId: id, emoji: id },
      ]))
      table.socket.receive(frame)
      seq += 2
      const chat = /** @type {any} */ (table.page.state.chats.find(each => each.id === id))
      assert.deepEqual(Object.entries(chat.comments[0].reactions), [[id, [id]]])
      table.receive({ type: 'typing', urlId: '/page', chatId: id, user })
      table.receive({ type: 'ack', broadcastId: id, urlId: id, epoch: 'E', seq: 1 })
    }
    assert.equal(/** @type {any} */ ({}).x, undefined)
    assert.equal(table.page.state.chats.length, 5)
  })

  test('snapshots with reactions called __proto__', async () => {
    const table = await new Table().live()
    table.receive({ type: 'subscribed', urlId: '/page', epoch: 'E', seq: 11, recovered: false, can: [] })
    table.socket.receive('{"type":"snapshot","urlId":"/page","epoch":"E","seq":11,"last":true,"chats":[{"id":"p","anchor":{"selector":[],"length":0},"createdBy":{"id":"b","name":"b"},"createdAt":1,"updatedAt":1,"commentCount":1,"comments":[{"id":"m","body":"x","author":{"id":"b","name":"b"},"createdAt":1,"reactions":{"__proto__":["polluted"]}}]}]}')
    const { reactions } = table.page.state.chats[0].comments[0]
    assert.equal(Object.getPrototypeOf(reactions), Object.prototype)
    assert.deepEqual(Object.keys(reactions ?? {}), ['__proto__'])
  })

  test('garbage before and after the welcome', async () => {
    for (const early of [true, false]) {
      const table = early ? new Table() : await new Table().live()
      if (early) { await settle(); table.socket.accept() }
      for (const garbage of ['', 'x', 'null', '7', '[]', '{}', '{"type":7}', '{"type":"nonsense"}', '{"type":"ack"}', '{"type":"error"}', '{"type":"events"}', '{"type":"welcome"}', '{"type":"bye","retryAfterMs":"x"}', '['.repeat(100_000), '{"type":"' + 'x'.repeat(1e6) + '"}']) table.socket.receive(garbage)
      table.socket.onmessage?.({ data: new ArrayBuffer(8) })
      if (!early) assert.equal(table.page.state.status, 'live')
      table.client.destroy()
    }
  })

  test('a server that only ever sends nonsense costs a bounded number of frames and timers', async () => {
    for (let seed = 1; seed <= Math.min(400, Number(process.env.SCHEDULES ?? 400)); seed++) {
      const random = seeded(seed)
      const table = await new Table().live()
      table.world.answer = () => json(random.pick([200, 200, 404, 500]), value(3))
      const { page } = table
      for (let n = 0; n < 3; n++) page.addComment(C, 'mine ' + n)
      const mine = table.operations.map(frame => frame.broadcastId)
      /** @type {(depth: number) => any} */
      const value = depth => random.pick([
        () => null, () => true, () => random.below(20) - 5, () => 1e300, () => NaN, () => random.pick(['', 'E', 'F', C, 'm1', '__proto__', 'ann', '👍', ...mine]), () => [],
        () => depth ? Array.from({ length: random.below(4) }, () => value(depth - 1)) : [],
        () => depth ? object(depth - 1, {}) : {},
      ])()
      /** @type {(depth: number, base: Record<string, any>) => any} */
      const object = (depth, base) => {
        for (const key of ['id', 'seq', 'first', 'last', 'epoch', 'events', 'chats', 'chat', 'comment', 'comments', 'anchor', 'user', 'ts', 'change', 'chatId', 'code', 'retry', 'body', 'author', 'recovered', 'load', 'can', 'reactions', 'selector', 'length', 'retryAfterMs', 'users', 'connections']) {
          if (random.chance(0.25)) base[key] = value(depth)
        }
        return base
      }
      /** @type {() => any} */
      const nearly = () => {
        const good = random.pick([
          () => update(10 + random.below(4), random.pick(['ann', 'bob']), random.pick([{ change: 'resolved' }, { change: 'reopened' }, { change: 'comment-added', comment: { id: 'n' + random.below(9), body: 'x' } }, { change: 'comment-deleted', commentId: 'm1' }, { change: 'unheard of' }]), random.pick(['b', ...mine])),
          () => ({ type: 'subscribed', urlId: '/page', epoch: random.pick(['E', 'F', '']), seq: random.below(20), recovered: random.chance(0.5), can: [], ...random.chance(0.2) && { load: true } }),
          () => ({ type: 'snapshot', urlId: '/page', epoch: random.pick(['E', 'F']), seq: random.below(20), chats: [], last: random.chance(0.7) }),
          () => ({ type: 'ack', urlId: '/page', broadcastId: random.pick(mine), epoch: random.pick(['E', 'F', '']), seq: random.below(20) }),
          () => ({ type: 'error', urlId: '/page', ...random.chance(0.7) && { broadcastId: random.pick(mine) }, code: random.pick(['forbidden', 'unavailable', 'reset', 'x']), message: 'm', retry: random.chance(0.5), ...random.chance(0.3) && { retryAfterMs: value(0) } }),
          () => ({ type: 'unsubscribed', urlId: '/page' }),
          () => ({ type: 'typing', urlId: '/page', chatId: C, user: { id: 'u' + random.below(2000), name: 'x' } }),
          () => ({ type: 'presence', urlId: '/page', users: 1, connections: 1 }),
          () => ({ type: 'refreshed', expiresInMs: value(0) }),
        ])()
        return random.chance(0.5) ? good : object(2, good)
      }
      let received = 0
      for (let step = 0; step < 60; step++) {
        if (table.socket.state === 'opening' && table.socket.onopen) { table.socket.accept(); table.receive({ type: 'welcome', tenantId: 'acme', user: { id: 'ann', name: 'A' }, now: 1 }) }
        if (table.socket.state === 'open') { table.receive(nearly()); received++ }
        if (random.chance(0.1)) await table.world.clock.pass(random.below(4000))
        if (random.chance(0.05)) page.loadOlder(C).catch(() => {})
        assert.ok(Array.isArray(page.state.chats))
      }
      const sent = table.world.sockets.reduce((sum, socket) => sum + socket.sent.length, 0)
      assert.ok(sent <= 4 * received + 40, `seed ${seed}: ${sent} frames for ${received}`)
      assert.ok(table.world.clock.timers.size < 30, `seed ${seed}: ${table.world.clock.timers.size} timers`)
      table.client.destroy()
      await settle()
      assert.equal(table.world.clock.timers.size, 0)
    }
  })
})

describe('a server that says too little, or too much', () => {
  for (const [what, frames] of /** @type {[string, object[]][]} */ ([
    ['nothing', []],
    ['a subscribed for another page', [subscribed({ urlId: 7 })]],
    ['no snapshot', [subscribed()]],
    ['no missed events', [subscribed({ recovered: true, seq: 20 })]],
  ])) {
    test(`a subscribe that is answered by ${what} is asked again`, async () => {
      const table = new Table()
      await table.welcome()
      table.keepAlive()
      for (const frame of frames) table.receive(frame)
      await table.world.clock.pass(600_000)
      assert.ok(table.socket.frames('subscribe').length > 1)
      assert.equal(table.world.sockets.length, 1)
    })
  }

  test('what answers a typing does not end the subscription', async () => {
    const table = await new Table().live()
    table.page.typing('x'.repeat(65))
    assert.equal(table.socket.frames('typing').length, 0)
    table.receive({ type: 'error', code: 'too-long', message: 'chatId is longer than 64 characters', retry: false, field: 'chatId', urlId: '/page' })
    assert.equal(table.page.state.status, 'live')
  })

  test('a bye that is no text', async () => {
    const table = await new Table().live()
    table.receive('{"type":"bye","code":4400,"reason":{"toString":1,"valueOf":1}}')
    table.socket.fail(4400)
    assert.deepEqual([table.page.state.status, table.page.state.reason?.code], ['refused', '4400'])
  })

  test('a hint that is no text', async () => {
    const table = new Table()
    table.world.answer = () => json(426, { hint: { toString: 1, valueOf: 1 } })
    await settle()
    table.socket.fail(1006)
    await settle()
    await settle()
    assert.equal(table.troubles.length, 1)
  })

  test('a ping that cannot be answered', async () => {
    const table = await new Table().live()
    assert.doesNotThrow(() => table.receive('{"type":"ping","n":' + '['.repeat(20_000) + ']'.repeat(20_000) + '}'))
  })

  test('a wish of one server does not outlive the next', async () => {
    const table = await new Table().live()
    table.receive({ type: 'bye', code: 4512, reason: 'deploy', retryAfterMs: 1000 })
    table.socket.fail(4512)
    await table.reconnect()
    table.world.window.fire('focus')
    await table.world.clock.pass(2001)
    assert.equal(table.socket.state, 'closed')
    table.world.window.fire('focus')
    await settle()
    assert.equal(table.world.sockets.length, 3)
  })
})

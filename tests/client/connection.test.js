import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Backoff } from '../../collabchat_asgi/static/client/backoff.js'
import { CollabClient } from './subject.js'
import { C, Table, wait } from './table.js'
import { World, json, seeded, settle } from './world.js'

describe('backoff', () => {
  test('full jitter between 500 ms and a ceiling that doubles to 20 s', () => {
    const low = new Backoff(() => 0), high = new Backoff(() => 1)
    assert.deepEqual([1, 2, 3].map(() => low.next()), [500, 500, 500])
    assert.deepEqual([1, 2, 3, 4, 5, 6, 7, 8].map(() => high.next()), [1000, 2000, 4000, 8000, 16_000, 20_000, 20_000, 20_000])
    const any = new Backoff(seeded(1)), drawn = Array.from({ length: 2000 }, () => any.next())
    assert.ok(drawn.every(ms => ms >= 500 && ms <= 20_000))
    assert.ok(Math.abs(drawn.slice(10).reduce((sum, ms) => sum + ms, 0) / 1990 - 10_250) < 500)
  })

  test('retryAfterMs wins, never earlier, and has an end', () => {
    const backoff = new Backoff(() => 0)
    assert.equal(backoff.next(7000), 7000)
    assert.equal(backoff.next(1e15), 300_000)
    for (const nonsense of [-1, NaN, '7', null, {}]) assert.ok(backoff.next(nonsense) >= 500)
  })

  test('a wish of 0, again and again, is no loop', () => {
    const backoff = new Backoff(() => 0)
    assert.deepEqual([1, 2, 3, 4, 5].map(() => backoff.next(0)), [0, 0, 0, 500, 500])
  })

  test('never gives up on a server that is away', async () => {
    const table = new Table()
    await settle()
    for (let n = 0; n < 200; n++) {
      table.socket.fail(1006)
      assert.ok(await wait(table, 30_000) <= 20_100)
    }
  })

  test('a server that accepts and closes is not hammered: only 5 s of a live, synchronised connection reset it', async () => {
    const table = new Table()
    let total = 0
    for (let n = 0; n < 12; n++) {
      await table.live()
      await table.world.clock.pass(4000)
      table.socket.fail(1011)
      total += await wait(table, 30_000)
    }
    assert.ok(total > 30_000, String(total))
    await table.live()
    table.keepAlive()
    await table.world.clock.pass(5001)
    table.socket.fail(1006)
    assert.ok(await wait(table, 30_000) <= 1050)
  })

  test('a welcome without a synchronised page resets nothing', async () => {
    const table = new Table()
    let total = 0
    for (let n = 0; n < 8; n++) {
      await table.welcome()
      await table.world.clock.pass(7000)
      table.socket.fail(1006)
      total += await wait(table, 30_000)
    }
    assert.ok(total > 15_000, String(total))
  })
})

describe('close codes', () => {
  for (const code of [4500, 4503, 4508, 4509, 4510, 4512, 1001, 1006, 1011, 1012, 1013, 1000, 1005]) {
    test(`${code}: comes back`, async () => {
      const table = await new Table().live()
      table.socket.fail(code)
      assert.ok(await wait(table, 10_000) <= 1050)
    })
  }

  for (const code of [4400, 4403, 4406, 4413, 4444]) {
    test(`${code}: stops, says why`, async () => {
      const table = await new Table().live()
      table.page.addComment(C, 'kept')
      table.socket.fail(code, 'because')
      assert.equal(await wait(table, 600_000), Infinity)
      assert.deepEqual(table.client.status, { status: 'refused', reason: { code: String(code), message: 'because' } })
      assert.deepEqual(table.page.state.reason, { code: String(code), message: 'because' })
      // 4403: what one may not see is not shown (signout.test.js).
      assert.deepEqual(table.page.state.chats.map(chat => chat.comments.length), code === 4403 ? [] : [2])
      assert.equal(table.world.clock.timers.size, 0)
      table.client.connect()
      await table.reconnect(0)
      assert.equal(table.page.state.status, 'live')
      assert.equal(table.operations.length, 1)
    })
  }

  for (const code of [4529, 1002, 1009, 3000]) {
    test(`${code}: comes back on the slow lane`, async () => {
      const table = await new Table().live()
      table.socket.fail(code)
      const waited = await wait(table, 70_000)
      assert.ok(waited >= 10_000 && waited <= 60_050, String(waited))
    })
  }

  test('a bye says when, and which code where a proxy ate it', async () => {
    const table = await new Table().live()
    table.receive({ type: 'bye', code: 4512, reason: 'deploy', retryAfterMs: 30_000 })
    table.socket.fail(4512)
    table.world.window.fire('focus')
    assert.ok(await wait(table, 60_000) >= 30_000)
    await table.reconnect(0)
    table.receive({ type: 'bye', code: 4403, reason: 'revoked' })
    table.socket.fail(1006)
    assert.equal(table.client.status.reason?.code, '4403')
  })

  test('4401: a new token once, then stop; once more after a good connection', async () => {
    let asked = 0
    const table = await new Table({ options: { token: async () => 't' + ++asked } }).live()
    assert.equal(table.socket.sent[0].token, 't1')
    table.socket.fail(4401)
    await table.reconnect(0)
    assert.equal(table.socket.sent[0].token, 't2')
    table.socket.fail(4401)
    assert.equal(table.client.status.status, 'refused')
    table.client.setToken('given')
    await table.reconnect(0)
    assert.equal(table.socket.sent[0].token, 'given')
    table.keepAlive()
    await table.world.clock.pass(6000)
    table.socket.fail(4401)
    await table.reconnect(0)
    assert.equal(table.page.state.status, 'live')
  })
})

describe('hello', () => {
  test('subprotocol, tenant, token, visitor, and nothing of it in the address', async () => {
    const table = await new Table({ options: { tenantId: 'acme', token: 'secret' } }).live()
    const [hello] = table.socket.sent
    assert.equal(table.socket.url, 'ws://site.test/collabchat/ws')
    assert.deepEqual(table.socket.protocols, ['collabchat.v1'])
    assert.deepEqual({ ...hello, visitorId: undefined }, { type: 'hello', tenantId: 'acme', token: 'secret', visitorId: undefined, client: 'collabchat-js/1' })
    assert.match(hello.visitorId, /^[0-9a-f]{40}$/)
    const again = await new Table({ storage: table.world.storage }).live()
    assert.equal(again.socket.sent[0].visitorId, hello.visitorId)
  })

  test('a visitor id without storage lives as long as the tab', async () => {
    const table = new Table({ before: world => { world.storage.broken = true } })
    await table.live()
    const [{ visitorId }] = table.socket.sent
    table.socket.fail(1006)
    await table.reconnect()
    assert.equal(table.socket.sent[0].visitorId, visitorId)
    assert.ok(visitorId.length >= 32)
  })

  test('a page that came over https speaks wss only', async () => {
    for (const prefix of ['/collabchat', 'http://other.test/collabchat', 'https://other.test/collabchat/']) {
      const table = new Table({ options: { prefix }, before: world => { world.location = 'https://site.test/a?b#c' } })
      await settle()
      assert.match(table.socket.url, /^wss:\/\/(site|other)\.test\/collabchat\/ws$/)
    }
  })

  test('an https server from an http page: wss', async () => {
    const table = new Table({ options: { prefix: 'https://other.test/x' } })
    assert.equal(table.socket.url, 'wss://other.test/x/ws')
  })

  test('a browser that refuses to open the socket is reported, not tried for ever', async () => {
    const table = new Table({ before: world => { world.socketError = new Error('SecurityError') } })
    await settle()
    assert.equal(table.client.status.reason?.code, 'unsupported')
    assert.equal(table.world.clock.timers.size, 0)
  })

  test('no welcome within 15 s: tried again; a token that never comes too', async () => {
    const table = new Table()
    await settle()
    table.socket.accept()
    assert.ok(await wait(table, 30_000) <= 16_050)
    let asked = 0
    const other = new Table({ options: { token: () => { asked++; return new Promise(() => {}) } } })
    await other.world.clock.pass(17_000)
    assert.equal(asked, 2)
  })

  test('a token function that fails is asked again with backoff', async () => {
    let asked = 0
    const table = new Table({ options: { token: () => { if (++asked < 3) throw new Error('offline'); return 'now' } } })
    await table.world.clock.pass(6000)
    assert.equal(asked, 3)
    assert.equal(table.troubles[0].code, 'token')
    await table.live()
    assert.equal(table.socket.sent[0].token, 'now')
  })

  test('before the token runs out, a new one is sent over the open connection', async () => {
    let asked = 0
    const table = new Table({ options: { token: async () => 't' + ++asked } })
    await table.welcome({ expiresInMs: 100_000 })
    table.keepAlive()
    await table.world.clock.pass(70_500)
    assert.deepEqual(table.socket.frames('refresh'), [{ type: 'refresh', token: 't2' }])
    table.receive({ type: 'refreshed', expiresInMs: 100_000 })
    await table.world.clock.pass(70_500)
    assert.equal(table.socket.frames('refresh').length, 2)
    for (const expiresInMs of [1e300, 0, -5, 1]) table.receive({ type: 'refreshed', expiresInMs })
    await table.world.clock.pass(4000)
    assert.equal(asked, 3)
  })

  test('after the first failed connection the hint of the plain request is reported, once', async () => {
    const table = new Table()
    table.world.answer = () => json(426, { code: 'invalid', message: 'Origin http://site.test is not allowed: add it to allowed_origins' })
    await settle()
    for (let n = 0; n < 3; n++) {
      table.socket.fail(1006)
      await wait(table, 30_000)
    }
    assert.deepEqual(table.world.fetched.map(each => each.url), ['http://site.test/collabchat/ws'])
    // A server for all origins allows no credentials, and its answer could not be read.
    assert.equal(table.world.fetched[0].credentials, 'omit')
    assert.deepEqual(table.troubles, [{ code: 'unreachable', message: 'Origin http://site.test is not allowed: add it to allowed_origins' }])
    assert.equal(table.world.warnings.length, 1)
  })

  test('a hint that is no JSON, and a request that fails, are words too', async () => {
    const table = new Table()
    table.world.answer = () => ({ status: 404, json: () => Promise.reject(new Error('no JSON')) })
    table.socket.fail(1006)
    await settle()
    assert.match(table.troubles[0].message, /answered 404: is the prefix right/)
    const other = new Table()
    other.world.answer = () => { throw new Error('ECONNREFUSED') }
    other.socket.fail(1006)
    await settle()
    assert.match(other.troubles[0].message, /cannot be reached.*ECONNREFUSED/)
  })
})

describe('heartbeat', () => {
  test('a ping is answered at once, with the same n, whatever it is', async () => {
    const table = await new Table().live()
    for (const n of [7, 'x', { a: [1] }]) table.receive({ type: 'ping', n })
    assert.deepEqual(table.socket.frames('pong').map(frame => frame.n), [7, 'x', { a: [1] }])
  })

  test('dead after pingIntervalMs and 10 s of silence', async () => {
    const table = new Table()
    await table.welcome({ pingIntervalMs: 40_000 })
    await table.world.clock.pass(49_999)
    assert.equal(table.socket.state, 'open')
    await table.world.clock.pass(2)
    assert.equal(table.world.sockets[0].state, 'closed')
    assert.ok(await wait(table, 5000) < 5000)
  })

  test('anything that arrives is a sign of life', async () => {
    const table = await new Table().live()
    for (let n = 0; n < 20; n++) {
      await table.world.clock.pass(30_000)
      table.receive({ type: 'presence', urlId: '/page', users: 1, connections: 1 })
    }
    assert.equal(table.world.sockets.length, 1)
  })

  for (const [target, type] of /** @type {const} */ ([['window', 'online'], ['window', 'focus'], ['window', 'offline'], ['document', 'visibilitychange']])) {
    test(`${type}: probes; answered it stays, unanswered for 2 s it reconnects`, async () => {
      const table = await new Table().live()
      table.world[target].fire(type)
      table.world[target].fire(type)
      assert.equal(table.socket.frames('ping').length, 1)
      table.receive({ type: 'pong', n: table.socket.frames('ping')[0].n })
      await table.world.clock.pass(10_000)
      assert.equal(table.world.sockets.length, 1)
      table.world[target].fire(type)
      await table.world.clock.pass(1999)
      assert.equal(table.world.sockets.length, 1)
      await table.world.clock.pass(2)
      assert.equal(table.world.sockets.length, 2)
      assert.equal(table.world.sockets[0].state, 'closed')
    })
  }

  test('waking up tries at once, but does not hammer', async () => {
    const table = new Table()
    await settle()
    for (let n = 0; n < 6; n++) {
      table.socket.fail(1006)
      await wait(table, 30_000)
    }
    table.socket.fail(1006)
    await table.world.clock.pass(10)
    const before = table.world.sockets.length
    for (let n = 0; n < 50; n++) {
      table.world.window.fire('focus')
      if (table.socket.state === 'opening') table.socket.fail(1006)
    }
    assert.ok(table.world.sockets.length - before <= 1)
  })
})

describe('status', () => {
  test('connecting, live, reconnecting, offline after 5 s, live', async () => {
    const table = new Table()
    assert.equal(table.page.state.status, 'connecting')
    await table.live()
    assert.equal(table.page.state.status, 'live')
    table.socket.fail(1006)
    assert.equal(table.page.state.status, 'reconnecting')
    await table.world.clock.pass(4900)
    table.socket.fail(1006)
    assert.equal(table.page.state.status, 'reconnecting')
    await table.world.clock.pass(200)
    assert.equal(table.page.state.status, 'offline')
    assert.equal(table.chat.comments.length, 1)
    await table.reconnect(30_000)
    assert.deepEqual(table.seen.status.map(each => each.status), ['live', 'reconnecting', 'offline', 'live'])
    assert.equal(table.client.status.status, 'live')
  })

  test('a first connection that does not come is offline too', async () => {
    const table = new Table()
    await table.world.clock.pass(5001)
    assert.equal(table.page.state.status, 'offline')
  })
})

describe('nothing stays behind', () => {
  test('destroy, at any moment', async () => {
    const moments = [
      async (/** @type {Table} */ table) => {},
      async (/** @type {Table} */ table) => { await table.live() },
      async (/** @type {Table} */ table) => { await table.live(); table.page.addComment(C, 'x'); table.page.typing(C) },
      async (/** @type {Table} */ table) => { await table.live(); table.receive({ type: 'typing', urlId: '/page', chatId: C, user: { id: 'bob', name: 'Bob' } }) },
      async (/** @type {Table} */ table) => { await table.live(); table.socket.fail(1006) },
      async (/** @type {Table} */ table) => { await table.live(); table.world.window.fire('focus') },
      async (/** @type {Table} */ table) => { await table.welcome(); table.receive({ type: 'subscribed', urlId: '/page', epoch: 'E', seq: 1, recovered: false, load: true, can: [] }) },
      async (/** @type {Table} */ table) => { await table.live(); table.page.loadOlder(C).catch(() => {}) },
      async (/** @type {Table} */ table) => { await table.live(); table.world.window.fire('pagehide') },
    ]
    for (const moment of moments) {
      const table = new Table({ options: { token: async () => 't' }, before: world => { world.answer = (_, { signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))) } })
      await moment(table)
      table.client.destroy()
      await settle()
      assert.equal(table.world.clock.timers.size, 0)
      assert.equal(table.world.window.size + table.world.document.size, 0)
      assert.ok(table.world.sockets.every(socket => socket.state === 'closed' && !socket.onmessage && !socket.onclose))
      table.client.destroy()
      assert.throws(() => table.client.page('/other'), { code: 'invalid' })
    }
  })

  test('several pages, one connection; a closed one is unsubscribed after its queue', async () => {
    const table = await new Table().live()
    const other = table.client.page('/other'), twin = table.client.page('/page')
    assert.deepEqual(table.socket.frames('subscribe').map(frame => frame.urlId), ['/page', '/other'])
    other.close()
    assert.deepEqual(table.socket.frames('unsubscribe').map(frame => frame.urlId), ['/other'])
    table.page.close()
    assert.equal(table.socket.frames('unsubscribe').length, 1)
    const sent = twin.addComment(C, 'last words')
    twin.close()
    table.socket.fail(1006)
    await table.world.clock.pass(1100)
    await table.welcome()
    assert.deepEqual(table.socket.sent.map(frame => frame.type), ['hello', 'add-comment'])
    table.receive({ type: 'ack', broadcastId: sent.broadcastId, urlId: '/page', epoch: 'E', seq: 11, ts: 1 })
    assert.deepEqual(await sent.settled, { ok: true })
    assert.equal(table.world.sockets.length, 2)
  })

  test('setPage: the handle and its listeners move on', async () => {
    const table = await new Table().live()
    table.page.setPage('/next')
    assert.deepEqual(table.socket.sent.slice(-2).map(frame => [frame.type, frame.urlId]), [['subscribe', '/next'], ['unsubscribe', '/page']])
    assert.equal(table.page.state.urlId, '/next')
    assert.equal(table.page.state.loaded, false)
    const { length } = table.seen.change
    table.receive({ type: 'subscribed', urlId: '/next', epoch: '', seq: 0, recovered: true, can: [] })
    assert.ok(table.seen.change.length > length)
    assert.equal(table.page.state.status, 'live')
    table.page.setPage('/page')
    // Late frames of the subscription before.
    table.receive({ type: 'unsubscribed', urlId: '/page' })
    table.receive({ type: 'subscribed', urlId: '/page', epoch: 'E', seq: 10, recovered: false, can: [] })
    table.snapshot(10, 'first')
    assert.equal(table.page.state.status, 'live')
  })

  test('shared: alike options are one connection, the last owner ends it', async () => {
    const world = new World(), options = { prefix: '/collabchat', tenantId: 'acme', environment: world.environment }
    const one = CollabClient.shared(options), two = CollabClient.shared({ ...options }), other = CollabClient.shared({ ...options, token: 'another identity' })
    assert.equal(one, two)
    assert.notEqual(one, other)
    one.page('/a')
    two.page('/b')
    assert.equal(world.sockets.length, 1)
    one.destroy()
    assert.equal(world.socket.state, 'opening')
    two.destroy()
    assert.equal(world.socket.state, 'closed')
    assert.notEqual(CollabClient.shared(options), one)
    other.destroy()
  })

  test('ids fall back to getRandomValues and are UUIDs', async () => {
    const table = await new Table().live()
    const made = Array.from({ length: 100 }, () => table.page.resolve(C).broadcastId)
    assert.ok(made.every(id => /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)))
    assert.equal(new Set(made).size, 100)
  })

  test('a page must have a name', async () => {
    const table = new Table()
    for (const urlId of ['', 'a\nb', 'x'.repeat(513), '\ud800', /** @type {any} */ (7)]) assert.throws(() => table.client.page(urlId), { code: 'invalid' })
  })
})

test('a token function that fails is no server that cannot be reached', async () => {
  const table = new Table({ options: { token: () => Promise.reject(new Error('signed out')) } })
  await settle()
  await table.world.clock.pass(20_000)
  assert.deepEqual([...new Set(table.troubles.map(({ code }) => code))], ['token'])
  assert.deepEqual([table.world.fetched, table.world.warnings], [[], []])
  table.client.destroy()
})

/** Pages that are opened, left and opened again, and clients that end. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CollabClient } from './subject.js'
import { C, Table, ack, snapshot, subscribed, update } from './table.js'
import { World, settle } from './world.js'

const OTHER = '/other'
/** @param {Table} table */
const types = table => table.socket.sent.map(frame => frame.type)

describe('handles that come and go', () => {
  test('a page that is closed and opened again before the server has answered', async () => {
    const table = await new Table().live()
    table.client.page(OTHER).close()
    const again = table.client.page(OTHER)
    assert.deepEqual(types(table).slice(-3), ['subscribe', 'unsubscribe', 'subscribe'])
    const answers = [subscribed({ urlId: OTHER, seq: 3 }), snapshot({ urlId: OTHER, seq: 3 })]
    for (const frame of [...answers, { type: 'unsubscribed', urlId: OTHER }]) table.receive(frame)
    assert.equal(again.state.status, 'connecting', 'those were the answers to the subscription that ended')
    for (const frame of answers) table.receive(frame)
    assert.equal(again.state.status, 'live')
    assert.deepEqual(again.state.position, { epoch: 'E', seq: 3 })
  })

  test('there and back by setPage', async () => {
    const table = new Table()
    await table.welcome()
    table.page.setPage(OTHER)
    table.page.setPage('/page')
    const page = [subscribed(), snapshot()], other = [subscribed({ urlId: OTHER }), snapshot({ urlId: OTHER })]
    for (const frame of [...page, ...other, { type: 'unsubscribed', urlId: '/page' }, ...page, { type: 'unsubscribed', urlId: OTHER }]) table.receive(frame)
    assert.equal(table.page.state.status, 'live')
    assert.deepEqual(types(table), ['hello', 'subscribe', 'subscribe', 'unsubscribe', 'subscribe', 'unsubscribe'])
  })

  test('an unanswered unsubscribe is forgotten with its connection', async () => {
    const table = await new Table().live()
    table.page.close()
    table.page = table.client.page('/page')
    table.socket.fail(1006)
    await table.reconnect()
    assert.equal(table.page.state.status, 'live')
  })

  test('a page that is closed as soon as its tab is left for another page, and opened again when it is back', async () => {
    const table = await new Table().live()
    table.client.on('status', ({ status }) => { if (status !== 'live') table.page.close() })
    table.world.window.fire('pagehide', { persisted: true })
    assert.equal(table.page.state.status, 'closed')
    table.page = table.client.page('/page')
    table.world.window.fire('pageshow', { persisted: true })
    await table.live()
    assert.equal(table.page.state.status, 'live')
  })

  test('a closed handle does nothing any more', async () => {
    const table = await new Table().live()
    table.page.addComment(C, 'before')
    table.page.close()
    assert.equal(table.page.state.status, 'closed')
    const { length } = table.socket.sent
    for (const act of [() => table.page.addComment(C, 'late'), () => table.page.setPage(OTHER), () => table.page.resolve(C)]) {
      assert.throws(act, { name: 'CollabError', code: 'invalid' })
    }
    await assert.rejects(table.page.loadOlder(C), { name: 'CollabError' })
    assert.equal(table.socket.sent.length, length)
    table.page.close()
  })

  test('after destroy nothing is fetched', async () => {
    const table = await new Table().live()
    table.client.destroy()
    await assert.rejects(table.page.loadOlder(C), { name: 'CollabError' })
    assert.throws(() => table.page.addComment(C, 'late'), { name: 'CollabError' })
    assert.equal(table.world.fetched.length, 0)
    assert.equal(table.world.clock.timers.size, 0)
  })

  test('a listener of one page closes another while the welcome is handed round', async () => {
    const before = await new Table({ urlId: '/b' }).live()
    before.page.addComment(C, 'left from the last visit')
    const table = new Table({ storage: before.world.storage })
    const other = table.client.page('/b')
    const off = table.page.on('change', () => {
      off()
      other.close()
    })
    await table.welcome()
    table.keepAlive()
    // What is queued goes out all the same, once, and then nothing is left of the page.
    for (let answered = 0, n = 0; n < 30; n++) {
      for (; answered < table.operations.length; answered++) table.receive({ ...ack(/** @type {any} */ (table.operations[answered]), 1), urlId: '/b' })
      await table.world.clock.pass(10_000)
    }
    assert.ok(table.operations.length <= 1, `sent ${table.operations.length} times`)
    table.client.destroy()
    await table.world.clock.pass(5000)
    assert.equal(table.world.clock.timers.size, 0)
  })

  for (const [what, begin] of /** @type {[string, (table: Table) => Promise<void> | void][]} */ ([
    ['a probe has failed', async table => {
      await table.live()
      table.client.on('status', () => table.client.destroy())
      table.world.window.fire('focus')
      await table.world.clock.pass(2001)
    }],
    ['a welcome is malformed', async table => {
      table.client.on('error', () => table.client.destroy())
      await settle()
      table.socket.accept()
      table.receive({ type: 'welcome' })
    }],
    ['a frame is beyond all measure', async table => {
      await table.live()
      table.client.on('error', () => table.client.destroy())
      table.socket.onmessage?.({ data: 'x'.repeat(64 * 1024 * 1024 + 1) })
    }],
  ])) {
    test(`destroyed in a listener, when ${what}`, async () => {
      const table = new Table()
      await begin(table)
      await table.world.clock.pass(60_000)
      assert.equal(table.world.sockets.length, 1)
      assert.equal(table.world.clock.timers.size, 0)
    })
  }

  test('destroyed in a listener, when the token function fails', async () => {
    const world = new World(1)
    const token = () => { throw new Error('signed out') }
    const client = new CollabClient({ prefix: '/collabchat', environment: world.environment, token })
    /** @type {unknown[]} */
    const done = []
    // What a listener throws is reported, and no more: the page it belongs to may not be made yet.
    client.on('error', () => {
      try {
        done.push(client.destroy())
      } catch (error) {
        done.push(error)
      }
    })
    const page = client.page('/page')
    await world.clock.pass(60_000)
    assert.deepEqual(done, [undefined])
    assert.equal(page.state.status, 'closed')
    assert.equal(world.sockets.length, 0)
    assert.equal(world.clock.timers.size, 0)
  })

  test('a page closed by its own status listener leaves no timer', async () => {
    const table = await new Table().live()
    table.page.on('status', () => table.page.close())
    table.socket.fail(1006)
    table.client.destroy()
    assert.equal(table.world.clock.timers.size, 0)
  })

  test('a page that was left and opened again while offline says so after five seconds', async () => {
    const table = await new Table().live()
    table.socket.fail(1006)
    table.page.addComment(C, 'x')
    table.page.setPage(OTHER)
    table.page.setPage('/page')
    for (let second = 0; second < 60; second++) {
      await table.world.clock.pass(1000)
      if (table.socket.state === 'opening') table.socket.fail(1006)
    }
    assert.equal(table.page.state.status, 'offline')
  })

  test('a page left and opened again while the connection is refused says so', async () => {
    const table = await new Table().live()
    table.socket.fail(1006)
    table.page.addComment(C, 'queued')
    while (table.socket.state !== 'opening') await table.world.clock.pass(100)
    table.socket.accept()
    table.socket.fail(4403)
    table.page.setPage(OTHER)
    table.page.setPage('/page')
    await table.world.clock.pass(6000)
    assert.equal(table.page.state.status, 'refused')
  })

  test('the server is told of a page that is left while it waits to be asked for anew', async () => {
    const table = await new Table().live()
    for (let n = 0; n < 59; n++) table.client.page('/p' + n)
    table.receive(update(20, 'bob', { change: 'resolved' }))
    assert.equal(table.socket.frames('subscribe').length, 60, 'there is a gap, but no turn')
    table.page.close()
    await table.world.clock.pass(20_000)
    assert.deepEqual(table.socket.frames('unsubscribe').map(frame => frame.urlId), ['/page'])
  })

  test('the server is told of a page that is given up', async () => {
    const table = await new Table().live()
    for (let n = 0; n < 3; n++) {
      table.receive({ type: 'events', urlId: '/page', epoch: 'E', first: 5, last: 1, events: [] })
      table.receive(subscribed({ recovered: true }))
    }
    assert.equal(table.page.state.status, 'refused')
    assert.equal(table.socket.frames('unsubscribe').length, 1)
    table.page.close()
    assert.equal(table.socket.frames('unsubscribe').length, 1)
  })

  test('typing on a closed page is nothing', async () => {
    const table = await new Table().live()
    table.client.destroy()
    table.page.typing(C)
  })

  test('shared: the same address in other letters, and another token since', () => {
    const { environment } = new World(1)
    const one = CollabClient.shared({ environment, prefix: '/collabchat', token: 'A' })
    assert.equal(CollabClient.shared({ environment, prefix: '/collabchat/', token: 'A' }), one)
    one.setToken('B')
    const other = CollabClient.shared({ environment, prefix: '/collabchat', token: 'A' })
    assert.notEqual(other, one)
    for (const client of [one, one, other]) client.destroy()
  })
})

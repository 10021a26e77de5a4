/** What a tab does that nobody looks at. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { C, Table, wait } from './table.js'
import { settle } from './world.js'

describe('hidden pages', () => {
  test('no attempts while hidden and idle; at once when it is looked at', async () => {
    const table = await new Table().live()
    table.world.document.visibilityState = 'hidden'
    table.socket.fail(1006)
    assert.equal(await wait(table, 3_600_000), Infinity)
    table.world.document.visibilityState = 'visible'
    table.world.document.fire('visibilitychange')
    await settle()
    assert.equal(table.world.sockets.length, 2)
  })

  test('H20c: with something queued it goes on', async () => {
    const table = await new Table().live()
    table.socket.fail(1006)
    table.page.addComment(C, 'on the way out')
    table.world.document.visibilityState = 'hidden'
    await table.reconnect()
    assert.equal(table.operations.length, 1)
  })

  test('something queued while it sleeps wakes it', async () => {
    const table = await new Table().live()
    table.world.document.visibilityState = 'hidden'
    table.socket.fail(1006)
    await table.world.clock.pass(60_000)
    table.page.addComment(C, 'by a script')
    await settle()
    assert.equal(table.world.sockets.length, 2)
  })

  test('a page opened in the background waits', async () => {
    const table = new Table({ before: world => { world.document.visibilityState = 'hidden' } })
    await table.world.clock.pass(60_000)
    assert.equal(table.world.sockets.length, 0)
    table.world.document.visibilityState = 'visible'
    table.world.document.fire('visibilitychange')
    assert.equal(table.world.sockets.length, 1)
  })

  test('pagehide closes, pageshow comes back', async () => {
    const table = await new Table().live()
    table.world.window.fire('pagehide', { persisted: true })
    assert.equal(table.socket.state, 'closed')
    await table.world.clock.pass(3_600_000)
    assert.equal(table.world.sockets.length, 1)
    table.world.window.fire('pageshow', { persisted: true })
    await table.reconnect(0)
    assert.equal(table.page.state.status, 'live')
  })

  for (const [what, happens] of /** @type {[string, (table: Table) => any][]} */ ([
    ['the network is back', async table => {
      table.socket.fail(1006)
      await table.world.clock.pass(60_000)
      table.world.window.fire('online')
      await settle()
    }],
    ['the network is back, and an attempt waits', async table => {
      await table.world.clock.pass(3000)
      table.socket.fail(1006)
      table.world.window.fire('online')
      await settle()
    }],
    ['the token has run out', async table => {
      table.socket.fail(4401)
      await settle()
    }],
    ['a probe has failed', async table => {
      table.world.window.fire('offline')
      await table.world.clock.pass(2100)
    }],
  ])) {
    test(`and idle: no attempt when ${what}`, async () => {
      const table = await new Table({ options: { token: () => 'token' } }).live()
      table.world.document.visibilityState = 'hidden'
      await happens(table)
      assert.equal(table.world.sockets.length, 1)
      table.world.document.visibilityState = 'visible'
      table.world.document.fire('visibilitychange')
      await settle()
      assert.equal(table.world.sockets.length, 2)
    })
  }

  test('a tab that is born hidden sends what an earlier visit left', async () => {
    const one = await new Table().live()
    one.socket.fail(1006)
    one.page.addComment(C, 'in the tunnel')
    const two = new Table({ storage: one.world.storage, before: world => { world.document.visibilityState = 'hidden' } })
    await settle()
    assert.equal(two.world.sockets.length, 1)
  })
})

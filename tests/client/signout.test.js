/** What was written belongs to who wrote it, and what is shown to who may see it: on a browser that several people share. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ANCHOR, settle } from './world.js'
import { C, Table, ack } from './table.js'

const BOB = { user: { id: 'bob', name: 'Bob' } }
const stored = (/** @type {Table} */ table) => JSON.stringify([...table.world.storage.items])

/** @param {Table} table  @param {number} code */
async function refused(table, code) {
  for (let times = 0; table.client.status.status !== 'refused' && times < 3; times++) {
    table.socket.fail(code)
    await settle()
  }
  assert.equal(table.client.status.status, 'refused')
}

/** @param {Table} table */
function emptied({ page, client }) {
  const { chats, drafts, pending, users, user, can, loaded } = page.state
  assert.deepEqual({ chats, drafts, pending, users, user, can, loaded }, { chats: [], drafts: [], pending: 0, users: undefined, user: undefined, can: [], loaded: false })
  assert.equal(client.user, undefined)
}

describe('a browser that several people share', () => {
  for (const code of [4401, 4403]) {
    test(`${code}: nothing of Ann is shown, and nobody writes`, async () => {
      const table = await new Table().live()
      const sent = table.page.addComment(C, 'from Ann')
      await refused(table, code)
      emptied(table)
      for (const write of [() => table.page.addComment(C, 'from Bob'), () => table.page.createChat(ANCHOR, 'from Bob'), () => table.page.resolve(C)]) {
        assert.throws(write, { code: code === 4403 ? 'forbidden' : 'unauthenticated' })
      }
      emptied(table)
      assert.match(stored(table), /from Ann/)
      table.client.connect()
      await settle()
      await table.reconnect()
      assert.deepEqual(table.operations.map(frame => frame.broadcastId), [sent.broadcastId], 'Ann finds her own again')
    })
  }

  test('a reload after signing out: what the next one writes is not filed under Ann', async () => {
    const ann = await new Table().live()
    const bob = new Table({ storage: ann.world.storage })
    const written = bob.page.createChat(ANCHOR, 'from Bob')
    assert.doesNotMatch(stored(bob), /from Bob/)
    await settle()
    await refused(bob, 4401)
    assert.deepEqual(await written.settled, { ok: false, refusal: bob.client.status.reason })
    emptied(bob)
    const again = await new Table({ storage: ann.world.storage }).live()
    assert.deepEqual(again.operations, [])
    assert.deepEqual(again.page.state.drafts, [])
  })

  test('written before anybody is known, and kept by nobody: gone with the tab', async () => {
    const ann = await new Table().live()
    new Table({ storage: ann.world.storage }).page.addComment(C, 'in a tunnel')
    assert.doesNotMatch(stored(ann), /in a tunnel/)
  })

  test('a token that is another user\'s, given while offline', async () => {
    const table = await new Table({ options: { token: 'Ann' } }).live()
    table.socket.fail(1006)
    table.client.setToken('Bob')
    emptied(table)
    table.page.addComment(C, 'from Bob')
    assert.doesNotMatch(stored(table), /from Bob/)
    while (table.socket.state !== 'opening') await table.world.clock.pass(100)
    await table.welcome(BOB)
    assert.match(stored(table), /bob.*from Bob/)
    const ann = await new Table({ storage: table.world.storage }).live()
    assert.deepEqual(ann.operations, [])
  })

  test('a token that is another user\'s, given while live: what is written before the answer is not Ann\'s', async () => {
    const table = await new Table({ options: { token: 'Ann' } }).live()
    const hers = table.page.addComment(C, 'from Ann')
    table.client.setToken('Bob')
    await settle()
    const his = table.page.addComment(C, 'from Bob')
    table.socket.fail(4403)
    await settle()
    await table.welcome(BOB)
    assert.deepEqual(table.operations.map(frame => frame.broadcastId), [his.broadcastId])
    const ann = await new Table({ storage: table.world.storage }).live()
    assert.deepEqual(ann.operations.map(frame => frame.broadcastId), [hers.broadcastId])
  })

  test('a token of the same user: nothing moves', async () => {
    const table = await new Table({ options: { token: 'old' } }).live()
    table.client.setToken('new')
    await settle()
    const sent = table.page.addComment(C, 'still Ann')
    table.receive({ type: 'refreshed' })
    assert.equal(table.chat.comments.at(-1)?.body, 'still Ann')
    table.socket.fail(1006)
    await table.reconnect()
    assert.deepEqual(table.operations.map(frame => frame.broadcastId), [sent.broadcastId])
    table.receive(ack(sent, 10))
    assert.deepEqual(await sent.settled, { ok: true })
  })
})

describe('signed in since, without a load', () => {
  /** @param {Table} table */
  const attempts = table => table.world.sockets.length

  test('a cookie that changed is tried as soon as somebody looks', async () => {
    const table = await new Table().live()
    const document = /** @type {any} */ (table.world.document)
    document.cookie = 'sid=old'
    await refused(table, 4401)
    const before = attempts(table)
    document.cookie = 'sid=new'
    table.world.window.fire('focus')
    await settle()
    assert.equal(attempts(table), before + 1)
    await table.reconnect()
    assert.equal(table.client.status.status, 'live')
  })

  test('a cookie that nobody sees is tried now and then, and not for ever', async () => {
    const table = await new Table().live()
    await refused(table, 4401)
    const before = attempts(table)
    for (let minute = 0; minute < 120; minute++) {
      await table.world.clock.pass(60_000)
      for (let times = 0; times < 5; times++) table.world.window.fire('focus')
      await settle()
      if (table.client.status.status !== 'refused') await refused(table, 4401)
    }
    assert.ok(attempts(table) > before)
    assert.ok(attempts(table) <= before + 20, `${attempts(table) - before} attempts`)
    assert.equal(table.world.clock.timers.size, 0)
  })

  test('4403 is for good', async () => {
    const table = await new Table().live()
    await refused(table, 4403)
    const before = attempts(table)
    await table.world.clock.pass(600_000)
    table.world.window.fire('focus')
    await settle()
    assert.equal(attempts(table), before)
  })
})

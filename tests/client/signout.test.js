/** What was written belongs to who wrote it, and what is shown to who may see it: on a browser that several people share. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ANCHOR, MemoryStorage, settle } from './world.js'
import { C, Table, ack, refusal } from './table.js'

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

  test('where nothing can be stored: Ann, who signs in again in the same tab, loses no word', async () => {
    const table = await new Table({ before: world => { world.storage.broken = world.session.broken = true } }).live()
    table.receive(refusal(table.page.addComment(C, 'came back'), 'forbidden'))
    table.socket.fail(1006)
    const { settled } = table.page.addComment(C, 'waits')
    await table.world.clock.pass(1000)
    await refused(table, 4401)
    emptied(table)
    table.identity = { ...table.identity, ...BOB }
    table.client.connect()
    await table.live()
    assert.deepEqual([table.operations, table.page.state.drafts], [[], []])
    table.page.addComment(C, 'from Bob')
    await refused(table, 4401)
    table.identity = { ...table.identity, user: { id: 'ann', name: 'Ann' } }
    table.client.connect()
    await table.live()
    assert.deepEqual([table.operations.map(frame => frame.comment.body), table.page.state.drafts.map(draft => draft.text)], [['waits'], ['came back']])
    table.receive({ type: 'ack', broadcastId: table.operations[0].broadcastId, urlId: '/page', epoch: 'E', seq: 10, ts: 5 })
    assert.deepEqual(await settled, { ok: true })
  })

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

  test('a reload before the first welcome: given back to who sits at this tab, and sent by nobody else\'s hand', async () => {
    const ann = await new Table().live()
    const { storage } = ann.world
    const first = new Table({ storage, session: ann.world.session })
    const created = first.page.createChat(ANCHOR, 'in a tunnel')
    first.page.addComment(created.chatId, 'and behind it')
    first.page.resolve(C)
    assert.doesNotMatch(stored(first), /tunnel/)
    const second = new Table({ storage, session: first.world.session })
    assert.deepEqual(second.page.state.drafts.map(({ text, refusal }) => [text, refusal.code]), [['in a tunnel', 'unsent'], ['and behind it', 'unsent']])
    const third = await new Table({ storage, session: second.world.session }).live()
    assert.deepEqual(third.operations, [])
    assert.deepEqual(third.page.state.drafts.map(draft => draft.text), ['in a tunnel', 'and behind it'])
    assert.equal(third.world.session.items.size, 0)
    assert.equal(third.page.retryDraft(created.broadcastId).chatId, created.chatId)
    third.page.discardDraft(third.page.state.drafts[0].id)
    const after = await new Table({ storage, session: third.world.session }).live()
    assert.deepEqual(after.operations.map(frame => frame.chat.comment.body), ['in a tunnel'])
    assert.deepEqual(after.page.state.drafts, [])
  })

  test('sent again before the first welcome, and loaded again: once, in one place', async () => {
    const first = new Table()
    const { broadcastId } = first.page.createChat(ANCHOR, 'in a tunnel')
    const second = new Table({ session: first.world.session })
    second.page.retryDraft(broadcastId, 'in a long tunnel')
    assert.deepEqual(second.page.state.drafts, [])
    await second.live()
    assert.deepEqual(second.operations.map(frame => frame.chat.comment.body), ['in a long tunnel'])
    assert.equal(second.world.session.items.size, 0)
    assert.match(stored(second), /"ann.*in a long tunnel/)
  })

  for (const code of [4401, 4403]) {
    test(`a reload before the first welcome, and ${code}: gone, with what was written on other pages of the tab`, async () => {
      const first = new Table()
      first.page.addComment(C, 'from Bob')
      const elsewhere = new Table({ session: first.world.session, urlId: '/elsewhere' })
      elsewhere.page.addComment(C, 'from Bob')
      const second = new Table({ session: elsewhere.world.session })
      await settle()
      await refused(second, code)
      emptied(second)
      assert.equal(second.world.session.items.size, 0)
      for (const urlId of ['/page', '/elsewhere']) assert.deepEqual((await new Table({ session: second.world.session, urlId }).live()).page.state.drafts, [])
    })
  }

  test('written on a page that is not open any more: the first welcome of the tab says whose it is', async () => {
    const before = new Table({ urlId: '/before' })
    before.page.addComment(C, 'from Ann')
    const ann = await new Table({ storage: before.world.storage, session: before.world.session }).live()
    const { storage, session } = ann.world
    const bob = await new Table({ storage, session, urlId: '/before', user: 'bob' }).live()
    assert.deepEqual(bob.page.state.drafts, [])
    const again = await new Table({ storage, session, urlId: '/before' }).live()
    assert.deepEqual(again.page.state.drafts.map(draft => draft.text), ['from Ann'])
  })

  test('a widget that begins anew before the first welcome finds what was written; a second one beside it does not', async () => {
    const first = new Table()
    first.page.addComment(C, 'in a hurry')
    const { session } = first.world
    const beside = new Table({ before: world => { world.session = session } })
    assert.deepEqual(beside.page.state.drafts, [])
    beside.page.addComment(C, 'from beside')
    await beside.live()
    assert.equal(first.page.state.pending, 1)
    first.client.destroy()
    const anew = new Table({ before: world => { world.session = session } })
    assert.deepEqual(anew.page.state.drafts.map(draft => draft.text), ['in a hurry'])
  })

  test('a tab that keeps nothing', async () => {
    for (const session of [null, Object.assign(new MemoryStorage(), { broken: true })]) {
      const table = new Table({ before: world => { world.session = /** @type {any} */ (session) } })
      const sent = table.page.addComment(C, 'words')
      await table.live()
      assert.deepEqual(table.operations.map(frame => frame.broadcastId), [sent.broadcastId])
      await refused(table, 4401)
    }
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

  test('a token given while offline, and what is written then finds the queue full: it comes back', async () => {
    const table = await new Table({ options: { token: 'one' } }).live()
    table.socket.fail(1006)
    for (let n = 0; n < 200; n++) table.page.addComment(C, `n${n}`)
    table.client.setToken('two')
    const { settled } = table.page.addComment(C, 'one more')
    await settle()
    while (table.socket.state !== 'opening') await table.world.clock.pass(100)
    await table.live()
    assert.deepEqual([table.page.state.status, table.page.state.pending, table.page.state.drafts.map(draft => draft.text)], ['live', 200, ['one more']])
    assert.equal((await settled).ok, false)
  })

  for (const [when, signOut] of /** @type {[string, (table: Table) => any][]} */ ([
    ['told by setToken', table => table.client.setToken(() => undefined)],
    ['told by an empty one', table => table.client.setToken('')],
    ['found when the token is to be renewed', table => table.world.clock.pass(31_000)],
  ])) {
    test(`no token any more, ${when}: the connection that was Ann's ends, and nothing of hers is shown`, async () => {
      let asked = 0
      const table = await new Table({ options: { token: () => asked++ ? undefined : 'Ann' } }).live({ expiresInMs: 60_000 })
      const { socket } = table
      table.keepAlive()
      await signOut(table)
      await settle()
      assert.notEqual(table.socket, socket)
      table.socket.accept()
      assert.deepEqual(table.socket.frames('hello').map(({ token }) => token), [undefined])
      table.socket.fail(4401)
      assert.equal(table.client.status.status, 'refused')
      emptied(table)
    })
  }

  for (const [when, away] of /** @type {[string, (table: Table) => void][]} */ ([
    ['in a tab that nobody looks at', ({ world }) => { world.document.visibilityState = 'hidden' }],
    ['and no connection that comes', () => {}],
  ])) {
    test(`signed out by an empty token, ${when}: nothing of Ann is shown`, async () => {
      const table = await new Table({ options: { token: 'Ann' } }).live()
      away(table)
      table.client.setToken('')
      await settle()
      emptied(table)
    })
  }

  test('an empty token where a cookie says who is here: nothing moves', async () => {
    const table = await new Table().live()
    table.client.setToken('')
    await settle()
    assert.deepEqual([table.page.state.status, table.page.state.chats.length, table.page.state.user?.id], ['live', 1, 'ann'])
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

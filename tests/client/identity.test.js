/** Tokens, users and tenants that change under a client. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { C, Table, held, subscribed } from './table.js'
import { ANCHOR, json, settle } from './world.js'

const OTHER = '/other'
const ANN = { id: 'ann', name: 'Ann' }
const UNAUTHENTICATED = { code: 'unauthenticated', message: 'expired', retry: false }

describe('who one is', () => {
  test('a token that is set while connecting is the one that is sent', async () => {
    const table = new Table({ options: { token: 'old' } })
    await settle()
    table.client.setToken('new')
    await table.welcome()
    assert.deepEqual(table.socket.frames('hello').map(frame => frame.token), ['new'])
  })

  test('a token function that answers late does not overtake setToken', async () => {
    let calls = 0, late = (/** @type {string} */ _) => {}
    const table = new Table({ options: { token: () => ++calls === 1 ? 'old 1' : new Promise(resolve => { late = resolve }) } })
    await table.welcome({ expiresInMs: 60_000 })
    table.keepAlive()
    await table.world.clock.pass(31_000)
    table.client.setToken('new')
    await settle()
    late('old 2')
    await settle()
    assert.deepEqual(table.socket.frames('refresh').map(frame => frame.token), ['new'])
  })

  test('signing in over an open connection as somebody else is a new connection', async () => {
    const table = await new Table().live()
    table.client.setToken('Bob signed in')
    await settle()
    assert.equal(table.socket.frames('refresh').length, 1)
    table.socket.fail(4403)
    await settle()
    assert.equal(table.world.sockets.length, 2)
    await table.welcome({ user: { id: 'bob', name: 'Bob' } })
    assert.equal(table.socket.frames('hello')[0].token, 'Bob signed in')
    assert.equal(table.client.status.status, 'live')
    table.socket.fail(4403)
    await table.world.clock.pass(60_000)
    assert.equal(table.client.status.status, 'refused', 'once')
  })

  test('HTTP 401: a new token once', async () => {
    let asked = 0
    const table = new Table({ options: { token: () => 'token ' + ++asked } })
    table.world.answer = (_, { headers }) => headers.authorization === 'Bearer token 1' ? json(401, UNAUTHENTICATED) : json(200, { epoch: 'E', seq: 5, chats: [] })
    await table.welcome()
    table.receive(subscribed({ load: true, seq: 5 }))
    await settle()
    await settle()
    assert.equal(asked, 2)
    assert.deepEqual(table.page.state.position, { epoch: 'E', seq: 5 })
  })

  test('HTTP 401 again and again: refused', async () => {
    let asked = 0
    const table = new Table({ options: { token: () => 'token ' + ++asked } })
    table.world.answer = () => json(401, UNAUTHENTICATED)
    await table.welcome()
    table.receive(subscribed({ load: true, seq: 5 }))
    await settle()
    await settle()
    assert.equal(asked, 2)
    assert.equal(table.page.state.status, 'refused')
  })

  test('HTTP 401 where the socket takes the token: refused, and not asked again and again', async () => {
    const table = new Table({ options: { token: 'fixed' } })
    table.world.answer = () => json(401, UNAUTHENTICATED)
    await table.welcome()
    table.keepAlive()
    for (let n = 0, seen = 0; n < 1200; n++) {
      for (; seen < table.socket.sent.length; seen++) {
        const { type } = table.socket.sent[seen]
        if (type === 'subscribe') table.receive(subscribed({ load: true }))
        if (type === 'refresh') table.receive({ type: 'refreshed' })
      }
      await table.world.clock.pass(100)
    }
    assert.equal(table.socket.frames('subscribe').length, 1)
    assert.equal(table.page.state.status, 'refused')
  })

  test('HTTP 401 of a token that is renewed already', async () => {
    let current = 'token 1'
    const table = new Table({ options: { token: () => current } })
    const answers = held(table, ({ authorization }) => authorization === 'Bearer token 1' ? json(401, UNAUTHENTICATED) : json(200, { epoch: 'E', seq: 5, chats: [] }))
    await table.welcome()
    const other = table.client.page(OTHER)
    for (const urlId of ['/page', OTHER]) table.receive(subscribed({ urlId, load: true, seq: 5 }))
    await settle()
    current = 'token 2'
    for (let n = 0; n < 4; n++) {
      answers[n]()
      for (let turn = 0; turn < 5; turn++) await settle()
    }
    for (const page of [table.page, other]) assert.deepEqual(page.state.position, { epoch: 'E', seq: 5 })
    assert.deepEqual(table.socket.frames('refresh').map(frame => frame.token), ['token 2'])
  })

  test('a token function that hangs does not hold up the page', async () => {
    let asked = 0
    const table = new Table({ options: { token: () => asked++ ? new Promise(() => {}) : 'one' } })
    table.world.answer = () => json(401, UNAUTHENTICATED)
    await table.welcome()
    table.keepAlive()
    table.receive(subscribed({ load: true, seq: 5 }))
    await table.world.clock.pass(60_000)
    table.world.answer = () => json(200, { epoch: 'E', seq: 5, chats: [] })
    await table.world.clock.pass(60_000)
    assert.deepEqual(table.page.state.position, { epoch: 'E', seq: 5 })
  })

  test('two tokens on their way, the second another user\'s', async () => {
    const table = await new Table({ options: { token: 'a' } }).live()
    for (const token of ['a2', 'bob']) {
      table.client.setToken(token)
      await settle()
    }
    table.receive({ type: 'refreshed' })
    table.socket.fail(4403)
    await settle()
    assert.equal(table.world.sockets.length, 2)
  })

  test('a load that the former tenant asked for', async () => {
    const table = new Table({ options: { token: 'A' } })
    const answers = held(table, () => json(200, { epoch: 'E', seq: 10, chats: [{ id: C, anchor: ANCHOR, createdBy: ANN, createdAt: 1, updatedAt: 1, commentCount: 1, comments: [{ id: 'm1', body: 'secret of acme', author: ANN, createdAt: 1 }] }] }))
    await table.welcome()
    table.receive(subscribed({ load: true }))
    await settle()
    table.client.setToken('B')
    await settle()
    table.socket.fail(4403)
    await settle()
    await table.welcome({ tenantId: 'other', user: { id: 'bob', name: 'Bob' } })
    table.receive(subscribed({ epoch: 'F', load: true }))
    answers[0]()
    await settle()
    await settle()
    assert.deepEqual(table.page.state.chats, [])
  })

  for (const [what, identity] of /** @type {[string, object][]} */ ([['tenant', { tenantId: 'other' }], ['user', { user: { id: 'bob', name: 'Bob' } }]])) {
    test(`another ${what}: what the former was shown is gone`, async () => {
      const table = await new Table().live()
      table.socket.fail(1006)
      while (table.socket.state !== 'opening') await table.world.clock.pass(100)
      await table.welcome(identity)
      assert.deepEqual(table.page.state.chats, [])
      assert.equal(table.socket.frames('subscribe')[0].since, undefined)
      table.receive({ type: 'error', code: 'forbidden', message: 'no', retry: false, urlId: '/page' })
      const { status, chats, can, users } = table.page.state
      assert.deepEqual({ status, chats, can, users }, { status: 'refused', chats: [], can: [], users: undefined })
    })
  }

  for (const [what, again] of /** @type {[string, (table: Table) => any][]} */ ([
    ['connect()', table => table.client.connect()],
    ['setToken(), when it was taken', async table => {
      table.client.setToken('with more rights')
      await settle()
      table.receive({ type: 'refreshed' })
    }],
    ['a new handle', table => table.client.page('/page')],
  ])) {
    test(`a page that was refused by itself begins again by ${what}`, async () => {
      const table = await new Table().live()
      table.receive({ type: 'unsubscribed', urlId: '/page', reason: 'forbidden' })
      assert.equal(table.page.state.status, 'refused')
      await again(table)
      assert.equal(table.socket.frames('subscribe').length, 2)
      assert.notEqual(table.page.state.status, 'refused')
      table.receive(subscribed({ recovered: true }))
      assert.equal(table.page.state.status, 'live')
    })
  }
})

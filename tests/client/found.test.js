/** What was found by people who read the contract and tried to break the client: each is a schedule of its own. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CollabClient } from './subject.js'
import { C, Table, ack, refusal, update } from './table.js'
import { ANCHOR, World, json, settle, welcome } from './world.js'

const OTHER = '/other'
/** @param {object} [more] */
const subscribed = more => ({ type: 'subscribed', urlId: '/page', epoch: 'E', seq: 10, recovered: false, can: ['comment'], ...more })
/** @param {object} [more] */
const snapshot = more => ({ type: 'snapshot', urlId: '/page', epoch: 'E', seq: 10, chats: [], last: true, ...more })
/** @param {Table} table */
const types = table => table.socket.sent.map(frame => frame.type)
const ANN = { id: 'ann', name: 'Ann' }
/** HTTP that answers when the test says so. @param {Table} table  @param {(headers: Record<string, string>) => ReturnType<typeof json>} answer */
const held = (table, answer) => {
  const answers = /** @type {(() => void)[]} */ ([])
  table.world.answer = (_, { headers }) => new Promise(resolve => answers.push(() => resolve(answer(headers))))
  return answers
}
const UNAUTHENTICATED = { code: 'unauthenticated', message: 'expired', retry: false }

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
    client.on('error', () => client.destroy())
    client.page('/page')
    await world.clock.pass(60_000)
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

describe('how fast', () => {
  /** @param {Table} table  @param {number} ms */
  const most = async (table, ms) => {
    const at = /** @type {number[]} */ ([])
    table.keepAlive()
    let seen = 0
    for (const end = table.world.clock.now + ms; table.world.clock.now < end;) {
      for (; seen < table.socket.sent.length; seen++) {
        const frame = table.socket.sent[seen]
        if (frame.type !== 'pong') at.push(table.world.clock.now)
        if (frame.type === 'subscribe') for (const answer of [subscribed({ urlId: frame.urlId }), snapshot({ urlId: frame.urlId })]) table.receive(answer)
        if (frame.broadcastId) table.receive({ ...ack(frame, 10), urlId: frame.urlId })
      }
      await table.world.clock.pass(100)
    }
    return Math.max(...at.map(from => at.filter(each => each >= from && each < from + 10_000).length))
  }

  test('two hundred and fifty pages are asked for without a flood, and all get live', async () => {
    const table = await new Table().live()
    const pages = Array.from({ length: 250 }, (_, n) => table.client.page('/p' + n))
    const burst = await most(table, 60_000)
    assert.ok(burst < 190, `${burst} frames in 10 s`)
    assert.equal(pages.filter(page => page.state.status !== 'live').length, 0)
  })

  test('and are left without a flood, and one that is opened again stays', async () => {
    const table = await new Table().live()
    const pages = Array.from({ length: 250 }, (_, n) => table.client.page('/p' + n))
    await most(table, 60_000)
    const { length } = table.socket.sent
    for (const page of pages) page.close()
    const again = table.client.page('/p249')
    assert.ok(table.socket.sent.length - length < 70)
    for (let n = 0, seen = length; n < 600; n++) {
      for (; seen < table.socket.sent.length; seen++) {
        const { type, urlId } = table.socket.sent[seen]
        if (type === 'unsubscribe') table.receive({ type: 'unsubscribed', urlId })
        if (type === 'subscribe') for (const answer of [subscribed({ urlId }), snapshot({ urlId })]) table.receive(answer)
      }
      await table.world.clock.pass(100)
    }
    assert.ok(table.socket.frames('unsubscribe').length >= 249)
    assert.equal(table.socket.sent.findLast(frame => frame.urlId === '/p249').type, 'subscribe')
    assert.equal(again.state.status, 'live')
  })

  test('five pages with full queues send no faster than one', async () => {
    const table = await new Table().live()
    for (let n = 0; n < 5; n++) {
      const page = table.client.page('/p' + n)
      for (let k = 0; k < 60; k++) page.addReaction(C, 'm1', String.fromCodePoint(0x1f600 + k))
    }
    const burst = await most(table, 60_000)
    assert.ok(burst < 190, `${burst} frames in 10 s`)
    assert.equal(table.operations.length, 300)
  })
})

describe('words', () => {
  test('a draft that is sent again from its own listener', async () => {
    const table = await new Table().live()
    const off = table.page.on('draft', draft => {
      off()
      table.page.retryDraft(draft.id)
    })
    table.receive(refusal(table.page.createChat(ANCHOR, 'words'), 'rate-limited'))
    assert.equal(table.operations.length, 2)
    assert.equal(table.page.state.pending, 1)
    assert.deepEqual(table.page.state.drafts, [])
  })

  test('an anchor that its maker changes afterwards', async () => {
    const table = await new Table().live()
    const anchor = /** @type {any} */ (structuredClone(ANCHOR))
    table.page.createChat(anchor, 'new')
    const [first] = table.operations
    anchor.length = 999
    anchor.selector.push({ type: 'TextQuoteSelector', exact: 'x' })
    table.socket.fail(1006)
    await table.reconnect()
    assert.deepEqual(table.operations, [first])
  })

  test('an anchor that is none', async () => {
    const table = await new Table().live()
    for (const anchor of [undefined, null, {}, { selector: [], length: 1n }, { selector: [() => {}], length: 1 }]) {
      assert.throws(() => table.page.createChat(/** @type {any} */ (anchor), 'x'), { name: 'CollabError', code: 'invalid' })
    }
    assert.equal(table.page.state.pending, 0)
  })

  test('drafts outlive a full storage and another tab', async () => {
    const table = await new Table().live()
    const sent = table.page.addComment(C, 'precious')
    const key = [...table.world.storage.items.keys()].find(each => each.startsWith('collabchat:queue:'))
    table.world.storage.setItem = () => { throw new Error('QuotaExceededError') }
    table.receive(refusal(sent, 'forbidden'))
    table.world.window.fire('storage', { key })
    assert.deepEqual(table.page.state.drafts.map(draft => draft.text), ['precious'])
  })

  test('a whole queue that is refused is kept', async () => {
    const table = await new Table().live()
    const sent = Array.from({ length: 200 }, (_, n) => table.page.addComment(C, 'words ' + n))
    for (const each of sent) table.receive(refusal(each, 'forbidden'))
    assert.equal(table.page.state.drafts.length, 200)
  })

  test('what was written while the clock ran a year ahead is a draft, not an operation', async () => {
    const one = await new Table().live()
    one.world.clock.now += 365 * 86_400_000
    one.page.addComment(C, 'from the future')
    const two = new Table({ storage: one.world.storage })
    two.world.clock.now += 30 * 86_400_000
    await two.live()
    assert.deepEqual(two.operations, [])
    assert.deepEqual(two.page.state.drafts.map(draft => draft.refusal.code), ['expired'])
  })

  test('a draft that was thrown away elsewhere does not come back from the back/forward cache', async () => {
    const one = await new Table().live()
    one.receive(refusal(one.page.addComment(C, 'words'), 'forbidden'))
    one.world.window.fire('pagehide', { persisted: true })
    const two = await new Table({ storage: one.world.storage }).live()
    two.page.discardDraft(two.page.state.drafts[0].id)
    one.world.window.fire('pageshow', { persisted: true })
    await one.reconnect(0)
    assert.deepEqual(one.page.state.drafts, [])
    one.page.resolve(C)
    const three = await new Table({ storage: one.world.storage }).live()
    assert.deepEqual(three.page.state.drafts, [])
  })
})

describe('hidden', () => {
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

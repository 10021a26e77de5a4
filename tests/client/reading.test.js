import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { C, Table, events, held, snapshot, subscribed, update } from './table.js'
import { ANCHOR, json, settle } from './world.js'

const BOB = { id: 'bob', name: 'Bob' }
/** @param {number} seq  @param {string} id  @param {string} user */
const added = (seq, id, user, chatId = C) => ({ type: 'updated-text-chat', seq, broadcastId: `b${seq}`, ts: seq, user: { id: user, name: user }, chatId, change: 'comment-added', comment: { id, body: id } })
/** @param {Table} table */
const told = table => table.socket.frames('read').map(frame => frame.seq)
/** @param {Table} table */
const unread = table => Object.fromEntries(table.page.unread())

/** Live at 10, where 8 were read and 9 and 10 are Bob's and our own. */
async function back(read = 8) {
  const table = new Table()
  table.world.answer = url => url.pathname.endsWith('v1/events')
    ? json(200, { epoch: 'E', seq: 10, first: 9, last: 10, events: [added(9, 'm1', 'bob'), added(10, 'mine', 'ann')] }) : json(404, {})
  await table.welcome()
  table.receive({ type: 'subscribed', urlId: '/page', epoch: 'E', seq: 10, recovered: false, can: ['comment'], read })
  table.snapshot(10, 'first')
  await settle()
  return table
}

describe('what is new', () => {
  test('on a first visit nothing is, and nothing is asked or said', async () => {
    const table = await new Table().live()
    await settle()
    assert.deepEqual([unread(table), table.page.state.read, told(table)], [{}, undefined, []])
    assert.equal(table.world.fetched.length, 0)
    table.receive(events([added(11, 'n1', 'bob')]))
    assert.deepEqual(unread(table), {})
    table.page.markRead()
    assert.deepEqual([table.page.state.read, told(table)], [11, [11]])
    table.receive(events([added(12, 'n2', 'bob'), added(13, 'n3', 'ann')]))
    assert.deepEqual(unread(table), { [C]: ['n2'] })
  })

  test('what others wrote since is told by the log', async () => {
    const table = await back()
    assert.deepEqual(unread(table), { [C]: ['m1'] })
    assert.equal(table.page.state.read, 8)
    const [asked] = table.world.fetched.map(each => new URL(each.url)).filter(url => url.pathname.endsWith('events'))
    assert.deepEqual([asked.searchParams.get('after'), asked.searchParams.get('epoch')], ['8', 'E'])
  })

  test('who has read all asks nothing', async () => {
    const table = await back(10)
    assert.deepEqual([unread(table), table.world.fetched.length], [{}, 0])
  })

  test('a log that no longer reaches there marks nothing', async () => {
    const table = new Table()
    table.world.answer = () => json(410, { code: 'reset', message: 'gone' })
    await table.welcome()
    table.receive({ type: 'subscribed', urlId: '/page', epoch: 'E', seq: 10, recovered: false, can: [], read: 2 })
    table.snapshot(10, 'first')
    await settle()
    assert.deepEqual([unread(table), table.troubles], [{}, []])
  })

  test('what is deleted is not new', async () => {
    const table = await back()
    table.receive(update(11, 'bob', { change: 'comment-deleted', commentId: 'm1' }))
    assert.deepEqual(unread(table), {})
  })

  test('what was deleted while this tab was away is not new, also where the log no longer tells of it', async () => {
    const table = await back()
    const chat = { id: C, anchor: ANCHOR, createdBy: BOB, createdAt: 1, updatedAt: 1 }
    const comment = (/** @type {string} */ id, /** @type {number} */ createdAt) => ({ id, body: id, author: BOB, createdAt })
    table.receive(events([added(11, 'n11', 'bob'), added(12, 'n12', 'bob'), added(13, 'n13', 'bob'), added(14, 'n14', 'bob', 'other')]))
    table.world.answer = () => json(410, { code: 'reset', message: 'gone' })
    table.receive(subscribed({ seq: 900, read: 8 }))
    // The first of four is not loaded: it is still to be read.
    table.receive(snapshot({ seq: 900, chats: [{ ...chat, commentCount: 4, comments: [comment('n11', 11), comment('n13', 13), comment('n890', 890)] }] }))
    await settle()
    assert.deepEqual(unread(table), { [C]: ['m1', 'n11', 'n13'] })
    table.receive(subscribed({ seq: 901, read: 8 }))
    table.receive(snapshot({ seq: 901, chats: [{ ...chat, commentCount: 2, comments: [comment('n13', 13), comment('n890', 890)] }] }))
    await settle()
    assert.deepEqual(unread(table), { [C]: ['n13'] })
    // Nothing that is gone holds back what is told to be read.
    table.page.markRead(C)
    assert.deepEqual(told(table), [901])
  })
})

describe('reading', () => {
  test('one discussion: the number stands before what is unread in others', async () => {
    const table = await back()
    table.receive(events([{ type: 'new-text-chat', seq: 11, broadcastId: 'b11', ts: 1, user: BOB, chat: { id: 'other', anchor: { selector: [], length: 0 }, comment: { id: 'o1', body: 'x' } } }, added(12, 'n12', 'bob')]))
    /** @type {any[]} */
    const seen = []
    table.page.on('read', detail => seen.push(detail))
    table.page.markRead(C)
    assert.deepEqual(told(table), [10])
    assert.deepEqual(unread(table), { other: ['o1'] })
    assert.deepEqual(seen.map(({ read, unread }) => [read, [...unread.keys()]]), [[10, ['other']]])
    await table.world.clock.pass(1000)
    table.page.markRead('other')
    assert.deepEqual([told(table), unread(table)], [[10, 12], {}])
  })

  test('a tab that is closed within that second tells it before it goes', async () => {
    const table = await back()
    table.page.markRead()
    table.receive(events([added(11, 'n11', 'bob')]))
    table.page.markRead()
    assert.deepEqual(told(table), [10])
    table.world.window.fire('pagehide', { persisted: false })
    assert.deepEqual(told(table), [10, 11])
    assert.equal(table.socket.state, 'closed')
  })

  /** Firefox has closed the socket by the time that a page hears of its end. @type {[string, (table: Table) => void][]} */
  const goes = [
    ['that goes to another page', table => table.world.window.fire('beforeunload')],
    ['that nobody sees any more', table => {
      table.world.document.visibilityState = 'hidden'
      table.world.document.fire('visibilitychange')
    }],
  ]
  for (const [what, go] of goes) {
    test(`a tab ${what} tells it, and goes on where it stays all the same`, async () => {
      const table = await back()
      go(table)
      assert.deepEqual(told(table), [])
      table.page.markRead()
      table.receive(events([added(11, 'n11', 'bob')]))
      table.page.markRead()
      go(table)
      go(table)
      assert.deepEqual([told(table), table.socket.state], [[10, 11], 'open'])
      table.receive(events([added(12, 'n12', 'bob')]))
      table.page.markRead()
      assert.deepEqual(told(table), [10, 11, 12])
    })
  }

  test('is told at most once a second, and never twice or backwards', async () => {
    const table = await back()
    for (let seq = 11; seq < 20; seq++) {
      table.receive(events([added(seq, `n${seq}`, 'bob')]))
      table.page.markRead()
      table.page.markRead()
    }
    assert.deepEqual(told(table), [11])
    await table.world.clock.pass(1000)
    assert.deepEqual(told(table), [11, 19])
    await table.world.clock.pass(5000)
    table.receive({ type: 'read', urlId: '/page', seq: 3 })
    assert.deepEqual([told(table), table.page.state.read], [[11, 19], 19])
  })

  test('on another device counts here', async () => {
    const table = await back()
    table.receive({ type: 'read', urlId: '/page', seq: 9 })
    assert.deepEqual([unread(table), table.page.state.read, told(table)], [{}, 9, []])
  })

  test('one discussion before the log has told what is new: the others stay new', async () => {
    const table = new Table()
    const answers = held(table, () => json(200, { epoch: 'E', seq: 10, first: 6, last: 10, events: [added(6, 'mine', 'ann'), added(8, 'm8', 'bob'), added(9, 'o9', 'bob', 'other'), added(10, 'm10', 'bob')] }))
    await table.welcome()
    table.receive(subscribed({ read: 5 }))
    table.receive(snapshot({ chats: [C, 'other'].map(id => ({ id, anchor: ANCHOR, createdBy: BOB, createdAt: 1, updatedAt: 1, commentCount: 1, comments: [{ id: `${id}-1`, body: 'x', author: BOB, createdAt: 1 }] })) }))
    await settle()
    // As a link to it does, which opens it with the page.
    table.page.markRead(C)
    assert.deepEqual([told(table), table.page.state.read], [[], 5])
    table.receive(events([added(11, 'm11', 'bob')]))
    for (const answer of answers) answer()
    await settle()
    assert.deepEqual([told(table), table.page.state.read, unread(table)], [[8], 8, { other: ['o9'], [C]: ['m11'] }])
    table.page.markRead(C)
    assert.deepEqual(unread(table), { other: ['o9'] })
    await table.world.clock.pass(1000)
    table.page.markRead()
    assert.deepEqual([told(table), unread(table)], [[8, 11], {}])
  })

  test('one discussion where the log does not reach there: it is read', async () => {
    const table = new Table()
    const answers = held(table, () => json(410, { code: 'reset', message: 'gone' }))
    await table.welcome()
    table.receive(subscribed({ read: 5 }))
    table.snapshot(10, 'first')
    await settle()
    table.page.markRead(C)
    for (const answer of answers) answer()
    await settle()
    assert.deepEqual([told(table), table.page.state.read], [[10], 10])
  })

  test('one discussion, when the page comes anew: it stays read though others are not', async () => {
    const table = await back()
    const snapshot = (/** @type {number} */ seq) => ({ type: 'snapshot', urlId: '/page', epoch: 'E', seq, last: true, chats: [C, 'other'].map(id => ({ id, anchor: ANCHOR, createdBy: BOB, createdAt: 1, updatedAt: 1, commentCount: 1, comments: [{ id: `${id}-1`, body: 'x', author: BOB, createdAt: 1 }] })) })
    table.world.answer = url => json(200, { epoch: 'E', seq: 12, first: Number(url.searchParams.get('after')) + 1, last: 12, events: [added(11, 'o11', 'bob', 'other'), added(12, 'm12', 'bob')].filter(({ seq }) => seq > Number(url.searchParams.get('after'))) })
    table.receive(subscribed({ seq: 12, read: 8 }))
    table.receive(snapshot(12))
    await settle()
    table.page.markRead(C)
    assert.deepEqual([told(table), unread(table)], [[10], { other: ['o11'] }])
    table.receive(subscribed({ seq: 12, read: 10 }))
    table.receive(snapshot(12))
    await settle()
    assert.deepEqual(unread(table), { other: ['o11'] })
    table.receive(events([added(13, 'm13', 'bob')]))
    assert.deepEqual(unread(table), { other: ['o11'], [C]: ['m13'] })
  })

  test('of a page that is left within the second is told, and leaves no timer', async () => {
    const table = await back()
    table.page.markRead()
    table.receive(events([added(11, 'n11', 'bob')]))
    table.page.markRead()
    assert.deepEqual(told(table), [10])
    table.page.close()
    assert.deepEqual([told(table), table.socket.sent.at(-1).type], [[10, 11], 'unsubscribe'])
    table.client.destroy()
    assert.equal(table.world.clock.timers.size, 0)
  })

  test('while the connection is away is told when it is back', async () => {
    const table = await back()
    table.socket.fail(1006)
    table.page.markRead()
    assert.deepEqual(told(table), [])
    await table.reconnect()
    assert.deepEqual(told(table), [10])
  })

  test('is not said again to a server that does not keep it, which refuses no page by it', async () => {
    const table = await back()
    table.page.markRead()
    table.receive({ type: 'error', code: 'unsupported', message: 'unknown frame type', retry: false, urlId: '/page' })
    await table.world.clock.pass(1000)
    table.receive(events([added(11, 'n11', 'bob')]))
    table.page.markRead()
    assert.deepEqual([told(table), table.page.state.status], [[10], 'live'])
  })

  test('belongs to one person and one history', async () => {
    const table = await back()
    table.receive({ type: 'subscribed', urlId: '/page', epoch: 'F', seq: 1, recovered: false, can: [] })
    table.snapshot(1, 'anew', 'F')
    assert.deepEqual([table.page.state.read, unread(table)], [undefined, {}])
  })
})

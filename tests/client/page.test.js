import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { C, Table, ack, edited, events, refusal, update } from './table.js'
import { ANCHOR, json, settle } from './world.js'

describe('the server\'s clock', () => {
  test('a page that is opened long after the welcome has the same time as the others', async () => {
    const table = new Table()
    await table.welcome({ now: table.world.clock.now + 1_700_000_000_000 + 3 * 3_600_000 })
    const off = () => table.page.now - table.world.clock.now - 1_700_000_000_000
    assert.equal(off(), 3 * 3_600_000)
    await table.world.clock.pass(10_000)
    const later = table.client.page('/later')
    assert.equal(later.now, table.page.now)
    assert.equal(off(), 3 * 3_600_000)
    later.close()
    assert.equal(later.now, table.page.now)
  })
})

test('what is written is on its way before it is drawn', async () => {
  const table = await new Table().live()
  /** @type {number[]} */
  const sent = []
  table.page.on('change', () => sent.push(table.operations.length))
  table.page.addComment(C, 'first')
  assert.deepEqual(sent, [1])
})

describe('two layers', () => {
  test('H1: Bob reopened before our resolve was committed: every screen ends resolved', async () => {
    const table = await new Table().live()
    table.receive(update(11, 'bob', { change: 'resolved' }))
    const reopened = table.page.reopen(C), resolved = table.page.resolve(C)
    assert.equal(table.chat.resolved?.by.id, 'ann')
    table.receive(update(12, 'bob', { change: 'reopened' }))
    assert.equal(table.chat.resolved?.by.id, 'ann')
    table.receive(update(13, 'ann', { change: 'resolved' }, resolved.broadcastId))
    assert.deepEqual(table.chat.resolved, { by: { id: 'ann', name: 'ann' }, at: 1013 })
    table.receive(ack(reopened, 12))
    table.receive(ack(resolved, 13))
    assert.equal(table.chat.pending, undefined)
    assert.equal(table.page.state.pending, 0)
  })

  for (const late of [true, false]) {
    test(`H1: two edits, ours second, its ack ${late ? 'after' : 'before'} the event`, async () => {
      const table = await new Table().live()
      const sent = table.page.editComment(C, 'm1', 'mine')
      table.receive(edited(11, 'bob', 'theirs'))
      assert.equal(table.chat.comments[0].body, 'mine')
      if (!late) table.receive(ack(sent, 12))
      table.receive(edited(12, 'ann', 'mine', sent.broadcastId))
      if (late) table.receive(ack(sent, 12))
      assert.deepEqual([table.chat.comments[0].body, table.chat.comments[0].pending], ['mine', undefined])
    })

    test(`H1: two edits, ours first, its ack ${late ? 'after' : 'before'} the event`, async () => {
      const table = await new Table().live()
      const sent = table.page.editComment(C, 'm1', 'mine')
      if (!late) table.receive(ack(sent, 11))
      table.receive(edited(11, 'ann', 'mine', sent.broadcastId))
      table.receive(edited(12, 'bob', 'theirs'))
      if (late) table.receive(ack(sent, 11))
      assert.equal(table.chat.comments[0].body, 'theirs')
      assert.equal(table.page.state.pending, 0)
    })
  }

  test('H1: what before_commit made of our words is what we see', async () => {
    const table = await new Table().live()
    const sent = table.page.addComment(C, 'rude')
    const frame = /** @type {any} */ (table.added(11, sent))
    frame.events[0].comment = { ...frame.events[0].comment, body: '****' }
    table.receive(frame)
    assert.equal(table.chat.comments[1].body, '****')
  })

  for (const late of [true, false]) test(`H1: a moderator's edit merged into our creation carries its id and is folded, our ack ${late ? 'after' : 'before'} it`, async () => {
    const table = await new Table().live()
    const sent = table.page.createChat(ANCHOR, 'mine')
    if (!late) table.receive(ack(sent, 11))
    const { chat } = table.operations[0]
    table.receive(events([{ type: 'new-text-chat', seq: 12, broadcastId: 'moderation', ts: 1011, user: { id: 'ann', name: 'ann' }, chat: { ...chat, comment: { ...chat.comment, body: 'moderated', editedAt: 1012 } } }], { first: 11, last: 12 }))
    const shown = () => table.page.state.chats.find(each => each.id === sent.chatId)
    assert.equal(shown()?.comments[0].body, 'moderated')
    assert.equal(shown()?.commentCount, 1)
    assert.equal(table.page.state.pending, late ? 1 : 0)
    if (late) table.receive(ack(sent, 11))
    assert.equal(table.page.state.pending, 0)
    assert.deepEqual(shown()?.comments.map(comment => comment.body), ['moderated'])
  })

  test('somebody else\'s event with our broadcastId settles nothing', async () => {
    const table = await new Table().live()
    const sent = table.page.resolve(C)
    table.receive(update(11, 'mallory', { change: 'reopened' }, sent.broadcastId))
    assert.equal(table.page.state.pending, 1)
    assert.equal(table.chat.resolved?.by.id, 'ann')
  })

  test('shown at once, and nothing moves when it is confirmed', async () => {
    const table = await new Table().live()
    const sent = table.page.addComment(C, 'words')
    const before = table.chat
    assert.deepEqual(before.comments.map(comment => [comment.body, comment.pending]), [['first', undefined], ['words', true]])
    assert.equal(before.commentCount, 2)
    assert.equal(before.pending, true)
    table.receive(table.added(11, sent))
    assert.deepEqual(table.chat.comments.map(comment => [comment.id, comment.body, comment.author.id]), before.comments.map(comment => [comment.id, comment.body, comment.author.id]))
    assert.equal(table.chat.pending, undefined)
    assert.deepEqual(await sent.settled, { ok: true })
  })

  test('every operation shows at once', async () => {
    const table = await new Table().live()
    const { page } = table
    const { chatId, commentId } = page.createChat(ANCHOR, 'new')
    const made = () => /** @type {any} */ (page.state.chats.find(chat => chat.id === chatId))
    page.editComment(chatId, /** @type {string} */ (commentId), 'newer')
    page.addReaction(chatId, /** @type {string} */ (commentId), '👍')
    page.moveAnchor(chatId, { ...ANCHOR, length: 99 })
    page.resolve(chatId)
    assert.deepEqual([made().comments[0].body, made().comments[0].reactions, made().anchor.length, made().resolved.by.id, made().createdBy.id], ['newer', { '👍': ['ann'] }, 99, 'ann', 'ann'])
    page.reopen(chatId)
    page.removeReaction(chatId, /** @type {string} */ (commentId), '👍')
    assert.deepEqual([made().resolved, made().comments[0].reactions], [undefined, undefined])
    const reply = page.addComment(chatId, 'reply')
    page.deleteComment(chatId, /** @type {string} */ (commentId))
    assert.deepEqual([made().commentCount, made().comments[0].body], [1, 'reply'])
    page.deleteComment(chatId, /** @type {string} */ (reply.commentId))
    assert.equal(made(), undefined)
    page.deleteChat(C)
    assert.equal(page.state.chats.length, 0)
  })

  test('pending operations on what others deleted do no harm', async () => {
    const table = await new Table().live()
    const sent = table.page.addComment(C, 'too late')
    table.page.resolve(C)
    table.receive(events([{ type: 'deleted-text-chat', seq: 11, broadcastId: 'x', ts: 1, user: { id: 'bob', name: 'Bob' }, chatId: C }]))
    assert.equal(table.page.state.chats.length, 0)
    table.receive(refusal(sent, 'not-found'))
    assert.equal(table.page.state.drafts[0].text, 'too late')
  })

  test('H20e: a new ack over a newer snapshot changes nothing', async () => {
    const table = await new Table().live()
    const sent = table.page.editComment(C, 'm1', 'mine')
    table.receive({ type: 'subscribed', urlId: '/page', epoch: 'E', seq: 20, recovered: false, can: [] })
    table.snapshot(20, 'much later')
    table.receive(ack(sent, 11))
    assert.equal(table.chat.comments[0].body, 'much later')
    assert.equal(table.page.state.pending, 0)
  })

  test('a snapshot that holds our operation already, unacked: not shown twice', async () => {
    const table = await new Table().live()
    const sent = table.page.addComment(C, 'words'), created = table.page.createChat(ANCHOR, 'new')
    table.receive({ type: 'subscribed', urlId: '/page', epoch: 'E', seq: 12, recovered: false, can: [] })
    const user = { id: 'ann', name: 'ann' }
    table.receive({ type: 'snapshot', urlId: '/page', epoch: 'E', seq: 12, last: true, chats: [
      { id: C, anchor: ANCHOR, createdBy: user, createdAt: 1, updatedAt: 1, commentCount: 1, comments: [{ id: sent.commentId, body: 'words', author: user, createdAt: 1 }] },
      { id: created.chatId, anchor: ANCHOR, createdBy: user, createdAt: 1, updatedAt: 1, commentCount: 2, comments: [{ id: created.commentId, body: 'new', author: user, createdAt: 1 }, { id: 'x', body: 'by Bob', author: user, createdAt: 1 }] },
    ] })
    assert.deepEqual(table.page.state.chats.map(chat => [chat.commentCount, chat.comments.length]), [[1, 1], [2, 2]])
  })

  test('the view is frozen, and what did not change is the same object', async () => {
    const table = await new Table().live()
    table.receive(update(11, 'bob', { change: 'reaction-added', commentId: 'm1', emoji: '👍' }))
    const before = table.chat
    table.page.createChat(ANCHOR, 'another')
    assert.equal(table.chat, before)
    for (const part of [table.page.state, table.page.state.chats, before, before.comments, before.comments[0], before.comments[0].reactions]) assert.ok(Object.isFrozen(part))
    assert.equal(table.page.state, table.page.state)
  })

  test('times of pending operations are by the server\'s clock', async () => {
    const table = new Table()
    await table.welcome({ now: 5_000_000 })
    table.receive({ type: 'subscribed', urlId: '/page', epoch: '', seq: 0, recovered: true, can: [] })
    table.page.createChat(ANCHOR, 'new')
    assert.equal(table.page.state.chats[0].createdAt, 5_000_000)
  })
})

describe('synchronising', () => {
  const subscribed = (/** @type {object} */ more) => ({ type: 'subscribed', urlId: '/page', epoch: 'E', seq: 10, recovered: true, can: ['comment'], ...more })

  test('the first subscribe has no since; recovered on an empty page is live', async () => {
    const table = new Table()
    await table.welcome()
    assert.deepEqual(table.socket.sent.slice(1), [{ type: 'subscribe', urlId: '/page' }])
    table.receive(subscribed({ epoch: '', seq: 0 }))
    assert.equal(table.page.state.status, 'live')
    assert.equal(table.page.state.loaded, true)
    table.receive(events([{ type: 'new-text-chat', seq: 1, broadcastId: 'b', ts: 1, user: { id: 'bob', name: 'Bob' }, chat: { id: 'n', anchor: ANCHOR, comment: { id: 'c', body: 'x' } } }]))
    assert.deepEqual(table.page.state.position, { epoch: 'E', seq: 1 })
    assert.deepEqual(table.page.state.can, ['comment'])
  })

  test('H7a: the first event brings the epoch; a position with seq 0 is good in every epoch', async () => {
    const table = new Table()
    await table.welcome()
    table.receive(subscribed({ epoch: '', seq: 0, recovered: false }))
    table.receive({ type: 'snapshot', urlId: '/page', epoch: '', seq: 0, chats: [], last: true })
    table.socket.fail(1006)
    await table.world.clock.pass(1100)
    await table.welcome()
    assert.deepEqual(table.socket.sent[1].since, { epoch: '', seq: 0 })
    table.receive(subscribed({ epoch: 'X', seq: 1 }))
    assert.equal(table.page.state.status, 'reconnecting')
    table.receive(events([{ type: 'new-text-chat', seq: 1, broadcastId: 'b', ts: 1, user: { id: 'bob', name: 'Bob' }, chat: { id: 'n', anchor: ANCHOR, comment: { id: 'c', body: 'x' } } }], { epoch: 'X' }))
    assert.equal(table.page.state.status, 'live')
    assert.equal(table.socket.frames('subscribe').length, 1)
  })

  test('a snapshot in several frames replaces the page when the last one is there', async () => {
    const table = await new Table().live()
    table.receive(subscribed({ seq: 30, recovered: false }))
    const chat = { anchor: ANCHOR, createdBy: { id: 'b', name: 'B' }, createdAt: 1, updatedAt: 1, commentCount: 0, comments: [] }
    for (const id of ['x', 'y', 'z']) {
      assert.deepEqual(table.page.state.chats.map(each => each.id), [C])
      table.receive({ type: 'snapshot', urlId: '/page', epoch: 'E', seq: 30, chats: [{ ...chat, id }], last: id === 'z' })
    }
    assert.deepEqual(table.page.state.chats.map(each => each.id), ['x', 'y', 'z'])
    assert.deepEqual(table.page.state.position, { epoch: 'E', seq: 30 })
  })

  test('half a snapshot of a lost connection does not mix with the next one', async () => {
    const table = await new Table().live()
    table.receive(subscribed({ seq: 30, recovered: false }))
    const chat = { id: 'old', anchor: ANCHOR, createdBy: { id: 'b', name: 'B' }, createdAt: 1, updatedAt: 1, commentCount: 0, comments: [] }
    table.receive({ type: 'snapshot', urlId: '/page', epoch: 'E', seq: 30, chats: [chat], last: false })
    table.socket.fail(1006)
    await table.world.clock.pass(1100)
    await table.welcome()
    table.receive(subscribed({ seq: 31, recovered: false }))
    table.snapshot(31, 'new')
    assert.deepEqual(table.page.state.chats.map(each => each.id), [C])
  })

  test('H6d: live frames between subscribe and subscribed are ignored', async () => {
    const table = await new Table().live()
    table.receive(update(13, 'bob', { change: 'resolved' }))
    table.receive(update(14, 'bob', { change: 'reopened' }))
    table.receive(update(11, 'bob', { change: 'resolved' }))
    assert.deepEqual(table.page.state.position, { epoch: 'E', seq: 10 })
    assert.deepEqual(table.socket.frames('subscribe').slice(1), [{ type: 'subscribe', urlId: '/page', since: { epoch: 'E', seq: 10 } }])
    table.receive(subscribed({ seq: 14 }))
    assert.equal(table.page.state.status, 'reconnecting')
    table.receive(events([], { first: 11, last: 14, events: [] }))
    assert.deepEqual(table.page.state.position, { epoch: 'E', seq: 14 })
    assert.equal(table.page.state.status, 'live')
  })

  test('a gap: one resubscribe from the position; still a gap: one from nothing; then it stops and says why', async () => {
    const table = await new Table().live()
    const gap = () => table.receive(update(13, 'bob', { change: 'resolved' }))
    gap()
    gap()
    assert.equal(table.socket.frames('subscribe').length, 2)
    table.receive(subscribed({ seq: 10 }))
    gap()
    assert.deepEqual(table.socket.frames('subscribe').slice(2), [{ type: 'subscribe', urlId: '/page' }])
    table.receive(subscribed({ recovered: false }))
    table.snapshot(10, 'first')
    for (let n = 0; n < 10; n++) gap()
    assert.equal(table.socket.frames('subscribe').length, 3)
    assert.equal(table.page.state.status, 'refused')
    assert.equal(table.page.state.reason?.code, 'protocol')
    assert.equal(table.chat.comments.length, 1)
    table.socket.fail(1006)
    await table.reconnect()
    assert.equal(table.page.state.status, 'live')
  })

  test('a frame that is known already is dropped', async () => {
    const table = await new Table().live()
    table.receive(update(10, 'bob', { change: 'resolved' }))
    table.receive(events([], { first: 1, last: 9, events: [] }))
    assert.equal(table.chat.resolved, undefined)
    assert.equal(table.socket.frames('subscribe').length, 1)
  })

  test('a new epoch under a live reader', async () => {
    const table = await new Table().live()
    const sent = table.page.addComment(C, 'before')
    table.receive(ack(sent, 11))
    table.receive(subscribed({ epoch: 'F', seq: 3, recovered: false }))
    table.snapshot(3, 'restored', 'F')
    assert.equal(table.chat.comments[0].body, 'restored')
    assert.equal(table.page.state.pending, 0)
    assert.equal(table.page.state.status, 'live')
  })

  test('H7b: events of another epoch are a gap', async () => {
    const table = await new Table().live()
    table.receive({ .../** @type {any} */ (update(11, 'bob', { change: 'resolved' })), epoch: 'F' })
    assert.equal(table.chat.resolved, undefined)
    assert.equal(table.socket.frames('subscribe').length, 2)
  })

  test('an ack of another epoch is settled by one resubscribe', async () => {
    const table = await new Table().live()
    const sent = table.page.resolve(C)
    table.receive(ack(sent, 3, 'OLD'))
    assert.equal(table.socket.frames('subscribe').length, 2)
    table.receive(subscribed({}))
    assert.equal(table.page.state.pending, 0)
  })

  test('a server of another origin that takes no cookies is asked without, and one that is away is asked with them again', async () => {
    const table = new Table({ options: { prefix: 'https://chat.test/collabchat' } })
    let away = true
    table.world.answer = (_, { credentials }) => {
      if (away || credentials === 'include') throw new TypeError('Failed to fetch')
      return json(200, { epoch: 'E', seq: 500, chats: [] })
    }
    await table.welcome()
    table.receive(subscribed({ seq: 490, recovered: false, load: true }))
    await settle()
    assert.deepEqual(table.world.fetched.map(each => each.credentials), ['include', 'omit'])
    away = false
    await table.world.clock.pass(5000)
    assert.deepEqual(table.world.fetched.map(each => each.credentials), ['include', 'omit', 'include', 'omit'])
    table.receive(subscribed({ seq: 500 }))
    assert.equal(table.page.state.status, 'live')
  })

  test('load: true: fetched, then subscribed again with that position', async () => {
    const table = new Table({ options: { token: 'secret' } })
    const chat = { id: 'big', anchor: ANCHOR, createdBy: { id: 'b', name: 'B' }, createdAt: 1, updatedAt: 1, commentCount: 0, comments: [] }
    table.world.answer = () => json(200, { epoch: 'E', seq: 500, chats: [chat] })
    await table.welcome()
    table.receive(subscribed({ seq: 490, recovered: false, load: true }))
    await settle()
    const url = new URL(table.world.fetched[0].url)
    assert.deepEqual([url.pathname, ...url.searchParams], ['/collabchat/v1/chats', ['tenantId', 'acme'], ['urlId', '/page']])
    assert.deepEqual(table.world.fetched[0].headers, { authorization: 'Bearer secret', 'x-collabchat-visitor': table.socket.sent[0].visitorId })
    assert.deepEqual(table.socket.frames('subscribe')[1], { type: 'subscribe', urlId: '/page', since: { epoch: 'E', seq: 500 } })
    assert.deepEqual(table.page.state.chats.map(each => each.id), ['big'])
    table.receive(subscribed({ seq: 500 }))
    assert.equal(table.page.state.status, 'live')
  })

  test('load: true again and again, and fetches that fail, are slowed down', async () => {
    const table = new Table()
    let fetches = 0
    table.world.answer = () => ++fetches % 2 ? json(503, { code: 'unavailable', message: 'away', retry: true }) : json(200, { epoch: 'E', seq: 5, chats: [] })
    await table.welcome()
    table.keepAlive()
    let answered = 0
    for (let n = 0; n < 240; n++) {
      const asked = table.socket.frames('subscribe').length
      if (asked > answered) { answered = asked; table.receive(subscribed({ seq: 5, recovered: false, load: true })) }
      await table.world.clock.pass(500)
    }
    assert.ok(fetches > 5 && fetches < 40, String(fetches))
    assert.equal(table.world.sockets.length, 1)
  })

  test('load: true, and not allowed to: the page stops', async () => {
    const table = new Table()
    table.world.answer = () => json(403, { code: 'forbidden', message: 'no', retry: false })
    await table.welcome()
    table.receive(subscribed({ recovered: false, load: true }))
    await settle()
    assert.deepEqual(table.page.state.reason, { code: 'forbidden', message: 'no' })
  })

  test('subscribe refused: retry: true is tried again, forbidden stops the page and not the connection', async () => {
    const table = new Table()
    await table.welcome()
    table.receive({ type: 'error', code: 'unavailable', message: 'away', retry: true, retryAfterMs: 3000, urlId: '/page' })
    await table.world.clock.pass(2999)
    assert.equal(table.socket.frames('subscribe').length, 1)
    await table.world.clock.pass(2000)
    assert.equal(table.socket.frames('subscribe').length, 2)
    table.receive({ type: 'error', code: 'forbidden', message: 'no', retry: false, urlId: '/page' })
    assert.deepEqual([table.page.state.status, table.page.state.reason], ['refused', { code: 'forbidden', message: 'no' }])
    assert.equal(table.client.status.status, 'live')
    assert.equal(table.socket.state, 'open')
  })

  test('a permission withdrawn', async () => {
    const table = await new Table().live()
    table.receive({ type: 'unsubscribed', urlId: '/page', reason: 'forbidden' })
    assert.equal(table.page.state.reason?.code, 'forbidden')
    assert.equal(table.chat.comments.length, 1)
  })

  test('older comments are loaded, kept over a resync, and read again', async () => {
    const table = await new Table().live()
    const user = { id: 'b', name: 'B' }, comment = (/** @type {number} */ n) => ({ id: 'o' + n, body: 'n' + n, author: user, createdAt: n })
    const chat = (/** @type {number[]} */ ids) => ({ type: 'snapshot', urlId: '/page', epoch: 'E', seq: 20, last: true, chats: [{ id: C, anchor: ANCHOR, createdBy: user, createdAt: 1, updatedAt: 1, commentCount: 9, comments: ids.map(comment) }] })
    table.receive(subscribed({ seq: 20, recovered: false }))
    table.receive(chat([5, 6, 7, 8, 9]))
    table.world.answer = () => json(200, { comments: [3, 4].map(comment), more: true })
    assert.equal(await table.page.loadOlder(C, 2), true)
    assert.deepEqual([...new URL(table.world.fetched[0].url).searchParams].slice(2), [['chatId', C], ['before', 'o5'], ['limit', '2']])
    assert.equal(table.chat.comments.map(each => each.id).join(' '), 'o3 o4 o5 o6 o7 o8 o9')
    table.world.answer = () => json(200, { comments: [2, 4].map(comment), more: true })
    table.receive(subscribed({ seq: 20, recovered: false }))
    table.receive(chat([5, 6, 7, 8, 9]))
    assert.equal(table.chat.comments.map(each => each.id).join(' '), 'o3 o4 o5 o6 o7 o8 o9')
    await settle()
    assert.equal(table.chat.comments.map(each => each.id).join(' '), 'o2 o4 o5 o6 o7 o8 o9')
    table.world.answer = () => json(404, { code: 'not-found', message: 'gone', retry: false })
    await assert.rejects(table.page.loadOlder(C), { name: 'CollabError', code: 'not-found' })
    table.world.answer = () => { throw new TypeError('network') }
    await assert.rejects(table.page.loadOlder(C), { name: 'CollabError', code: 'unavailable' })
    table.world.answer = () => json(200, { comments: [{ id: 7 }] })
    await assert.rejects(table.page.loadOlder(C), { name: 'CollabError', code: 'protocol' })
  })
})

describe('presence and typing', () => {
  test('presence', async () => {
    const table = await new Table().live()
    assert.deepEqual([table.page.state.users, table.page.state.connections], [1, 1])
    table.receive({ type: 'presence', urlId: '/page', users: 3, connections: 5, joined: [{ id: 'bob', name: 'Bob' }] })
    assert.deepEqual(table.seen.presence, [{ users: 3, connections: 5, joined: [{ id: 'bob', name: 'Bob' }], left: [] }])
    assert.deepEqual([table.page.state.users, table.page.state.connections], [3, 5])
  })

  test('typing shows for 5 s, ends with the comment, and is never our own', async () => {
    const table = await new Table().live()
    const typing = (/** @type {string} */ id, chatId = C) => table.receive({ type: 'typing', urlId: '/page', chatId, user: { id, name: id } })
    const shown = () => table.seen.typing.at(-1)?.users.map((/** @type {any} */ user) => user.id)
    typing('ann')
    typing('bob', 'unknown chat')
    assert.equal(table.seen.typing.length, 0)
    typing('bob')
    await table.world.clock.pass(3000)
    typing('eve')
    typing('bob')
    await table.world.clock.pass(4999)
    assert.deepEqual(shown(), ['bob', 'eve'])
    table.receive(update(11, 'eve', { change: 'comment-added', comment: { id: 'e', body: 'here' } }))
    assert.deepEqual(shown(), ['bob'])
    await table.world.clock.pass(2)
    assert.deepEqual(shown(), [])
  })
})

test('a listener that throws hinders nobody', async () => {
  const table = await new Table().live()
  let heard = 0
  /** @type {any[]} */
  const reported = []
  const world = /** @type {any} */ (globalThis), before = world.reportError
  world.reportError = (/** @type {any} */ error) => reported.push(error.message)
  table.page.on('change', () => { throw new Error('of the application') })
  const off = table.page.on('change', () => { heard++ })
  table.receive(update(11, 'bob', { change: 'resolved' }))
  off()
  table.receive(update(12, 'bob', { change: 'reopened' }))
  world.reportError = before
  assert.equal(heard, 1)
  assert.deepEqual(reported, ['of the application', 'of the application'])
  assert.equal(table.page.state.position.seq, 12)
  table.client.destroy()
})

test('a listener that another one has taken away hears nothing more', async () => {
  const table = await new Table().live()
  /** @type {string[]} */
  const heard = []
  table.page.on('change', () => {
    heard.push('first')
    off()
  })
  const off = table.page.on('change', () => heard.push('second'))
  table.page.on('change', () => table.page.close())
  table.page.on('change', () => heard.push('of a page that is closed'))
  table.receive(update(11, 'bob', { change: 'resolved' }))
  assert.deepEqual(heard, ['first'])
  table.client.destroy()
})

test('what is told to be live shows what it is live with', async () => {
  const table = new Table()
  /** @type {any[]} */
  const shown = []
  table.page.on('status', ({ status }) => {
    const { loaded, chats } = table.page.state
    shown.push([status, loaded, chats.length, chats[0]?.comments.length])
  })
  await table.live()
  table.socket.fail(1006)
  await table.reconnect()
  table.receive({ type: 'subscribed', urlId: '/page', epoch: 'E', seq: 11, recovered: true, can: [] })
  table.receive(update(11, 'bob', { change: 'comment-added', comment: { id: 'm2', body: 'second' } }))
  assert.deepEqual(shown.filter(([status]) => status === 'live'), [['live', true, 1, 1], ['live', true, 1, 1], ['live', true, 1, 2]])
  table.client.destroy()
})

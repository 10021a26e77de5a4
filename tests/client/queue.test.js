import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { C, Table, ack, edited, refusal, update } from './table.js'
import { ANCHOR, MemoryStorage } from './world.js'

/** As releases before this one called it. */
const OLDER = 'collabchat:queue:["acme","/page","ann"]'
/** @param {string} prefix */
const keyOf = (prefix = '/collabchat') => `${OLDER}http://site.test${prefix}/`

describe('the queue on the wire', () => {
  test('hello, subscribe with since, then unacked operations again with their old ids, in order', async () => {
    const table = await new Table().live()
    const first = table.page.addComment(C, 'one'), second = table.page.resolve(C)
    assert.deepEqual(table.operations.map(frame => frame.broadcastId), [first.broadcastId, second.broadcastId])
    table.socket.fail(1006)
    await table.reconnect()
    assert.deepEqual(table.socket.sent.map(frame => frame.type), ['hello', 'subscribe', 'add-comment', 'resolve-chat'])
    assert.deepEqual(table.socket.sent[1].since, { epoch: 'E', seq: 10 })
    assert.deepEqual(table.operations.map(frame => frame.broadcastId), [first.broadcastId, second.broadcastId])
  })

  test('what was acked is not sent again, and is shown until its event came', async () => {
    const table = await new Table().live()
    const sent = table.page.addComment(C, 'one')
    table.receive(ack(sent, 11))
    assert.equal(table.chat.comments.at(-1)?.pending, true)
    table.socket.fail(1006)
    await table.reconnect()
    assert.equal(table.operations.length, 0)
    assert.equal(table.page.state.pending, 1)
  })

  test('an operation waits for the creation of what it names', async () => {
    const table = await new Table().live()
    const created = table.page.createChat(ANCHOR, 'new')
    table.page.addComment(created.chatId, 'reply')
    table.page.resolve(C)
    assert.deepEqual(table.operations.map(frame => frame.type), ['create-chat'])
    table.receive(ack(created, 11))
    assert.deepEqual(table.operations.map(frame => frame.type), ['create-chat', 'add-comment', 'resolve-chat'])
  })

  test('an edit waits for the comment it edits, another comment of the chat does not', async () => {
    const table = await new Table().live()
    const added = table.page.addComment(C, 'one')
    table.page.addComment(C, 'two')
    table.page.editComment(C, /** @type {string} */ (added.commentId), 'one, better')
    assert.deepEqual(table.operations.map(frame => frame.type), ['add-comment', 'add-comment'])
    table.receive(ack(added, 11))
    assert.equal(table.operations.at(-1)?.type, 'edit-comment')
  })

  test('200 queued operations do not leave in one flood', async () => {
    const table = await new Table().live()
    const sent = []
    for (let n = 0; n < 30; n++) sent.push(table.page.addComment(C, 'n' + n))
    assert.equal(table.operations.length, 8)
    table.receive(ack(sent[0], 11))
    assert.equal(table.operations.length, 9)
  })

  test('a server that answers at once is not flooded either: 12 in a second, and all in the end', async () => {
    const table = await new Table().live()
    /** @type {import('./table.js').Sent[]} */
    const sent = []
    for (let n = 0; n < 60; n++) sent.push(table.page.addComment(C, 'n' + n))
    let answered = 0
    const answerAll = () => { while (answered < table.operations.length) table.receive(ack(sent[answered++], 11)) }
    for (let second = 1; second <= 5; second++) {
      answerAll()
      assert.equal(table.operations.length, 12 * second)
      await table.world.clock.pass(1000)
    }
    assert.deepEqual(table.operations.map(frame => frame.broadcastId), sent.map(each => each.broadcastId))
  })

  test('retry: true halts the queue there, and retryAfterMs wins over backoff', async () => {
    const table = await new Table().live()
    const sent = ['a', 'b', 'c'].map(text => table.page.addComment(C, text))
    for (const each of sent) table.receive(refusal(each, 'unavailable', { retry: true, retryAfterMs: 9000 }))
    table.page.addComment(C, 'd')
    await table.world.clock.pass(8999)
    assert.equal(table.operations.length, 3)
    await table.world.clock.pass(6000)
    // One first: whether the server is back.
    assert.equal(table.operations.length, 4)
    assert.equal(table.operations[3].broadcastId, sent[0].broadcastId)
    table.receive(ack(sent[0], 11))
    assert.deepEqual(table.operations.slice(4).map(frame => frame.comment.body), ['b', 'c', 'd'])
    assert.equal(table.page.state.drafts.length, 0)
  })

  test('H20a: create-chat unavailable, add-comment behind it: nothing is lost or refused', async () => {
    const table = await new Table().live()
    const created = table.page.createChat(ANCHOR, 'new'), reply = table.page.addComment(created.chatId, 'reply')
    for (let n = 0; n < 5; n++) {
      table.receive(refusal(created, 'unavailable', { retry: true }))
      await table.world.clock.pass(25_000)
    }
    assert.equal(new Set(table.operations.map(frame => frame.broadcastId)).size, 1)
    table.receive(ack(created, 11))
    assert.equal(table.operations.at(-1)?.broadcastId, reply.broadcastId)
  })

  test('what was halted comes again although its event settled it: the server waits for it', async () => {
    const table = await new Table().live()
    const sent = table.page.addComment(C, 'a')
    table.receive(refusal(sent, 'unavailable', { retry: true }))
    table.receive(table.added(11, sent))
    assert.equal(table.page.state.pending, 0)
    await table.world.clock.pass(1001)
    assert.equal(table.operations.at(-1)?.broadcastId, sent.broadcastId)
    assert.equal(table.operations.length, 2)
    table.receive(ack(sent, 11))
    table.keepAlive()
    await table.world.clock.pass(120_000)
    assert.equal(table.operations.length, 2)
  })

  test('the same where the event overtook the answer', async () => {
    const table = await new Table().live()
    const sent = table.page.addComment(C, 'a')
    table.receive(table.added(11, sent))
    table.receive(refusal(sent, 'unavailable', { retry: true }))
    await table.world.clock.pass(1001)
    assert.equal(table.operations.length, 2)
  })

  test('no answer for half a minute: asked again with the same id', async () => {
    const table = await new Table().live()
    const sent = table.page.addComment(C, 'a')
    table.keepAlive()
    await table.world.clock.pass(32_000)
    assert.deepEqual(table.operations.map(frame => frame.broadcastId), [sent.broadcastId, sent.broadcastId])
  })

  test('unauthenticated keeps the words queued', async () => {
    const table = await new Table().live()
    const sent = table.page.addComment(C, 'a')
    table.receive(refusal(sent, 'unauthenticated'))
    assert.equal(table.page.state.pending, 1)
    table.socket.fail(4401)
    await table.reconnect(0)
    assert.equal(table.operations.at(-1)?.broadcastId, sent.broadcastId)
  })

  test('bounded: 200 operations, 256 KB, and the text stays with the caller', async () => {
    const table = await new Table().live()
    for (let n = 0; n < 200; n++) table.page.resolve(C)
    assert.throws(() => table.page.resolve(C), { code: 'too-many' })
    const other = await new Table().live()
    assert.throws(() => { for (let n = 0; n < 100; n++) other.page.addComment(C, 'ä'.repeat(2000)) }, { code: 'too-many' })
    assert.ok(other.page.state.pending < 70)
  })

  test('typing is throttled to one in 3 s and never queued', async () => {
    const table = await new Table().live()
    for (let n = 0; n < 5; n++) table.page.typing(C)
    assert.equal(table.socket.frames('typing').length, 1)
    await table.world.clock.pass(3000)
    table.page.typing(C)
    assert.equal(table.socket.frames('typing').length, 2)
    table.socket.fail(1006)
    table.page.typing(C)
    await table.reconnect()
    assert.equal(table.socket.frames('typing').length, 0)
  })

  test('lone surrogates never leave', async () => {
    const table = await new Table().live()
    table.page.addComment(C, 'a\ud800b\udc00')
    table.page.addReaction(C, 'm1', '\ud83d')
    assert.equal(table.operations[0].comment.body, 'a\ufffdb\ufffd')
    assert.equal(table.operations[1].emoji, '\ufffd')
  })

  test('texts are trimmed and measured as the server does it', async () => {
    const table = await new Table().live()
    table.page.addComment(C, '\u0085\u3000 a b \n')
    assert.equal(table.operations[0].comment.body, 'a b')
    assert.throws(() => table.page.addComment(C, ' \u2003\n'), { code: 'invalid' })
    table.page.addComment(C, '👍'.repeat(2000))
    assert.throws(() => table.page.addComment(C, '👍'.repeat(2001)), { code: 'too-long' })
    assert.throws(() => table.page.createChat({ ...ANCHOR, scope: 'x'.repeat(70_000) }, 'a'), { code: 'too-large' })
  })
})

describe('refusals and drafts', () => {
  test('a refused text comes back, and is gone from the screen', async () => {
    const table = await new Table().live()
    const sent = table.page.addComment(C, 'words')
    assert.equal(table.chat.comments.length, 2)
    table.receive(refusal(sent, 'forbidden'))
    assert.equal(table.chat.comments.length, 1)
    const draft = table.page.state.drafts[0]
    assert.equal(draft.text, 'words')
    assert.equal(draft.refusal.code, 'forbidden')
    assert.deepEqual(table.chat.failed, draft.refusal)
    assert.deepEqual(table.seen.draft, [draft])
    assert.deepEqual(await sent.settled, { ok: false, refusal: draft.refusal })
  })

  test('a quota that is used up says until when, by the server\'s clock, and still after a reload', async () => {
    const server = 1_900_000_000_000
    const table = await new Table().live({ now: server })
    const sent = table.page.addComment(C, 'one too many')
    table.receive(refusal(sent, 'quota', { retryAfterMs: 3_600_000 }))
    assert.equal(table.page.state.drafts[0].refusal.until, server + 3_600_000)
    assert.equal(table.seen.error[0].until, server + 3_600_000)
    const after = await new Table({ storage: table.world.storage }).live({ now: server })
    assert.deepEqual(after.page.state.drafts.map(draft => [draft.text, draft.refusal.until]), [['one too many', server + 3_600_000]])
  })

  test('a refused edit marks its comment', async () => {
    const table = await new Table().live()
    table.receive(refusal(table.page.editComment(C, 'm1', 'better'), 'forbidden'))
    assert.equal(table.chat.comments[0].body, 'first')
    assert.equal(table.chat.comments[0].failed?.code, 'forbidden')
  })

  test('an operation without words is only reported', async () => {
    const table = await new Table().live()
    table.receive(refusal(table.page.resolve(C), 'forbidden'))
    assert.equal(table.chat.resolved, undefined)
    assert.equal(table.page.state.drafts.length, 0)
    assert.equal(table.seen.error[0].code, 'forbidden')
  })

  test('what hung on a refused creation comes back with it, unsent', async () => {
    const table = await new Table().live()
    const created = table.page.createChat(ANCHOR, 'new')
    table.page.addComment(created.chatId, 'reply')
    table.page.resolve(created.chatId)
    table.receive(refusal(created, 'forbidden'))
    assert.deepEqual(table.page.state.drafts.map(draft => [draft.text, draft.refusal.code]), [['new', 'forbidden'], ['reply', 'not-found']])
    assert.equal(table.page.state.pending, 0)
    assert.equal(table.operations.length, 1)
  })

  test('retried: a new broadcastId, the same ids, so that the drafts behind it still fit', async () => {
    const table = await new Table().live()
    const created = table.page.createChat(ANCHOR, 'new')
    table.receive(refusal(created, 'rate-limited'))
    const again = table.page.retryDraft(created.broadcastId, 'newer')
    assert.notEqual(again.broadcastId, created.broadcastId)
    assert.equal(again.chatId, created.chatId)
    assert.equal(table.operations.at(-1)?.chat.comment.body, 'newer')
    assert.equal(table.page.state.drafts.length, 0)
  })

  test('retried after conflict: new ids', async () => {
    const table = await new Table().live()
    const created = table.page.createChat(ANCHOR, 'new')
    table.receive(refusal(created, 'conflict'))
    assert.notEqual(table.page.retryDraft(created.broadcastId).chatId, created.chatId)
  })

  test('discarded', async () => {
    const table = await new Table().live()
    const sent = table.page.addComment(C, 'words')
    table.receive(refusal(sent, 'forbidden'))
    table.page.discardDraft(sent.broadcastId)
    assert.equal(table.page.state.drafts.length, 0)
    assert.equal(table.chat.failed, undefined)
    assert.throws(() => table.page.retryDraft(sent.broadcastId), { code: 'not-found' })
  })
})

describe('the queue survives', () => {
  test('a reload', async () => {
    const table = await new Table().live()
    const sent = table.page.addComment(C, 'kept')
    const after = await new Table({ storage: table.world.storage }).live()
    assert.deepEqual(after.operations.map(frame => frame.broadcastId), [sent.broadcastId])
    assert.equal(after.chat.comments.at(-1)?.body, 'kept')
    after.receive(ack(sent, 10))
    const again = await new Table({ storage: table.world.storage }).live()
    assert.deepEqual(again.operations, [])
  })

  test('H20b: nothing of Ann is shown to Bob, or sent as Bob; Ann finds it again', async () => {
    const table = await new Table().live()
    const sent = table.page.addComment(C, 'from Ann')
    table.receive(refusal(table.page.addComment(C, 'refused words of Ann'), 'forbidden'))
    table.socket.fail(1006)
    await table.reconnect(undefined, { user: { id: 'bob', name: 'Bob' } })
    assert.equal(table.operations.length, 0)
    assert.equal(table.page.state.pending, 0)
    assert.equal(table.page.state.drafts.length, 0)
    assert.equal(table.page.state.chats.length, 0, 'the page itself is asked for anew: he may not be allowed to read it')
    table.receive({ type: 'subscribed', urlId: '/page', epoch: 'E', seq: 10, recovered: false, can: ['comment'] })
    table.snapshot(10, 'first')
    assert.equal(table.chat.comments.length, 1)
    table.page.addComment(C, 'from Bob')
    table.socket.fail(1006)
    await table.reconnect()
    assert.deepEqual(table.operations.map(frame => frame.broadcastId), [sent.broadcastId])
    assert.deepEqual(table.page.state.drafts.map(draft => draft.text), ['refused words of Ann'])
    const bob = await new Table({ storage: table.world.storage, user: 'bob' }).live()
    assert.deepEqual(bob.operations.map(frame => frame.comment.body), ['from Bob'])
  })

  test('written before anybody was known: goes to who is here, and leaves nothing under the last one\'s name', async () => {
    const ann = await new Table().live()
    const bob = new Table({ storage: ann.world.storage, user: 'bob' })
    bob.page.addComment(C, 'Bob, in a hurry')
    await bob.live()
    assert.equal(bob.operations[0].comment.body, 'Bob, in a hurry')
    const again = await new Table({ storage: ann.world.storage }).live()
    assert.deepEqual(again.operations, [])
  })

  test('another tenant, another page: another queue', async () => {
    const table = await new Table().live()
    table.page.addComment(C, 'acme')
    const other = await new Table({ storage: table.world.storage, tenantId: 'other' }).live()
    assert.deepEqual(other.operations, [])
    const elsewhere = await new Table({ storage: table.world.storage, urlId: '/elsewhere' }).live()
    assert.deepEqual(elsewhere.operations, [])
  })

  test('older than dedupeMs: a draft, never sent', async () => {
    const table = await new Table().live()
    table.page.addComment(C, 'last week')
    const later = new Table({ storage: table.world.storage })
    later.world.clock.now += 604_800_001
    await later.live()
    assert.deepEqual(later.operations, [])
    assert.deepEqual(later.page.state.drafts.map(draft => [draft.text, draft.refusal.code]), [['last week', 'expired']])
    const reloaded = await new Table({ storage: table.world.storage }).live()
    assert.equal(reloaded.page.state.drafts[0].text, 'last week')
  })

  test('older than dedupeMs with what hangs on it: each comes back once', async () => {
    const table = await new Table().live()
    table.socket.fail(1006)
    const { chatId } = table.page.createChat(ANCHOR, 'one')
    table.page.addComment(chatId, 'two')
    table.world.clock.now += 8 * 86_400_000
    await table.reconnect()
    assert.deepEqual([...table.seen.draft.map(draft => draft.text), table.seen.error.length], ['one', 'two', 2])
    assert.equal(table.operations.length, 0)
  })

  test('a storage that throws, is full or holds garbage', async () => {
    const table = new Table()
    table.world.storage.broken = true
    await table.live()
    const sent = table.page.addComment(C, 'words')
    table.socket.fail(1006)
    await table.reconnect()
    assert.equal(table.operations[0].broadcastId, sent.broadcastId)
    for (const garbage of ['', '{', 'null', '7', '[]', '{"operations":7,"drafts":{"length":1}}', '{"operations":[null,7,{"broadcastId":1},{"broadcastId":"b","operation":{"type":"x"}},{"broadcastId":"b","operation":{"type":"add-comment","chatId":"c"}}],"drafts":[{"id":"x"}]}']) {
      const other = new Table()
      for (const key of [keyOf(), OLDER]) other.world.storage.setItem(key, garbage)
      await other.live()
      assert.deepEqual(other.operations, [], garbage)
      assert.deepEqual(other.page.state.drafts, [])
    }
  })

  test('two tabs: neither wipes what the other queued, and a draft discarded in one is gone in the other', async () => {
    const one = await new Table().live()
    const two = await new Table({ storage: one.world.storage }).live()
    const first = one.page.addComment(C, 'one'), second = two.page.addComment(C, 'two')
    one.page.resolve(C)
    const third = await new Table({ storage: one.world.storage }).live()
    assert.deepEqual(third.operations.map(frame => frame.comment?.body ?? frame.type), ['one', 'two', 'resolve-chat'])
    one.receive(refusal(first, 'forbidden'))
    two.receive(ack(second, 10))
    two.world.window.fire('storage', { key: keyOf() })
    assert.equal(two.page.state.drafts[0].text, 'one')
    one.page.discardDraft(first.broadcastId)
    two.world.window.fire('storage', { key: keyOf() })
    assert.deepEqual(two.page.state.drafts, [])
  })

  test('two servers of one origin have queues of their own', async () => {
    const one = await new Table().live()
    one.page.addComment(C, 'for the one')
    const { storage } = one.world
    const other = await new Table({ storage, options: { prefix: '/other' } }).live()
    assert.deepEqual([other.operations, other.page.state.pending], [[], 0])
    other.page.addComment(C, 'for the other')
    for (const [prefix, words] of [['/collabchat', 'for the one'], ['/other', 'for the other']]) {
      const again = await new Table({ storage, options: { prefix } }).live()
      assert.deepEqual(again.operations.map(frame => frame.comment.body), [words])
    }
  })

  test('two servers of one origin: what was written before the one had said who is here is not the other\'s', async () => {
    const one = new Table()
    one.page.createChat(ANCHOR, 'for the one')
    const { storage, session } = one.world
    const drafts = []
    for (const prefix of ['/other', '/collabchat']) {
      const table = new Table({ storage, session, urlId: '/elsewhere', options: { prefix } })
      await table.welcome()
      drafts.push((await new Table({ storage, session, options: { prefix } }).live()).page.state.drafts.map(each => each.text))
    }
    assert.deepEqual(drafts, [[], ['for the one']])
  })

  test('what an older release has left, which told no servers apart, is sent and given back', async () => {
    const former = await new Table().live()
    former.receive(refusal(former.page.addComment(C, 'came back'), 'forbidden'))
    former.page.addComment(C, 'waits')
    const storage = new MemoryStorage(new Map(former.world.storage.items)), left = storage.getItem(keyOf()) ?? ''
    storage.setItem(OLDER, left)
    // The same twice: a tab of the older release was open beside one of this.
    for (const both of [true, false]) {
      both ? storage.setItem(keyOf(), left) : storage.removeItem(keyOf())
      storage.setItem(OLDER, left)
      const hidden = new Table({ storage, before: world => { world.document.visibilityState = 'hidden' } })
      await hidden.welcome()
      assert.ok(hidden.socket, 'what waits is worth a connection that nobody looks at')
      const table = await new Table({ storage }).live()
      assert.deepEqual([table.operations.map(frame => frame.comment.body), table.page.state.drafts.map(draft => draft.text)], [['waits'], ['came back']])
      assert.deepEqual([storage.getItem(keyOf()), storage.getItem(OLDER)], [left, null])
    }
  })

  test('what an older release has left stays where a full storage takes nothing else', async () => {
    const former = await new Table().live()
    former.page.addComment(C, 'waits')
    const storage = new MemoryStorage(new Map([[OLDER, former.world.storage.getItem(keyOf()) ?? '']])), { setItem } = storage
    storage.setItem = () => { throw new Error('QuotaExceededError') }
    const table = await new Table({ storage }).live()
    assert.deepEqual([table.operations.length, storage.items.has(OLDER)], [1, true])
    storage.setItem = setItem
    table.page.addComment(C, 'more')
    assert.deepEqual([storage.items.has(OLDER), JSON.parse(storage.getItem(keyOf()) ?? '').operations.length], [false, 2])
  })

  test('a draft that came from another tab, discarded here, is gone everywhere', async () => {
    const one = await new Table().live(), two = await new Table({ storage: one.world.storage }).live()
    one.receive(refusal(one.page.addComment(C, 'mine'), 'forbidden'))
    const [key] = [...one.world.storage.items.keys()].filter(each => each.startsWith('collabchat:queue:'))
    two.world.window.fire('storage', { key })
    two.page.discardDraft(two.page.state.drafts[0].id)
    one.world.window.fire('storage', { key })
    assert.deepEqual([one.page.state.drafts, two.page.state.drafts, one.world.storage.items.has(key)], [[], [], false])
  })

  test('what came back in one tab and was committed by another is no draft any more', async () => {
    const one = await new Table().live()
    const sent = one.page.addComment(C, 'one')
    const two = await new Table({ storage: one.world.storage }).live()
    one.receive(refusal(sent, 'not-found'))
    two.receive(ack(sent, 11))
    const event = update(11, 'ann', { change: 'comment-added', comment: { id: sent.commentId, body: 'one' } }, sent.broadcastId)
    assert.equal(one.page.state.drafts.length, 1)
    one.receive(event)
    assert.deepEqual(one.page.state.drafts, [])
    assert.equal(one.page.state.chats[0].failed, undefined)
    assert.equal(one.chat.comments.at(-1)?.body, 'one')
  })

  test('a creation that was stored behind its reply is sent before it', async () => {
    const one = new Table()
    const created = one.page.createChat(ANCHOR, 'new')
    one.page.addComment(created.chatId, 'reply')
    await one.live()
    const key = keyOf(), stored = JSON.parse(one.world.storage.getItem(key) ?? '')
    assert.equal(stored.operations.length, 2)
    one.world.storage.setItem(key, JSON.stringify({ ...stored, operations: stored.operations.reverse() }))
    const two = await new Table({ storage: one.world.storage }).live()
    assert.deepEqual(two.operations.map(frame => frame.type), ['create-chat'])
    two.receive(ack({ ...created, broadcastId: two.operations[0].broadcastId }, 11))
    assert.deepEqual(two.operations.map(frame => frame.type), ['create-chat', 'add-comment'])
  })

  test('settled by a snapshot, or a position, at or past the ack', async () => {
    const table = await new Table().live()
    const sent = table.page.editComment(C, 'm1', 'mine')
    table.receive(edited(11, 'bob', 'theirs'))
    table.receive(ack(sent, 12))
    assert.equal(table.chat.comments[0].body, 'mine')
    table.receive({ type: 'subscribed', urlId: '/page', epoch: 'E', seq: 14, recovered: false, can: [] })
    table.snapshot(14, 'final')
    assert.equal(table.chat.comments[0].body, 'final')
    assert.equal(table.page.state.pending, 0)
    assert.deepEqual(await sent.settled, { ok: true })
  })
})

describe('what the reader wrote', () => {
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

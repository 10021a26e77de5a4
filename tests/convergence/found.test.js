/** What the proof has found, frame by frame: each of these failed before it was mended. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { C, Table, ack, refusal, update } from '../client/table.js'
import { ANCHOR } from '../client/world.js'

test('what was acked and then erased with its page is settled, though the page is empty now', async () => {
  const table = await new Table().live()
  const sent = table.page.addComment('chat-1', 'gone')
  table.receive(ack(sent, 11))
  assert.equal(table.page.state.pending, 1, 'its event may still be on the way')
  erased(table)
  await answered(table)
  assert.equal(table.page.state.pending, 0)
  assert.deepEqual(await sent.settled, { ok: true })
})

test('the same where the ack comes after the empty page', async () => {
  const table = await new Table().live()
  const sent = table.page.addComment('chat-1', 'gone')
  erased(table)
  table.receive(ack(sent, 11))
  await answered(table)
  assert.equal(table.page.state.pending, 0)
})

test('the first annotation of a new page waits for its event and asks for nothing', async () => {
  const table = new Table()
  await table.welcome()
  erased(table)
  const sent = table.page.createChat(ANCHOR, 'First')
  table.receive(ack(sent, 1))
  assert.equal(table.socket.frames('subscribe').length, 1)
  assert.equal(table.page.state.pending, 1)
})

/** @param {Table} table */
function erased(table) {
  table.receive({ type: 'subscribed', urlId: '/page', epoch: '', seq: 0, recovered: false, can: ['comment'] })
  table.receive({ type: 'snapshot', urlId: '/page', epoch: '', seq: 0, chats: [], last: true })
}

/** The server answers whatever the client has asked since. @param {Table} table */
async function answered(table) {
  assert.equal(table.socket.frames('subscribe').length, 2, 'it asks once more, to be certain')
  table.receive({ type: 'subscribed', urlId: '/page', epoch: '', seq: 0, recovered: true, can: ['comment'] })
}

test('what the server waits for is sent before anything that it would refuse meanwhile', async () => {
  const table = await new Table().live()
  const waited = table.page.addComment(C, 'one'), resolved = table.page.resolve(C)
  table.receive(refusal(waited, 'rate-limited', { retry: true, retryAfterMs: 100 }))
  // Another tab of this reader had the same queue, and got through.
  table.receive(update(11, 'ann', { change: 'resolved' }, resolved.broadcastId))
  table.receive(refusal(resolved, 'rate-limited', { retry: true, retryAfterMs: 100 }))
  const before = table.operations.length
  const since = () => table.operations.slice(before).map(frame => frame.broadcastId)
  await table.world.clock.pass(400)
  assert.deepEqual(since(), [waited.broadcastId])
  table.receive(ack(waited, 12))
  assert.deepEqual(since(), [waited.broadcastId, resolved.broadcastId])
})

test('the server waits for the first of what it refused, in whatever order it says so', async () => {
  const table = await new Table().live()
  const first = table.page.addComment(C, 'one'), second = table.page.addComment(C, 'two')
  const before = table.operations.length
  const since = () => table.operations.slice(before).map(frame => frame.broadcastId)
  table.receive(refusal(second, 'unavailable', { retry: true, retryAfterMs: 100 }))
  await table.world.clock.pass(200)
  assert.deepEqual(since(), [second.broadcastId])
  table.receive(refusal(first, 'unavailable', { retry: true, retryAfterMs: 100 }))
  table.receive(refusal(second, 'unavailable', { retry: true, retryAfterMs: 100 }))
  await table.world.clock.pass(400)
  assert.deepEqual(since(), [second.broadcastId, first.broadcastId])
  table.receive(ack(first, 11))
  assert.deepEqual(since(), [second.broadcastId, first.broadcastId, second.broadcastId])
})

test('where that guess was wrong, everything is sent again', async () => {
  const table = await new Table().live()
  const first = table.page.addComment(C, 'one'), second = table.page.addComment(C, 'two')
  table.receive(refusal(second, 'unavailable', { retry: true, retryAfterMs: 100 }))
  await table.world.clock.pass(200)
  const before = table.operations.length
  table.receive(refusal(second, 'unavailable', { retry: true, retryAfterMs: 100 }))
  await table.world.clock.pass(35_000)
  assert.ok(table.operations.slice(before).some(frame => frame.broadcastId === first.broadcastId))
})

test('what the server waits for stays the same while it is on its way again', async () => {
  const table = await new Table().live()
  const [first, second, third] = ['one', 'two', 'three'].map(words => table.page.addComment(C, words))
  const before = table.operations.length
  const since = () => table.operations.slice(before).map(frame => frame.broadcastId)
  table.receive(refusal(first, 'rate-limited', { retry: true, retryAfterMs: 62 }))
  table.receive(refusal(second, 'rate-limited', { retry: true, retryAfterMs: 62 }))
  await table.world.clock.pass(200)
  assert.deepEqual(since(), [first.broadcastId])
  table.receive(refusal(third, 'rate-limited', { retry: true, retryAfterMs: 62 }))
  table.receive(ack(first, 11))
  await table.world.clock.pass(400)
  assert.deepEqual(since(), [first, second, third].map(each => each.broadcastId))
})

test('a refused subscription is asked for again, though a new epoch has begun before the refusal', async () => {
  const table = await new Table().live()
  const sent = table.page.addComment('chat-1', 'in another history')
  table.receive({ ...ack(sent, 1), epoch: 'another' })
  const asked = table.socket.frames('subscribe').length
  erased(table)
  assert.equal(table.page.state.status, 'live', 'the epoch came by itself, and not as an answer')
  table.receive({ type: 'error', code: 'unavailable', message: 'away', retry: true, urlId: '/page' })
  await table.world.clock.pass(30_000)
  assert.ok(table.socket.frames('subscribe').length > asked)
})

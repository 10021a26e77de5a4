/** What many pages send together stays below what the server takes for a flood. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { C, Table, ack, snapshot, subscribed } from './table.js'

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

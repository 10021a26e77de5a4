import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { ConfirmedPage } from '../../collabchat_asgi/static/client/confirmed.js'
import { readChat, readEvents } from '../../collabchat_asgi/static/client/protocol.js'

const vectors = JSON.parse(readFileSync(new URL('../vectors/fold.json', import.meta.url), 'utf8'))

/** @param {ConfirmedPage} page  @param {any} frame */
function take(page, frame) {
  const events = readEvents(frame)
  const place = page.place(events)
  if (place === 'next') page.fold(events)
  return place
}

describe('fold vectors', () => {
  for (const { name, events, expected } of vectors) {
    test(name, () => {
      const page = new ConfirmedPage()
      for (const frame of events) take(page, frame)
      assert.deepEqual([...page.chats.values()], expected.chats)
      assert.deepEqual(page.position, expected.position)
    })
  }
})

const ANN = { id: 'ann', name: 'Ann' }
const ANCHOR = { selector: [], length: 1 }
/** @param {number} n */
const comment = n => ({ id: 'm' + n, body: 'n' + n, author: ANN, createdAt: n })
/** @param {number[]} loaded  @param {number} [commentCount]  @param {string} [id] */
const chat = (loaded, commentCount = loaded.length, id = 'c') => readChat({ id, anchor: ANCHOR, createdBy: ANN, createdAt: 1, updatedAt: 1, commentCount, comments: loaded.map(comment) })
/** @param {number} seq  @param {object} change */
const update = (seq, change) => ({ epoch: 'E', first: seq, last: seq, events: [{ type: 'updated-text-chat', seq, broadcastId: 'b' + seq, ts: 1000 + seq, user: ANN, chatId: 'c', ...change }] })
/** @param {ConfirmedPage} page */
const ids = page => page.chats.get('c')?.comments.map(each => each.id).join(' ')

describe('comments that are not loaded', () => {
  test('an older comment is deleted: the count is right', () => {
    const page = new ConfirmedPage()
    page.replace({ epoch: 'E', seq: 1 }, [chat([6, 7, 8, 9, 10], 10)])
    take(page, update(2, { change: 'comment-deleted', commentId: 'm2' }))
    assert.equal(page.chats.get('c')?.commentCount, 9)
    assert.equal(ids(page), 'm6 m7 m8 m9 m10')
  })

  test('an older comment is edited or reacted to: nothing of the loaded ones moves', () => {
    const page = new ConfirmedPage()
    page.replace({ epoch: 'E', seq: 1 }, [chat([6, 7], 10)])
    take(page, update(2, { change: 'comment-edited', comment: { id: 'm2', body: 'x' } }))
    take(page, update(3, { change: 'reaction-added', commentId: 'm2', emoji: '👍' }))
    assert.equal(page.chats.get('c')?.updatedAt, 1002)
    assert.deepEqual(page.chats.get('c')?.comments, [comment(6), comment(7)])
  })

  test('older comments join on in front', () => {
    const page = new ConfirmedPage()
    page.replace({ epoch: 'E', seq: 1 }, [chat([6, 7], 7)])
    page.older(page.listen('c'), [4, 5].map(comment))
    assert.equal(ids(page), 'm4 m5 m6 m7')
  })

  test('a snapshot keeps the older ones that join on, and asks for them again', () => {
    const page = new ConfirmedPage()
    page.replace({ epoch: 'E', seq: 1 }, [chat([6, 7, 8], 8)])
    page.older(page.listen('c'), [3, 4, 5].map(comment))
    const again = page.replace({ epoch: 'E', seq: 5 }, [chat([7, 8, 9], 9)])
    assert.equal(ids(page), 'm3 m4 m5 m6 m7 m8 m9')
    assert.deepEqual(again, [{ chatId: 'c', older: 6, stale: new Set(['m3', 'm4', 'm5', 'm6']) }])
    page.older(page.listen('c'), [2, 3, 5, 6].map(comment), again[0].stale)
    assert.equal(ids(page), 'm2 m3 m5 m6 m7 m8 m9')
  })

  test('as many as before, but some of them older: these are asked for again too', () => {
    const page = new ConfirmedPage()
    page.replace({ epoch: 'E', seq: 1 }, [chat([1, 2, 3])])
    const again = page.replace({ epoch: 'E', seq: 3 }, [chat([3, 4, 5], 5)])
    assert.equal(ids(page), 'm1 m2 m3 m4 m5')
    assert.deepEqual(again.map(each => each.older), [2])
  })

  test('a snapshot that does not join on drops the old ones until they are read', () => {
    const page = new ConfirmedPage()
    page.replace({ epoch: 'E', seq: 1 }, [chat([1, 2, 3, 4, 5, 6])])
    const again = page.replace({ epoch: 'E', seq: 30 }, [chat([26, 27, 28, 29, 30], 30)])
    assert.equal(ids(page), 'm26 m27 m28 m29 m30')
    assert.deepEqual(again.map(each => each.older), [6])
  })

  test('what is folded while older ones are read is folded into them too', () => {
    const page = new ConfirmedPage()
    page.replace({ epoch: 'E', seq: 1 }, [chat([4, 5], 5)])
    const journal = page.listen('c')
    take(page, update(2, { change: 'comment-deleted', commentId: 'm2' }))
    take(page, update(3, { change: 'comment-edited', comment: { id: 'm3', body: 'new' } }))
    take(page, update(4, { change: 'reaction-added', commentId: 'm1', emoji: '👍' }))
    // The server read before it took these three.
    page.older(journal, [1, 2, 3].map(comment))
    const [first, third] = page.chats.get('c')?.comments ?? []
    assert.equal(ids(page), 'm1 m3 m4 m5')
    assert.deepEqual(first?.reactions, { '👍': ['ann'] })
    assert.equal(third?.body, 'new')
    assert.equal(page.chats.get('c')?.commentCount, 4)
  })

  test('read a moment before its event: shown once, counted once', () => {
    const page = new ConfirmedPage()
    page.replace({ epoch: 'E', seq: 1 }, [chat([], 1)])
    page.older(page.listen('c'), [comment(1), comment(2)])
    take(page, update(2, { change: 'comment-added', comment: { id: 'm2', body: 'n2' } }))
    assert.equal(ids(page), 'm1 m2')
    assert.equal(page.chats.get('c')?.commentCount, 2)
  })

  test('the chat is deleted while older ones are read', () => {
    const page = new ConfirmedPage()
    page.replace({ epoch: 'E', seq: 1 }, [chat([4, 5], 5)])
    const journal = page.listen('c')
    page.fold({ epoch: 'E', last: 2, events: [{ type: 'deleted-text-chat', seq: 2, broadcastId: 'b', ts: 2, user: ANN, chatId: 'c' }] })
    page.older(journal, [comment(1)])
    assert.equal(page.chats.size, 0)
  })
})

test('chats that did not change stay the same objects', () => {
  const page = new ConfirmedPage()
  page.replace({ epoch: 'E', seq: 1 }, [chat([1]), chat([2], 1, 'other')])
  const before = page.chats.get('other'), changed = page.chats.get('c')
  take(page, update(2, { change: 'resolved' }))
  assert.equal(page.chats.get('other'), before)
  assert.notEqual(page.chats.get('c'), changed)
  assert.equal(changed?.resolved, undefined)
})

test('a frame that overlaps the position is a gap: merged events cannot be taken apart', () => {
  const page = new ConfirmedPage()
  page.replace({ epoch: 'E', seq: 5 }, [])
  assert.equal(page.place({ epoch: 'E', first: 4, last: 7 }), 'gap')
  assert.equal(page.place({ epoch: 'E', first: 6, last: 7 }), 'next')
  assert.equal(page.place({ epoch: 'E', first: 2, last: 5 }), 'old')
  assert.equal(page.place({ epoch: 'F', first: 6, last: 7 }), 'gap')
})

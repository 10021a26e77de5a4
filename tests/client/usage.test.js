import assert from 'node:assert/strict'
import { test } from 'node:test'
import { grouped } from '../../collabchat_asgi/static/usage/grouped.js'

test('rows of usage by page, the busiest first', () => {
  const rows = [['/a', 1], ['/b', 5], ['/a', 3], ['/c', 0]].map(([urlId, count]) => ({ urlId: String(urlId), pubSubMessageCount: Number(count) }))
  assert.deepEqual(grouped(rows, row => row.urlId), [['/b', [rows[1]]], ['/a', [rows[0], rows[2]]], ['/c', [rows[3]]]])
  assert.deepEqual(grouped([], () => ''), [])
})

test('a year of many pages is grouped while nobody waits', () => {
  const rows = Array.from({ length: 200_000 }, (_, n) => ({ pubSubMessageCount: n })), before = performance.now()
  assert.equal(grouped(rows, () => 'one')[0][1].length, rows.length)
  assert.ok(performance.now() - before < 3000)
})

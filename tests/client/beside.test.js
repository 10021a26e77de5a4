/** Where a card lies beside its passage. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { beside } from '../../collabchat_asgi/static/widget/beside.js'

const EDGE = 12

/** @param {number} seed  @returns {(most: number) => number} whole numbers below `most`, the same for the same seed */
function random(seed) {
  let state = seed
  return most => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor(state / 2 ** 32 * most)
  }
}

/** @param {number} left  @param {number} top  @param {number} width  @param {number} height */
const box = (left, top, width, height) => ({ left, top, right: left + width, bottom: top + height })

test('a card is in the window, and on no line of its passage that it can spare', () => {
  const N = 20_000, pick = random(29)
  let covered = 0
  for (let n = 0; n < N; n++) {
    const width = 641 + pick(1000), height = 300 + pick(900), rtl = pick(2) === 1
    const column = box(pick(200), -pick(500), 200 + pick(width), 3000)
    const start = pick(height - 30), count = 1 + pick(3)
    const lines = Array.from({ length: count }, (_, line) => box(column.left, start + line * 28, 60 + pick(column.right - column.left - 60), 24))
    const card = { width: 348, height: Math.min(height - 2 * EDGE, 150 + pick(450)) }
    const seen = { lines, column, rtl, width, height, room: height, above: 0, narrow: false, bar: pick(3) ? box(width - 142, pick(2) ? 14 : height - 50, 126, 36) : undefined }
    const found = beside(card, seen)
    const tall = Math.min(found.most ?? card.height, card.height)
    const over = lines.some(line => line.left < found.left + card.width && found.left < line.right && line.top < found.top + tall && found.top < line.bottom)
    const { bar } = seen, seated = { left: found.left, top: found.top, right: found.left + card.width, bottom: found.top + tall }
    const told = JSON.stringify({ n, card, seen, found })
    assert.ok(found.left >= EDGE && found.top >= EDGE && found.left + card.width <= width - EDGE && found.top + tall <= height - EDGE, told)
    const hidden = bar && bar.left < seated.right && seated.left < bar.right && bar.top < seated.bottom && seated.top < bar.bottom
    if (hidden) assert.ok(found.poor, told)
    if (!over) continue
    covered++
    const [first] = lines, last = lines[count - 1]
    assert.ok(found.poor, told)
    // There was room neither above nor below for what a card needs at least.
    for (const free of [first.top - 22, height - last.bottom - 22]) assert.ok(free < Math.min(164, card.height), told)
  }
  assert.ok(covered < N / 30, `${covered} of ${N}`)
})

test('a card keeps to the side of its text where there is room', () => {
  const line = box(300, 200, 100, 24), seen = { lines: [line], width: 1400, height: 800, room: 800, above: 0, narrow: false }
  const column = box(100, 0, 600, 2000)
  assert.deepEqual(beside({ width: 348, height: 300 }, { ...seen, column, rtl: false }), { left: 720, top: 186, most: 300 })
  assert.deepEqual(beside({ width: 348, height: 300 }, { ...seen, column: box(700, 0, 600, 2000), rtl: true }), { left: 332, top: 186, most: 300 })
})

test('a keyboard leaves a card less room', () => {
  const seen = { lines: [box(20, 40, 100, 24)], column: box(0, 0, 700, 2000), rtl: false, width: 700, height: 780, room: 330, above: 0, narrow: false }
  const { top, most } = beside({ width: 348, height: 500 }, seen)
  assert.ok(most !== undefined && top >= 64 && top + most <= 330 - EDGE)
})

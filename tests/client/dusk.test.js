/** How often it is looked whether a page has become dark, of which nothing tells. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, mock, test } from 'node:test'
import { followGround } from '../../collabchat_asgi/static/widget/dusk.js'

describe('the ground of a page', () => {
  const known = Object.getOwnPropertyDescriptors(globalThis)
  /** @type {EventTarget & {hidden?: boolean, head?: object}} */
  let document
  /** @type {(() => void)[]} */
  let frames
  let looks = 0
  /** @type {AbortController} */
  let ending

  const drawn = () => { for (const each of frames.splice(0)) each() }
  /** @param {number} seconds  @returns {number} of the looks in them */
  const pass = seconds => {
    const before = looks
    // In steps: what is begun in one counts from its end.
    for (let tenth = 0; tenth < Math.round(seconds * 10); tenth++) mock.timers.tick(100)
    return looks - before
  }

  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
    document = Object.assign(new EventTarget(), { hidden: false, head: {} })
    frames = []
    looks = 0
    ending = new AbortController()
    Object.assign(globalThis, {
      document,
      matchMedia: () => new EventTarget(),
      MutationObserver: class { observe() {} disconnect() {} },
      requestAnimationFrame: (/** @type {() => void} */ act) => frames.push(act),
      cancelAnimationFrame: () => { frames = [] },
    })
    const root = /** @type {Element} */ (/** @type {unknown} */ ({ getRootNode: () => document }))
    followGround(() => root, () => { looks++ }, ending.signal)
    drawn()
  })
  afterEach(() => {
    ending.abort()
    mock.timers.reset()
    for (const name of ['document', 'matchMedia', 'MutationObserver', 'requestAnimationFrame', 'cancelAnimationFrame']) {
      if (known[name]) Object.defineProperty(globalThis, name, known[name])
      else Reflect.deleteProperty(globalThis, name)
    }
  })

  test('a page that stands still draws nothing for it, and is looked at seldom', () => {
    assert.equal(looks, 1)
    pass(10)
    assert.equal(pass(60), 15)
    assert.deepEqual(frames, [])
  })

  test('what a reader does may have changed it soon after, however much that is', () => {
    for (const type of ['keydown', 'pointerdown', 'click']) {
      pass(60)
      document.dispatchEvent(new Event(type))
      drawn()
      assert.equal(pass(0.5), 1, type)
    }
    const before = looks
    for (let key = 0; key < 100; key++) {
      document.dispatchEvent(new Event('keydown'))
      pass(0.1)
    }
    assert.ok(looks - before >= 18)
  })

  test('nobody sees a page that is hidden; it is looked at before the first frame that is seen again', () => {
    document.hidden = true
    assert.equal(pass(60), 0)
    document.hidden = false
    document.dispatchEvent(new Event('visibilitychange'))
    assert.equal(looks, 1)
    drawn()
    assert.equal(looks, 2)
  })

  test('after the end nothing is looked at', () => {
    document.dispatchEvent(new Event('click'))
    ending.abort()
    drawn()
    for (const type of ['keydown', 'click', 'visibilitychange']) document.dispatchEvent(new Event(type))
    drawn()
    assert.equal(pass(60), 0)
  })
})

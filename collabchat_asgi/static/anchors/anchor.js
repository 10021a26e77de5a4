/**
 * Anchors: a passage as W3C selectors, and the passage that such selectors mean in a text that may have changed since.
 * Pure: text in, text positions out. What cannot be found with good reason is not found: a discussion that lost its text is
 * told so, and never hung on a lookalike.
 */

/** @import { Anchor } from '../typed/types.js' */
/** @import { Passage } from './describe.js' */
import { exactly } from './exact.js'
import { Haystack } from './haystack.js'
import { Revised, finish } from './revised.js'

export { describe, ofPage, quoted, trimmed } from './describe.js'
export { Haystack }

/** What was found in a text shows where its neighbours are. @type {WeakMap<Haystack, Revised>} */
const known = new WeakMap()

/**
 * Where a passage is now, and whether its words are still the same: white space, quotes and dashes in another form are.
 * @param {Haystack} haystack  @param {Anchor} anchor of anyone, so not to be trusted
 * @returns {(Passage & {state: 'anchored' | 'changed'}) | {state: 'lost'}}
 */
export function locate(haystack, anchor) {
  let revised = known.get(haystack)
  if (!revised) known.set(haystack, revised = new Revised(haystack))
  const found = exactly(haystack, anchor)
  if (!found) return finish(revised.seek(anchor)) ?? { state: 'lost' }
  revised.learn(anchor, found)
  return { ...found, state: 'anchored' }
}

/** @param {Haystack} haystack  @param {Anchor} anchor of anyone, so not to be trusted  @returns {Passage | undefined} */
export function match(haystack, anchor) {
  const place = locate(haystack, anchor)
  return place.state === 'lost' ? undefined : { start: place.start, end: place.end }
}

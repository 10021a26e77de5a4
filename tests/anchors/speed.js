/**
 * How long anchors take on a page of a megabyte: `node tests/anchors/speed.js`. Times are the processor's, of this process.
 */
import { describe, trimmed } from '../../collabchat_asgi/static/anchors/describe.js'
import { exactly } from '../../collabchat_asgi/static/anchors/exact.js'
import { Haystack } from '../../collabchat_asgi/static/anchors/haystack.js'
import { Revised } from '../../collabchat_asgi/static/anchors/revised.js'
import { seeded } from '../client/world.js'
import { invented } from './invented.js'

const MEGABYTE = 1 << 20, ANCHORS = 500, LOST = 100
const random = seeded(1)
const sources = invented(1, 60).filter(each => each.language === 'en').map(each => each.before)
let text = ''
while (text.length < MEGABYTE) text += random.pick(sources) + ` ${random.below(1e6)} `
text = text.slice(0, MEGABYTE).trim()
const foreign = invented(2, 30).filter(each => each.language === 'en').map(each => each.after).join(' ')

const now = () => process.cpuUsage().user / 1000
/** @param {() => void} run */
const took = run => { const before = now(); run(); return now() - before }
/** @param {Iterator<void, any>} work  @returns {{all: number, longest: number}} */
function pieces(work) {
  let all = 0, longest = 0
  for (let done = false; !done;) {
    const ms = took(() => { done = !!work.next().done })
    all += ms
    longest = Math.max(longest, ms)
  }
  return { all, longest }
}
/** @param {string} of  @param {number} count */
const described = (of, count) => Array.from({ length: count }, () => {
  const start = random.below(of.length - 400), passage = trimmed(of, start, start + 8 + random.below(120))
  if (!passage) throw new Error('blank')
  return describe(of, passage)
})

const recording = Array.from({ length: 20 }, () => took(() => described(text, 1))).sort((a, b) => a - b)
const anchors = [...described(text, ANCHORS - LOST), ...described(foreign, LOST)]
const haystack = new Haystack(text, true), made = pieces(haystack.making())
let sure = 0, longest = 0, exact = 0
/** @type {typeof anchors} */
const doubtful = []
const revised = new Revised(haystack)
for (const anchor of anchors) {
  const ms = took(() => {
    const found = exactly(haystack, anchor)
    if (found) revised.learn(anchor, found)
    else doubtful.push(anchor)
  })
  exact += ms
  longest = Math.max(longest, ms)
  sure += doubtful.at(-1) === anchor ? 0 : 1
}
const searches = doubtful.map(anchor => pieces(revised.seek(anchor)))
const seeking = searches.reduce((sum, { all }) => sum + all, 0)
console.log(`${text.length} characters, ${ANCHORS} anchors, ${LOST} of them of another text`)
console.log(`recording one: median ${recording[10].toFixed(1)} ms`)
console.log(`making the text ready: ${made.all.toFixed(0)} ms, its longest piece ${made.longest.toFixed(1)} ms`)
console.log(`beyond doubt: ${sure}, ${exact.toFixed(0)} ms, the longest ${longest.toFixed(1)} ms`)
console.log(`in doubt: ${doubtful.length}, ${seeking.toFixed(0)} ms, the longest piece ${Math.max(...searches.map(each => each.longest)).toFixed(1)} ms`)

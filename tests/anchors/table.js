/**
 * The table of anchors: of all quotes, how many were found, found in a wrong place, and lost.
 *
 *     node tests/anchors/table.js                         our own fixtures, with edits made by a seed
 *     node tests/anchors/table.js --git CHECKOUT …        the history of every text in a checkout
 *     node tests/anchors/table.js --folders OLD NEW …     two versions of the same files
 *
 * `--quotes N` of each pair, `--seed N`, `--most N` pairs, `--show KIND OUTCOME` prints such quotes, `--rival` adds what the
 * algorithm of Hypothesis' client makes of the same quotes: how hard a set of texts is, its line tells.
 */
import { invented } from './invented.js'
import { measured, shares } from './measure.js'
import { ofFolders, ofGit } from './pairs.js'
import { hypothesis } from './rival.js'

const words = process.argv.slice(2)
/** @type {import('./pairs.js').Pair[]} */
const pairs = []
let quotes = 24, seed = 1, most = 500, rival = false
/** @type {string[]} */
let show = []
const next = () => words.shift() ?? ''
while (words.length) {
  const word = next()
  if (word === '--git') pairs.push(...ofGit(next(), most))
  else if (word === '--folders') pairs.push(...ofFolders(next(), next()))
  else if (word === '--quotes') quotes = +next()
  else if (word === '--seed') seed = +next()
  else if (word === '--most') most = +next()
  else if (word === '--rival') rival = true
  else if (word === '--show') show = [next(), next()]
  else throw new Error(`unknown: ${word}`)
}
const chosen = pairs.length ? pairs.filter((_, n) => Math.floor(n * most / pairs.length) !== Math.floor((n - 1) * most / pairs.length) || pairs.length <= most) : invented(seed)
const results = measured(chosen, { quotes, seed })

/** @param {string} title  @param {typeof results} of */
function line(title, of) {
  const cells = /** @type {const} */ (['intact', 'edited', 'rewritten', 'gone', 'moved']).map(kind => {
    const { all, found, wrong, lost } = shares(of, kind)
    return all ? `${kind === 'gone' ? '     ' : found.toFixed(1).padStart(5)} ${wrong.toFixed(1).padStart(5)} ${lost.toFixed(1).padStart(5)} ${String(all).padStart(5)}` : ' '.repeat(23)
  })
  console.log([title.padEnd(12), ...cells].join(' | '))
}
/** @param {typeof results} of */
function table(of) {
  line('all', of)
  for (const language of [...new Set(of.map(each => each.pair.language))].sort()) line(language, of.filter(each => each.pair.language === language))
  for (const size of ['1–11', '12–39', '40–119', '120+']) line(size, of.filter(each => each.size === size))
  const times = of.map(each => each.ms).sort((a, b) => a - b)
  console.log(`median ${times[times.length >> 1]?.toFixed(2)} ms an anchor, p99 ${times[Math.floor(times.length * 0.99)]?.toFixed(2)} ms`)
}
console.log(`${results.length} quotes of ${chosen.length} pairs, seed ${seed}: percent found, wrong, lost, and how many`)
console.log(['', 'intact', 'edited', 'rewritten', 'gone', 'moved'].map((each, n) => each.padEnd(n ? 23 : 12)).join(' | '))
table(results)
if (rival) {
  console.log('the same quotes by the algorithm of Hypothesis\' client')
  table(measured(chosen, { quotes, seed, finder: hypothesis }))
}
const SEEN = 60
/** A place with what stands around it. @param {string} text  @param {import('./measure.js').Passage | undefined} place */
const seen = (text, place) => place ? `${text.slice(Math.max(0, place.start - SEEN), place.start)}[${text.slice(place.start, place.end)}]${text.slice(place.end, place.end + SEEN)}` : ''
for (const { pair, kind, outcome, was, is, found } of results) {
  if (kind === show[0] && outcome === show[1]) console.log(`${pair.name}\n  was   ${seen(pair.before, was)}\n  is    ${seen(pair.after, is)}\n  found ${seen(pair.after, found)}`)
}

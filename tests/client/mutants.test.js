/** Tests that cannot fail prove nothing: each of these broken clients and widgets must be caught. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const STATIC = new URL('../../collabchat_asgi/static/', import.meta.url)
const here = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url))

/** @type {[string, string, string, string, string][]} what it does wrong, file, what stands there, what stands there instead, who catches it */
const MUTANTS = [
  ['drops its own events instead of folding them', 'subscription.js', 'this.page.fold(events)', 'this.page.fold({ ...events, events: events.events.filter(event => event.user.id !== this.#user?.id) })', 'page'],
  ['drops events that carry a broadcastId of its own', 'subscription.js', 'this.page.fold(events)', 'this.page.fold({ ...events, events: events.events.filter(event => !this.outbox.holds(event.broadcastId)) })', 'page'],
  ['the same, seen by the schedules', 'subscription.js', 'this.page.fold(events)', 'this.page.fold({ ...events, events: events.events.filter(event => !this.outbox.holds(event.broadcastId)) })', 'convergence'],
  ['settles at the ack', 'subscription.js', 'if (this.#reached(queued.ack) || !this.#open', 'if (true', 'page'],
  ['never settles at a position', 'subscription.js', 'this.#settleReached(false)', '', 'page'],
  ['folds across gaps', 'confirmed.js', "first === seq + 1 ? 'next' : 'gap'", "'next'", 'page'],
  ['forgets what it owes a halted server', 'outbox.js', 'if (queued.asked) this.#owed.set', 'if (false) this.#owed.set', 'queue'],
  ['lets operations overtake the creation they need', 'outbox.js', 'needs(queued.operation, each.operation)', 'false', 'queue'],
  ['makes a new broadcastId for each attempt', 'outbox.js', '...queued.operation, urlId: this.urlId, broadcastId: queued.broadcastId })', '...queued.operation, urlId: this.urlId, broadcastId: uuid(this.sender.env) })', 'queue'],
  ['keeps in doubt what a snapshot left in doubt', 'older.js', 'for (const { chatId, older, stale } of doubtful)', 'for (const { chatId, older, stale } of doubtful.slice(1))', 'page'],
  ['sends whoever\'s queue', 'outbox.js', 'queueKey(server, welcome.tenantId, this.urlId, welcome.user.id)', "queueKey(server, welcome.tenantId, this.urlId, 'all')", 'queue'],
  ['takes the answer to a subscription that has ended for its own', 'client.js', 'if (leaving && type', 'if (false && type', 'handles'],
  ['keeps nowhere what is written before the welcome', 'outbox.js', 'sender.nobodys.place(urlId))', 'undefined)', 'signout'],
  ['the same, seen by the schedules', 'outbox.js', 'sender.nobodys.place(urlId))', 'undefined)', 'convergence'],
  ['files what is nobody\'s under the last user', 'queue.js', 'this.storage = place?.storage', 'this.storage = storage\n    this.key = former', 'signout'],
  ['sends what it finds of nobody\'s', 'queue.js', 'this.giveBack(each, UNSENT)', 'this.operations.push(each)', 'signout'],
  ['leaves what is nobody\'s to whoever signs in next', 'client.js', 'this.#nobodys.forget()', '', 'signout'],
  ['leaves what is nobody\'s on other pages to whoever opens them', 'client.js', 'for (const urlId of this.#nobodys.pages)', "for (const urlId of [''].slice(1))", 'signout'],
  ['takes for its own what another client of the tab writes', 'nobodys.js', 'if (keys.has(key)) return undefined', '', 'signout'],
  ['shows whoever comes what the one before was shown', 'subscription.js', 'this.page.clear()', '', 'identity'],
  ['lets each page go at a pace of its own', 'client.js', 'subscribing: this.#subscribing, operating: this.#operating', 'subscribing: new Pace(this.#env, ...SUBSCRIPTIONS), operating: new Pace(this.#env, ...OPERATIONS)', 'pace'],
  ['goes on after its end', 'connection.js', 'if (this.#stopped) return\n    this.#drop()', 'this.#drop()', 'handles'],
  ['resets its backoff at the welcome', 'connection.js', 'this.state = \'open\'\n', 'this.backoff.reset()\n    this.state = \'open\'\n', 'connection'],
  ['keeps what was read to itself where its tab is closed', 'reading.js', 'this.leave()\n    this.#mute', 'this.pause.stop()\n    this.#mute', 'reading'],
  ['closes before it tells', 'connection.js', "if (this.state === 'open') this.host.lost()\n    this.#drop(1000)", 'const open = this.state === \'open\'\n    this.#drop(1000)\n    if (open) this.host.lost()', 'reading'],
  ['takes the whole page for read before it knows what is new', 'reading.js', 'this.#generation !== this.page.generation) return\n', 'false) return\n', 'reading'],
  ['loses what nobody stored when its writer is back', 'outbox.js', 'known ?? new Queue', 'new Queue', 'signout'],
]

/** The same of what a reader looks for discussions with, with --all. @type {typeof MUTANTS} */
const LOOKING = [
  ['lists what is settled as open', 'kinds.js', 'filter(each => !each.resolved)', 'filter(() => true)', 'matching'],
  ['lists what is open as settled', 'kinds.js', 'filter(each => each.resolved)', 'filter(() => true)', 'matching'],
  ['lists as new what was read', 'kinds.js', 'filter(each => unread.has(each.id))', 'filter(() => true)', 'matching'],
  ['lists everybody\'s as the reader\'s own', 'kinds.js', 'some(({ id }) => id === me)', 'some(() => true)', 'matching'],
  ['counts as one\'s own only what one began', 'kinds.js', '[createdBy, ...comments.map(each => each.author)]', '[createdBy]', 'matching'],
  ['lists as lost what has its place', 'kinds.js', "state(each.id) === 'lost'", 'state(each.id) !== undefined', 'matching'],
  ['finds whatever has one of the words', 'matching.js', 'if (!wanted.every(', 'if (wanted.length && !wanted.some(', 'matching'],
  ['finds words of nobody who is asked for', 'matching.js', 'if (by && !', 'if (false && !', 'matching'],
  ['looks at what was said alone', 'matching.js', 'about.includes(word) || ', '', 'matching'],
  ['looks at quotes alone', 'matching.js', 'comments.some(text => text.includes(word))', 'false', 'matching'],
  ['tells the first comment that was found', 'matching.js', 'comments.findLastIndex', 'comments.findIndex', 'matching'],
  ['remembers what a discussion once said', 'matching.js', 'this.#folded.set(chat, texts = ', 'this.#folded.set(chat, texts = this.first ??= ', 'matching'],
  ['takes accents for letters', 'matching.js', "normalize('NFKD').replace(MARKS, '')", "normalize('NFKD')", 'matching'],
  ['takes case for another letter', 'matching.js', '.toUpperCase()', '', 'matching'],
  ['marks beyond the strip', 'marks.js', 'Math.min(Math.max(0, at), 1)', 'at', 'marks'],
  ['lays marks over each other', 'marks.js', 'top - last.top < APART', 'top === last.top', 'marks'],
  ['hides what is new behind what is not', 'marks.js', 'last.unread ||= unread', '', 'marks'],
  ['shows as settled what is open too', 'marks.js', 'last.resolved &&= resolved', 'last.resolved ||= resolved', 'marks'],
]

/** The same of how passages are found again. @type {typeof MUTANTS} */
const FINDING = [
  ['takes the edge of a text for evidence', 'surroundings.js', 'const NO_EDGE = 0.4', 'const NO_EDGE = 1', 'revised'],
  ['finds a word within another one', 'revised.js', 'if (this.#torn(quote, at, at + exact.length)) continue', '', 'revised'],
  ['shows a part of a word', 'revised.js', 'found.quote < 1 && this.#cuts(quote, place)', 'false', 'revised'],
  ['finds what was changed and moved, and all that is like it', 'revised.js', 'const FAR_SHORT = 150', 'const FAR_SHORT = Infinity', 'revised'],
  ['says of what was changed that it is as it was', 'revised.js', "state: found.quote === 1 ? 'anchored' : 'changed'", "state: 'anchored'", 'revised'],
  ['loses a sentence that went elsewhere', 'revised.js', 'const ALONE = 24', 'const ALONE = Infinity', 'revised'],
  ['prefers the same words among strangers to what was changed in its place', 'revised.js', 'const HARDLY_CHANGED = 0.6', 'const HARDLY_CHANGED = 2', 'revised'],
  ['looks at the best place alone', 'search.js', '.slice(0, most).map', '.slice(0, 1).map', 'search'],
  ['loses what was written anew', 'accepted.js', '{ quote: 0.3, context: 0.9, doubtful: 0.9 }', '{ quote: 0.5, context: 0.7, doubtful: 0.7 }', 'accepted'],
  ['takes whatever stands between the neighbours', 'settled.js', 'const NEARBY_BETWEEN = 30', 'const NEARBY_BETWEEN = 0', 'settled'],
  ['takes neighbours on one side for both', 'settled.js', '!!prefix && !!suffix && left.share', 'left.share', 'revised'],
  ['doubts a place that is as good as another, and where it should be', 'settled.js', 'const AMONG_ALL = 0.9', 'const AMONG_ALL = 2', 'revised'],
  ['needs no neighbours for a word', 'settled.js', 'const NEARBY_WORD = 48', 'const NEARBY_WORD = 0', 'settled'],
  ['asks no neighbours where a passage is', 'expected.js', 'sure: !!left && !!right', 'sure: false', 'expected'],
  ['takes quotes in another form for other words', 'haystack.js', 'quotes ? "\'"', 'quotes ? quotes', 'revised'],
  ['forgets the first place of a discussion that was moved', 'describe.js', '[...anchor.selector, first]', 'anchor.selector', 'revised'],
  ['compares in one piece', 'alignment.js', 'done = 0\n      yield', 'done = 0', 'alignment'],
]

/** A copy of what we serve, with the tests beside it as they are here. @param {string} folder  @returns {{sources: string, tests: string}} */
function copied(folder) {
  const sources = join(folder, 'collabchat_asgi', 'static'), tests = join(folder, 'tests', 'client')
  cpSync(STATIC, sources, { recursive: true })
  for (const room of ['client', 'anchors', 'convergence', 'vectors']) cpSync(here(`../${room}`), join(folder, 'tests', room), { recursive: true, filter: name => !name.endsWith('node_modules') })
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  return { sources, tests }
}

describe('mutants', { concurrency: 2 }, () => {
  const long = process.env.TESTS_LONG ? [...LOOKING.map(each => ({ room: 'widget', each })), ...FINDING.map(each => ({ room: 'anchors', each }))] : []
  const all = [...MUTANTS.map(each => ({ room: 'client', each })), ...long]
  for (const [index, { room, each: [what, file, from, to, catcher] }] of all.entries()) {
    // A third in the normal run, all of them with --all: each is a run of its own.
    if (index % 3 && !process.env.TESTS_LONG) continue
    test(what, () => {
      const folder = mkdtempSync(join(tmpdir(), 'collabchat-mutant-'))
      try {
        const { sources, tests } = copied(folder), changed = join(sources, room, file), source = readFileSync(changed, 'utf8')
        assert.equal(source.split(from).length, 2, `${file} does not hold this once: ${from}`)
        writeFileSync(changed, source.replace(from, () => to))
        // The inner run is its own: with the outer one's context it would report nothing here.
        const { NODE_TEST_CONTEXT, ...outer } = process.env
        const { status, stdout } = spawnSync(process.execPath, [join(tests, `${catcher}.test.js`)], { env: { ...outer, SCHEDULES: '100' }, encoding: 'utf8', timeout: 60_000 })
        assert.notEqual(status, 0, 'it was not caught')
        assert.match(stdout, /AssertionError|ERR_ASSERTION/, 'it failed for another reason:\n' + stdout.slice(0, 2000))
      } finally {
        rmSync(folder, { recursive: true })
      }
    })
  }
})

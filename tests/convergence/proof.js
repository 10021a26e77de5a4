/** node proof.js <first seed> <how many> <output> <input>: plays schedules over two pipes, and says on stdout how each ended. */
import { writeSync } from 'node:fs'
import { play } from './schedule.js'
import { Link } from './simulation.js'

const [first, schedules, output, input] = process.argv.slice(2).map(Number)
const trace = process.env.TRACE ? (/** @type {string} */ line) => { writeSync(2, line + '\n') } : undefined
const link = new Link(output, input)
/** What a listener or a promise threw where nobody waits for it. @type {unknown[]} */
const thrown = []
process.on('unhandledRejection', error => thrown.push(error))
globalThis.reportError = (/** @type {unknown} */ error) => { thrown.push(error) }

for (let seed = first; seed < first + schedules; seed++) {
  /** @type {object} */
  let told
  try {
    told = await play(link, seed, trace)
    if (thrown.length) throw Object.assign(new Error('something was thrown where nobody waits'), { cause: thrown[0] })
  } catch (error) {
    const { message, stack, cause, code } = /** @type {any} */ (error)
    told = { seed, failed: message, assertion: code === 'ERR_ASSERTION' || !code, stack: stack + (cause ? '\n' + (cause.stack ?? cause) : '') }
    thrown.length = 0
  }
  writeSync(1, JSON.stringify({ seed, ...told }) + '\n')
  if (process.env.FIRST_FAILURE && 'failed' in told) break
}

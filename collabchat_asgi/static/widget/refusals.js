/** What was refused, in the widget's words: by its code. */

/** @import { Refusal, StatusEvent } from '../typed/types.js' */
/** @import { Words } from './words.js' */
import { moment } from './ages.js'
import { kind } from './troubles.js'

/** That the connection was ended, for who is writing. @param {Words} words  @param {Refusal | undefined} reason */
export const stopped = (words, reason) => used(words, reason) || ({
  'signed-out': words.say('You are signed out. What you wrote is kept until you are back.'),
  'no-access': words.say('You no longer have access to these discussions.'),
  quota: words.say('The limit of these discussions is reached.'),
  other: words.say('The connection was ended.'),
})[kind(reason)]

/** Why somebody may not discuss anything here. @param {Words} words  @param {StatusEvent} event */
export const barred = (words, { status, reason }) => {
  if (status !== 'refused') return words.say('You can read the discussions here, but not write.')
  const when = until(words, reason)
  return when ? words.say('The limit of these discussions is reached until {when}.', { when }) : {
    'signed-out': words.say('Sign in to discuss this text.'),
    'no-access': words.say('You have no access to the discussions here.'),
    quota: words.say('The limit of these discussions is reached.'),
    other: words.say('The discussions here are not connected.'),
  }[kind(reason)]
}

/** When what was had of a period is to be had again. @param {Words} words  @param {Refusal | undefined} reason  @returns {string} empty where it is something else */
const until = (words, reason) => reason?.code === 'quota' && reason.until ? moment(words, reason.until) : ''

/** What was had of a period is used up. @param {Words} words  @param {Refusal | undefined} reason  @returns {string} empty where it is something else */
function used(words, reason) {
  const when = until(words, reason)
  return when && words.say('No more can be written here until {when}.', { when })
}

/** @param {Words} words  @returns {Record<string, string>} by code */
const refusals = words => ({
  'too-long': words.say('It is too long.'),
  'too-large': words.say('It is too long.'),
  'rate-limited': words.say('That was a lot at once. Try again in a moment.'),
  unauthenticated: words.say('You need to sign in.'),
  'not-found': words.say('What it belongs to was deleted.'),
  conflict: words.say('It was sent before with another text.'),
  quota: words.say('This page holds as much as it can.'),
  'too-many': words.say('There is too much already.'),
  expired: words.say('It waited too long to be sent.'),
  unsent: words.say('The page was loaded again before this could be sent.'),
  invalid: words.say('It was not accepted.'),
  unavailable: words.say('The server cannot do this now. Try again in a moment.'),
})

/** A host that refuses says why in its own words, so those of `forbidden` are shown. @param {Words} words  @param {Refusal} refusal */
export function refused(words, refusal) {
  const { code, message } = refusal, known = refusals(words)
  const told = used(words, refusal)
  if (told) return told
  if (Object.hasOwn(known, code)) return known[code]
  const said = message.trim().slice(0, 200) || words.say('It was not accepted.')
  return said[0].toLocaleUpperCase() + said.slice(1) + (/[\p{P}]$/u.test(said) ? '' : '.')
}

/** What an operation threw. @param {Words} words  @param {unknown} error */
export function thrown(words, error) {
  const { code = '', message = String(error) } = /** @type {Partial<Refusal>} */ (error)
  return refused(words, { code, message })
}

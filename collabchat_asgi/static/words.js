/** Everything the widget says. */

/** @import { Refusal, StatusEvent } from './types.js' */

const LOCALE = 'en'
const plurals = new Intl.PluralRules(LOCALE)
const numbers = new Intl.NumberFormat(LOCALE)
const relative = new Intl.RelativeTimeFormat(LOCALE, { numeric: 'auto', style: 'short' })
const dates = new Intl.DateTimeFormat(LOCALE, { dateStyle: 'medium' })
const moments = new Intl.DateTimeFormat(LOCALE, { dateStyle: 'medium', timeStyle: 'short' })
const lists = new Intl.ListFormat(LOCALE)

/** @param {number} n  @param {string} one  @param {string} other */
const counted = (n, one, other) => `${numbers.format(n)} ${plurals.select(n) === 'one' ? one : other}`

export const people = (/** @type {number} */ n) => counted(n, 'person here', 'people here')
export const discussions = (/** @type {number} */ n) => counted(n, 'discussion', 'discussions')
export const replies = (/** @type {number} */ n) => counted(n, 'reply', 'replies')
export const newReplies = (/** @type {number} */ n) => counted(n, 'new reply', 'new replies')
export const newComments = (/** @type {number} */ n) => counted(n, 'new comment', 'new comments')
export const earlier = (/** @type {number} */ n) => `Show ${counted(n, 'earlier message', 'earlier messages')}`
export const waiting = (/** @type {number} */ n) => `${numbers.format(n)} waiting to be sent`
export const number = (/** @type {number} */ n) => numbers.format(n)

/** @param {string[]} names */
export const typing = names => names.length > 3 ? 'Several people are typing…' : `${lists.format(names)} ${names.length === 1 ? 'is' : 'are'} typing…`

/** Sizes in seconds. @type {{unit: Intl.RelativeTimeFormatUnit, size: number, most: number}[]} */
const UNITS = [{ unit: 'minute', size: 60, most: 45 }, { unit: 'hour', size: 3600, most: 22 }, { unit: 'day', size: 86_400, most: 7 }]

/** @param {number} at  @param {number} now  both in milliseconds since the epoch */
export function ago(at, now) {
  const seconds = Math.max(0, (now - at) / 1000)
  if (seconds < 45) return 'just now'
  for (const { unit, size, most } of UNITS) if (seconds < most * size) return relative.format(-Math.max(1, Math.round(seconds / size)), unit)
  return date(at)
}

export const DISCUSS_PAGE = 'Discuss this page'
/** In place of a passage. */
export const ABOUT_PAGE = 'The page as a whole'

/** What a hostile server says may be beyond what a calendar holds. @param {number} at */
const valid = at => Math.abs(at) < 8.64e15
export const date = (/** @type {number} */ at) => valid(at) ? dates.format(at) : ''
export const moment = (/** @type {number} */ at) => valid(at) ? moments.format(at) : ''

/** @type {Record<string, string>} */
const REFUSALS = {
  'too-long': 'It is too long.',
  'rate-limited': 'That was a lot at once. Try again in a moment.',
  unauthenticated: 'You need to sign in.',
  'not-found': 'What it belongs to was deleted.',
  conflict: 'It was sent before with another text.',
  quota: 'This page holds as much as it can.',
  'too-many': 'There is too much already.',
  expired: 'It waited too long to be sent.',
  unsent: 'The page was loaded again before this could be sent.',
}

/** A host that refuses says why in its own words, so those of `forbidden` are shown. @param {Refusal} refusal */
export function refused({ code, message }) {
  if (Object.hasOwn(REFUSALS, code)) return REFUSALS[code]
  const said = message.trim().slice(0, 200) || 'It was not accepted.'
  return said[0].toLocaleUpperCase() + said.slice(1) + (/[\p{P}]$/u.test(said) ? '' : '.')
}

/** @param {Refusal | undefined} reason  @returns {'signed-out' | 'no-access' | 'other'} */
function kind(reason) {
  const code = reason?.code ?? ''
  return ['unauthenticated', '4401'].includes(code) ? 'signed-out' : ['forbidden', '4403'].includes(code) ? 'no-access' : 'other'
}

/** Why somebody may not discuss what they selected. @param {StatusEvent} event */
export const barred = ({ status, reason }) => status === 'refused'
  ? { 'signed-out': 'Sign in to discuss this text.', 'no-access': 'You have no access to the discussions here.', other: 'The discussions here are not connected.' }[kind(reason)]
  : 'You can read the discussions here, but not write.'

/** Whether signing in may help. @param {Refusal | undefined} reason */
export const signedOut = reason => kind(reason) === 'signed-out'

/** @param {StatusEvent} event */
export const state = ({ status, reason }) => status === 'refused'
  ? { 'signed-out': 'Signed out', 'no-access': 'No access', other: 'Disconnected' }[kind(reason)]
  : { live: '', connecting: 'Connecting…', reconnecting: 'Reconnecting…', offline: 'Offline', closed: 'Closed' }[status]

/** The same at more length, for who is writing. @param {Refusal | undefined} reason */
export const stopped = reason => ({
  'signed-out': 'You are signed out. What you wrote is kept until you are back.',
  'no-access': 'You no longer have access to these discussions.',
  other: 'The connection was ended' + (reason?.message ? `: ${reason.message}` : '.'),
})[kind(reason)]

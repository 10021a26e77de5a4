/** What the connection's states are called. The server's own texts are for those who build on it. */

/** @import { Refusal, StatusEvent } from '../typed/types.js' */
/** @import { Words } from './words.js' */

/** @param {Refusal | undefined} reason  @returns {'signed-out' | 'no-access' | 'other'} */
export function kind(reason) {
  const code = reason?.code ?? ''
  return ['unauthenticated', '4401'].includes(code) ? 'signed-out' : ['forbidden', '4403'].includes(code) ? 'no-access' : 'other'
}

/** Whether signing in may help. @param {Refusal | undefined} reason */
export const signedOut = reason => kind(reason) === 'signed-out'

/** Why somebody may not discuss what they selected. @param {Words} words  @param {StatusEvent} event */
export const barred = (words, { status, reason }) => status === 'refused'
  ? { 'signed-out': words.say('Sign in to discuss this text.'), 'no-access': words.say('You have no access to the discussions here.'), other: words.say('The discussions here are not connected.') }[kind(reason)]
  : words.say('You can read the discussions here, but not write.')

/** @param {Words} words  @param {StatusEvent} event */
export const state = (words, { status, reason }) => status === 'refused'
  ? { 'signed-out': words.say('Signed out'), 'no-access': words.say('No access'), other: words.say('Disconnected') }[kind(reason)]
  : { live: '', connecting: words.say('Connecting…'), reconnecting: words.say('Reconnecting…'), offline: words.say('Offline'), closed: words.say('Closed') }[status]

/** What the connection's states are called. The server's own texts are for those who build on it. */

/** @import { Refusal, StatusEvent } from '../typed/types.js' */
/** @import { Words } from './words.js' */

/** @param {Refusal | undefined} reason  @returns {'signed-out' | 'no-access' | 'quota' | 'other'} */
export function kind(reason) {
  const code = reason?.code ?? ''
  return ['unauthenticated', '4401'].includes(code) ? 'signed-out' : ['forbidden', '4403'].includes(code) ? 'no-access' : code === 'quota' ? code : 'other'
}

/** Whether signing in may help. @param {Refusal | undefined} reason */
export const signedOut = reason => kind(reason) === 'signed-out'

/** @param {Words} words  @param {StatusEvent} event */
export const state = (words, { status, reason }) => status === 'refused'
  ? { 'signed-out': words.say('Signed out'), 'no-access': words.say('No access'), quota: words.say('Limit reached'), other: words.say('Disconnected') }[kind(reason)]
  : { live: '', connecting: words.say('Connecting…'), reconnecting: words.say('Reconnecting…'), offline: words.say('Offline'), closed: words.say('Closed') }[status]

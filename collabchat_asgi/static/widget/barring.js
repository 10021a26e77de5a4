/** Why a reader may not discuss what is selected. */

/** @import { PageState } from '../typed/types.js' */
/** @import { Words } from './words.js' */
import { barred } from './refusals.js'
import { translated } from './translation.js'
import { signedOut } from './troubles.js'

/** @param {Words} words  @param {PageState} state  @param {Element} root of the text  @returns {{words: string, join: boolean} | undefined} `join`: signing in may help */
export function barring(words, state, root) {
  if (translated(root)) return { words: words.say('The page is machine-translated. Show the original to discuss its text.'), join: false }
  if (state.status !== 'refused' && (!state.loaded || state.can.includes('comment'))) return undefined
  return { words: barred(words, state), join: state.status === 'refused' ? signedOut(state.reason) : !!state.user?.id.startsWith('anon:') }
}

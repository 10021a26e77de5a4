/** Why a reader may not write. */

/** @import { PageState } from '../typed/types.js' */
/** @import { Words } from './words.js' */
import { barred } from './refusals.js'
import { translated } from './translation.js'
import { signedOut } from './troubles.js'

/** @typedef {{words: string, join: boolean}} Barred `join`: signing in may help, and there is a way */

/** Why this reader may not write here. @param {Words} words  @param {PageState} state  @param {Element} element the widget's  @returns {Barred | undefined} */
export function withheld(words, state, element) {
  const { status, user } = state
  if (status !== 'refused' && (!state.loaded || state.can.includes('comment'))) return undefined
  return { words: barred(words, state), join: element.hasAttribute('signin') && (status === 'refused' ? signedOut(state.reason) : !!user?.id.startsWith('anon:')) }
}

/** Or not about this text. @param {Words} words  @param {PageState} state  @param {Element} element  @param {Element} root of the text  @returns {Barred | undefined} */
export const barring = (words, state, element, root) => translated(root) ? { words: words.say('The page is machine-translated. Show the original to discuss its text.'), join: false } : withheld(words, state, element)

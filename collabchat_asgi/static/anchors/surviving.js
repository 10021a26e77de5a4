/** How much of a passage is left in other words. Pure. */

import { DENSE } from './scripts.js'

const CHARACTER = new RegExp(`[${DENSE}]`, 'g')

/** In characters of a script with blanks: one of a script without says as much as three. @param {string} words */
export const worth = words => words.length + 2 * (words.match(CHARACTER)?.length ?? 0)

/**
 * The share of a quote that still stands in a text, in its order and in pieces that are no chance, however much was put
 * between them: from 0 to 1. An edit distance counts what was put in, and so calls a quote gone that was only added to.
 * @param {string} quote not empty  @param {string} text
 */
export function surviving(quote, text) {
  const piece = quote.search(CHARACTER) < 0 ? 4 : 2
  let whole = 0
  for (let i = 0, from = 0; i + piece <= quote.length;) {
    const at = text.indexOf(quote.slice(i, i + piece), from)
    let size = at < 0 ? 0 : piece
    if (size) {
      while (i + size < quote.length && quote[i + size] === text[at + size]) size++
      whole += size
      from = at + size
    }
    i += size || 1
  }
  return whole / quote.length
}

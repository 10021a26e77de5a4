/** What somebody wrote, as elements. */

/** @import { Piece } from './markdown.js' */
import { h } from './dom.js'

/** A part of its own (parts.js). @typedef {typeof import('./markdown.js')} Markdown */

/** @param {Piece} piece  @returns {Node | string} */
function element(piece) {
  if (typeof piece === 'string') return piece
  const { tag, children, href, start } = piece
  const attributes = href ? { href, target: '_blank', rel: 'nofollow ugc noopener noreferrer' } : tag === 'pre' ? { dir: 'ltr', tabindex: 0 } : { start }
  return h(tag, attributes, ...children.map(element))
}

/** @param {Markdown} markdown  @param {string} text  @returns {(Node | string)[]} */
export const formatted = ({ parse }, text) => parse(text).map(element)

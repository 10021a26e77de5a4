/** Which discussions somebody looks for: by who wrote in them, by the words they hold. Pure. */

/** @import { Chat, Comment, User } from '../typed/types.js' */
import { quoted } from '../anchors/describe.js'
import { writers } from './kinds.js'
import { DROPPED } from '../anchors/dropped.js'

/** Accents, vowel points and the long stroke of Arabic: what people leave out when they search. Kana keep their voicing marks. */
const MARKS = new RegExp(`[\\u0300-\\u036f\\u0591-\\u05c7\\u0610-\\u061a\\u0640\\u064b-\\u065f\\u0670${DROPPED.replace('\\p{Cc}', '')}]`, 'gu')
/** Letters that no normal form takes apart, and quotes and dashes. @type {Record<string, string>} */
const PLAIN = { Đ: 'D', Ð: 'D', Ł: 'L', Ø: 'O', Æ: 'AE', Œ: 'OE', '’': "'", '‘': "'", '“': '"', '”': '"', '–': '-', '—': '-', '‑': '-' }
const PLAINED = new RegExp(`[${Object.keys(PLAIN).join('')}]`, 'g')

/** The same for texts that a reader takes for the same: case, accents, forms of a letter, quotes, dashes and blanks do not count. @param {string} text */
export const folded = text => text.normalize('NFKD').replace(MARKS, '').toUpperCase().replace(PLAINED, letter => PLAIN[letter]).replace(/\s+/g, ' ').trim()

/** Who wrote on the page, each once, by the name of last. @param {readonly Chat[]} chats  @returns {Map<string, User>} */
export const people = chats => new Map(chats.flatMap(writers).map(each => [each.id, each]))

export class Matching {
  /** A discussion that did not change is the same object. @type {WeakMap<Chat, {about: string, comments: string[]}>} */
  #folded = new WeakMap()

  /** @param {(user: User) => string} nameOf as the reader sees it  @param {string} whole what a discussion of the page as a whole is called */
  constructor(nameOf, whole) {
    this.nameOf = nameOf
    this.whole = whole
  }

  /** @param {Chat} chat */
  #texts(chat) {
    let texts = this.#folded.get(chat)
    if (!texts) {
      const comments = chat.comments.map(({ author, body }) => folded(`${this.nameOf(author)} ${body}`))
      this.#folded.set(chat, texts = { about: folded(`${quoted(chat.anchor) || this.whole} ${this.nameOf(chat.createdBy)}`), comments })
    }
    return texts
  }

  /**
   * Every word that is looked for is somewhere in a discussion: in its quote, in a name, or in what was said.
   * @param {readonly Chat[]} chats  @param {string} words  @param {string} [by] id of somebody who wrote in it
   * @returns {Map<Chat, Comment | undefined>} with the latest comment that has one of the words, where there is one
   */
  found(chats, words, by) {
    const wanted = folded(words).split(' ').filter(Boolean)
    /** @type {Map<Chat, Comment | undefined>} */
    const found = new Map()
    for (const chat of chats) {
      if (by && !writers(chat).some(({ id }) => id === by)) continue
      const { about, comments } = this.#texts(chat)
      if (!wanted.every(word => about.includes(word) || comments.some(text => text.includes(word)))) continue
      const at = wanted.length ? comments.findLastIndex(text => wanted.some(word => text.includes(word))) : -1
      found.set(chat, chat.comments[at])
    }
    return found
  }
}

/** The types of anchor.js. Only type checkers read this file; browsers never load it. */

import type { Anchor } from './types.js'

/** In UTF-16 units of the text it was asked for. */
export interface Passage { start: number; end: number }

/** Without white space at its ends and no family torn apart; nothing where nothing is left. */
export function trimmed(text: string, start: number, end: number): Passage | undefined
/** Selectors for a passage of a canonical text: at most 900 bytes of JSON. */
export function describe(text: string, passage: Passage): Anchor
/** A text that is made ready once for any number of searches. */
export class Haystack {
  constructor(text: string)
  readonly text: string
}
/** Where an anchor of anyone stands in a text that may have changed since; nothing where that is not certain. */
export function match(haystack: Haystack, anchor: Anchor): Passage | undefined
/** The passage as the anchor recorded it, for people. */
export function quoted(anchor: Anchor): string

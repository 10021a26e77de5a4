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
/**
 * Where an anchor of anyone stands in a text that may have changed since, and in which state. What was found in a haystack
 * helps to find what stood near it, so ask one haystack for all anchors of a page.
 */
export function locate(haystack: Haystack, anchor: Anchor): (Passage & { state: 'anchored' | 'changed' }) | { state: 'lost' }
/** The same without its state; nothing where it is lost. */
export function match(haystack: Haystack, anchor: Anchor): Passage | undefined
/** Whether an anchor means the page as a whole, and no passage: it has no place, and is never lost. */
export function ofPage(anchor: Anchor): boolean
/** The passage as the anchor recorded it, for people. */
export function quoted(anchor: Anchor): string

/** The types of text.js. Only type checkers read this file; browsers never load it. */

/** The text of a part of a document that anchors are counted in: the same in every browser that shows the same page. */
export class CanonicalText {
  /** `seen`: without what nobody can select here and now; otherwise nothing is asked of style or layout. */
  constructor(root: Element, options?: { seen?: boolean })
  readonly root: Element
  readonly text: string
  /** Positions of `text` as a Range of the document; nothing where the page has changed since. */
  range(start: number, end: number): Range | undefined
  /** Where a point of the document lies in `text`. */
  offset(node: Node, offset: number): number
}

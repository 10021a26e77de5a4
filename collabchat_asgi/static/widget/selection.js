/** What is selected, in the trees that it lies in. */

/**
 * A document alone is told of the host of a shadow root, and of nothing in it.
 * @param {readonly ShadowRoot[]} roots  @returns {Range | undefined}
 */
export function selected(roots) {
  const selection = document.getSelection()
  if (!selection?.rangeCount) return undefined
  const range = document.createRange(), composed = roots.length && selection.getComposedRanges?.({ shadowRoots: [...roots] })[0]
  const [first, last] = composed ? [composed, composed] : [selection.getRangeAt(0), selection.getRangeAt(selection.rangeCount - 1)]
  range.setStart(first.startContainer, first.startOffset)
  range.setEnd(last.endContainer, last.endOffset)
  return range.collapsed ? undefined : range
}

/** The shadow roots in which an event lay, inside of what is annotated; none where that is not around it. @param {readonly EventTarget[]} path  @param {Element} root */
export const within = (path, root) => /** @type {ShadowRoot[]} */ (path.slice(0, Math.max(0, path.indexOf(root))).filter(each => each instanceof ShadowRoot))

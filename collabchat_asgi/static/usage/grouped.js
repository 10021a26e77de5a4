/** Rows of usage by what they have in common. Pure. */

/**
 * @template {{pubSubMessageCount: number}} Row
 * @param {readonly Row[]} rows  @param {(row: Row) => string} key
 * @returns {[string, Row[]][]} those with the most messages first
 */
export function grouped(rows, key) {
  /** @type {Map<string, {some: Row[], messages: number}>} */
  const groups = new Map()
  for (const row of rows) {
    const name = key(row), group = groups.get(name) ?? { some: [], messages: 0 }
    groups.set(name, group)
    group.some.push(row)
    group.messages += row.pubSubMessageCount
  }
  return [...groups].sort(([, one], [, other]) => other.messages - one.messages).map(([name, { some }]) => [name, some])
}

/** How the search of the list looks. */
import { sheet } from './styles.js'

const FINDING = `
.finding { display: flex; gap: 6px; padding: 2px 16px 8px }
.finding :is(input, select) { font: inherit; font-size: var(--small); color: inherit; margin: 0; min-width: 0; height: 32px; padding: 0 10px; border: 1px solid var(--line); border-radius: var(--collabchat-radius, 8px); background: var(--bg) }
.finding input { flex: 1 1 60%; text-overflow: ellipsis; -webkit-appearance: none; appearance: none }
.finding select { flex: 0 1 auto; max-width: 45%; padding-inline: 6px; text-overflow: ellipsis }
.finding input::placeholder { color: var(--soft); opacity: 1 }
.finding :is(input, select):focus-visible { outline: 2px solid var(--accent); outline-offset: -1px }
@media (max-width: 640px) {
  .finding :is(input, select) { height: 42px; font-size: max(16px, var(--size)) }
}`

export const findingSheet = () => sheet('finding', () => FINDING)

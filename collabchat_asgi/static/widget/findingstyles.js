/** How the search of the list looks, and who is here at its head. */
import { sheet } from './styles.js'

const FINDING = `
.finding { display: flex; gap: 6px; padding: 2px 16px 8px }
.finding :is(input, select) { font: inherit; font-size: var(--small); color: inherit; margin: 0; min-width: 0; height: 32px; padding: 0 10px; border: 1px solid var(--line); border-radius: var(--collabchat-radius, 8px); background: var(--bg) }
.finding input { flex: 1 1 60%; text-overflow: ellipsis; -webkit-appearance: none; appearance: none }
.finding select { flex: 0 1 auto; max-width: 45%; padding-inline: 6px; text-overflow: ellipsis }
.finding input::placeholder { color: var(--soft); opacity: 1 }
.finding :is(input, select):focus-visible { outline: 2px solid var(--accent); outline-offset: -1px }
.present { display: inline-flex; align-items: center; min-height: 32px; padding: 0 8px; border-radius: var(--collabchat-radius, 999px); color: var(--soft); font-size: var(--tiny); font-weight: 500; font-variant-numeric: tabular-nums }
.present:hover, .present[aria-expanded=true] { background: var(--fill); color: var(--fg) }
:is(.present, .names) .avatar { width: 24px; height: 24px; font-size: 9.5px; flex: none }
.present .avatar { box-shadow: 0 0 0 2px var(--bg) }
.present .avatar + .avatar { margin-inline-start: -4px }
.present [aria-hidden]:last-child:not(.avatar) { margin-inline-start: 5px }
.panel .names { max-height: min(204px, .3 * var(--window, 100vh)); overflow-y: auto; overscroll-behavior: contain; scrollbar-width: thin; scrollbar-color: var(--soft) transparent; list-style: none; margin: 0 8px 8px; padding: 4px 8px; border-radius: var(--collabchat-radius, 10px); background: var(--fill) }
.names li { display: flex; align-items: center; gap: 8px; padding: 3px 0; font-size: var(--small) }
.names bdi { overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
@media (max-width: 640px) {
  .present { min-height: 40px }
  .finding :is(input, select) { height: 42px; font-size: max(16px, var(--size)) }
}
@media (forced-colors: active) { .names { border: 1px solid } }`

export const findingSheet = () => sheet('finding', () => FINDING)

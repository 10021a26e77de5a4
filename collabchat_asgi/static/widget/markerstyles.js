/** How the marks beside the scroll bar look. */
import { sheet } from './styles.js'

const MARKERS = `
.markers { position: fixed; width: 10px; height: 0 }
.markers span { position: absolute; inset-inline: 0; cursor: pointer }
.markers span::before { content: ""; position: absolute; inset: 1px 2px; border-radius: var(--collabchat-radius, 2px); background: var(--mark); box-shadow: 0 0 0 1px var(--bg) }
.markers .done::before { background: var(--soft); opacity: .6; inset-inline: 3px }
.markers .fresh-mark { z-index: 1 }
.markers .fresh-mark::before { background: var(--accent); inset: 0 }
.markers span:hover::before { inset: -1px 0 }
@media (forced-colors: active) {
  .markers span::before { forced-color-adjust: none; background: CanvasText; box-shadow: 0 0 0 1px Canvas }
  .markers .fresh-mark::before { background: Highlight }
}`

export const markerSheet = () => sheet('markers', () => MARKERS)

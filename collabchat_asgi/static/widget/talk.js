/** What a reader opens: the offer beside a selection, a discussion, and the list of all. Loaded beside the page's own things, for nothing of it is seen at first. */
import './icons.js'
export { Card } from './card.js'
export { Panel } from './panel.js'
export { Layer } from './layer.js'
export { marking } from './marking.js'
export { printing } from './printing.js'
export { Prompt } from './prompt.js'
export { talkSheet } from './talkstyles.js'

/** What a reader opens: a discussion, and the list of all. Loaded beside the page's own things, for nothing of it is seen at first. */
export { Card } from './card.js'
export { Panel } from './panel.js'
export { talkSheet } from './talkstyles.js'

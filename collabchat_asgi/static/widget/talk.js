/** What a reader opens: the offer beside a selection, a discussion, and the list of all. Loaded beside the page's own things, for nothing of it is seen at first. */
import './icons.js'
export { furnish } from './furnishing.js'

/** What finds passages that are not as they were. Loaded only by pages that have such. */
export { Revised, finish } from './revised.js'

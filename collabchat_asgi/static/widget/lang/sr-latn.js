/** Serbian, in Latin: letter by letter what stands in Cyrillic. */
import { inLatin } from '../latin.js'
import cyrillic from './sr.js'

/** @type {import('../words.js').Texts} */
export default inLatin(cyrillic)

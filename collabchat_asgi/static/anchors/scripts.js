/** Scripts without blanks between words, for the inside of a class of a regular expression. */

/** Kana, Han and Hangul: a character says as much as three of others. */
export const DENSE = '\\u3040-\\u30ff\\u3400-\\u9fff\\uac00-\\ud7a3'
/** And Thai, of which a character says no more than others. */
export const UNSPACED = `\\u0e00-\\u0e7f${DENSE}`

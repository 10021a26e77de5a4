/**
 * What is left out of the canonical text, and of names and searches: control characters, halves of characters, soft hyphens, zero
 * width and bidi. The joiners stay: they belong to words and to families. For the inside of a class of a regular expression.
 */
export const DROPPED = '\\p{Cc}\\p{Cs}\\xad\\u061c\\u200b\\u200e\\u200f\\u202a-\\u202e\\u2060\\u2066-\\u2069'

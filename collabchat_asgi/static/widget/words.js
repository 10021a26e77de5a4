/**
 * What the widget says, in the language of its reader. Every text stands in English where it is said, and that text is its name: in the
 * catalogues of lang/, and for a host that sets `element.words`. What a catalogue lacks is said in English.
 */

/** Texts by their English; what counts has a form for each class of numbers that the language knows. @typedef {Record<string, string | Partial<Record<Intl.LDMLPluralRule, string>>>} Texts */

/** Languages whose digits are these, and whose numbers below a thousand are nothing else: to ask the browser for the first time takes 10 ms. */
const DIGITS = /^(de|en|es|fr|he|ja|pt|ru|sr|zh)\b(?!.*-u-)/

export class Words {
  #texts
  /** @type {Intl.NumberFormat | undefined} */
  #numbers
  #plurals
  /** Asks for those of the language that was wanted, and did not come. @type {(() => Promise<Words>) | undefined} */
  wanted

  /** @param {string} [locale] of numbers and dates  @param {Texts} [texts] none for English */
  constructor(locale = 'en', texts = {}) {
    this.locale = locale
    this.direction = /^(ar|he|fa|ur|ps|sd|ug|yi|dv|ckb)\b/.test(locale) ? 'rtl' : 'ltr'
    this.#texts = texts
    this.#plurals = new Intl.PluralRules(locale)
  }

  /** @param {string} text  @param {Record<string, string | number>} [values] of its names in braces */
  say(text, values) { return this.#filled(this.#texts[text] ?? text, values) }

  /** @param {number} n shown as `{n}`  @param {string} one in English  @param {string} other in English, and the text's name  @param {Record<string, string | number>} [values] */
  count(n, one, other, values) { return this.#filled(this.#texts[other] ?? { one, other }, { n, ...values }) }

  /** @param {number} n */
  number(n) { return /^\d{1,3}$/.test(String(n)) && DIGITS.test(this.locale) ? String(n) : (this.#numbers ??= new Intl.NumberFormat(this.locale)).format(n) }

  /** @param {string | Partial<Record<Intl.LDMLPluralRule, string>>} text  @param {Record<string, string | number>} [values] */
  #filled(text, values = {}) {
    const form = typeof text === 'string' ? text : text[this.#plurals.select(Number(values.n))] ?? text.other ?? ''
    return form.replace(/\{(\w+)\}/g, (all, name) => {
      const value = values[name] ?? all
      return typeof value === 'number' ? this.number(value) : value
    })
  }
}

/** Whether a browser has put the page's text into another language: then nobody else sees these words, and no passage is found in them. */

/** What Chrome and Edge leave on the page; a part that is not to be translated stays what it is. Old editors wrote fonts within fonts too, but none of this style. @param {Element} root */
export const translated = root => !root.closest('.notranslate, [translate=no]')
  && (document.documentElement.matches('.translated-ltr, .translated-rtl') || !!root.querySelector('font[style*=inherit] > font, [_msttexthash]'))

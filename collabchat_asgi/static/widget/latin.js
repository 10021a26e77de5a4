/** Serbian Cyrillic in Latin letters. */

/** @import { Texts } from './words.js' */

const FROM = [...'абвгдђежзијклљмнњопрстћуфхцчџш']
const TO = 'a b v g d đ e ž z i j k l lj m n nj o p r s t ć u f h c č dž š'.split(' ')

/** @param {string} text */
const latin = text => text.replace(/[\u0400-\u04ff]/g, letter => {
  const small = letter.toLowerCase(), found = TO[FROM.indexOf(small)]
  return letter === small ? found : found[0].toUpperCase() + found.slice(1)
})

/** A catalogue, letter by letter. @param {Texts} cyrillic  @returns {Texts} */
export const inLatin = cyrillic => Object.fromEntries(Object.entries(cyrillic).map(([text, said]) => [text, typeof said === 'string' ? latin(said)
  : Object.fromEntries(Object.entries(said).map(([form, each]) => [form, latin(each)]))]))

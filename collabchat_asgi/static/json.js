/** JSON as it is, also on pages of old libraries which teach arrays and objects a `toJSON` of their own. */

/** @param {any} value  @returns {any} */
const shielded = value => typeof value !== 'object' || !value ? value
  : Object.defineProperty(Array.isArray(value) ? value.map(shielded) : Object.fromEntries(Object.entries(value).map(([key, each]) => [key, shielded(each)])), 'toJSON', { value: undefined })

/** Of plain values. @param {any} value  @param {(key: string, value: any) => any} [replacer]  @returns {string} */
export const json = (value, replacer) => JSON.stringify('toJSON' in Array.prototype ? shielded(value) : value, replacer)

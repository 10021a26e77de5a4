/** What is loaded when it is needed, and not before. */

/**
 * Asked for twice at once, and anew with each call: one that did not come is not lost. The second address is for Firefox, which
 * asks no server twice for a module that failed; so no part may import another one, for whose address there is no second.
 * @template T
 * @param {string} address beside what pages load  @param {() => Promise<T>} ask as whoever bundles it can read
 * @returns {Promise<T>}
 */
export const part = (address, ask) => ask().catch(error => import(/* @vite-ignore */ /* webpackIgnore: true */ `${address}?${Date.now()}`).catch(() => { throw error }))

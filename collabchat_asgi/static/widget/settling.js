/** The bar comes to its corner. */
import { corners } from './room.js'
import { narrow } from './view.js'

/** @param {HTMLElement} bar  @param {HTMLElement} host  @param {AbortSignal} signal */
export const settling = (bar, host, signal) => corners(bar, host, narrow, signal)

/** Which way what somebody wrote goes. Pure. */

/** As its first letter does. What has none, such as a number or a thumb, goes as all around it: a browser would take it for English. @param {string} text  @returns {'auto' | undefined} for the attribute `dir` */
export const directionOf = text => /\p{L}/u.test(text) ? 'auto' : undefined

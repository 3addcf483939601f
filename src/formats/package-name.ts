/** `name` or `name=version`: never an option, a path, a pattern, a group, nor apt's `name-` that removes. */
export const packageWish = /^[A-Za-z0-9][\w+.-]{0,126}[\w+](?:=[A-Za-z0-9][\w+.:~^-]{0,127})?$/

/** What a package wish must be, for people. */
export const packageWishRule = 'must be name or name=version'

const name = /^[A-Za-z0-9][\w+.-]{0,127}(?::[a-z0-9][a-z0-9-]{0,31})?$/
const version = /^[A-Za-z0-9][\w+.:~^-]{0,127}$/

/** Whether text of a target may be a package name. */
export const isPackageName = (text: string): boolean => name.test(text)

/** Whether text of a target may be a version. */
export const isPackageVersion = (text: string): boolean => version.test(text)

/** `hello` of `hello=2.10-3`. */
export const nameOfWish = (wish: string): string => wish.split('=', 1)[0] ?? wish

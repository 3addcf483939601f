/** Set by `npm run release -- --test-key FILE`, when a build is for trying out: never by the environment. */
declare const TAILOPS_TEST_KEY: string | undefined

/** Where the project lives, without a slash at the end; its releases are below it. Empty: this tree is released nowhere. */
export const projectUrl: string = ''

/** Signs the releases: a public key of minisign, one line of base64. */
export const currentReleaseKey: string = ''

/** Will sign them after the current one; its other half lies offline until then. */
export const nextReleaseKey: string = ''

const testKey = typeof TAILOPS_TEST_KEY === 'undefined' ? '' : TAILOPS_TEST_KEY

/** The keys that this build trusts; none in a build that was not made for release. */
export const releaseKeys: readonly string[] = [currentReleaseKey, nextReleaseKey, testKey].filter((key) => key !== '')

import manifest from '../../package.json' with { type: 'json' }

/** Set by .ci/release when it is given a version. */
declare const TAILOPS_VERSION: string | undefined

/** The version of this build. */
export const version: string = typeof TAILOPS_VERSION === 'undefined' ? manifest.version : TAILOPS_VERSION

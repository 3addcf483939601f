import { execPath } from 'node:process'

/** Set by .ci/release for every binary that it builds. */
declare const TAILOPS_TARGET: string | undefined

/** What this executable was built for: `linux-x64`, `linux-arm64-musl`; undefined when it is no release. */
export const buildTarget: string | undefined = typeof TAILOPS_TARGET === 'undefined' ? undefined : TAILOPS_TARGET

/** The executable that runs, symbolic links resolved. */
export const ownExecutable: string = execPath

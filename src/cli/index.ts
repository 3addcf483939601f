import approvals from './approvals.ts'
import audit from './audit.ts'
import call from './call.ts'
import type { CliCommand } from './command.ts'
import serve from './serve.ts'
import token from './token.ts'
import validateConfig from './validate-config.ts'
import version from './version.ts'

/** Every command, in the order of `--help`. */
export const commands: readonly CliCommand[] = [serve, call, validateConfig, token, approvals, audit, version]

import approvals from './approvals.ts'
import audit from './audit.ts'
import type { CliCommand } from './command.ts'
import token from './token.ts'
import validateConfig from './validate-config.ts'
import version from './version.ts'

/** Every command, in the order of `--help`. */
export const commands: readonly CliCommand[] = [validateConfig, token, approvals, audit, version]

import { statfsSync } from 'node:fs'
import { GatewayError } from '../core/errors.ts'
import type { World } from './command.ts'
import { type Finding, findingsOf, wordsOf } from './doctor-finding.ts'

const { ok, warning, problem } = findingsOf('state')

const mebibyte = 1024 * 1024
const scarceMiB = 500
const tooLittleMiB = 50

/** Opens the stores (their schema is checked by that), and verifies the log of every call. */
export function stateFindings(world: Pick<World, 'stateDir' | 'stores'>): readonly Finding[] {
  try {
    const { audit, identity } = world.stores()
    const { broken, records } = audit.verify()
    const log =
      broken === undefined
        ? ok(`the audit log holds: ${records} records`)
        : problem(
            `the audit log is broken at ${broken.file}:${broken.line}: ${broken.why}`,
            'somebody changed it, or the disk did: keep a copy, and look at tailops audit export',
          )
    return [ok(`the stores in ${world.stateDir} are sound; this is ${identity().id}`), log, ...spaceOf(world.stateDir)]
  } catch (error) {
    const { message, hint } = GatewayError.from(error)
    return [problem(message, hint), ...spaceOf(world.stateDir)]
  }
}

function spaceOf(dir: string): readonly Finding[] {
  try {
    const { bavail, bsize, ffree, files } = statfsSync(dir)
    const free = Math.floor((bavail * bsize) / mebibyte)
    const what = `${free} MiB are free for ${dir}`
    const fix = 'make room: without it no call can be recorded, and none is performed'
    if (free < tooLittleMiB) return [problem(what, fix)]
    if (files > 0 && ffree < 100) return [problem(`${ffree} files more fit on the disk of ${dir}`, fix)]
    return [free < scarceMiB ? warning(what, fix) : ok(what)]
  } catch (error) {
    return [warning(`how much room ${dir} has is not measured: ${wordsOf(error)}`)]
  }
}

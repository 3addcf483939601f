import { statfsSync, statSync } from 'node:fs'
import { type Freeze, inWords } from '../core/brake.ts'
import { GatewayError } from '../core/errors.ts'
import type { World } from './command.ts'
import { type Finding, findingsOf, wordsOf } from './doctor-finding.ts'

const { ok, warning, problem } = findingsOf('state')

const mebibyte = 1024 * 1024
const scarceMiB = 500
const tooLittleMiB = 50

/** How the state is, and whether calls can be recorded in it. */
export interface StateSeen {
  readonly isSound: boolean
  readonly found: readonly Finding[]
}

/** Opens the stores (their schema is checked by that), and verifies the log of every call. Makes nothing that is not there. */
export function stateFindings(world: Pick<World, 'stateDir' | 'stores' | 'user'>): StateSeen {
  const { stateDir } = world
  const closed = notToBeOpened(world)
  if (closed !== undefined) return { isSound: false, found: [closed] }
  try {
    const { audit, brake, identity } = world.stores()
    const { broken, records } = audit.verify()
    const log =
      broken === undefined
        ? ok(`the audit log holds: ${records} records`)
        : problem(
            `the audit log is broken at ${broken.file}:${broken.line}: ${broken.why}`,
            `somebody changed it, or the disk did: keep a copy of ${stateDir}, then look at tailops audit export`,
          )
    const stores = ok(`the stores in ${stateDir} are sound; this is ${identity().id}`)
    return { isSound: true, found: [stores, log, ...freezeOf(brake.frozen()), ...spaceOf(stateDir)] }
  } catch (error) {
    const { message, hint } = GatewayError.from(error)
    return { isSound: false, found: [problem(message, hint), ...spaceOf(stateDir)] }
  }
}

const freezeOf = (freeze: Freeze | undefined): readonly Finding[] =>
  freeze === undefined
    ? []
    : [warning(`changes are refused: frozen ${inWords(freeze)}`, 'tailops unfreeze allows them')]

/** What is opened by another user would be left with files that the gateway's user cannot write. */
function notToBeOpened({ stateDir, user }: Pick<World, 'stateDir' | 'user'>): Finding | undefined {
  const owner = statSync(stateDir, { throwIfNoEntry: false })?.uid
  if (owner === undefined)
    return warning(`${stateDir} is not there: no gateway has run, no target is asked`, 'tailops serve makes it')
  if (user === `cli:${owner}`) return undefined
  const how = 'systemd-run --quiet --wait --pipe -p User=tailops -p EnvironmentFile=-/etc/tailops/tailops.env'
  return problem(
    `${stateDir} belongs to user ${owner}: it is not opened`,
    `run doctor as that user: ${how} -p Environment=TAILOPS_STATE_DIR=${stateDir} tailops doctor`,
  )
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

import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { defaultConfigPath, readSettings } from '../config/settings.ts'
import type { TargetsConfig } from '../config/targets-config.ts'
import { ownExecutable } from '../lib/build.ts'
import { findService } from '../release/service.ts'
import type { CliCommand, World } from './command.ts'
import { nodeClocks, ownClock } from './doctor-clocks.ts'
import { configFindings, environmentFindings } from './doctor-config.ts'
import { fileFindings } from './doctor-files.ts'
import { type Finding, findingsOf } from './doctor-finding.ts'
import { portFindings } from './doctor-port.ts'
import { stateFindings } from './doctor-state.ts'
import { tailscaleFindings } from './doctor-tailscale.ts'
import { appFailure, targetFindings } from './doctor-targets.ts'
import { tailnetGateway } from './tailscale-gateway.ts'

const usage = `tailops doctor [--json]

Looks at everything the gateway needs, and says how to mend what is wrong: configuration, permissions of files, the
port, state and audit log, each target (one read, recorded like every call), Tailscale, clocks, the environment.
Exit codes: 0 no problems (there may be warnings), 1 problems, 2 wrong usage.`

const doctor: CliCommand = {
  usage,
  async run(argv, world) {
    const { values } = parseArgs({ args: [...argv], options: { json: { type: 'boolean', default: false } } })
    const found = await examine(world)
    const problems = found.filter(({ level }) => level === 'problem').length
    world.terminal.out(values.json ? `${JSON.stringify({ ok: problems === 0, findings: found })}\n` : inWords(found))
    return problems === 0 ? 0 : 1
  },
}

export default doctor

/** Of the gateway as its service runs it, where this machine has one; else as it would run from here. */
async function examine(person: World): Promise<readonly Finding[]> {
  const world = await asTheService(person)
  const { env, stateDir, clock } = world
  const uid = Number(world.user.replace(/^cli:/, ''))
  const file = defaultConfigPath(env, { uid, home: env['HOME'] ?? '/', exists: existsSync })
  const { config, found } = configFindings(file, env)
  const state = stateFindings(world)
  const [port, tailscale, own] = await Promise.all([
    portFindings(env),
    tailnetGateway(person, 'svc:tailops').then(tailscaleFindings),
    ownClock(person.env, world.now(), clock),
  ])
  return [
    ...found,
    ...environmentFindings(env),
    ...fileFindings({ config: file, stateDir }, config),
    ...port,
    ...state.found,
    ...(await reached(world, config, state.isSound)),
    ...tailscale,
    ...own,
  ]
}

async function asTheService(person: World): Promise<World> {
  const service = await findService(ownExecutable, person)
  const env = await service?.environment()
  if (env === undefined) return person
  return { ...person, env, stateDir: readSettings(env).settings.stateDir ?? person.stateDir }
}

async function reached(
  world: World,
  config: TargetsConfig | undefined,
  isStateSound: boolean,
): Promise<readonly Finding[]> {
  const { warning } = findingsOf('targets')
  if (config === undefined) return [warning('no target is asked: the configuration has errors', 'see config above')]
  if (!isStateSound) return [warning('no target is asked: calls could not be recorded', 'see state above')]
  const clusters = config.targets.flatMap(({ id, kind, cluster = id }) => (kind === 'proxmox' ? [cluster] : []))
  try {
    const app = await world.app()
    try {
      const targets = await targetFindings(app, config, world.clock)
      return [...targets, ...nodeClocks(world.stores().fleet, clusters, world.now())]
    } finally {
      await app.close()
    }
  } catch (error) {
    return [appFailure(error)]
  }
}

function inWords(found: readonly Finding[]): string {
  const lines = found.map(({ level, area, what, fix }) => {
    const line = `${level.padEnd(7)}  ${area.padEnd(11)}  ${what}`
    return visible(level === 'ok' || fix === undefined ? line : `${line}\n${' '.repeat(22)}→ ${fix}`)
  })
  const count = (level: Finding['level']) => found.filter((one) => one.level === level).length
  const counted = [counts(count('problem'), 'problem'), counts(count('warning'), 'warning')].join(', ')
  return `${lines.join('\n')}\n${counted}\n`
}

const counts = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

/** What could move the cursor or hide text is shown as its code; lines stay lines. */
const visible = (text: string): string =>
  text.replaceAll(/(?!\n)[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)

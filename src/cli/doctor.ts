import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { defaultConfigPath } from '../config/settings.ts'
import type { TargetsConfig } from '../config/targets-config.ts'
import type { CliCommand, World } from './command.ts'
import { nodeClocks, ownClock } from './doctor-clocks.ts'
import { configFindings, environmentFindings } from './doctor-config.ts'
import { fileFindings } from './doctor-files.ts'
import { type Finding, findingsOf } from './doctor-finding.ts'
import { portFindings } from './doctor-port.ts'
import { stateFindings } from './doctor-state.ts'
import { tailscaleFindings, tailscaleSocket } from './doctor-tailscale.ts'
import { appFailure, targetFindings } from './doctor-targets.ts'

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

async function examine(world: World): Promise<readonly Finding[]> {
  const { env, stateDir, clock } = world
  const uid = Number(world.user.replace(/^cli:/, ''))
  const file = defaultConfigPath(env, { uid, home: env['HOME'] ?? '/', exists: existsSync })
  const { config, found } = configFindings(file, env)
  const state = stateFindings(world)
  const [port, tailscale, own] = await Promise.all([
    portFindings(env),
    tailscaleFindings(tailscaleSocket),
    ownClock(env, world.now(), clock),
  ])
  return [
    ...found,
    ...environmentFindings(env),
    ...fileFindings({ config: file, stateDir }, config),
    ...port,
    ...state.found,
    ...(config === undefined ? [] : await reached(world, config, state.isSound)),
    ...tailscale,
    ...own,
  ]
}

async function reached(world: World, config: TargetsConfig, isStateSound: boolean): Promise<readonly Finding[]> {
  if (!isStateSound)
    return [findingsOf('targets').warning('no target is asked: calls could not be recorded', 'see state above')]
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
  return `${lines.join('\n')}\n${count('problem')} problems, ${count('warning')} warnings\n`
}

/** What could move the cursor or hide text is shown as its code; lines stay lines. */
const visible = (text: string): string =>
  text.replaceAll(/(?!\n)[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)

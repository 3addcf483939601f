import type { Problem } from '../config/problem.ts'
import { readSettings, type Settings } from '../config/settings.ts'
import { ownExecutable } from '../lib/build.ts'
import { findService } from '../release/service.ts'
import type { World } from './command.ts'
import type { Tailscale } from './tailscale-program.ts'
import type { Hosted } from './tailscale-report.ts'

/** This gateway, as it is or may become a service of the tailnet. */
export interface TailnetGateway {
  readonly tailscale: Tailscale
  readonly hosted: Hosted
  /** What is wrong with its settings. */
  readonly problems: readonly Problem[]
}

/** By the settings of the service of this machine, where there is one; `service` is `svc:tailops`. */
export async function tailnetGateway(world: Pick<World, 'env' | 'clock'>, service: string): Promise<TailnetGateway> {
  const { env, clock } = world
  const unit = await findService(ownExecutable, { env, clock })
  const { settings, problems } = readSettings((await unit?.environment()) ?? env)
  return {
    tailscale: { env, clock, service, tag: 'tag:tailops' },
    hosted: { service, target: targetOf(settings), settings, place: placeOf(unit?.unit) },
    problems,
  }
}

const placeOf = (unit: string | undefined): string =>
  unit === undefined
    ? 'in the environment of tailops serve'
    : `in /etc/tailops/tailops.env, then: systemctl restart ${unit}`

function targetOf({ listen: { host, port } }: Settings): string {
  const asked = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${asked.includes(':') ? `[${asked}]` : asked}:${port}`
}

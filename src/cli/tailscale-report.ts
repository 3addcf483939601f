import type { Settings } from '../config/settings.ts'
import { notApproved, type Obstacle, occupied, userspaceNote } from '../formats/tailscale-obstacles.ts'
import type { Look } from './tailscale-program.ts'

/** What is, or is to be, a service of the tailnet. */
export interface Hosted {
  /** `svc:tailops`. */
  readonly service: string
  /** Where the gateway listens, for this machine. */
  readonly target: string
  readonly settings: Settings
  /** Where settings of the gateway are written, and how they take effect. */
  readonly place: string
}

/** What a person reads about a service. */
export interface ServiceReport {
  readonly service: string
  readonly state: 'serving' | 'waiting_for_approval' | 'drained' | 'not_configured' | 'not_serving' | 'not_measured'
  /** Where clients connect: the name of the service, when the tailnet is known. */
  readonly url?: string | undefined
  /** Where the service passes its connections, or would. */
  readonly target: string
  readonly addresses: readonly string[]
  /** The next steps that are left, and what was not measured. */
  readonly notes: readonly string[]
  readonly obstacles: readonly Obstacle[]
}

/** Whether the service goes to something else than the gateway. */
export const isOccupied = ({ target }: Hosted, { served }: Pick<Look, 'served'>): boolean =>
  served !== undefined && served.proxy !== target

/** What a look found, with the next steps. */
export function reportOf(hosted: Hosted, now: Look): ServiceReport {
  const { service, target } = hosted
  const { status: machine, served } = now
  const suffix = machine?.suffix ?? ''
  const url = suffix === '' ? undefined : `https://${service.slice('svc:'.length)}.${suffix}`
  const state = stateOf(hosted, now)
  const more = [
    ...(served !== undefined && isOccupied(hosted, now) ? [occupied(service, served, target)] : []),
    ...(state === 'waiting_for_approval' ? [notApproved(service, machine?.host ?? 'this machine')] : []),
  ]
  return {
    service,
    state,
    url,
    target,
    addresses: machine?.approved.get(service) ?? [],
    notes: notesOf(hosted, now, url),
    obstacles: [...now.obstacles, ...more],
  }
}

function stateOf(hosted: Hosted, { obstacles, status: machine, served, advertised }: Look): ServiceReport['state'] {
  if (machine === undefined) return 'not_measured'
  if (obstacles.length > 0) return 'not_serving'
  if (served === undefined) return 'not_configured'
  if (advertised === false) return 'drained'
  if (isOccupied(hosted, { served })) return 'not_serving'
  return machine.approved.has(hosted.service) ? 'serving' : 'waiting_for_approval'
}

function notesOf({ settings, place }: Hosted, now: Look, url: string | undefined): readonly string[] {
  const { host } = settings.listen
  const isLocal = host === 'localhost' || host === '::1' || host.startsWith('127.')
  return [
    ...(url !== undefined && now.served !== undefined && settings.baseUrl !== url
      ? [`requests for ${url} are refused until TAILOPS_BASE_URL=${url} is set ${place}`]
      : []),
    ...(isLocal
      ? []
      : [
          `the gateway listens on ${host}: it can be reached past Tailscale; TAILOPS_LISTEN=127.0.0.1:${settings.listen.port} ends that`,
        ]),
    ...(now.status?.userspace === true ? [userspaceNote] : []),
    ...(now.served !== undefined && now.advertised === undefined
      ? ['whether the service is drained on this machine: not measured, this tailscale cannot tell']
      : []),
  ]
}

/** One line on the state of the service. */
export function stateSentence({ service, state, url = 'its name', target, addresses }: ServiceReport): string {
  switch (state) {
    case 'serving':
      return `${service} is served: ${url} (${addresses.join(', ')}) → ${target}`
    case 'waiting_for_approval':
      return `${service} is configured for ${target}, and waits for approval: ${url} does not answer from this machine yet`
    case 'drained':
      return `${service} is drained: this machine takes no new connections for ${url}; tailops tailscale setup takes them again`
    case 'not_configured':
      return `${service} is not configured on this machine; tailops tailscale setup does it`
    case 'not_serving':
      return `${service} is not served by this machine`
    case 'not_measured':
      return `${service}: not measured`
  }
}

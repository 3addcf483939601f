import type { ServedService, TailscaleStatus } from './tailscale-status.ts'

/** Why a service is not served by this machine, each with its own next step. */
export type ObstacleCode =
  | 'not_installed'
  | 'not_running'
  | 'logged_out'
  | 'stopped'
  | 'machine_not_approved'
  | 'not_ready'
  | 'too_old'
  | 'not_tagged'
  | 'no_magic_dns'
  | 'no_https'
  | 'no_permission'
  | 'occupied'
  | 'not_approved'
  | 'failed'

export interface Obstacle {
  readonly code: ObstacleCode
  readonly message: string
  readonly hint: string
}

/** The first version whose `tailscale serve` knows `--service`. */
const firstWithServices = '1.86.0'

const consoleUrl = 'https://login.tailscale.com/admin'

/** What a run of the `tailscale` program says of itself when it fails; `tag` is what a service host would carry. */
export function obstacleOf(said: string, tag: string): Obstacle {
  if (/ENOENT|not found in \$?PATH/i.test(said))
    return {
      code: 'not_installed',
      message: 'there is no program tailscale on this machine',
      hint: 'install it: https://tailscale.com/download/linux; then tailscale up',
    }
  if (/access denied|permission denied|EACCES|operation not permitted/i.test(said))
    return {
      code: 'no_permission',
      message: `tailscale refuses this user: ${firstLine(said)}`,
      hint: 'run this as root, or let this user operate Tailscale: sudo tailscale set --operator=USER',
    }
  if (/failed to connect to local tailscale|daemon running\?|not running\?/i.test(said))
    return {
      code: 'not_running',
      message: 'tailscaled does not run, or does not answer',
      hint: 'systemctl enable --now tailscaled; journalctl -u tailscaled tells why it ended',
    }
  if (/must be tagged/i.test(said)) return notTagged(tag)
  if (/is not enabled on your tailnet|https (cert|feature)/i.test(said)) return noHttps(said)
  if (/flag provided but not defined: -service/i.test(said)) return tooOld('the program tailscale')
  return {
    code: 'failed',
    message: `tailscale failed: ${firstLine(said)}`,
    hint: 'run the same command by hand: tailscale serve status, tailscale status',
  }
}

/** Everything that keeps this machine from serving a service; while it is not connected, only that. */
export function obstaclesOf(status: TailscaleStatus, programVersion: string, tag: string): readonly Obstacle[] {
  const offline = disconnected(status, tag)
  const old = [
    ...(isOld(programVersion) ? [tooOld(`the program tailscale is ${programVersion}, which`)] : []),
    ...(isOld(status.version) ? [tooOld(`tailscaled is ${status.version}, which`)] : []),
  ].slice(0, 1)
  if (offline !== undefined) return [...old, offline]
  return [
    ...old,
    ...(status.tags.length === 0 ? [notTagged(tag)] : []),
    ...(status.magicDns ? [] : [noMagicDns]),
    ...(status.https ? [] : [noHttps('')]),
  ]
}

function disconnected({ state, loginUrl, host }: TailscaleStatus, tag: string): Obstacle | undefined {
  switch (state) {
    case 'Running':
      return undefined
    case 'NeedsLogin':
      return {
        code: 'logged_out',
        message: 'this machine is not logged in to a tailnet',
        hint: `${loginUrl === undefined ? '' : `open ${loginUrl}, or `}tailscale up --advertise-tags=${tag}, with --auth-key=file:PATH where nobody can open a browser`,
      }
    case 'NeedsMachineAuth':
      return {
        code: 'machine_not_approved',
        message: `the tailnet has not approved the machine ${host} yet`,
        hint: `approve it: ${consoleUrl}/machines`,
      }
    case 'Stopped':
      return { code: 'stopped', message: 'Tailscale is switched off on this machine', hint: 'tailscale up' }
    default:
      return {
        code: 'not_ready',
        message: `Tailscale is not connected: its state is ${state}`,
        hint: 'tailscale wait returns when it is; tailscale status tells more',
      }
  }
}

const noMagicDns: Obstacle = {
  code: 'no_magic_dns',
  message: 'MagicDNS is off in this tailnet, so a service has no name',
  hint: `switch it on: ${consoleUrl}/dns`,
}

const notTagged = (tag: string): Obstacle => ({
  code: 'not_tagged',
  message: 'this machine has no tag, and only tagged machines may host a service',
  hint: `add ${tag} to tagOwners of the policy, then: tailscale up --advertise-tags=${tag} (a tagged machine belongs to its tag, no longer to the person)`,
})

function noHttps(said: string): Obstacle {
  const [url] = /https:\/\/login\.tailscale\.com\/\S+/.exec(said) ?? []
  return {
    code: 'no_https',
    message: 'HTTPS certificates are off in this tailnet',
    hint: `switch them on: ${url ?? `${consoleUrl}/dns`} (names of machines and services then stand in public certificate logs)`,
  }
}

const tooOld = (what: string): Obstacle => ({
  code: 'too_old',
  message: `${what} does not know services: they came with ${firstWithServices}`,
  hint: 'tailscale update, or the package manager; then systemctl restart tailscaled',
})

/** A version that cannot be read is not held against it. */
function isOld(version: string): boolean {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(version) ?? []
  if (major === undefined) return false
  return Number(major) < 1 || (Number(major) === 1 && Number(minor) < 86)
}

/** The service passes its connections to something else than this gateway. */
export const occupied = (service: string, { handlers }: ServedService, target: string): Obstacle => ({
  code: 'occupied',
  message: `${service} is configured already, and not for ${target}: ${handlers.join(', ')}`,
  hint: `tailops tailscale clear --service=${service} removes that; or choose another name with --service`,
})

/** An administrator has not let this machine host the service yet. */
export const notApproved = (service: string, host: string): Obstacle => ({
  code: 'not_approved',
  message: `${service} is configured on this machine, and waits for the approval of an administrator`,
  hint: `approve ${host} at ${consoleUrl}/services, under ${service}; define the service there with the endpoint tcp:443 if it is missing; autoApprovers of the policy spare this step`,
})

/** Told, and no obstacle. */
export const userspaceNote =
  'Tailscale runs with userspace networking: the service is reachable, but this machine cannot reach targets by their tailnet addresses'

const firstLine = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.replace(/[\x00-\x1f\x7f-\x9f]/g, ' ').trim())
    .find((line) => line !== '')
    ?.slice(0, 300) ?? 'it said nothing'

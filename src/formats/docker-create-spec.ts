import { z } from 'zod'
import { canonicalJson } from '../lib/json.ts'
import { type Healthcheck, healthcheck, type ImageConfig, imageConfig } from './docker-image.ts'

const text = z.string()

const endpoint = z.object({
  IPAMConfig: z.unknown().optional(),
  Links: z.array(text).nullish(),
  Aliases: z.array(text).nullish(),
  DriverOpts: z.record(text, text).nullish(),
  GwPriority: z.number().optional(),
  NetworkID: text.optional(),
})

const bind = z.looseObject({ Type: text.optional(), Source: text.optional(), Target: text.optional() })

/** GET /containers/ID/json, as what a container is made of: settings that we do not know of are kept as well. */
export const containerSpecReply = z.object({
  Id: text,
  Name: text,
  Image: text,
  State: z.object({ Status: text, Running: z.boolean(), Paused: z.boolean() }),
  Config: imageConfig.loose().extend({
    Image: text,
    Hostname: text.optional(),
    StopTimeout: z.number().nullish(),
    Healthcheck: healthcheck.nullish(),
  }),
  HostConfig: z.looseObject({
    AutoRemove: z.boolean().optional(),
    NetworkMode: text,
    UTSMode: text.optional(),
    Binds: z.array(text).nullish(),
    Mounts: z.array(bind).nullish(),
    Links: z.array(text).nullish(),
    PortBindings: z.record(text, z.unknown()).nullish(),
    RestartPolicy: z.looseObject({ Name: text.optional() }).nullish(),
  }),
  Mounts: z
    .array(z.object({ Type: text, Name: text.optional(), Destination: text, RW: z.boolean().optional() }))
    .nullish(),
  NetworkSettings: z.object({ Networks: z.record(text, endpoint).nullish() }),
})

export type ContainerSpec = z.output<typeof containerSpecReply>

/** How a container joins one network; body of POST /networks/NAME/connect, with the container's name. */
export interface Joining {
  readonly network: string
  readonly endpoint: object
}

/** What makes a container like another one. */
export interface CreateSpec {
  /** Body of POST /containers/create. */
  readonly body: object
  /** Networks to join afterwards: engines before API 1.44 take one only with the creation. */
  readonly joins: readonly Joining[]
}

/**
 * A container's settings without what its image supplied, which the new image is to supply. Volumes without a name of their
 * own are kept by the name that the engine gave them.
 * @see https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerCreate
 */
export function createSpec(container: ContainerSpec, old: ImageConfig, image: string): CreateSpec {
  const [first, ...joins] = joiningsOf(container)
  const volumes = namelessVolumes(container)
  const body = {
    ...ownConfig(container, old, volumes),
    Image: image,
    HostConfig: hostConfig(container, volumes),
    ...(first !== undefined && { NetworkingConfig: { EndpointsConfig: { [first.network]: first.endpoint } } }),
  }
  return { body, joins }
}

const isSame = (one: unknown, other: unknown): boolean => canonicalJson(one ?? null) === canonicalJson(other ?? null)

function ownConfig(container: ContainerSpec, old: ImageConfig, volumes: readonly NamelessVolume[]): object {
  const { Config, HostConfig } = container
  const { Env, Labels, ExposedPorts, Volumes, Healthcheck, Cmd, Entrypoint, Hostname, OnBuild: _, ...rest } = Config
  const plain = Object.entries(rest).filter(([key, value]) => !simple.has(key) || !isSame(value, Reflect.get(old, key)))
  const isOwnEntrypoint = !isSame(Entrypoint, old.Entrypoint)
  const bindings = HostConfig.PortBindings ?? {}
  return {
    ...Object.fromEntries(plain),
    Env: (Env ?? []).filter((line) => !(old.Env ?? []).includes(line)),
    Labels: without(Labels, (key, value) => old.Labels?.[key] === value),
    ExposedPorts: without(ExposedPorts, (key) => old.ExposedPorts?.[key] !== undefined && bindings[key] === undefined),
    Volumes: without(
      Volumes,
      (key) => old.Volumes?.[key] !== undefined || volumes.some(({ target }) => target === folder(key)),
    ),
    ...(!isSame(Healthcheck, old.Healthcheck) && { Healthcheck: ownHealthcheck(Healthcheck, old) }),
    ...(isOwnEntrypoint && { Entrypoint }),
    // With an entrypoint of its own a container gets no command from its image.
    ...((isOwnEntrypoint || !isSame(Cmd, old.Cmd)) && { Cmd }),
    ...(hasOwnHostname(container) && { Hostname }),
  }
}

/** Single values that an image supplies where a container has none. */
const simple = new Set(['WorkingDir', 'User', 'StopSignal', 'Shell'])

/** The engine takes from the image what a health check leaves out. */
const ownHealthcheck = (own: Healthcheck | null | undefined, { Healthcheck }: ImageConfig): object =>
  without(
    own,
    (key, value) => Healthcheck !== null && Healthcheck !== undefined && isSame(value, Reflect.get(Healthcheck, key)),
  )

const without = <T>(
  record: Readonly<Record<string, T>> | null | undefined,
  isLeft: (key: string, value: T) => boolean,
): Record<string, T> => Object.fromEntries(Object.entries(record ?? {}).filter(([key, value]) => !isLeft(key, value)))

/** The engine's own is the short id; one that shares its network or host name has none to give. */
function hasOwnHostname({ Id, Config, HostConfig }: ContainerSpec): boolean {
  const isShared = HostConfig.NetworkMode.startsWith('container:') || HostConfig.UTSMode === 'host'
  return !isShared && Config.Hostname !== undefined && Config.Hostname !== Id.slice(0, 12)
}

interface NamelessVolume {
  readonly name: string
  readonly target: string
  readonly isReadOnly: boolean
}

/** Volumes that the image or the container declares by their folder alone. */
function namelessVolumes({ Config, HostConfig, Mounts }: ContainerSpec): readonly NamelessVolume[] {
  const declared = new Set(Object.keys(Config.Volumes ?? {}).map(folder))
  const bound = new Set((HostConfig.Binds ?? []).map((line) => folder(line.split(':')[1] ?? '')))
  const mounted = new Set((HostConfig.Mounts ?? []).map(({ Target = '' }) => folder(Target)))
  return (Mounts ?? []).flatMap(({ Type, Name, Destination, RW }) => {
    const target = folder(Destination)
    const isNameless = Type === 'volume' && declared.has(target) && !bound.has(target) && !mounted.has(target)
    return isNameless && Name !== undefined ? [{ name: Name, target, isReadOnly: RW === false }] : []
  })
}

const folder = (path: string): string => (path.length > 1 ? path.replace(/\/+$/, '') : path)

function hostConfig(
  { HostConfig, Mounts, NetworkSettings }: ContainerSpec,
  volumes: readonly NamelessVolume[],
): object {
  const nameOf = (target: string) => (Mounts ?? []).find(({ Destination }) => folder(Destination) === target)?.Name
  const mounts = (HostConfig.Mounts ?? []).map((mount) => {
    const isNameless = mount.Type === 'volume' && !mount.Source
    return isNameless ? { ...mount, Source: nameOf(folder(mount.Target ?? '')) } : mount
  })
  const kept = volumes.map(({ name, target, isReadOnly }) => ({
    Type: 'volume',
    Source: name,
    Target: target,
    ...(isReadOnly && { ReadOnly: true }),
  }))
  return {
    ...HostConfig,
    ...(mounts.length + kept.length > 0 && { Mounts: [...mounts, ...kept] }),
    // `/db:/web/alias` as the engine tells it, `db:alias` as it takes it.
    ...(HostConfig.Links && {
      Links: HostConfig.Links.map((link) => link.replace(/^\/([^:]+):\/.*\/([^/]+)$/, '$1:$2')),
    }),
    NetworkMode: modeOf(HostConfig.NetworkMode, NetworkSettings.Networks ?? {}),
  }
}

const isBridged = (mode: string): boolean => mode !== 'none' && mode !== 'host' && !mode.startsWith('container:')

type Networks = Readonly<Record<string, z.output<typeof endpoint>>>

/** Whether a network is the one that a mode names, by name or id. */
const isOf = (mode: string, name: string, id = ''): boolean =>
  name === (mode === 'default' ? 'bridge' : mode) || (mode.length >= 12 && id.startsWith(mode))

/** A container may have left the network that it was made with. */
function modeOf(mode: string, networks: Networks): string {
  const names = Object.keys(networks).sort()
  const isMember = names.some((name) => isOf(mode, name, networks[name]?.NetworkID))
  return !isBridged(mode) || isMember ? mode : (names[0] ?? 'none')
}

/** The networks, first the one that the container was made with. */
function joiningsOf({ Id, HostConfig: { NetworkMode }, NetworkSettings }: ContainerSpec): readonly Joining[] {
  if (!isBridged(NetworkMode)) return []
  const networks = Object.entries(NetworkSettings.Networks ?? {})
  const sorted = networks.sort(([a, one], [b, other]) => {
    const rank = Number(isOf(NetworkMode, b, other.NetworkID)) - Number(isOf(NetworkMode, a, one.NetworkID))
    return rank === 0 ? (a < b ? -1 : 1) : rank
  })
  return sorted.map(([network, { IPAMConfig, Links, Aliases, DriverOpts, GwPriority }]) => {
    // The engine adds the short id of the container.
    const aliases = (Aliases ?? []).filter((alias) => alias !== Id.slice(0, 12))
    return {
      network,
      endpoint: {
        ...(IPAMConfig !== null && IPAMConfig !== undefined && { IPAMConfig }),
        ...(Links && Links.length > 0 && { Links }),
        ...(aliases.length > 0 && { Aliases: aliases }),
        ...(DriverOpts && { DriverOpts }),
        ...(GwPriority !== undefined && { GwPriority }),
      },
    }
  })
}

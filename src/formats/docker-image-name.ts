/** A reference to an image, taken apart: `registry:5000/img:1`. */
export interface ImageName {
  /** Host, with port where it names one; `docker.io` where the reference names none. */
  readonly registry: string
  /** As people and the engine write it, without tag and digest: `nginx`, `registry:5000/img`. */
  readonly name: string
  /** `latest` where the reference has neither tag nor digest. */
  readonly tag: string | undefined
  /** `sha256:…` */
  readonly digest: string | undefined
}

const path = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*$/
const host =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/

/** Undefined for what is no reference; an image's id is none. @see https://github.com/distribution/reference grammar */
export function imageNameOf(reference: string): ImageName | undefined {
  const [, rest = '', digest] = /^(.*?)(?:@(sha256:[0-9a-f]{64}))?$/.exec(reference) ?? []
  const [, named = '', tag] = /^(.*?)(?::(\w[\w.-]{0,127}))?$/.exec(rest) ?? []
  // `registry:5000/img` has no tag: what follows its colon holds a slash, which no tag has.
  const slash = named.indexOf('/')
  const first = slash < 0 ? '' : named.slice(0, slash)
  const isHost = /[.:A-Z]/.test(first) || first === 'localhost'
  const registry = isHost ? first.replace(/^(index|registry-1)\.docker\.io$/, 'docker.io') : 'docker.io'
  const repository = isHost ? named.slice(slash + 1) : named
  if (
    !path.test(repository) ||
    !host.test(registry) ||
    named.length > 255 ||
    /^([0-9a-f]{64}|sha256:[0-9a-f]{64})$/.test(rest)
  )
    return undefined
  const familiar = repository.replace(/^library\/(?=[^/]+$)/, '')
  return {
    registry,
    name: registry === 'docker.io' ? familiar : `${registry}/${repository}`,
    tag: tag ?? (digest === undefined ? 'latest' : undefined),
    digest,
  }
}

/** The reference in full: `nginx:latest`. */
export const referenceOf = ({ name, tag, digest }: ImageName): string =>
  `${name}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`

import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { get, type Outcome, post, type Request } from '../core/operation.ts'
import type { Plan, Step } from '../core/plan.ts'
import { jsonOf } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { imageName } from '../formats/docker-containers.ts'
import { distributionReply, hasDigest, type InspectedImage, imageReply } from '../formats/docker-image.ts'
import { type ImageName, imageNameOf, referenceOf } from '../formats/docker-image-name.ts'
import { pullEndReply, pullFailure } from '../formats/docker-pull.ts'
import { engineMessage } from '../formats/docker-reply.ts'
import { parseJson } from '../lib/json.ts'

const pullWithinMs = 30 * 60_000

export default defineTool({
  name: 'pull_docker_image',
  description: 'Pull a Docker image by digest.',
  capability: 'container:admin',
  risk: 'write',
  targets: ['docker'],
  input: z.object({ image: z.string().max(400).describe('name:tag') }),
  output: z.object({
    image: z.string(),
    digest: z.string().optional(),
    result: z.string(),
    downloaded_mib: z.number().optional(),
  }),
  async plan({ image }, context) {
    const wanted = await wantedImage(image, context)
    const { reference, steps } = wanted
    const basis = basisOf(wanted)
    if (steps.length === 0) return { summary: `${imageName(reference)} is already current`, basis, steps }
    const now = wanted.tagged === undefined ? 'not there now' : `now ${imageName(wanted.tagged.Id)}`
    return { summary: `pull ${described(wanted)}, ${now}`, basis, steps }
  },
  report({ basis, steps }: Plan, [first]: readonly Outcome[]) {
    const { data } = pullEndReply.safeParse(parseJson(first?.output ?? ''))
    const digest = data?.digest ?? (typeof basis['digest'] === 'string' ? basis['digest'] : undefined)
    const result = steps.length === 0 ? 'already current' : data === undefined ? 'tagged' : 'pulled'
    return { image: String(basis['image']), digest, result, downloaded_mib: data?.downloaded_mib }
  },
})

/** An image as a registry has it now, and what brings it to the engine. */
export interface WantedImage {
  readonly reference: string
  /** What the registry has; undefined where it does not say. */
  readonly digest: string | undefined
  /** Why there is no digest, for people. */
  readonly unpinned: string | undefined
  /** What the reference means on the engine now. */
  readonly tagged: InspectedImage | undefined
  /** The wanted image, if the engine has it. */
  readonly here: InspectedImage | undefined
  /** Pull and tag, as far as needed. */
  readonly steps: readonly Step[]
}

/**
 * What a reference means now, on the engine and in its registry. One that was built on the engine is not asked for elsewhere
 * if `orBuilt` says so.
 * @throws GatewayError invalid_input, denied (registry not allowed), not_found, operation_failed
 */
export async function wantedImage(
  text: string,
  context: Pick<Context, 'read' | 'target'>,
  { orBuilt = false }: { readonly orBuilt?: boolean } = {},
): Promise<WantedImage> {
  const name = named(text)
  const reference = referenceOf(name)
  const tagged = await imageOn(reference, context)
  if (orBuilt && tagged !== undefined && (tagged.RepoDigests ?? []).length === 0)
    return { reference, digest: undefined, unpinned: undefined, tagged, here: tagged, steps: [] }
  refuseRegistry(name, context)
  const { digest, unpinned } = await registryDigest(name, context)
  const known = { reference, digest, unpinned, tagged }
  if (digest === undefined) return { ...known, here: undefined, steps: [pullByTag(name, tagged)] }
  const isTagged = tagged !== undefined && hasDigest(tagged, digest)
  const here = isTagged ? tagged : await imageOn(`${name.name}@${digest}`, context)
  return { ...known, here, steps: isTagged ? [] : pinnedSteps(name, digest, { tagged, here }) }
}

/** The facts of it that a plan relies on. */
export const basisOf = ({ reference, digest, unpinned, tagged }: WantedImage) => ({
  image: reference,
  digest: digest ?? unpinned ?? 'built or loaded there',
  tagged: tagged?.Id ?? 'absent',
})

/** `nginx:1.27 (sha256:1a2b3c4d5e6f)`; says so where the digest is not pinned. */
export function described({ reference, digest, unpinned, here }: WantedImage): string {
  const shown = imageName(reference)
  if (digest !== undefined) return shown.includes('@') ? shown : `${shown} (${digest.slice(0, 19)})`
  return unpinned === undefined
    ? `${shown} (built or loaded there, never pulled, ${imageName(here?.Id ?? '')})`
    : `${shown} (digest not pinned: ${unpinned})`
}

function named(text: string): ImageName {
  const name = imageNameOf(text)
  if (name !== undefined) return name
  throw new GatewayError('invalid_input', `${JSON.stringify(text)} is no reference to an image`, {
    hint: 'write name:tag, registry:5000/name:tag or name@sha256:…, the name in lower case',
  })
}

function refuseRegistry({ registry }: ImageName, { target }: Pick<Context, 'target'>): void {
  const allowed = target.registries
  if (allowed === undefined || allowed.some((one) => one.toLowerCase() === registry.toLowerCase())) return
  throw new GatewayError('denied', `${target.id} pulls nothing from ${registry}`, {
    hint: `its connection.registries allows ${allowed.join(', ') || 'none'}`,
  })
}

async function imageOn(reference: string, { read }: Pick<Context, 'read'>): Promise<InspectedImage | undefined> {
  const outcome = await read(get(`/images/${reference}/json`))
  return outcome.status === 404 ? undefined : jsonOf(outcome, imageReply, 'the inspection of the image')
}

async function registryDigest(
  name: ImageName,
  { read }: Pick<Context, 'read'>,
): Promise<Pick<WantedImage, 'digest' | 'unpinned'>> {
  const outcome = await read(get(`/distribution/${referenceOf(name)}/json`))
  if (outcome.ok) {
    const { digest } = jsonOf(outcome, distributionReply, 'the registry').Descriptor
    return { digest, unpinned: undefined }
  }
  const said = engineMessage(outcome.output)
  // Engines before API 1.30 do not know the question.
  if (said.includes('page not found')) return { digest: name.digest, unpinned: 'the engine is too old to ask for it' }
  const failure = pullFailure(imageName(referenceOf(name)), said)
  if (failure.kind === 'other') return { digest: name.digest, unpinned: `the registry does not tell it: ${said}` }
  throw new GatewayError(failure.kind === 'missing' ? 'not_found' : 'operation_failed', failure.note, {
    hint: failure.hint,
  })
}

function pinnedSteps(
  { name, tag, digest: given }: ImageName,
  digest: string,
  { tagged, here }: Pick<WantedImage, 'tagged' | 'here'>,
): readonly Step[] {
  // A tag beside a digest says nothing to the engine.
  const label = given === undefined ? tag : undefined
  const pinned = `${name}@${digest}`
  const isNewTag = label !== undefined && tagged === undefined
  // Without its last tag an image goes whole; so the pull's undo takes away both where the tag is new.
  const pull: Step = {
    do: pulling(name, digest),
    undo: remove(isNewTag ? `${name}:${label}` : pinned),
    interruptible: true,
  }
  const pulls = here === undefined ? [pull] : []
  if (label === undefined) return pulls
  const undo = tagged === undefined ? tagUndo(`${name}:${label}`, here) : tagging(tagged.Id, name, label)
  return [...pulls, { do: tagging(pinned, name, label), ...(undo !== undefined && { undo }) }]
}

/** A new tag goes with the new image. That of an image which was there before stays: it may be its only one. */
const tagUndo = (reference: string, here: InspectedImage | undefined): Request | undefined =>
  here === undefined ? get(`/images/${reference}/json`) : undefined

function pullByTag({ name, tag = 'latest' }: ImageName, tagged: InspectedImage | undefined): Step {
  const undo = tagged === undefined ? remove(`${name}:${tag}`) : tagging(tagged.Id, name, tag)
  return { do: pulling(name, tag), undo, interruptible: true }
}

const pulling = (name: string, tag: string): Request => ({
  ...post(`/images/create?fromImage=${encoded(name)}&tag=${encoded(tag)}`),
  timeoutMs: pullWithinMs,
})

const tagging = (image: string, name: string, tag: string): Request =>
  post(`/images/${image}/tag?repo=${encoded(name)}&tag=${tag}`)

/** For a query; what may stand there as it is stays readable. */
const encoded = (text: string): string => encodeURIComponent(text).replaceAll('%3A', ':').replaceAll('%2F', '/')

const remove = (reference: string): Request => ({ kind: 'request', method: 'DELETE', path: `/images/${reference}` })

import { z } from 'zod'
import { ageOf } from './ages.ts'
import { imageName, type ListedContainer, nameOf } from './docker-containers.ts'
import { rounded } from './sections.ts'

/** GET /images/json, as far as it is used. */
export const imagesReply = z.array(
  z.object({
    Id: z.string(),
    RepoTags: z.array(z.string()).nullish(),
    RepoDigests: z.array(z.string()).nullish(),
    /** Seconds since 1970. */
    Created: z.number(),
    Size: z.number(),
  }),
)

export type ListedImage = z.output<typeof imagesReply>[number]

/** One image as a row. */
export interface ImageRow {
  /** Tags, or what it came from. */
  readonly image: string
  readonly id: string
  readonly size_mib: number
  readonly age: string
  /** Names of containers, `web api +3`. */
  readonly used_by: string
  /** `yes` where no tag names it. */
  readonly dangling: string
}

const mostNames = 5

/** A row of what the engine lists, with the containers made of it. */
export function imageRow(image: ListedImage, containers: readonly ListedContainer[], now: Date): ImageRow {
  const users = containers.filter(({ ImageID }) => ImageID === image.Id).map(nameOf)
  const rest = users.length - mostNames
  const digests = (image.RepoDigests ?? []).filter((digest) => !digest.startsWith('<none>')).map(imageName)
  return {
    image: isDangling(image) ? (digests[0] ?? '') : tagsOf(image).map(imageName).join(' '),
    id: imageName(image.Id),
    size_mib: rounded(image.Size / 1024 / 1024, image.Size < 10_485_760 ? 1 : 0),
    age: ageOf(new Date(image.Created * 1000), now),
    used_by: [...users.slice(0, mostNames), ...(rest > 0 ? [`+${rest}`] : [])].join(' '),
    dangling: isDangling(image) ? 'yes' : '',
  }
}

/** Whether no tag names an image. */
export const isDangling = (image: ListedImage): boolean => tagsOf(image).length === 0

const tagsOf = ({ RepoTags }: ListedImage): readonly string[] =>
  (RepoTags ?? []).filter((tag) => tag !== '<none>:<none>')

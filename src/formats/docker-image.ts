import { z } from 'zod'

const words = z.array(z.string()).nullish()

/** Durations are nanoseconds. */
export const healthcheck = z.object({
  Test: words,
  Interval: z.number().optional(),
  Timeout: z.number().optional(),
  StartPeriod: z.number().optional(),
  StartInterval: z.number().optional(),
  Retries: z.number().optional(),
})

export type Healthcheck = z.output<typeof healthcheck>

/** What an image supplies to containers that do not say it themselves. */
export const imageConfig = z.object({
  Env: words,
  Cmd: words,
  Entrypoint: words,
  Shell: words,
  Labels: z.record(z.string(), z.string()).nullish(),
  ExposedPorts: z.record(z.string(), z.unknown()).nullish(),
  Volumes: z.record(z.string(), z.unknown()).nullish(),
  WorkingDir: z.string().optional(),
  User: z.string().optional(),
  StopSignal: z.string().optional(),
  Healthcheck: healthcheck.nullish(),
})

export type ImageConfig = z.output<typeof imageConfig>

/** GET /images/NAME/json, as far as it is used. */
export const imageReply = z.object({
  Id: z.string(),
  RepoTags: words,
  /** `nginx@sha256:…`, one for each repository it was pulled from or pushed to. */
  RepoDigests: words,
  Config: imageConfig.nullish(),
})

export type InspectedImage = z.output<typeof imageReply>

/** Whether a registry calls this image by this digest. */
export const hasDigest = ({ RepoDigests }: InspectedImage, digest: string): boolean =>
  (RepoDigests ?? []).some((known) => known.endsWith(`@${digest}`))

/** GET /distribution/NAME/json, as far as it is used. */
export const distributionReply = z.object({
  Descriptor: z.object({ digest: z.string().regex(/^sha256:[0-9a-f]{64}$/) }),
})

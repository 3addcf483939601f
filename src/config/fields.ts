import { isIP } from 'node:net'
import { posix } from 'node:path'
import { z } from 'zod'
import { capabilityWords, expandCapabilities } from '../core/capability.ts'
import { Secret } from '../lib/secret.ts'
import { suggest } from './suggest.ts'

/** What a key's schema says beside its type; read by the check of keys and by the reference. */
export interface FieldNotes {
  readonly description?: string | undefined
  /** Shown as the type in the reference. */
  readonly type?: string | undefined
  /** The key is accepted but does nothing; the text says what to do instead. */
  readonly unused?: string | undefined
  /** Keys of one's own are welcome; only what looks mistyped is reported. */
  readonly open?: boolean | undefined
  readonly secret?: boolean | undefined
}

/** A check whose failure carries its own next step. */
export const rule = (error: string, hint: string): { error: string; params: { hint: string } } => ({
  error,
  params: { hint },
})

/** Text of one line. */
export const text = () =>
  z
    .string()
    .min(1)
    .max(4096)
    .refine((value) => !/[\0\r\n]/.test(value), rule('must be one line of text', 'remove the line breaks'))

/** A secret: never shown, revealed by an executor only. */
export const secret = () =>
  z
    .string()
    .min(1)
    .transform((value) => new Secret(value))
    .meta({ type: 'secret', secret: true })

/** A duration in seconds. */
export const seconds = (most = 86_400) => z.number().positive().max(most).meta({ type: 'seconds' })

/** A path of the gateway's own machine; relative ones count from the folder of targets.yaml. */
export const localPath = () => text().meta({ type: 'path', secret: true })

/** A TCP port. */
export const port = () => z.number().int().min(1).max(65_535)

/** A list where one plain value is understood as a list of one. */
export const listOf = <T extends z.ZodType>(item: T) =>
  z.preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(item))

/** One capability, an old name of one, or a word for several. */
export const capabilityWord = () =>
  z.string().superRefine((word, context) => {
    if (capabilityWords.includes(word)) return
    const near = suggest(word, capabilityWords)
    const hint = near === undefined ? `known: ${capabilityWords.join(', ')}` : `did you mean ${near}?`
    context.addIssue({ code: 'custom', message: 'is no capability', params: { hint } })
  })

/** Capability words; old names and bundles are expanded. */
export const capabilityList = () =>
  z
    .array(capabilityWord())
    .transform((words) => expandCapabilities(words))
    .meta({ type: 'list of capabilities' })

/** An absolute, normalised folder on the target. */
export const folder = () =>
  text().superRefine((value, context) => {
    const normal = posix.normalize(value).replace(/(?<=.)\/+$/, '')
    if (value.startsWith('/') && value === normal) return
    const hint = value.startsWith('/') ? `write ${normal}` : 'write the whole path, from / on'
    context.addIssue({ code: 'custom', message: 'is no absolute, normalised folder', params: { hint } })
  })

/** A network: `10.0.0.0/8`. */
export const cidr = () =>
  text().refine(
    (value) => {
      const [address = '', bits = '', ...rest] = value.split('/')
      const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1
      return rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= most
    },
    rule('is no network', 'write address/bits, like 10.0.0.0/8'),
  )

/** A program by its name or absolute path. */
export const program = () =>
  text().refine(
    (value) => /^(\/[^\s]*\/)?[\w.+-]+$/.test(value) && !value.startsWith('-'),
    rule('is no program', 'write one program name or absolute path; arguments go into args'),
  )

/** A regular expression for one whole argument. */
export const argumentPattern = () =>
  text().superRefine((value, context) => {
    try {
      new RegExp(`^(?:${value})$`)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      const params = { hint: `mend the pattern: ${why}` }
      context.addIssue({ code: 'custom', message: 'is no regular expression', params })
    }
  })

/** An http or https URL without credentials in it. */
export const webUrl = () =>
  text().refine(
    (value) => {
      const url = URL.canParse(value) ? new URL(value) : undefined
      return url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === ''
    },
    rule('is no http or https URL', 'write it like https://grafana.lan:3000; credentials have their own keys'),
  )

/** A key of older files that does nothing here. */
export const unused = (instead: string) =>
  z
    .unknown()
    .optional()
    .meta({ description: `Accepted, not used: ${instead}.`, unused: instead })

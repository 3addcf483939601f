import { z } from 'zod'
import { isZone } from '../core/policy-times.ts'
import { argumentPattern, capabilityList, capabilityWord, cidr, folder, listOf, program, rule, text } from './fields.ts'

const names = () => listOf(text()).meta({ type: 'list of text' })

/** Who is meant: everybody on any of the lists. */
const whoSchema = z
  .strictObject({
    scopes: listOf(capabilityWord()).optional().meta({
      description: 'Those whose token or login holds one of these: of readonly and admin, all of it.',
      type: 'list of capabilities',
    }),
    groups: names().optional().describe('Groups of a login. Stars stand for any text, here and below.'),
    logins: names().optional().describe('Logins as the identity provider writes them: ada@example.org, *@example.org.'),
    tags: names().optional().describe('Tags of a machine of the tailnet: tag:ci.'),
    callers: names().optional().describe('token:ID, stdio:UID, cli:UID; * is everybody.'),
  })
  .refine(
    (who) => Object.values(who).some((list) => (list?.length ?? 0) > 0),
    rule('names nobody', 'write callers: ["*"] for everybody'),
  )

const selectors = () =>
  names().describe('Ids, tag:x, kind:x, cluster:x, segment:x, patterns (web-*) or all. Left out: all.')

const roleSchema = z.strictObject({
  who: whoSchema.describe('Whose role it is: everybody on any of the lists.'),
  may: z
    .array(
      z.strictObject({
        capabilities: capabilityList().describe('What the role gives; readonly and admin stand for several.'),
        targets: selectors().optional().describe('Where. Left out: everywhere.'),
      }),
    )
    .describe('What the role gives, as far as targets grant it.'),
})

const scalar = z.union([z.string(), z.number(), z.boolean()])

const argumentSchema = z
  .strictObject({
    is: z
      .preprocess((value) => (Array.isArray(value) ? value : [value]), z.array(scalar))
      .optional()
      .meta({ description: 'A value, or a list of which it is one.', type: 'value or list' }),
    matches: argumentPattern().optional().describe('A regular expression for the whole text.'),
    min: z.number().optional().describe('At least this number.'),
    max: z.number().optional().describe('At most this number.'),
    under: listOf(folder())
      .optional()
      .meta({ description: 'A path below one of these folders.', type: 'list of paths' }),
    within: listOf(cidr())
      .optional()
      .meta({ description: 'An address, or a URL with one, inside one of these networks.', type: 'list of networks' }),
  })
  .refine(
    (asked) => Object.keys(asked).length > 0,
    rule('asks nothing', 'write is, matches, min, max, under or within'),
  )

const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const

const clock = () =>
  text()
    .refine(
      (value) => /^(([01]\d|2[0-3]):[0-5]\d|24:00)$/.test(value),
      rule('is no time of day', 'write it like "08:30", in quotes'),
    )
    .transform((value) => Number(value.slice(0, 2)) * 60 + Number(value.slice(3)))
    .meta({ type: 'time' })

const windowSchema = z
  .strictObject({
    days: z.array(z.enum(days)).min(1).optional().describe('The days on which it begins. Left out: every day.'),
    from: clock().optional().describe('Its beginning. Left out: 00:00.'),
    to: clock()
      .optional()
      .describe('Its end, which is outside; before its beginning: on the next day. Left out: 24:00.'),
    zone: text()
      .refine(isZone, rule('is no time zone', 'write an IANA name, like Europe/Berlin'))
      .default('UTC')
      .describe('IANA time zone.'),
  })
  .transform(({ days: begun, from = 0, to = 1440, zone }) => ({
    days: begun?.map((day) => days.indexOf(day)),
    from,
    to,
    zone,
  }))

const conditionsSchema = z.strictObject({
  arguments: z
    .record(z.string(), argumentSchema)
    .optional()
    .describe('By the name of an argument; set.cores for a key within one. Of a list every value is asked.'),
  commands: z
    .array(
      z.strictObject({
        program: program().describe('Program name or absolute path.'),
        args: z
          .array(argumentPattern())
          .optional()
          .describe('A regular expression for each argument. Left out: any arguments.'),
      }),
    )
    .optional()
    .describe('Of run_command and proxmox_exec: one of these.'),
  guests: names().optional().describe('Of tools that name a guest: names, vmids, tag:x, pool:x, patterns.'),
  times: z.array(windowSchema).optional().describe('In one of these windows.'),
})

const minutes = () =>
  text()
    .refine((value) => /^[1-9]\d{0,3}[sm]$/.test(value), rule('is no duration', 'write 30s to 15m'))
    .transform((value) => Number(value.slice(0, -1)) * (value.endsWith('m') ? 60_000 : 1000))
    .refine((ms) => ms <= 900_000, rule('is longer than an approval lasts', 'write at most 15m'))
    .meta({ type: 'duration' })

const approvalSchema = z.strictObject({
  by: listOf(text().regex(/^cli:(\d+|\*)$/, 'cli'))
    .optional()
    .meta({
      description: 'Who may give it: cli:UID, at a terminal of this machine. Left out: whoever may approve.',
      type: 'list of cli:UID',
    }),
  for: minutes().optional().describe('How long it can be used once given: at most, and left out, 15m.'),
  count: z
    .number()
    .refine(
      (count) => count === 1,
      rule('cannot be enforced', 'remove it: one person approves; several cannot be told apart at one machine'),
    )
    .optional()
    .meta({ description: 'How many must approve: 1. More cannot be told apart at one machine.', type: '1' }),
})

const effects = ['allow', 'approve', 'deny'] as const

/** One rule of policy.yaml. */
export const ruleSchema = z
  .strictObject({
    id: text()
      .regex(/^[A-Za-z][\w.-]{0,79}$/)
      .describe('Its name, in answers and in the audit log.'),
    effect: z.enum(effects).describe('deny wins over approve, approve over allow.'),
    roles: names().optional().describe('Callers who have one of these roles.'),
    who: whoSchema.optional().describe('Callers on any of these lists.'),
    tools: names().optional().describe('Tools, or patterns: proxmox_*.'),
    capabilities: capabilityList().optional().describe('Calls that need one of these.'),
    risks: listOf(z.enum(['read', 'probe', 'write', 'destructive']))
      .optional()
      .describe('Calls of these levels of risk.'),
    targets: selectors().optional(),
    when: conditionsSchema.optional().describe('All of these hold.'),
    unless: conditionsSchema.optional().describe('The same keys: the rule fits when they do not all hold.'),
    approval: approvalSchema.optional().describe('Of approve: what is asked of the approval.'),
  })
  .refine(({ effect, approval }) => approval === undefined || effect === 'approve', {
    path: ['approval'],
    ...rule('belongs to effect: approve', 'remove it or change the effect'),
  })

const callerSchema = z.preprocess(
  (value) => (typeof value === 'string' ? { id: value } : value),
  z.strictObject({
    id: text().default('test').describe('token:ID and so on.'),
    scopes: capabilityList().optional().describe('Left out: none for a login, else all.'),
    login: text().optional().describe('What a login says of the caller.'),
    groups: names().optional().describe('Its groups.'),
    tags: names().optional().describe('Of a machine of the tailnet.'),
  }),
)

/** One test of a policy. */
export const testSchema = z.strictObject({
  name: text().optional().describe('What it shows.'),
  caller: callerSchema.meta({
    description: 'An id, or a map of id, scopes, login, groups, tags.',
    type: 'text or map',
  }),
  tool: text().describe('The tool called.'),
  target: text().describe('The id of a target of targets.yaml.'),
  arguments: z
    .record(z.string(), z.unknown())
    .optional()
    .meta({ description: 'Its arguments; complete, as a call has them.', type: 'map' }),
  guest: z
    .strictObject({
      vmid: z.number().int().describe('Its number.'),
      name: text().optional().describe('Its name.'),
      tags: names().optional().describe('Its tags.'),
      pool: text().optional().describe('Its pool.'),
    })
    .optional()
    .describe('The guest meant, for rules about guests.'),
  at: z.iso
    .datetime({ offset: true })
    .optional()
    .meta({ description: 'When, as 2026-01-31T08:00:00Z. Left out: Monday noon, UTC.', type: 'time' }),
  expect: z.enum(effects).describe('What the policy must say.'),
  rule: text().optional().describe('And by which rule.'),
})

/** The top of policy.yaml. */
export const policySchema = z.strictObject({
  version: z
    .preprocess((value) => (typeof value === 'number' ? value.toFixed(1) : value), z.literal('1.0'))
    .optional()
    .meta({ description: 'Version of this format: "1.0".', type: 'text' }),
  roles: z
    .record(z.string(), roleSchema)
    .optional()
    .describe('Who may do what where. Left out: callers may do what their scopes say.'),
  rules: z
    .array(ruleSchema)
    .optional()
    .describe('Left out: reads are allowed, changes need approval. With rules, what none allows is denied.'),
  tests: z
    .array(testSchema)
    .optional()
    .describe('Asked when the policy is loaded: one that fails keeps it from loading.'),
})

/** The top of a file of tests for `tailops policy test`. */
export const fixturesSchema = z.strictObject({ tests: z.array(testSchema).describe('Tests as in policy.yaml.') })

export type RawPolicy = z.output<typeof policySchema>
export type RawTest = z.output<typeof testSchema>

import { z } from 'zod'
import {
  dockerConnection,
  endpoint,
  guestProbes,
  httpConnection,
  proxmoxConnection,
  proxmoxDefaults,
  proxmoxDiscovery,
  sshConnection,
} from './connections.ts'
import { argumentPattern, capabilityList, cidr, folder, program, rule, seconds, text, unused } from './fields.ts'

const commandRule = z.strictObject({
  program: program().describe('Program name or absolute path.'),
  args: z
    .array(argumentPattern())
    .optional()
    .describe('A regular expression for each argument, anchored. Left out: any arguments.'),
})

/** What narrows the grants of a target. A mistyped key here is an error: a limit must not vanish. */
export const constraintsSchema = z
  .strictObject({
    timeout: seconds(3600).default(30).describe('Limit of one operation.'),
    concurrency: z.number().int().min(1).max(100).default(5).describe('Operations at the same time.'),
    sudo_policy: z.enum(['none', 'limited', 'full']).default('none').describe('limited: only sudo_commands.'),
    sudo_commands: z.array(program()).default([]).describe('Programs that may be run with sudo.'),
    file_roots: z.array(folder()).default(['/var/log']).describe('Folders that file tools may touch.'),
    units: z
      .array(text().regex(/^[\w@:.\\-]+$/))
      .default([])
      .describe('Units that may be managed although they could cut us off.'),
    commands: z.array(commandRule).default([]).describe('Programs that run_command and proxmox_exec may start.'),
    networks: z.array(cidr()).default([]).describe('Networks that probes may reach.'),
    max_memory: unused('limit memory on the target itself'),
    max_cpu: unused('limit CPU on the target itself'),
    audit_level: unused('every call is audited'),
    require_approval: unused('every change needs approval unless a policy rule allows it'),
    approval_webhook: unused('approvals are decided with tailops approvals'),
    dual_approval: unused('one person who did not ask approves'),
    maintenance_window: unused('write a rule with times into policy.yaml'),
    allowed_ports: unused('write a rule about the argument with the port into policy.yaml'),
  })
  .describe('Limits of this target.')

const metadata = z
  .object({
    tags: z.array(text()).optional().describe('Chosen with tag:NAME.'),
    segment: text()
      .optional()
      .describe('Network segment, chosen with segment:NAME. Default: the segment of the gateway.'),
    hostname: z.unknown().optional().describe('For people; not used.'),
    platform: z.unknown().optional().describe('For people; not used.'),
    environment: z.unknown().optional().describe('For people; not used.'),
    role: z.unknown().optional().describe('For people; not used.'),
    owner: z.unknown().optional().describe('For people; not used.'),
    security_level: z.unknown().optional().describe('For people; not used.'),
    compliance: z.unknown().optional().describe('For people; not used.'),
  })
  .optional()
  .meta({ description: 'Facts about the target. Further keys are yours.', open: true })

const common = {
  id: text().optional().describe('Accepted and ignored: the key names the target.'),
  type: text().optional().describe('Accepted and ignored: the executor says it.'),
  name: unused('the key names the target'),
  description: unused('write a comment'),
  capabilities: capabilityList().optional().describe('What may be done here. Nothing listed, nothing granted.'),
  constraints: constraintsSchema.optional(),
  metadata,
  discovered_at: unused('discovery keeps its own state'),
  last_verified: unused('discovery keeps its own state'),
}

const executor = <K extends string>(kind: K, meaning: string) => z.literal(kind).describe(meaning)

/** The schema of a target, by executor. */
export const targetSchemas = {
  local: z.object({
    ...common,
    executor: executor('local', 'The machine the gateway runs on.'),
    connection: unused('the local machine needs none'),
  }),
  ssh: z.object({
    ...common,
    executor: executor('ssh', 'A machine reached by SSH.'),
    connection: sshConnection.optional().describe('How it is reached.'),
  }),
  docker: z.object({
    ...common,
    executor: executor('docker', 'A Docker engine.'),
    connection: dockerConnection.optional().describe('How it is reached.'),
  }),
  http: z.object({
    ...common,
    executor: executor('http', 'An HTTP service with named endpoints.'),
    connection: httpConnection.optional().describe('How it is reached.'),
    endpoints: z
      .record(z.string().regex(/^[A-Za-z][\w-]*$/), endpoint)
      .optional()
      .describe('The requests that may be made, by name.'),
  }),
  proxmox: z.object({
    ...common,
    executor: executor('proxmox', 'A Proxmox VE cluster.'),
    connection: proxmoxConnection.optional().describe('How it is reached.'),
    defaults: proxmoxDefaults,
    discovery: proxmoxDiscovery,
    probes: guestProbes,
    region: text().optional().describe('Where the cluster stands, for people.'),
    tier: text().optional().describe('How much it matters, for people.'),
  }),
} as const

/** What may stand after `executor:`. */
export type ExecutorKind = keyof typeof targetSchemas

/** A target's section as read, by executor. */
export type RawTarget = { readonly [K in ExecutorKind]: z.output<(typeof targetSchemas)[K]> }[ExecutorKind]

/** The kinds in the order of the documentation. */
export const executorKinds: readonly string[] = Object.keys(targetSchemas)

/** Whether a word names an executor. */
export const isExecutorKind = (word: unknown): word is ExecutorKind =>
  typeof word === 'string' && Object.hasOwn(targetSchemas, word)

/** The `gateway` section. */
export const gatewaySchema = z
  .object({
    id: text().optional().describe('Short name of this gateway.'),
    gateway_id: text().optional().describe('Old name of id.'),
    name: text().optional().describe('Name for people.'),
    segment: text().optional().describe('Network segment of all targets that name none.'),
    capabilities: capabilityList()
      .optional()
      .describe('What the target `gateway` grants. Default: fleet:read, gateway:read.'),
    description: unused('write a comment'),
    role: unused('gateways are equals'),
    mode: unused('set TAILOPS_OPERATION_MODE'),
    discovery_method: unused('write a discovery section in a proxmox target'),
    discovery_interval: unused('write discovery.interval in a proxmox target'),
    auto_register: unused('write discovery.register in a proxmox target'),
    managed_targets: unused('every target in this file is managed'),
    max_fleet_size: unused('the fleet is not limited'),
    require_gateway_auth: unused('callers always need a token over HTTP'),
    gateway_token: unused('make tokens with tailops token mint'),
    health_check_interval: unused('write discovery.health_interval in a proxmox target'),
    state_sync_interval: unused('gateways do not share state'),
  })
  .optional()
  .describe('This gateway itself.')

/** The top of the file; targets are read one by one, by their executor. */
export const fileSchema = z.object({
  version: z
    .preprocess(
      (value) => (value === 1 ? '1.0' : typeof value === 'number' ? String(value) : value),
      z
        .string()
        .refine((value) => value === '1' || value === '1.0', rule('is no known version', 'write version: "1.0"')),
    )
    .optional()
    .meta({ description: 'Version of this format: "1.0".', type: 'string' }),
  gateway: gatewaySchema,
  targets: z.record(z.string(), z.unknown()).optional().meta({ description: 'The targets, by id.', type: 'map' }),
  global_constraints: unused('write constraints at each target'),
  security_policies: unused('write policy.yaml'),
  audit_config: unused('every call is audited'),
})

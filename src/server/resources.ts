/** Text that clients can attach, made by calling a tool: the same rights, the same audit. */
export interface ResourceOfTool {
  readonly uri: string
  readonly name: string
  readonly description: string
  readonly tool: string
  readonly args: Readonly<Record<string, unknown>>
}

/** What changes with every call but its own. */
export const recentCalls = 'audit://recent'

/** What changes when the configuration is loaded again. */
export const targetList = 'targets://list'

/** What changes when a look at the fleet finds something different. */
export const fleetResources = ['fleet://changes', 'fleet://state'] as const

/** In order of their URIs. */
export const resources: readonly ResourceOfTool[] = [
  {
    uri: recentCalls,
    name: 'recent calls',
    description: 'The newest records of the audit log.',
    tool: 'get_audit_log',
    args: { limit: 50 },
  },
  {
    uri: fleetResources[0],
    name: 'changes of the fleet',
    description: 'What changed in the fleet lately.',
    tool: 'get_fleet_changes',
    args: {},
  },
  {
    uri: fleetResources[1],
    name: 'state of the fleet',
    description: 'The whole fleet as last seen.',
    tool: 'get_fleet_state',
    args: {},
  },
  {
    uri: targetList,
    name: 'targets',
    description: 'What this gateway looks after, and what you may do there.',
    tool: 'list_targets',
    args: {},
  },
]

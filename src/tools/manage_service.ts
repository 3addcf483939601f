import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { GatewayError } from '../core/errors.ts'
import { type Command, command, script } from '../core/operation.ts'
import type { Plan, Step } from '../core/plan.ts'
import { outputOf, understood } from '../core/reply.ts'
import { defineTool } from '../core/tool.ts'
import { withoutEmpty } from '../formats/rows.ts'
import { refusedUnit, type ServiceAction } from '../formats/service-lifelines.ts'
import { serviceName, serviceNameRule, unitName } from '../formats/service-name.ts'
import { parseServiceState, type ServiceState } from '../formats/service-state.ts'

/** A start waits for the unit; systemd's own limit is 90 s. */
const stepTimeoutMs = 120_000
const settledWithinMs = 30_000

export default defineTool({
  name: 'manage_service',
  description: 'Start, stop, restart, reload, enable or disable a service of systemd or OpenRC.',
  capability: 'service:control',
  risk: 'write',
  restorePoint: true,
  targets: ['local', 'ssh'],
  input: z.object({
    service: z.string().min(1).max(200).regex(serviceName, serviceNameRule),
    action: z.enum(['start', 'stop', 'restart', 'reload', 'enable', 'disable']),
  }),
  output: z.object({ unit: z.string(), state: z.string(), enabled: z.string().optional() }),
  async plan({ service, action }, context) {
    const state = await stateOf(service, context)
    const stops = stoppedBy(action, state)
    refuseLifelines(action, { state, stops, context })
    const basis = {
      unit: state.unit,
      active: state.active,
      enabled: state.enabled,
      fragment: state.fragment,
      ...(stops.length > 0 && { stops: stops.join(' ') }),
    }
    const already = alreadySo(action, state)
    if (already !== undefined) return { summary: `${state.unit} is already ${already}`, basis, steps: [] }
    refuseImpossible(action, state)
    const steps = stepsOf(action, { state, stops })
    const preview = previewOf(action, state)
    return { summary: summaryOf(action, state, stops), basis, steps, ...(preview !== '' && { preview }) }
  },
  report({ basis, steps }: Plan) {
    const before = { state: String(basis['active']), enabled: String(basis['enabled']) }
    return withoutEmpty({ unit: String(basis['unit']), ...before, ...Object.assign({}, ...steps.map(changeOf)) })
  },
})

async function stateOf(service: string, { read, target }: Context): Promise<ServiceState> {
  const unit = unitName(service)
  const output = outputOf(await read(script('read/service-state', [unit])), 'reading the state of the service')
  const reading = understood(parseServiceState(output), 'the state of the service')
  switch (reading.kind) {
    case 'unit':
      return reading.state
    case 'absent':
      throw new GatewayError('not_found', `there is no unit ${unit} on ${target.id}`, {
        hint: 'get_service_status without service names those that run',
      })
    case 'refused':
      throw new GatewayError('operation_failed', `the init system of ${target.id} refused: ${reading.said}`, {
        hint: 'check the name; an instance of a template is named name@instance.service',
      })
    case 'none':
      throw new GatewayError(
        'unsupported_target',
        `${target.id} runs neither systemd nor OpenRC: its first process is ${reading.init || 'hidden'}`,
        { hint: 'services of this target cannot be managed' },
      )
  }
}

const isDown = ({ active }: ServiceState): boolean => active === 'inactive' || active === 'failed'

/** Other units that the action stops: what needs this one, or what must not run beside it. */
function stoppedBy(action: ServiceAction, state: ServiceState): readonly string[] {
  if (action === 'stop') return state.along
  if (action === 'start') return state.conflicts
  if (action !== 'restart') return []
  return isDown(state) ? state.conflicts : [...new Set([...state.along, ...state.conflicts])]
}

interface Change {
  readonly state: ServiceState
  readonly stops: readonly string[]
}

function refuseLifelines(action: ServiceAction, { state, stops, context }: Change & { readonly context: Context }) {
  const { id, constraints } = context.target
  const allowed = constraints.units
  const refused = refusedUnit({ action, names: state.names, stops, self: state.self, allowed })
  if (refused === undefined) return
  throw new GatewayError('denied', `cannot ${action} ${state.unit} on ${id}: ${refused.unit} ${refused.why}`, {
    hint: `the operator can allow it in targets.yaml, under ${id}: constraints: { units: [${[...allowed, refused.unit].join(', ')}] }`,
  })
}

function alreadySo(action: ServiceAction, state: ServiceState): string | undefined {
  if (state.broken !== '') return undefined
  if (action === 'start' && state.active === 'active') return 'active'
  if (action === 'stop' && isDown(state)) return state.active
  return (action === 'enable' || action === 'disable') && state.enabled === `${action}d` ? state.enabled : undefined
}

function refuseImpossible(action: ServiceAction, { unit, broken, active, enabled, canReload }: ServiceState): void {
  const refuse = (why: string, hint: string) =>
    new GatewayError('invalid_input', `cannot ${action} ${unit}: ${why}`, { hint })
  if (broken !== '' && action !== 'stop' && action !== 'disable')
    throw refuse(`its unit file is ${broken}`, 'repair or unmask it on the target first')
  if (action === 'reload' && active !== 'active') throw refuse(`it is ${active}`, 'start it')
  if (action === 'reload' && !canReload) throw refuse('it has no reload', 'restart it')
  if ((action === 'enable' || action === 'disable') && ['static', 'transient'].includes(enabled))
    throw refuse(`it is ${enabled}, other units decide when it starts`, 'start or stop it')
}

function stepsOf(action: ServiceAction, change: Change): readonly Step[] {
  const { state } = change
  if (state.init === 'openrc' && (action === 'enable' || action === 'disable')) return runlevelSteps(action, state)
  const wanted = action === 'stop' ? 'inactive' : 'active'
  const settles = action === 'stop' || (action !== 'enable' && action !== 'disable' && state.stays)
  const undo = undoOf(action, change)
  return [
    {
      do: control(state, action),
      ...(undo !== undefined && { undo }),
      ...(settles && {
        until: {
          read: script('read/service-settled', [unitName(state.unit), wanted]),
          path: 'output',
          equals: wanted,
          withinMs: settledWithinMs,
        },
      }),
    },
  ]
}

function undoOf(action: ServiceAction, { state, stops }: Change): Command | undefined {
  if (action === 'start' || action === 'restart') return isDown(state) ? control(state, 'stop') : undefined
  if (action === 'stop') return control(state, 'start', stops)
  if (action === 'enable') return state.enabled === 'disabled' ? control(state, 'disable') : undefined
  return action === 'disable' && state.enabled === 'enabled' ? control(state, 'enable') : undefined
}

function control({ init, unit }: ServiceState, action: ServiceAction, more: readonly string[] = []): Command {
  const options = { asRoot: true, timeoutMs: stepTimeoutMs }
  if (init === 'openrc') return command(['rc-service', unit, action], options)
  return command(['systemctl', '--no-ask-password', action, '--', unit, ...more], options)
}

function runlevelSteps(action: 'enable' | 'disable', { unit, runlevels }: ServiceState): readonly Step[] {
  const update = (verb: 'add' | 'del', runlevel: string) =>
    command(['rc-update', verb, unit, runlevel], { asRoot: true })
  if (action === 'enable') return [{ do: update('add', 'default'), undo: update('del', 'default') }]
  return runlevels.map((runlevel) => ({ do: update('del', runlevel), undo: update('add', runlevel) }))
}

function summaryOf(action: ServiceAction, { unit, active, enabled }: ServiceState, stops: readonly string[]): string {
  const now = action === 'enable' || action === 'disable' ? enabled : active
  const shown = stops.length > 10 ? `${stops.slice(0, 10).join(', ')} and ${stops.length - 10} more` : stops.join(', ')
  const what = action === 'restart' ? 'restarts or stops' : 'stops'
  return `${action} ${unit} (now ${now || 'unknown'})${stops.length === 0 ? '' : `; this also ${what} ${shown}`}`
}

function previewOf(action: ServiceAction, { triggers, init, along }: ServiceState): string {
  if (action === 'stop' && triggers.length > 0) return `it can be started again by ${triggers.join(', ')}`
  return action === 'restart' && init === 'openrc' && along.length > 0 ? 'OpenRC starts what needs it again' : ''
}

/** What a step that was done has made of the service, by its verb. */
function changeOf({ do: operation, until }: Step): { readonly state?: string; readonly enabled?: string } {
  if (operation.kind !== 'command') return {}
  const [program, first = '', second = ''] = operation.argv
  const result = results[program === 'rc-update' ? first : second] ?? {}
  return 'state' in result && until === undefined ? { state: 'ran to its end' } : result
}

const results: Readonly<Record<string, { readonly state?: string; readonly enabled?: string }>> = {
  start: { state: 'active' },
  restart: { state: 'active' },
  reload: { state: 'active' },
  stop: { state: 'inactive' },
  enable: { enabled: 'enabled' },
  disable: { enabled: 'disabled' },
  add: { enabled: 'enabled' },
  del: { enabled: 'disabled' },
}

/** One message to the gateway, and what its answer must hold. */
export interface Question {
  readonly method: string
  readonly params: Readonly<Record<string, unknown>>
  readonly expected: RegExp
}

const call = (name: string, args: Readonly<Record<string, unknown>>, expected: RegExp): Question => ({
  method: 'tools/call',
  params: { name, arguments: args },
  expected,
})

const list = call('list_targets', {}, /local/)
const fleet = call('get_fleet_state', {}, /web-100/)
const status = call('get_system_status', { targets: ['local'] }, /mem_total_mib/)

const others: readonly Question[] = [
  { method: 'tools/list', params: {}, expected: /get_system_status/ },
  { method: 'resources/list', params: {}, expected: /fleet:/ },
  { method: 'prompts/list', params: {}, expected: /prompts/ },
  call('get_audit_log', { limit: 20 }, /list_targets/),
  call('get_fleet_state', { format: 'json' }, /web-100/),
]

const mistakes: readonly Question[] = [
  call('list_targets', { colour: 'red' }, /invalid_input/),
  call('list_targets', { kind: 'toaster' }, /invalid_input/),
  call('get_system_status', { targets: ['nowhere'] }, /unknown_target/),
  call('read_minds', {}, /no tool/),
  call('file_operations', { targets: ['local'], action: 'info', path: '/etc/hostname' }, /denied|unsupported/),
  { method: 'minds/read', params: {}, expected: /-32601/ },
]

/**
 * The n-th question of a mix: of 100, 70 of list_targets, 15 of get_fleet_state, 10 mistakes, 4 lists and the like, and one
 * get_system_status, which runs a program.
 */
export function questionAt(n: number): Question {
  const place = (n * 37) % 100 // 37 and 100 have no common divisor: all places come, mixed
  if (place < 70) return list
  if (place < 85) return fleet
  if (place < 95) return mistakes[n % mistakes.length] ?? list
  if (place < 99) return others[n % others.length] ?? list
  return status
}

import { type Call, type Check, type JoinedCheck, type PathCheck, poolOf } from './method.ts'

/** What the caller lacks of a check, as refusals name it: `/vms/101, VM.Clone`; empty where they name nothing; undefined when he may. */
export function lackOf(check: Check, call: Call): string | undefined {
  if (!isJoined(check)) return lackOnPath(check, call)
  const [join, ...parts] = check
  if (join === 'and') return parts.map((part) => lackOf(part, call)).find((lack) => lack !== undefined)
  return parts.some((part) => lackOf(part, call) === undefined) ? undefined : ''
}

const isJoined = (check: Check): check is JoinedCheck => check[0] !== 'perm'

function lackOnPath([, pattern, wanted, rule, needed = '']: PathCheck, call: Call): string | undefined {
  if (rule === 'require_param' && call.params[needed] === undefined) return ''
  const path = pattern.replace(/\{([\w-]+)\}/g, (_, name: string) => String(call.params[name] ?? ''))
  const held = call.world.access.privileges(call.caller, path, poolOf(call.world, path))
  const missing = wanted.filter((privilege) => !held.has(privilege))
  if (rule === 'any') return missing.length === wanted.length ? `${path}, ${wanted.join('|')}` : undefined
  return missing[0] === undefined ? undefined : `${path}, ${missing[0]}`
}

import type { Report } from './migrate-report.ts'
import { type Fields, fieldsAt, textOf } from './migrate-values.ts'
import { quoted } from './problem.ts'
import { type ExecutorKind, executorKinds, isExecutorKind } from './schema.ts'
import { suggest } from './suggest.ts'

const otherWords: Readonly<Record<string, ExecutorKind>> = {
  pve: 'proxmox',
  proxmox_api: 'proxmox',
  https: 'http',
  rest: 'http',
  docker_api: 'docker',
}

/** The executor of an old target, or why there is none. */
export type Kind =
  | { readonly executor: ExecutorKind; readonly drop?: undefined }
  | { readonly executor: undefined; readonly drop: string }

/** What kind of target it was meant to be; where its words contradict each other in what would be touched, nothing is guessed. */
export function kindOf(id: string, raw: Fields, report: Report): Kind {
  const connection = fieldsAt(raw, 'connection')
  const word = textOf(raw['executor'])?.toLowerCase()
  const path = ['targets', id, 'executor']
  const known = word === undefined ? byConnection(raw, connection) : (otherWords[word] ?? word)
  if (!isExecutorKind(known)) {
    const near = word === undefined ? undefined : suggest(word, executorKinds)
    const hint = near === undefined ? `write one of ${executorKinds.join(', ')}` : `did it mean ${near}?`
    return {
      executor: undefined,
      drop: word === undefined ? `has no executor; ${hint}` : `${quoted(word)} is no executor; ${hint}`,
    }
  }
  if (known !== raw['executor'])
    report.add('changed', path, word === undefined ? `was missing; its connection says ${known}` : `is ${known} now`)
  const host = textOf(connection['host'])
  if (known === 'local' && host !== undefined && !/^(localhost|127\.|::1$)/.test(host))
    return {
      executor: undefined,
      drop: `executor is local, but connection.host is ${quoted(host)}; write executor: ssh, or leave the host out`,
    }
  mismatch(id, { type: textOf(raw['type']), known, report })
  return { executor: known }
}

function mismatch(id: string, { type, known, report }: { type: string | undefined; known: string; report: Report }) {
  if (type === undefined) return
  const fits = type === 'local' ? known === 'local' || known === 'docker' : type === 'remote' && known !== 'local'
  const path = ['targets', id, 'type']
  if (fits) {
    report.add('dropped', path, 'the executor says it')
    return
  }
  const what = ['local', 'remote'].includes(type) ? `${type} contradicts the executor` : `${quoted(type)} is no type`
  report.add('dropped', path, `${what}; the executor counts: ${known}`)
}

function byConnection(raw: Fields, connection: Fields): ExecutorKind | undefined {
  const has = (...keys: readonly string[]) => keys.some((key) => connection[key] !== undefined)
  if (has('socket_path', 'cert_path') || textOf(connection['host'])?.startsWith('tcp://')) return 'docker'
  if (has('token_id', 'token_name', 'api_token')) return 'proxmox'
  if (has('base_url')) return 'http'
  if (has('host', 'key_path', 'username')) return 'ssh'
  return raw['type'] === 'local' ? 'local' : undefined
}

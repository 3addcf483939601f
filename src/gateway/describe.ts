import type { Operation } from '../core/operation.ts'

/** An operation in words, for people: `systemctl restart -- nginx.service`, `POST /jobs/1 priority=3`, `write/replace-file /etc/motd`. */
export function describe(operation: Operation): string {
  const on = operation.on === undefined ? '' : ` on ${operation.on}`
  switch (operation.kind) {
    case 'command':
      return `${operation.argv.map(shown).join(' ')}${on}`
    case 'request':
      if (operation.path.startsWith('probe:')) return `${probe(new URL(operation.path))}${on}`
      return `${[operation.method, operation.path, ...parameters(operation.body)].join(' ')}${on}`
    case 'script':
      return `${[operation.name, ...operation.args.map(shown)].join(' ')}${on}`
  }
}

/** `probe http://wiki.lan/health`, `probe tcp 192.0.2.7:443` */
function probe({ pathname, searchParams }: URL): string {
  const part = (name: string) => searchParams.get(name) ?? ''
  if (pathname !== 'http') return `probe ${pathname} ${part('address')}:${part('port')}`
  return `probe ${part('secure') === '1' ? 'https' : 'http'}://${part('host')}${part('path')}`
}

const shown = (arg: string): string => {
  const short = arg.length > 120 ? `${arg.slice(0, 120)}…` : arg
  return /^[\w@%+=:,./-]+$/.test(short) ? short : JSON.stringify(short)
}

/** What a request sends, each by name: plain values of names that tell of no secret. */
const parameters = (body: unknown): readonly string[] => {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return []
  return Object.entries(body).map(([name, value]) => {
    const isPlain = typeof value !== 'object' && !/pass|secret|token|credential|auth|private/i.test(name)
    return `${name}=${isPlain ? shown(String(value)) : '…'}`
  })
}

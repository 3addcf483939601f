import { execFileSync } from 'node:child_process'

/** Whether network namespaces can be made here: as root, with iproute2 and iptables. */
export const canMakeNamespaces =
  process.getuid?.() === 0 && ['ip', 'nsenter', 'iptables'].every((program) => Bun.which(program) !== null)

/** A network namespace of our own; nothing of it shows outside. */
export interface Namespace extends Disposable {
  readonly name: string
  /** Runs a program in it. @throws when it fails */
  run(...argv: readonly string[]): void
}

let made = 0

/** Makes a network namespace whose loopback is up. */
export function makeNamespace(): Namespace {
  made += 1
  const name = `tailops-${process.pid}-${made}`
  const ip = (...args: readonly string[]) => execFileSync('ip', args, { stdio: 'pipe' })
  ip('netns', 'add', name)
  const namespace: Namespace = {
    name,
    run: (...argv) => void execFileSync('nsenter', [`--net=/run/netns/${name}`, ...argv], { stdio: 'pipe' }),
    [Symbol.dispose]: () => void ip('netns', 'del', name),
  }
  namespace.run('ip', 'link', 'set', 'lo', 'up')
  return namespace
}

/** Four machines in a row, two of them routers: 10.9.1.1 - 10.9.1.2 | 10.9.2.1 - 10.9.2.2 | 10.9.3.1 - 10.9.3.2. */
export function makeRow(): Disposable & { readonly first: Namespace; readonly router: Namespace } {
  const row = [makeNamespace(), makeNamespace(), makeNamespace(), makeNamespace()] as const
  const [first, router, second, last] = row
  for (const [at, from] of row.slice(0, 3).entries()) {
    const to = row[at + 1] ?? last
    from.run('ip', 'link', 'add', 'right', 'type', 'veth', 'peer', 'name', 'left', 'netns', to.name)
    for (const [machine, device, end] of [[from, 'right', 1] as const, [to, 'left', 2] as const]) {
      machine.run('ip', 'addr', 'add', `10.9.${at + 1}.${end}/24`, 'dev', device)
      machine.run('ip', 'link', 'set', device, 'up')
    }
  }
  for (const machine of [router, second]) machine.run('sysctl', '-qw', 'net.ipv4.ip_forward=1')
  for (const machine of row) machine.run('sysctl', '-qw', 'net.ipv4.icmp_ratelimit=0')
  first.run('ip', 'route', 'add', 'default', 'via', '10.9.1.2')
  router.run('ip', 'route', 'add', '10.9.3.0/24', 'via', '10.9.2.2')
  second.run('ip', 'route', 'add', '10.9.1.0/24', 'via', '10.9.2.1')
  last.run('ip', 'route', 'add', 'default', 'via', '10.9.3.1')
  return {
    first,
    router,
    [Symbol.dispose]: () => {
      for (const machine of row) machine[Symbol.dispose]()
    },
  }
}

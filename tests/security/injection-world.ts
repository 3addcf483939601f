import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { capabilities } from '../../src/core/capability.ts'
import type { Endpoint } from '../../src/core/connection.ts'
import { defaultConstraints, type Target } from '../../src/core/target.ts'
import type { Storage } from '../../src/demo/parts.ts'
import { openDocker } from '../../src/executors/docker.ts'
import { openHttp } from '../../src/executors/http.ts'
import { openLocal } from '../../src/executors/local.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { scripts } from '../../src/scripts/index.ts'
import { type ClustersWorld, openClustersWorld } from '../support/clusters-world.ts'
import { newGuestStorages } from '../support/pve/new-guest-storages.ts'

/** Stands where nobody may read: in a file outside the folder that may be read, and in the environment. */
export const canary = 'CANARY-7d1f'

/** This machine, a simulated cluster, a web service and a Docker engine without containers, behind one gateway. */
export interface InjectionWorld extends ClustersWorld {
  readonly dir: string
  readonly root: string
  readonly secretFile: string
  /** Requests that the web service and the engine got, as they came. */
  readonly heard: readonly string[]
  readonly serviceUrl: string
}

/** A backup in the storage `nas` of a guest that is gone. */
export const archive = 'nas:backup/vzdump-lxc-150-2026_11_10-02_30_00.tar.zst'

const gib = 1024 ** 3
const shared = { shared: true, size: 900 * gib, used: {} }
const kept = {
  volid: archive,
  content: 'backup',
  format: 'tar.zst',
  size: gib,
  ctime: 1_762_741_800,
  vmid: 150,
} as const
const storages: readonly Storage[] = [
  ...newGuestStorages,
  { ...shared, name: 'ceph', type: 'rbd', content: ['images', 'rootdir'], volumes: {} },
  { ...shared, name: 'nas', type: 'nfs', content: ['backup'], volumes: { '*': [kept] } },
]
const guests = [
  { vmid: 101, node: 'pve1', name: 'web', status: 'running', config: { rootfs: 'ceph:vm-101-disk-0,size=8G' } },
  {
    vmid: 200,
    node: 'pve1',
    kind: 'qemu',
    name: 'app',
    status: 'running',
    config: { scsi0: 'ceph:vm-200-disk-0,size=8G', agent: '1' },
  },
  { vmid: 102, node: 'pve1', name: 'db', config: { rootfs: 'ceph:vm-102-disk-0,size=8G' } },
  { vmid: 201, node: 'pve1', kind: 'qemu', name: 'base', template: true },
] as const

/** What the service is asked: one argument in the path and one in the query; one in the body. */
const endpoints: readonly Endpoint[] = [
  {
    name: 'item',
    method: 'GET',
    path: '/items/{id}',
    risk: 'read',
    parameters: [
      { name: 'id', in: 'path', type: 'string', required: true },
      { name: 'q', in: 'query', type: 'string', required: false },
    ],
  },
  {
    name: 'note',
    method: 'POST',
    path: '/notes',
    risk: 'write',
    parameters: [{ name: 'text', in: 'body', type: 'string', required: true }],
  },
]

const constraintsOf = (root: string) => ({
  ...defaultConstraints,
  fileRoots: [root],
  networks: ['127.0.0.0/8'],
  commands: [{ program: 'echo' }],
})

export async function openInjectionWorld(): Promise<InjectionWorld> {
  const dir = mkdtempSync(join(tmpdir(), 'tailops-injection-'))
  const [root, secretFile] = [join(dir, 'root'), join(dir, 'beside.log')]
  mkdirSync(root)
  writeFileSync(secretFile, `${canary}\n`)
  symlinkSync(secretFile, join(root, 'link'))
  writeFileSync(join(root, 'plain.log'), 'a line\n')
  const { heard, url, stop: stopService } = await openService()
  const constraints = constraintsOf(root)
  const target = (id: string, kind: Target['kind'], more: Partial<Target> = {}): Target => {
    return { id, kind, tags: [], capabilities, constraints, ...more }
  }
  const local = openLocal({
    stepsDir: join(dir, 'steps'),
    scripts,
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', SECRET: canary },
    uid: process.getuid?.() ?? 0,
    clock: systemClock,
  })
  const docker = { kind: 'docker', socketPath: '', host: url.replace('http:', 'tcp:'), tlsVerify: false } as const
  const web = { kind: 'http', baseUrl: `${url}/api`, headers: {}, tls: { verify: true }, endpoints } as const
  const carriers = [
    { target: target('local', 'local'), executor: local },
    { target: target('engine', 'docker'), executor: openDocker('engine', docker, systemClock) },
    { target: target('web', 'http', { endpoints }), executor: openHttp('web', web, systemClock) },
  ]
  const world = await openClustersWorld({
    clusters: [{ name: 'home', guests, storages }],
    target: { constraints },
    carriers,
    limitsEndAfterMs: 1000,
  })
  return {
    ...world,
    dir,
    root,
    secretFile,
    heard,
    serviceUrl: url,
    async stop() {
      await world.stop()
      await Promise.all(carriers.map(({ executor }) => executor.close()))
      await stopService()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** A web service that says yes to everything under /api, and an engine that has nothing. */
async function openService() {
  const heard: string[] = []
  const server = createServer(({ method = '', url = '', headers }, response) => {
    heard.push(`${method} ${url}`)
    if (headers['x-injected'] !== undefined) heard.push('a header of somebody else')
    response.setHeader('content-type', 'application/json')
    if (url.startsWith('/api/')) return void response.end('{"ok":true}')
    if (url.endsWith('/_ping') || url === '/version')
      return void response.setHeader('api-version', '1.44').end('{"ApiVersion":"1.44","MinAPIVersion":"1.24"}')
    if (/\/(containers|images)\/json/.test(url)) return void response.end('[]')
    return void response.writeHead(404).end('{"message":"No such thing"}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A listening TCP server has an address of this kind.
  const { port } = server.address() as AddressInfo
  return {
    heard,
    url: `http://127.0.0.1:${port}`,
    stop: () => {
      server.closeAllConnections()
      return new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

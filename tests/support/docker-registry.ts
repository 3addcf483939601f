import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DockerEngine } from './docker-engine.ts'

/** Whether registries can be started here. */
export const canStartRegistries = ['docker-registry', 'nsenter'].every(
  (program) => spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program], { stdio: 'ignore' }).status === 0,
)

/** A real registry in the network namespace of an engine, on its loopback, where engines ask for no TLS. */
export interface DockerRegistry {
  /** `127.0.0.1:5005` */
  readonly address: string
  /** Builds tiny:1 with these changes (`CMD ["sleep","1"]`), pushes it, and takes it from the engine. Returns its digest. */
  push(image: string, changes: readonly string[]): string
  stop(): Promise<void>
}

/** `password`: it wants a login, which nobody has. */
export async function startRegistry(
  engine: DockerEngine,
  { port = 5005, password = false }: { readonly port?: number; readonly password?: boolean } = {},
): Promise<DockerRegistry> {
  const dir = mkdtempSync(join(tmpdir(), 'tailops-registry-'))
  const address = `127.0.0.1:${port}`
  const config = join(dir, 'config.yml')
  writeFileSync(join(dir, 'htpasswd'), 'nobody:$2y$05$0000000000000000000000000000000000000000000000000000\n')
  const auth = password ? { auth: { htpasswd: { realm: 'tests', path: join(dir, 'htpasswd') } } } : {}
  writeFileSync(
    config,
    JSON.stringify({
      version: 0.1,
      storage: { filesystem: { rootdirectory: join(dir, 'data') } },
      http: { addr: address },
      ...auth,
    }),
  )
  const namespace = `--net=/proc/${readFileSync(join(engine.dir, 'pid'), 'utf8').trim()}/ns/net`
  const log = openSync(join(dir, 'log'), 'a')
  const server = spawn('nsenter', [namespace, 'docker-registry', 'serve', config], { stdio: ['ignore', log, log] })
  const until = performance.now() + 20_000
  while (spawnSync('nsenter', [namespace, 'curl', '-s', '-o', '/dev/null', `http://${address}/v2/`]).status !== 0) {
    if (server.exitCode !== null || performance.now() > until)
      throw new Error(`the registry does not answer: ${readFileSync(join(dir, 'log'), 'utf8').slice(-500)}`)
    await new Promise((turned) => setTimeout(turned, 25))
  }
  return {
    address,
    push: (image, changes) => push(engine, `${address}/${image}`, changes),
    async stop() {
      await ended(server)
      if (existsSync(dir)) rmSync(dir, { recursive: true, force: true })
    },
  }
}

function push(engine: DockerEngine, reference: string, changes: readonly string[]): string {
  const id = engine.docker('create', 'tiny:1').trim()
  try {
    engine.docker('commit', ...changes.flatMap((change) => ['--change', change]), id, reference)
  } finally {
    engine.docker('rm', id)
  }
  const said = engine.docker('push', reference)
  engine.docker('rmi', reference)
  const [, digest] = /digest: (sha256:[0-9a-f]{64})/.exec(said) ?? []
  if (digest === undefined) throw new Error(`no digest in: ${said}`)
  return digest
}

function ended(server: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (server.exitCode !== null || server.signalCode !== null) return resolve()
    server.once('exit', () => resolve())
    server.kill('SIGTERM')
  })
}

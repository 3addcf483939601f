import { createServer } from 'node:net'
import { readSettings } from '../config/settings.ts'
import { askReady, isReady, readyUrl } from '../release/ready.ts'
import { type Finding, findingsOf } from './doctor-finding.ts'

const { ok, warning, problem } = findingsOf('port')

/** Whether the port is free to listen on, or a gateway listens there already. */
export async function portFindings(env: Readonly<Record<string, string | undefined>>): Promise<readonly Finding[]> {
  const { listen } = readSettings(env).settings
  const { host, port } = listen
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`
  const code = await listening(host, port)
  if (code === undefined) return [ok(`${where} is free: no gateway runs there`)]
  if (code === 'EADDRINUSE') return [await whoListens(where, readyUrl(listen))]
  const fix = code === 'EACCES' ? 'choose a port from 1024 on' : 'set TAILOPS_LISTEN to an address of this machine'
  return [problem(`${where} cannot be listened on: ${code}`, fix)]
}

/** Undefined when it may be listened on; it is let go at once. */
function listening(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error) => resolve('code' in error ? String(error.code) : error.message))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
}

async function whoListens(where: string, url: string): Promise<Finding> {
  const answer = await askReady(url)
  if (isReady(answer)) return ok(`a gateway answers at ${where}`)
  if (answer === 'not ready')
    return warning(
      `a gateway listens at ${where}, but it is not ready`,
      'its log tells why: journalctl -u tailops -n 50',
    )
  return problem(`another program has ${where}`, 'stop it, or set TAILOPS_LISTEN to another port')
}

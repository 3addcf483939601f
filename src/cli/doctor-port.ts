import { createServer } from 'node:net'
import { readSettings } from '../config/settings.ts'
import { type Finding, findingsOf } from './doctor-finding.ts'

const { ok, problem } = findingsOf('port')

const answersWithinMs = 3000

/** Whether the port is free to listen on, or a gateway listens there already. */
export async function portFindings(env: Readonly<Record<string, string | undefined>>): Promise<readonly Finding[]> {
  const { host, port } = readSettings(env).settings.listen
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`
  const code = await listening(host, port)
  if (code === undefined) return [ok(`${where} is free: no gateway runs there`)]
  if (code === 'EADDRINUSE')
    return (await isGateway(where))
      ? [ok(`a gateway answers at ${where}`)]
      : [problem(`another program has ${where}`, 'stop it, or set TAILOPS_LISTEN to another port')]
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

async function isGateway(where: string): Promise<boolean> {
  const everywhere = where.replace(/^(0\.0\.0\.0|\[::\]):/, 'localhost:')
  try {
    const reply = await fetch(`http://${everywhere}/healthz`, { signal: AbortSignal.timeout(answersWithinMs) })
    return (await reply.text()) === 'ok\n'
  } catch {
    return false
  }
}

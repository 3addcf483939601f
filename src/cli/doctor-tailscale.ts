import { statSync } from 'node:fs'
import { request } from 'node:http'
import { z } from 'zod'
import { parseJson } from '../lib/json.ts'
import { type Finding, findingsOf, wordsOf } from './doctor-finding.ts'

const { ok, warning, problem } = findingsOf('tailscale')

/** Where tailscaled listens to programs of this machine. */
export const tailscaleSocket = '/var/run/tailscale/tailscaled.sock'

const statusReply = z.object({ BackendState: z.string() })
const entries = z.record(z.string(), z.unknown()).nullish()
const serveReply = z.object({ Services: entries, TCP: entries }).nullish()

const withinMs = 3000
const mostBytes = 4 * 1024 * 1024

/** Whether Tailscale runs and serves the gateway; nothing where it is not installed. */
export async function tailscaleFindings(socket: string): Promise<readonly Finding[]> {
  if (statSync(socket, { throwIfNoEntry: false })?.isSocket() !== true) return []
  try {
    const { BackendState: state } = statusReply.parse(await ask(socket, '/localapi/v0/status'))
    if (state !== 'Running') return [problem(`Tailscale is not up: ${state}`, 'tailscale up')]
    return [ok('Tailscale runs'), served(serveReply.parse(await ask(socket, '/localapi/v0/serve-config')))]
  } catch (error) {
    return [
      warning(
        `Tailscale is not measured: ${wordsOf(error)}`,
        'a user of tailscaled may ask it: run tailops doctor as root',
      ),
    ]
  }
}

/** A serve configuration names services, and ports of the machine itself. */
function served(config: z.output<typeof serveReply>): Finding {
  const names = Object.keys(config?.Services ?? {})
  if (names.length > 0) return ok(`Tailscale serves ${names.join(', ')}`)
  if (Object.keys(config?.TCP ?? {}).length > 0) return ok('Tailscale serves a port of this machine')
  return warning('Tailscale serves nothing', 'tailscale serve --service=svc:tailops --https=443 http://127.0.0.1:8080')
}

function ask(socketPath: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const headers = { Host: 'local-tailscaled.sock' }
    const asked = request({ socketPath, path, headers, signal: AbortSignal.timeout(withinMs) }, (reply) => {
      let text = ''
      reply.setEncoding('utf8')
      reply.on('data', (part: string) => {
        text += part
        if (text.length > mostBytes) asked.destroy(new Error('tailscaled says too much'))
      })
      reply.on('error', reject)
      reply.on('end', () => {
        if (reply.statusCode === 200) resolve(parseJson(text))
        else reject(new Error(`tailscaled answers ${reply.statusCode}`))
      })
    })
    asked.on('error', reject)
    asked.end()
  })
}

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A certificate, as file names. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** An authority of its own in a folder of its own, which signs what a test needs. */
export interface Authority {
  readonly dir: string
  readonly ca: string
  /** Signs a certificate for these names: `DNS:localhost`; -1 days: expired. */
  sign(name: string, names: readonly string[], days?: number): Certificate
  selfSigned(name: string): Certificate
  remove(): void
}

const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** Makes the authority with openssl. */
export function openAuthority(): Authority {
  const dir = mkdtempSync(join(tmpdir(), 'tailops-https-'))
  const file = (name: string) => join(dir, name)
  const openssl = (args: readonly string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' })
  const whole = (name: string, signed: readonly string[]) => {
    openssl(['req', '-x509', ...curve, '-keyout', `${name}.key`, '-out', `${name}.pem`, '-days', '30', ...signed])
    return { cert: file(`${name}.pem`), key: file(`${name}.key`) }
  }
  const { cert: ca } = whole('ca', ['-subj', '/CN=Our Test Authority', '-addext', 'keyUsage=keyCertSign'])
  return {
    dir,
    ca,
    selfSigned: (name) => whole(name, ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']),
    sign(name, names, days = 30) {
      openssl(['req', ...curve, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`])
      writeFileSync(file(`${name}.ext`), `subjectAltName=${names.join(',')}\n`)
      const authority = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', `${name}.ext`]
      openssl(['x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, ...authority, '-days', String(days)])
      return { cert: file(`${name}.pem`), key: file(`${name}.key`) }
    },
    remove: () => rmSync(dir, { recursive: true, force: true }),
  }
}

/** What a request was, as the service saw it. */
export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: string
}

/** A running service. */
export interface Service {
  readonly url: string
  readonly port: number
  readonly seen: Seen[]
  /** Requests that are not answered yet. */
  pending(): number
  close(): Promise<void>
}

type Answer = (seen: Seen, response: ServerResponse) => void

/** Serves on a free port of 127.0.0.1: HTTPS with a certificate, else HTTP; with `clientCa` it asks for client certificates. */
export async function serve(
  answer: Answer,
  certificate?: Certificate & { readonly clientCa?: string },
): Promise<Service> {
  const seen: Seen[] = []
  const open = new Set<ServerResponse>()
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    open.add(response)
    response.on('close', () => open.delete(response))
    readAll(request).then(
      (body) => {
        const one = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body }
        seen.push(one)
        answer(one, response)
      },
      () => response.destroy(),
    )
  }
  const server = certificate === undefined ? createHttpServer(listener) : createServer(tlsOf(certificate), listener)
  const port = await listening(server)
  const url = `${certificate === undefined ? 'http' : 'https'}://localhost:${port}`
  return { url, port, seen, pending: () => open.size, close: () => closed(server, open) }
}

const tlsOf = ({ cert, key, clientCa }: Certificate & { readonly clientCa?: string }) => ({
  cert: readFileSync(cert),
  key: readFileSync(key),
  ...(clientCa !== undefined && { requestCert: true, rejectUnauthorized: true, ca: readFileSync(clientCa) }),
})

type AnyServer = Server | ReturnType<typeof createHttpServer>

async function listening(server: AnyServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // The address of a TCP server is never a path.
  return (server.address() as AddressInfo).port
}

async function closed(server: AnyServer, open: ReadonlySet<ServerResponse>): Promise<void> {
  for (const response of open) response.destroy()
  const ended = new Promise((resolve) => server.close(resolve))
  server.closeAllConnections()
  await ended
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

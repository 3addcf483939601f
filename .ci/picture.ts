import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { binary, type Installed, install } from '../tests/support/installed.ts'
import { approveAtTerminal } from '../tests/support/person.ts'
import { type Line, terminalPicture } from './generate/picture.ts'

/**
 * Writes docs/session.svg, the picture of the README: an MCP client asks the simulated fleet of the built binary, a person
 * approves at a terminal. Answers are those of this run, their longer lines cut; run it again with `bun .ci/picture.ts`.
 */
const file = resolve(import.meta.dirname, '../docs/session.svg')

interface Session {
  call(name: string, args?: Readonly<Record<string, unknown>>): Promise<string>
  approve(id: string): Promise<string>
}

async function inSession<T>(use: (session: Session) => Promise<T>): Promise<T> {
  const empty = install()
  try {
    const dir = join(empty.dir, 'demo')
    const { url } = await empty.serveBy(['demo', '--dir', dir])
    const place: Installed = { ...empty, env: { ...empty.env, TAILOPS_STATE_DIR: join(dir, 'state') } }
    const mint = ['token', 'mint', '--name=picture', '--scopes=readonly,proxmox:control,fleet:admin']
    const token = execFileSync(binary, mint, { env: place.env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    const client = new Client({ name: 'picture', version: '0' })
    const headers = { Authorization: `Bearer ${token.trim()}` }
    await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }))
    try {
      return await use({
        approve: (id) => approveAtTerminal(place, id),
        async call(name, args = {}) {
          const { content } = await client.callTool({ name, arguments: args })
          const [first] = Array.isArray(content) ? content : []
          return first?.type === 'text' ? first.text : ''
        },
      })
    } finally {
      await client.close()
    }
  } finally {
    await empty.remove()
  }
}

async function session({ call, approve }: Session): Promise<readonly Line[]> {
  await call('run_discovery')
  const problems = await call('triage_fleet')
  const restart = { guest: 'grafana', action: 'reboot' }
  const asked = await call('proxmox_manage_guest', restart)
  const approval = field(asked, 'approval')
  const shown = await approve(approval)
  const done = await call('proxmox_manage_guest', { ...restart, approval })
  return [
    { who: 'person', text: 'What is wrong?' },
    { who: 'call', text: 'triage_fleet {}' },
    ...answer(problems.split('\n'), 8),
    { who: 'person', text: 'Restart the container grafana.' },
    { who: 'call', text: `proxmox_manage_guest ${JSON.stringify(restart)}` },
    ...answer([`status: ${field(asked, 'status')}`, `summary: ${field(asked, 'summary')}`, `approval: ${approval}`]),
    { who: 'shell', text: `tailops approvals approve ${approval}` },
    ...answer(terminalLines(shown)),
    { who: 'call', text: `proxmox_manage_guest ${JSON.stringify({ ...restart, approval })}` },
    ...answer([`status: ${field(done, 'status')}`, `summary: ${field(done, 'summary')}`]),
  ]
}

function answer(lines: readonly string[], most = lines.length): readonly Line[] {
  const left = lines.length - most
  const shown = left > 0 ? [...lines.slice(0, most), `  … ${left} more lines`] : lines
  return shown.map((text) => ({ who: 'answer', text }))
}

/** What stood on the person's terminal, but for what only repeats the call. */
const terminalLines = (shown: string): readonly string[] =>
  shown
    .split(/\r?\n/)
    .filter((line) => /^On |^ {2}\d\. |^To approve|^code:|is approved/.test(line))
    .map((line) => line.trimEnd())

function field(answered: string, name: string): string {
  const value: unknown = JSON.parse(answered)
  if (typeof value === 'object' && value !== null && name in value)
    return String(Object.entries(value).find(([key]) => key === name)?.[1])
  throw new Error(`no ${name} in ${answered}`)
}

writeFileSync(file, terminalPicture(await inSession(session)))
console.log(`wrote ${file}`)

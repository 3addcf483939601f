import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type DemoSession, inDemoSession } from '../tests/support/demo-session.ts'
import { type Line, terminalPicture } from './generate/picture.ts'

/**
 * Writes docs/session.svg, the picture of the README: an MCP client asks the simulated fleet of the built binary, a person
 * approves at a terminal. Answers are those of this run, their longer lines cut; run it again with `bun .ci/picture.ts`.
 */
const file = resolve(import.meta.dirname, '../docs/session.svg')

async function session({ call, approve }: DemoSession): Promise<readonly Line[]> {
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

writeFileSync(file, terminalPicture(await inDemoSession(session)))
console.log(`wrote ${file}`)

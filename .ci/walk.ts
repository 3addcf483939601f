import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type DemoSession, inDemoSession } from '../tests/support/demo-session.ts'

/**
 * Writes docs/walk.md: changes of guests as a model reads them, from a run of the simulated fleet. Each answer stands there
 * whole, as it was; run it again with `bun .ci/walk.ts`.
 */
const file = resolve(import.meta.dirname, '../docs/walk.md')

const parts: string[] = []
const say = (text: string): void => void parts.push(text)

async function ask({ call }: DemoSession, name: string, args: Readonly<Record<string, unknown>>): Promise<string> {
  const answer = await call(name, args)
  say(`\`\`\`transcript\n→ ${name} ${JSON.stringify(args)}\n${pretty(answer)}\n\`\`\``)
  return answer
}

/** Answers of changes are JSON on one line: broken into lines for people. */
function pretty(answer: string): string {
  if (!answer.startsWith('{')) return answer
  return JSON.stringify(JSON.parse(answer), undefined, 2)
}

function field(answer: string, name: string): string {
  const found: unknown = Reflect.get(Object(JSON.parse(answer)), name)
  if (typeof found !== 'string') throw new Error(`no ${name} in ${answer}`)
  return found
}

async function approved(session: DemoSession, name: string, args: Readonly<Record<string, unknown>>): Promise<string> {
  const approval = field(await ask(session, name, args), 'approval')
  const shown = await session.approve(approval)
  say(
    `A person, in a shell on the gateway:\n\n\`\`\`transcript\n$ tailops approvals approve ${approval}\n${tidy(shown)}\n\`\`\``,
  )
  return ask(session, name, { ...args, approval })
}

const tidy = (shown: string): string =>
  shown
    .split(/\r?\n/)
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .join('\n')

async function walk(session: DemoSession): Promise<void> {
  await session.call('run_discovery')
  say(`## A group of guests

Each guest gets a plan of its own. What the person approves is exactly this; when the world has changed since, nothing is done.`)
  const group = { guest: 'tag:monitoring', cluster: 'home', action: 'reboot', batch: { size: 2 } }
  await approved(session, 'proxmox_manage_guest', group)
  say(`## A change with its way back

grafana uses 700 MiB; it shall get 512. The operator wrote a probe for it into \`targets.yaml\` (\`probes\` of the cluster): its page
must answer 200. With \`snapshot_first\` a snapshot comes first, and what fails after it goes back to it.`)
  await approved(session, 'proxmox_configure_guest', { guest: 'grafana', memory_mib: 512, snapshot_first: true })
  say('The guest is as it was, and runs:')
  await ask(session, 'proxmox_guest_info', { guest: 'grafana' })
  say(`## A change that takes long

After 50 seconds a call answers \`running\`; the change goes on, and get_job waits for its end.`)
  const backup = await approved(session, 'proxmox_backup', { guest: 'immich' })
  if (field(backup, 'status') === 'running') await ask(session, 'get_job', { job: field(backup, 'job') })
  say(`## What the fleet remembers

Discovery looked at once after each change, and names the call that caused what it saw.`)
  await ask(session, 'get_fleet_changes', { limit: 200 })
}

say(`# A walk: changing guests

What a model reads and a person sees when guests are changed, recorded from \`tailops demo\` by \`.ci/walk.ts\`.`)
await inDemoSession(walk)
writeFileSync(file, `${parts.join('\n\n')}\n`)
console.log(`wrote ${file}`)

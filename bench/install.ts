import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeFiles } from '../tests/support/pve-host/release.ts'
import { makePveHost, type PveHost } from '../tests/support/pve-host.ts'
import { quantile, shown, table } from './figures.ts'

const client = join(import.meta.dirname, '../tests/support/pve-host/client.ts')
const template = 'debian-13-standard_13.6-1_amd64.tar.zst'

/** Seconds from calling ct/tailops-gateway.sh on a Proxmox VE host to the first answered call, its template being there. */
export async function installInContainer(times: number): Promise<string> {
  const files = mkdtempSync(join(tmpdir(), 'tailops-bench-'))
  const host = await makePveHost({ template: 'debian', files: writeFiles(files, 'dist/tailops') })
  try {
    host.sh(`pveam update && pveam download local ${template}`)
    const runs = Array.from({ length: times }, () => installOnce(host))
    const rows = (['installed', 'answered', 'updated'] as const).map((what) => {
      const seconds = runs.map((run) => run[what] / 1000)
      return [names[what], shown(quantile(seconds, 0.5)), shown(Math.max(...seconds))]
    })
    return table(['after the command was given', 'median s', 'slowest s'], rows)
  } finally {
    host.stop()
    rmSync(files, { recursive: true })
  }
}

const names = {
  installed: 'the script has ended: container, service, Proxmox token, checks',
  answered: 'a client outside the container has its first answer of a tool',
  updated: 'run again, with nothing to update',
} as const

function installOnce(host: PveHost): Record<keyof typeof names, number> {
  const began = performance.now()
  const { code, text } = host.run()
  const installed = performance.now() - began
  const [, url = '', token = ''] = /tailops (http\S+) --header "Authorization: Bearer (tops_\w+)"/.exec(text) ?? []
  if (code !== 0 || token === '') throw new Error(`the script ended with ${code}: ${text}`)
  const call = host.sh(`${process.execPath} ${client} ${url} ${token} proxmox_list_guests`)
  const answered = performance.now() - began
  if (call.code !== 0) throw new Error(`the gateway does not answer: ${call.text}`)
  const again = performance.now()
  host.run()
  const updated = performance.now() - again
  host.run({ args: ['--uninstall', '--yes'] })
  return { installed, answered, updated }
}

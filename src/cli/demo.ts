import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Demo } from '../demo/demo.ts'
import type { CliCommand, World } from './command.ts'

const usage = `tailops demo [--dir DIR]

Serves a simulated fleet to play with: two Proxmox clusters with three nodes each and some sixty guests, beside this machine.
Nothing of it is real, nothing leaves this machine, and changes change nothing but the simulation.
--dir DIR  where its targets.yaml and state are kept; left out: demo/ in the state directory.
Approve its changes with: TAILOPS_STATE_DIR=DIR/state tailops approvals approve ID`

const demo: CliCommand = {
  usage,
  async run(argv, world) {
    const { values } = parseArgs({ args: [...argv], options: { dir: { type: 'string' } } })
    const dir = resolve(values.dir ?? join(world.stateDir, 'demo'))
    const { openDemo } = await import('../demo/demo.ts')
    const simulated = await openDemo(world.clock, world.random)
    try {
      await serve(world, dir, simulated)
    } finally {
      await simulated.stop()
    }
    return 0
  },
}

export default demo

async function serve(world: World, dir: string, simulated: Demo): Promise<void> {
  const places = { TAILOPS_CONFIG: join(dir, 'targets.yaml'), TAILOPS_STATE_DIR: join(dir, 'state') }
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  // Addresses and tokens are new ones each time.
  rmSync(places.TAILOPS_CONFIG, { force: true })
  writeFileSync(places.TAILOPS_CONFIG, targetsYaml(simulated), { mode: 0o600, flag: 'wx' })
  const inside = world.elsewhere(places)
  try {
    const app = await inside.app()
    world.terminal.err(introduction(places))
    try {
      await app.serveHttp()
    } finally {
      await app.close()
    }
  } finally {
    inside.close()
  }
}

const targetsYaml = ({
  clusters,
}: Demo): string => `# The simulated fleet of \`tailops demo\`, written anew at each start.
version: "1.0"
gateway: { name: demo, segment: demo, capabilities: [fleet:read, fleet:admin, gateway:read] }
targets:
  local:
    executor: local
    capabilities: [system:read, network:read, file:read]
${clusters.map(clusterYaml).join('')}`

const clusterYaml = ({ name, urls, tokenId, tokenSecret, services }: Demo['clusters'][number]): string => `  ${name}:
    executor: proxmox
    connection:
      api_url: [${urls.map((url) => JSON.stringify(url)).join(', ')}]
      token_id: ${JSON.stringify(tokenId)}
      token_secret: ${JSON.stringify(tokenSecret)}
    defaults: { node: ${JSON.stringify(name === 'home' ? 'cedar' : 'oslo')}, storage: local-zfs, bridge: vmbr0 }
    discovery: { interval: 30, health_interval: 10, capabilities: [proxmox:read] }
    probes:
${[...services].map(([vmid, url]) => `      "${vmid}": { http: ${JSON.stringify(url)}, within: 10 }\n`).join('')}\
    capabilities: [proxmox:read, proxmox:control, proxmox:admin]
`

const introduction = ({ TAILOPS_STATE_DIR }: { readonly TAILOPS_STATE_DIR: string }): string => `
A simulated fleet: clusters home and office. Nothing of it is real. Make a token, connect a client, and ask:
  What is running?                 get_fleet_state
  What is wrong?                   triage_fleet
  What has changed since then?     get_fleet_changes
  Restart the container grafana.   proxmox_manage_guest: it shows its plan, and waits for your approval:
  TAILOPS_STATE_DIR=${TAILOPS_STATE_DIR} tailops approvals approve ID
  Give grafana 512 MiB, snapshot first.   proxmox_configure_guest: too little; see how it goes back.
`

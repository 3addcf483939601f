import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GatewayError } from '../../src/core/errors.ts'
import type { Executor } from '../../src/core/executor.ts'
import { defaultConstraints, type Target } from '../../src/core/target.ts'
import { openSsh } from '../../src/executors/ssh.ts'
import { openSshLinks } from '../../src/executors/ssh-links.ts'
import type { CallResult } from '../../src/gateway/result.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { type ClustersOptions, type ClustersWorld, openClustersWorld } from '../support/clusters-world.ts'
import { eventually } from '../support/eventually.ts'
import { faults } from '../support/pve/faults.ts'
import { type Sshd, startSshd } from '../support/sshd.ts'

setDefaultTimeout(30_000)

/** Says and does what pct exec does, without containers. */
const pct = `#!/bin/sh
[ "$1" = exec ] && [ "$3 $4 $5" = '--keep-env 0 --' ] || { echo "400 wrong use: $*" >&2; exit 255; }
echo "in $2" >&2
echo "$*" >> "$(dirname "$0")/../asked"
shift 5
exec "$@"
`

const guests = [
  { vmid: 101, node: 'pve1', name: 'web', status: 'running', tags: 'web' },
  { vmid: 102, node: 'pve1', name: 'off' },
  { vmid: 103, node: 'pve2', name: 'far', status: 'running' },
  { vmid: 200, node: 'pve2', kind: 'qemu', name: 'app', status: 'running', tags: 'web', config: { agent: '1' } },
  { vmid: 201, node: 'pve2', kind: 'qemu', name: 'mute', status: 'running', config: { agent: '0' } },
  {
    vmid: 202,
    node: 'pve2',
    kind: 'qemu',
    name: 'deaf',
    status: 'running',
    config: { agent: '1' },
    agentAnswers: false,
  },
  { vmid: 203, node: 'pve2', kind: 'qemu', name: 'asleep', status: 'running', paused: true },
  { vmid: 204, node: 'pve2', kind: 'qemu', name: 'tmpl', template: true },
] as const

const commands = [
  { program: 'echo' },
  { program: 'false' },
  { program: 'uname', args: ['-[a-z]'] },
  { program: 'cat', args: [] },
  { program: 'sleep', args: ['60'] },
  { program: 'tee', args: ['.*'] },
]

let dir: string
let sshd: Sshd
let node: Executor
let world: ClustersWorld

const carrier = (capabilities: Target['capabilities'] = ['guest:exec']): Target => ({
  id: 'node-1',
  kind: 'ssh',
  tags: [],
  capabilities,
  constraints: defaultConstraints,
})

const openWorld = (more: Partial<ClustersOptions> = {}): Promise<ClustersWorld> =>
  openClustersWorld({
    clusters: [{ name: 'home', nodes: [{ name: 'pve1' }, { name: 'pve2' }], guests }],
    target: { nodes: { pve1: 'node-1' }, constraints: { ...defaultConstraints, commands } },
    carriers: [{ target: carrier(), executor: node }],
    ...more,
  })

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tailops-exec-'))
  mkdirSync(join(dir, 'bin'))
  writeFileSync(join(dir, 'bin', 'pct'), pct)
  chmodSync(join(dir, 'bin', 'pct'), 0o755)
  sshd = await startSshd([], { PATH: `${join(dir, 'bin')}:${process.env['PATH'] ?? ''}` })
  const links = openSshLinks({ clock: systemClock, connectionOf: () => undefined, agentSocket: undefined })
  node = openSsh({ id: 'node-1', connection: sshd.connection(), links, scripts: {}, clock: systemClock })
})
afterAll(async () => {
  await node.close()
  await sshd.stop()
  rmSync(dir, { recursive: true, force: true })
})
beforeEach(async () => {
  world = await openWorld()
})
afterEach(async () => {
  expect(world.standIn.violations).toEqual([])
  await world.stop()
})

const exec = (guest: string, argv: readonly string[], more: Record<string, unknown> = {}, requestId?: string) =>
  world.ask('proxmox_exec', { guest, argv, ...more }, requestId === undefined ? {} : { requestId })

/** What ran inside virtual machines, by the account of the stand-in. */
const ran = (): readonly string[] => world.standIn.effects().map(({ effect, vmid }) => `${effect} in ${vmid}`)

async function refusal(asked: Promise<CallResult>): Promise<string> {
  const failure = GatewayError.from(await asked.catch((error: unknown) => error))
  return `${failure.code}: ${failure.message}; ${failure.hint}`
}

function ended(result: CallResult) {
  if (result.kind !== 'change') throw new TypeError('no change')
  const [target] = result.targets
  return { status: result.status, output: target?.output, note: target?.steps.at(-1)?.note }
}

describe('a program runs', () => {
  test('in a container, by its node', async () => {
    expect(ended(await exec('web', ['echo', 'a  b', '$HOME']))).toEqual({
      status: 'done',
      output: { guest: 'web', vmid: 101, exit_code: 0, output: 'a  b $HOME\n', error_output: 'in 101\n' },
      note: undefined,
    })
  })

  test('in a virtual machine, by its agent', async () => {
    expect(ended(await exec('200', ['uname', '-s']))).toEqual({
      status: 'done',
      output: { guest: 'app', vmid: 200, exit_code: 0, output: 'Linux\n' },
      note: undefined,
    })
    expect(ran()).toEqual(['ran uname -s in 200'])
  })

  test('with what it shall read', async () => {
    expect(ended(await exec('web', ['cat'], { stdin: 'a\nb' })).output).toMatchObject({ output: 'a\nb' })
    expect(ended(await exec('app', ['cat'], { stdin: 'a\nb' })).output).toMatchObject({ output: 'a\nb' })
  })

  test('and fails: its exit code is told', async () => {
    for (const guest of ['web', 'app'])
      expect(ended(await exec(guest, ['false']))).toMatchObject({ status: 'failed', output: { exit_code: 1 } })
  })

  test('in each guest that is named', async () => {
    const result = await exec('tag:web', ['echo', 'hi'])
    expect(JSON.stringify(result)).toContain('"status":"done"')
    expect(JSON.stringify(result).match(/"output":"hi\\n"/g)).toHaveLength(2)
  })

  test('and what is approved names it, the guest, and what it is given', async () => {
    const result = await exec('web', ['echo', 'a b'], { stdin: 'abc' })
    expect(JSON.stringify(result)).toContain('run echo \\"a b\\", given 3 bytes as root in web (lxc 101')
  })
})

describe('nothing is begun', () => {
  test('that the cluster does not list; the line that would is told', async () => {
    expect(await refusal(exec('app', ['rm', '-rf', '/']))).toBe(
      'denied: rm is not among the commands of home; the operator can write under constraints of home in targets.yaml: commands: [{ program: rm, args: ["^-rf$", "^\\\\/$"] }]',
    )
    expect(await refusal(exec('app', ['uname', '-s', '-r']))).toContain('with these arguments')
    expect(await refusal(exec('app', []))).toContain('invalid_input')
  })

  test('in what does not run, or is a template', async () => {
    expect(await refusal(exec('off', ['echo']))).toContain('it is stopped; start it')
    expect(await refusal(exec('asleep', ['echo']))).toContain('it is paused; resume it')
    expect(await refusal(exec('tmpl', ['echo']))).toContain('it is a template')
  })

  test('in a virtual machine without an agent that answers', async () => {
    expect(await refusal(exec('mute', ['echo']))).toBe(
      'unreachable: pve:home/201 has no guest agent configured; on its node: qm set 201 --agent 1; and install qemu-guest-agent inside it',
    )
    expect(await refusal(exec('deaf', ['echo']))).toContain('the guest agent of pve:home/202 is not running; install')
  })

  test('in a container of a node that nobody named', async () => {
    expect(await refusal(exec('far', ['echo']))).toBe(
      'unsupported_target: nothing says how node pve2 of home is reached; the operator can add connection.nodes: { pve2: <id of its ssh target> } to home in targets.yaml; that target must grant guest:exec',
    )
  })

  test('by a node that does not grant guest:exec', async () => {
    const other = await openWorld({ carriers: [{ target: carrier(['system:read']), executor: node }] })
    try {
      expect(await refusal(other.ask('proxmox_exec', { guest: 'web', argv: ['echo'] }))).toBe(
        'denied: node-1 does not carry operations of home; the operator can add guest:exec to the capabilities of node-1 in targets.yaml',
      )
    } finally {
      await other.stop()
    }
  })
})

describe('the end of it', () => {
  test('is unknown where its answer was lost, and it is not begun again', async () => {
    world.standIn.fault(faults.reset('after'), { method: 'POST', times: 1 })
    const first = ended(await exec('app', ['echo', 'once'], {}, 'r1'))
    expect(first).toMatchObject({
      status: 'unknown',
      note: expect.stringContaining('not known whether it was started'),
    })
    expect(ended(await exec('app', ['echo', 'once'], {}, 'r1'))).toEqual(first)
    expect(ran()).toEqual(['ran echo once in 200'])
  })

  test('is found out where only a question about it was lost', async () => {
    world.standIn.fault(faults.reset('before'), { path: /exec-status/, times: 2 })
    expect(ended(await exec('app', ['echo', 'once']))).toMatchObject({ status: 'done', output: { output: 'once\n' } })
    expect(ran()).toEqual(['ran echo once in 200'])
  })

  test('is failed where the agent refused', async () => {
    world.standIn.fault(faults.serverError('QEMU guest agent is not running'), { method: 'POST', times: 1 })
    const end = ended(await exec('app', ['echo']))
    expect(end).toMatchObject({ status: 'failed', note: expect.stringContaining('install and start qemu-guest-agent') })
    expect(ran()).toEqual([])
  })

  test('in a container is that of timeout_s', async () => {
    const end = ended(await exec('web', ['sleep', '60'], { timeout_s: 1 }))
    expect(end.status).toMatch(/^(failed|unknown)$/)
  })

  test('in a container is not claimed where the connection to its node was lost', async () => {
    rmSync(join(dir, 'asked'), { force: true })
    const asked = exec('web', ['sleep', '60'], { timeout_s: 5 })
    await eventually(() => existsSync(join(dir, 'asked')), 'it runs')
    sshd.cutConnections()
    expect(ended(await asked)).toMatchObject({ status: expect.stringMatching(/^(failed|unknown)$/), output: undefined })
    expect(readFileSync(join(dir, 'asked'), 'utf8').trim().split('\n')).toHaveLength(1)
  })

  test('in a container is not repeated by the same request_id', async () => {
    const file = join(dir, 'appended')
    const first = await exec('web', ['tee', file], { stdin: 'x' }, 'r2')
    rmSync(file)
    const again = await exec('web', ['tee', file], { stdin: 'x' }, 'r2')
    expect(ended(again)).toEqual(ended(first))
    expect(existsSync(file)).toBe(false)
  })
})

describe('with snapshot_first', () => {
  test('a program that fails is taken back', async () => {
    const result = await world.ask('proxmox_exec', { guest: 'web', argv: ['false'] }, { snapshotFirst: true })
    expect(ended(result).status).toBe('failed')
    const effects = world.standIn.effects().flatMap(({ effect }) => (effect === 'accepted' ? [] : [effect]))
    expect(effects).toContainEqual(expect.stringContaining('rolled back'))
  })
})

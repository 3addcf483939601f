import { describe, expect, test } from 'bun:test'
import type { Resource, SourceState } from '../../src/core/fleet.ts'
import type { Findings } from '../../src/core/fleet-ports.ts'
import type { Thresholds } from '../../src/core/fleet-view.ts'
import { triage } from '../../src/core/triage.ts'
import type { Json } from '../../src/lib/json.ts'

const now = new Date('2026-01-10T12:00:00Z')
const nowS = now.getTime() / 1000
const day = 86_400
const ago = (seconds: number) => new Date(now.getTime() - seconds * 1000)

const source: SourceState = {
  source: 'home',
  triedAt: now,
  seenAt: now,
  complete: true,
  gaps: [],
  health: 'up',
  since: ago(day),
  failures: 0,
}

const thing = (id: string, kind: Resource['kind'], facts: Resource['facts'], use: Resource['use'] = {}): Resource => ({
  id,
  kind,
  source: 'home',
  facts,
  use,
  seenAt: now,
  since: ago(7200),
})
const cluster = (status = 'quorate') => thing('cluster:home', 'cluster', { status })
const node = (name: string, status = 'online', use: Resource['use'] = {}) =>
  thing(`node:home/${name}`, 'node', { name, status }, use)
const lxc = (vmid: number, facts: Resource['facts'] = {}, use: Resource['use'] = {}) =>
  thing(`pve:home/${vmid}`, 'lxc', { name: `ct${vmid}`, node: 'a', status: 'running', ...facts }, use)
const vm = (vmid: number, facts: Resource['facts'] = {}, use: Resource['use'] = {}): Resource => ({
  ...lxc(vmid, facts, use),
  kind: 'qemu',
})
const storage = (facts: Resource['facts'], use: Resource['use'] = {}) =>
  thing('storage:home/a/local', 'storage', { name: 'local', node: 'a', status: 'available', ...facts }, use)

interface Case {
  readonly resources?: readonly Resource[]
  readonly findings?: Readonly<Record<string, Json>>
  readonly inspectedAt?: Date
  readonly state?: Partial<SourceState>
  readonly thresholds?: Partial<Thresholds>
}

const quiet: Readonly<Record<string, Json>> = {
  tasks: { failed: [], running: [] },
  backups: { newest: {}, unread: [] },
  should_run: { vmids: [], unread: 0 },
  certificates: [],
  updates: [],
  access: { missing: [] },
  clocks: [],
}

function run({ resources = [], findings = {}, inspectedAt = now, state = {}, thresholds = {} }: Case) {
  const vmids = resources.flatMap(({ id }) => (id.startsWith('pve:') ? [[id.split('/')[1], nowS]] : []))
  const backups = { newest: Object.fromEntries(vmids), unread: [] }
  const all = Object.entries({ ...quiet, backups, ...findings })
  const kept: Findings = Object.fromEntries(all.map(([name, data]) => [name, { at: inspectedAt, data }]))
  const heads = resources.some(({ kind }) => kind === 'cluster' || kind === 'host' || kind === 'container')
    ? []
    : [cluster()]
  return triage(
    { now, sources: [{ ...source, ...state }], resources: [...heads, ...resources], findings: () => kept },
    { backupDays: 7, certificateDays: 30, fullPct: 85, ...thresholds },
  )
}

const failed = (more: object) => ({
  tasks: {
    failed: [{ node: 'a', type: 'vzdump', user: 'root@pam', ended: nowS - 3600, status: 'job errors', ...more }],
    running: [],
  },
})
const host = thing('host:home', 'host', { status: 'up' })
const container = (facts: Resource['facts']) =>
  thing('container:home/web', 'container', { status: 'running', ...facts })

/** What each rule finds: severity and problem. */
const found: readonly (readonly [string, Case, string])[] = [
  [
    'a cluster that does not answer',
    { state: { health: 'unreachable', error: 'timeout' } },
    'critical does not answer',
  ],
  ['no quorum', { resources: [cluster('no quorum')] }, 'critical cluster without quorum'],
  ['a node that is offline', { resources: [node('a', 'offline')] }, 'critical node offline'],
  ['memory of a node', { resources: [node('a', 'online', { mem_pct: 92 })] }, 'medium memory pressure'],
  ['nearly all memory of a node', { resources: [node('a', 'online', { mem_pct: 96 })] }, 'high memory pressure'],
  ['a root file system', { resources: [node('a', 'online', { disk_pct: 90 })] }, 'high root file system nearly full'],
  ['a storage', { resources: [storage({}, { used_pct: 86 })] }, 'high storage nearly full'],
  ['a full storage', { resources: [storage({}, { used_pct: 97 })] }, 'critical storage nearly full'],
  [
    'a lower limit',
    { resources: [storage({}, { used_pct: 60 })], thresholds: { fullPct: 50 } },
    'high storage nearly full',
  ],
  [
    'a storage that its online node does not report',
    { resources: [node('a'), storage({ status: 'unknown' })] },
    'high storage not available',
  ],
  ['a failed backup', { findings: failed({}) }, 'high backup failed'],
  ['another failed task', { findings: failed({ type: 'qmigrate', id: '101' }) }, 'medium task failed'],
  [
    'a certificate',
    { findings: { certificates: [{ node: 'a', not_after: nowS + 20 * day }] } },
    'medium certificate due',
  ],
  [
    'a certificate of days',
    { findings: { certificates: [{ node: 'a', not_after: nowS + 3 * day }] } },
    'high certificate due',
  ],
  [
    'a dead certificate',
    { findings: { certificates: [{ node: 'a', not_after: nowS - day }] } },
    'critical certificate due',
  ],
  ['updates', { findings: { updates: [{ node: 'a', packages: 4 }] } }, 'low updates due'],
  ['a clock', { findings: { clocks: [{ node: 'a', ahead_s: -6 }] } }, 'medium clock off'],
  ['a clock far off', { findings: { clocks: [{ node: 'a', ahead_s: 61 }] } }, 'high clock off'],
  [
    'a guest that should run',
    { resources: [lxc(1, { status: 'stopped' })], findings: { should_run: { vmids: [1], unread: 0 } } },
    'high stopped, but should run',
  ],
  ['a lock', { resources: [lxc(1, { lock: 'backup' })] }, 'medium lock left over'],
  [
    'a lock seen after the tasks',
    { resources: [lxc(1, { lock: 'backup' })], inspectedAt: ago(600) },
    'low lock left over',
  ],
  ['memory of a container', { resources: [lxc(1, {}, { mem_pct: 95 })] }, 'medium memory pressure'],
  [
    'an old backup',
    { resources: [lxc(1)], findings: { backups: { newest: { 1: nowS - 9 * day }, unread: [] } } },
    'medium no backup for 7 days',
  ],
  ['no backup', { resources: [lxc(1)], findings: { backups: { newest: {}, unread: [] } } }, 'medium no backup at all'],
  [
    'no job',
    { resources: [lxc(1)], findings: { backups: { newest: { 1: nowS }, unprotected: [1], unread: [] } } },
    'low in no backup job',
  ],
  ['a silent agent', { resources: [vm(1, { agent: 'not running' })] }, 'low guest agent missing'],
  ['a host that does not answer', { resources: [host], state: { health: 'unreachable' } }, 'critical does not answer'],
  [
    'an engine that does not answer',
    { resources: [container({})], state: { health: 'unreachable' } },
    'critical does not answer',
  ],
  ['an unhealthy container', { resources: [container({ health: 'unhealthy' })] }, 'high unhealthy'],
  ['a container that restarts', { resources: [container({ status: 'restarting' })] }, 'high restarts again and again'],
  [
    'a container that failed',
    { resources: [container({ status: 'exited', exit_code: 1 })] },
    'medium ended with an error',
  ],
]

describe('a problem', () => {
  test.each(found)('%s', (_, given, expected) => {
    const { problems } = run(given)
    expect(problems.map(({ severity, problem }) => `${severity} ${problem}`)).toEqual([expected])
    expect(problems.every(({ evidence, where }) => evidence !== '' && where.includes('home'))).toBe(true)
  })
})

/** What looks like a problem and is none. */
const fine: readonly (readonly [string, Case])[] = [
  ['a quiet cluster', { resources: [node('a', 'online', { mem_pct: 89, disk_pct: 84 }), lxc(1), vm(2)] }],
  ['a storage of an offline node is its node’s affair', { resources: [storage({ status: 'unknown' })] }],
  [
    'a storage that the token may not see',
    {
      resources: [node('a'), storage({ status: 'unknown' })],
      state: { gaps: ['storage:home/a/local is hidden from the token: 403'] },
    },
  ],
  ['a console that was closed', { findings: failed({ type: 'vncproxy', id: '101' }) }],
  [
    'a backup that worked the second time',
    { findings: { ...failed({ id: '1' }), backups: { newest: { 1: nowS }, unread: [] } }, resources: [lxc(1)] },
  ],
  [
    'clocks as they are',
    {
      findings: {
        clocks: [
          { node: 'a', ahead_s: 5 },
          { node: 'b', ahead_s: -5 },
        ],
      },
    },
  ],
  ['a certificate of months', { findings: { certificates: [{ node: 'a', not_after: nowS + 90 * day }] } }],
  ['a stopped guest that need not run', { resources: [lxc(1, { status: 'stopped' })] }],
  [
    'one stopped for its backup',
    {
      resources: [lxc(1, { status: 'stopped', lock: 'backup' })],
      findings: { should_run: { vmids: [1], unread: 0 }, tasks: { failed: [], running: ['1'] } },
    },
  ],
  [
    'a lock while its task runs',
    { resources: [lxc(1, { lock: 'backup' })], findings: { tasks: { failed: [], running: ['1'] } } },
  ],
  [
    'a lock while a backup of many runs on its node',
    { resources: [lxc(1, { lock: 'backup' })], findings: { tasks: { failed: [], running: ['vzdump@a'] } } },
  ],
  ['a suspended VM', { resources: [vm(1, { lock: 'suspended' })] }],
  ['a VM that caches', { resources: [vm(1, {}, { mem_pct: 96 })] }],
  [
    'a template without backup',
    { resources: [lxc(1, { template: true, status: 'stopped' })], findings: { backups: { newest: {}, unread: [] } } },
  ],
  ['an agent of a stopped VM', { resources: [vm(1, { agent: 'not running', status: 'stopped' })] }],
  [
    'a container that ended well, or was asked to',
    {
      resources: [
        container({ status: 'exited', exit_code: 0 }),
        { ...container({ status: 'exited', exit_code: 143 }), id: 'container:home/b' },
      ],
    },
  ],
]

test.each(fine)('no problem: %s', (_, given) => {
  expect(run(given).problems).toEqual([])
})

describe('what could not be measured', () => {
  test('a cluster that does not answer is measured in nothing, and nothing old is claimed of it', () => {
    const resources = [cluster(), node('a', 'offline'), lxc(1, { lock: 'backup' })]
    const { problems, unmeasured } = run({
      resources,
      state: { health: 'unreachable', error: 'timeout', seenAt: ago(900) },
    })
    expect(problems.map(({ evidence }) => evidence)).toEqual(['timeout; last seen 15m ago'])
    expect(unmeasured).toEqual(['home: all of it'])
  })

  test('what nobody has inspected is said, each once', () => {
    const { problems, unmeasured } = triage(
      { now, sources: [source], resources: [cluster(), lxc(1)], findings: () => undefined },
      { backupDays: 7, certificateDays: 30, fullPct: 85 },
    )
    expect(problems).toEqual([])
    expect(unmeasured.map((text) => text.replace(': not inspected yet', ''))).toEqual([
      'home: failed tasks',
      'home: certificates',
      'home: updates',
      'home: clocks',
      'home: rights of its token',
      'home: stopped guests that should run',
      'home: backups',
    ])
  })

  test('what the token may not read is told with the line that changes it', () => {
    const { problems, unmeasured } = run({ findings: { access: { missing: ['VM.Audit on /vms'] } } })
    expect(problems).toEqual([])
    expect(unmeasured).toEqual([
      "home: whatever needs VM.Audit on /vms: its token has it not; pveum acl modify / --tokens 'TOKENID' --roles PVEAuditor gives it, where its user has it too",
    ])
  })

  test('gaps, unread storages and failed looks are told, and what rests on them is doubted', () => {
    const { problems, unmeasured } = run({
      resources: [lxc(1), lxc(2)],
      findings: { backups: { newest: { 1: nowS }, unread: ['nas: no answer'] } },
      state: { gaps: ['quorum: denied'], error: 'timeout: no end', health: 'degraded', seenAt: ago(60) },
    })
    expect(unmeasured).toContain('home: quorum: denied')
    expect(unmeasured).toContain('home: backups on nas: no answer')
    expect(unmeasured.join()).toContain('the last look failed (timeout: no end); what is said of it was seen 1m ago')
    expect(problems[0]?.evidence).toBe('1 guest: 2 (ct2); unless on nas, which was not read')
  })
})

test('many small problems of a kind are one that names them; grave ones stay apart; the worst come first', () => {
  const tight = [1, 2, 3, 4, 5].map((vmid) => lxc(vmid, {}, { mem_pct: 95 }))
  const { problems } = run({ resources: [cluster(), ...tight, node('b', 'offline'), node('c', 'offline')] })
  expect(problems.map(({ severity, where }) => [severity, where])).toEqual([
    ['critical', 'node:home/b'],
    ['critical', 'node:home/c'],
    ['medium', 'pve:home/1 pve:home/2 pve:home/3 pve:home/4 pve:home/5'],
  ])
})

test('a clock is told with its direction; where all are off alike, the gateway may be', () => {
  const off = (...ahead: readonly number[]) =>
    run({ findings: { clocks: ahead.map((ahead_s, index) => ({ node: `n${index}`, ahead_s })) } }).problems
  expect(off(-90, 0).map(({ where, evidence }) => [where, evidence])).toEqual([
    ['node:home/n0', '90 s behind the gateway'],
  ])
  expect(off(90, 92).map(({ evidence }) => evidence.includes('the gateway that is off'))).toEqual([true, true])
  expect(off(90, -90).map(({ evidence }) => evidence.includes('the gateway that is off'))).toEqual([false, false])
})

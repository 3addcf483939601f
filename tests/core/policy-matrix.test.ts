import { expect, test } from 'bun:test'
import { parsePolicy } from '../../src/config/load-policy.ts'
import { capabilities, expandCapabilities } from '../../src/core/capability.ts'
import { decide, type Policy } from '../../src/core/policy.ts'
import { questionOf } from '../../src/core/policy-question.ts'
import { type Caller, type CallerProof, defaultConstraints, type Target, targetKinds } from '../../src/core/target.ts'
import { type Tool, worksOn } from '../../src/core/tool.ts'
import { tools } from '../../src/tools/index.ts'

/** Every kind of target three times: it grants all, reads alone, nothing. The ones that grant all are `web`. */
const grants = { all: capabilities, reads: expandCapabilities(['readonly']), nothing: [] } as const
const targets = targetKinds.flatMap((kind) =>
  (['all', 'reads', 'nothing'] as const).map(
    (granted): Target => ({
      id: `${kind}-${granted}`,
      kind,
      tags: granted === 'all' ? ['web'] : [],
      capabilities: grants[granted],
      constraints: defaultConstraints,
    }),
  ),
)

const text = `version: "1.0"
roles:
  reader: { who: { callers: ["token:reader"], logins: [reader@example.org], tags: ["tag:reader"] }, may: [{ capabilities: [readonly] }] }
  operator:
    who: { callers: ["token:operator"], logins: [operator@example.org], tags: ["tag:operator"] }
    may:
      - { capabilities: [readonly] }
      - { capabilities: [service:control, container:control, proxmox:control, network:diag], targets: ["tag:web"] }
  admin: { who: { callers: ["token:admin"], logins: [admin@example.org], tags: ["tag:admin"] }, may: [{ capabilities: [admin] }] }
rules:
  - { id: reads, effect: allow, risks: [read] }
  - { id: probes, effect: allow, risks: [probe], roles: [operator] }
  - { id: writes, effect: approve, risks: [write], roles: [operator, admin] }
  - { id: harm, effect: approve, risks: [destructive], roles: [admin] }
  - { id: files, effect: deny, tools: [write_file] }
`
const policy = policyOf(text)

/** What each role may do, written down by hand: `capability → least harm`. No entry: nothing. */
const says = { read: 'allow', probe: 'deny', write: 'deny', destructive: 'deny' } as const
const byRole = {
  reader: says,
  operator: { ...says, probe: 'allow', write: 'approve' },
  admin: { ...says, write: 'approve', destructive: 'approve' },
  nobody: { ...says, read: 'deny' },
} as const
type RoleName = keyof typeof byRole
const roleNames: readonly RoleName[] = ['reader', 'operator', 'admin', 'nobody']

/** Capabilities that somebody may use beyond reading. */
const operated = ['service:control', 'container:control', 'proxmox:control', 'network:diag']

/** The right of each tool, by hand for those whose right is not one word: the kinds where it differs. */
const rightOf = (tool: Tool, target: Target): string | undefined => {
  if (tool.capability === 'origin') return undefined
  if (tool.name === 'health_check') return target.kind === 'gateway' ? 'gateway:read' : 'system:read'
  return String(tool.capability)
}

function expected(tool: Tool, role: RoleName, target: Target): string | undefined {
  const right = rightOf(tool, target)
  if (right === undefined) return undefined
  const isRead = right.endsWith(':read')
  if (target.id.endsWith('-nothing') || (target.id.endsWith('-reads') && !isRead)) return 'deny'
  const isHeld = { reader: isRead, operator: isRead || operated.includes(right), admin: true, nobody: false }[role]
  return isHeld && tool.name !== 'write_file' ? byRole[role][tool.risk] : 'deny'
}

const proofOf = (kind: CallerProof['kind'], more: Partial<CallerProof>): CallerProof => ({
  kind,
  groups: [],
  tags: [],
  ...more,
})
const callers: Readonly<Record<string, (role: RoleName) => Caller>> = {
  token: (role) => ({ id: `token:${role}`, scopes: capabilities, proof: proofOf('token', {}) }),
  oidc: (role) => ({ id: `oidc:${role}`, scopes: [], proof: proofOf('oidc', { login: `${role}@example.org` }) }),
  tailscale: (role) => ({
    id: `tailscale:${role}`,
    scopes: [],
    proof: proofOf('tailscale', { tags: [`tag:${role}`] }),
  }),
}

const cells = tools.flatMap((tool) =>
  targets
    .filter(({ kind }) => worksOn(tool, kind))
    .flatMap((target) => roleNames.map((role) => ({ tool, target, role }))),
)

test.each(Object.keys(callers))('%s: every cell of tools × roles × targets is as the table says', (mode) => {
  const wrong = cells.flatMap(({ tool, target, role }) => {
    const caller = callers[mode]?.(role) ?? { id: '', scopes: [] }
    const question = questionOf(tool, target, { caller, at: new Date('2026-01-05T12:00:00Z') })
    const said = question && decide(policy, question).effect
    const wanted = expected(tool, role, target)
    return said === wanted ? [] : [`${tool.name} ${role} ${target.id}: ${said}, not ${wanted}`]
  })
  expect(wrong).toEqual([])
  expect(cells.length).toBeGreaterThan(tools.length * roleNames.length * 3 - 1)
})

test('a token with fewer scopes than its role gives may do less, never more', () => {
  const bounded = { ...(callers['token']?.('admin') ?? { id: '' }), scopes: expandCapabilities(['readonly']) }
  const wrong = cells.flatMap(({ tool, target }) => {
    const question = questionOf(tool, target, { caller: bounded, at: new Date(0) })
    const right = rightOf(tool, target)
    const wanted = right?.endsWith(':read') ? expected(tool, 'admin', target) : 'deny'
    const said = question && decide(policy, question).effect
    return question === undefined || said === wanted ? [] : [`${tool.name} ${target.id}: ${said}, not ${wanted}`]
  })
  expect(wrong).toEqual([])
})

function policyOf(yaml: string): Policy {
  const source = { file: 'policy.yaml', text: yaml, env: {}, readFile: () => '' }
  const loaded = parsePolicy(source, { tools, targets })
  if (loaded.policy === undefined) throw new TypeError(JSON.stringify(loaded.problems))
  return loaded.policy
}

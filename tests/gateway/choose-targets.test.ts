import { describe, expect, test } from 'bun:test'
import { z } from 'zod'
import { defaultConstraints, type Target, type TargetKind } from '../../src/core/target.ts'
import { defineTool } from '../../src/core/tool.ts'
import { chooseTargets } from '../../src/gateway/choose-targets.ts'

const target = (id: string, kind: TargetKind, more: Partial<Target> = {}): Target => ({
  id,
  kind,
  tags: [],
  capabilities: ['system:read'],
  constraints: defaultConstraints,
  ...more,
})
const tool = (...targets: readonly [TargetKind, ...TargetKind[]]) =>
  defineTool({
    name: 'look',
    description: '',
    capability: 'system:read',
    risk: 'read',
    targets,
    input: z.object({}),
    output: z.object({}),
    run: async () => ({}),
  })
const fleet = [
  target('gateway', 'gateway'),
  target('local', 'local'),
  target('web-2', 'ssh', { tags: ['web'], segment: 'a' }),
  target('web-1', 'ssh', { tags: ['web', 'prod'], segment: 'b' }),
  target('db', 'ssh', { cluster: 'home' }),
  target('engine', 'docker'),
]
const ids = (asked: readonly string[] | undefined, ...kinds: readonly [TargetKind, ...TargetKind[]]) =>
  chooseTargets(fleet, tool(...kinds), asked).map(({ id }) => id)

describe('choosing targets', () => {
  test('takes this machine, the gateway, or the only fitting one when none is named', () => {
    expect(ids(undefined, 'local', 'ssh')).toEqual(['local'])
    expect(ids(undefined, 'gateway')).toEqual(['gateway'])
    expect(ids(undefined, 'docker')).toEqual(['engine'])
  })

  test('lists the candidates when several would fit', () => {
    expect(() => ids(undefined, 'ssh')).toThrow('look needs targets: 3 would fit')
  })

  test('knows ids, tags, kinds, clusters, segments, globs and all, sorted and without doubles', () => {
    expect(ids(['web-2', 'web-1', 'web-2'], 'local', 'ssh')).toEqual(['web-1', 'web-2'])
    expect(ids(['tag:web'], 'local', 'ssh')).toEqual(['web-1', 'web-2'])
    expect(ids(['kind:ssh'], 'local', 'ssh')).toEqual(['db', 'web-1', 'web-2'])
    expect(ids(['cluster:home'], 'local', 'ssh')).toEqual(['db'])
    expect(ids(['segment:a'], 'local', 'ssh')).toEqual(['web-2'])
    expect(ids(['web-*'], 'local', 'ssh')).toEqual(['web-1', 'web-2'])
    expect(ids(['*b*'], 'local', 'ssh')).toEqual(['db', 'web-1', 'web-2'])
    expect(ids(['all'], 'local', 'ssh')).toEqual(['db', 'local', 'web-1', 'web-2'])
  })

  test('refuses a target of another kind, and names the kinds that fit', () => {
    expect(() => ids(['engine'], 'local', 'ssh')).toThrow('look does not work on engine, a docker target')
  })

  test('refuses an unknown target with the nearest name', () => {
    try {
      ids(['web-3'], 'local', 'ssh')
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ code: 'unknown_target', hint: expect.stringContaining('web-') })
    }
  })

  test('matches a glob of many stars without trying every split', () => {
    expect(() => ids([`${'*a'.repeat(49)}*`], 'local', 'ssh')).toThrow('no target')
  })
})

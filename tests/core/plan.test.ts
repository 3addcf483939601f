import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { command } from '../../src/core/operation.ts'
import { differences, type Plan, planDigest, valueAt } from '../../src/core/plan.ts'

const plan = (more: Partial<Plan> = {}): Plan => ({
  summary: 'restart nginx',
  basis: { active: 'active', sha256: 'aa' },
  steps: [
    {
      do: command(['systemctl', 'restart', '--', 'nginx.service']),
      undo: command(['systemctl', 'stop', '--', 'nginx.service']),
      until: {
        read: command(['systemctl', 'is-active', 'nginx.service']),
        path: 'output',
        equals: 'active',
        withinMs: 1000,
      },
    },
  ],
  ...more,
})
const digest = (value: Plan, tool = 'manage_service', target = 'box') =>
  planDigest(tool, [{ target, plan: value }], '1')

/** Every path to a leaf of a plan that counts. */
function leaves(value: unknown, path: readonly (string | number)[] = []): readonly (readonly (string | number)[])[] {
  if (typeof value !== 'object' || value === null) return [path]
  return Object.entries(value).flatMap(([key, field]) => leaves(field, [...path, key]))
}

function changed(value: unknown, [key, ...rest]: readonly (string | number)[], to: unknown): unknown {
  if (key === undefined) return to
  const copy: Record<string, unknown> | unknown[] = Array.isArray(value) ? [...value] : { ...(value as object) } // paths lead through objects only
  Reflect.set(copy, key, changed(Reflect.get(copy, key), rest, to))
  return copy
}

describe('a plan’s digest', () => {
  test('changes when anything in the plan does', () => {
    const base = plan()
    const before = digest(base)
    fc.assert(
      fc.property(fc.constantFrom(...leaves(base)), fc.oneof(fc.string(), fc.integer(), fc.boolean()), (path, to) => {
        const was = path.reduce<unknown>((value, key) => Reflect.get(Object(value), key), base)
        fc.pre(was !== to)
        const other = changed(base, path, to) as Plan // one leaf of a plan replaced
        expect(digest(other)).not.toBe(before)
      }),
    )
  })

  test('changes with the tool, the target, the version and the order of steps', () => {
    const two = plan({ steps: [{ do: command(['a']) }, { do: command(['b']) }] })
    const swapped = plan({ steps: [{ do: command(['b']) }, { do: command(['a']) }] })
    const all = [
      digest(two),
      digest(swapped),
      digest(two, 'other'),
      digest(two, 'manage_service', 'box2'),
      planDigest('manage_service', [{ target: 'box', plan: two }], '2'),
    ]
    expect(new Set(all).size).toBe(all.length)
  })

  test('does not depend on the order of keys, nor on the preview', () => {
    const { summary, basis, steps } = plan()
    expect(digest({ steps, basis: { sha256: basis['sha256'] ?? '', active: 'active' }, summary, preview: 'x' })).toBe(
      digest(plan()),
    )
  })
})

describe('differences between two plans', () => {
  test('name the fact, what it was and what it is', () => {
    const after = plan({ basis: { active: 'failed', sha256: 'aa' } })
    expect(differences([{ target: 'box', plan: plan() }], [{ target: 'box', plan: after }])).toEqual([
      'box: active was "active", is "failed"',
    ])
  })

  test('are none for equal plans', () => {
    expect(differences([{ target: 'box', plan: plan() }], [{ target: 'box', plan: plan() }])).toEqual([])
  })
})

test('an until path reads the outcome or into a JSON body, and never beyond own fields', () => {
  const outcome = {
    ok: true,
    status: 200,
    output: '{"State":{"Health":{"Status":"healthy"}}}\n',
    errorOutput: '',
    truncated: false,
    durationMs: 1,
  }
  expect(valueAt(outcome, 'body.State.Health.Status')).toBe('healthy')
  expect(valueAt(outcome, 'status')).toBe(200)
  expect(valueAt(outcome, 'body.constructor.name')).toBeUndefined()
  expect(valueAt({ ...outcome, output: ' active\n' }, 'output')).toBe('active')
})

import { describe, expect, test } from 'bun:test'
import type { Facts, Resource } from '../../src/core/fleet.ts'
import { machineProblems } from '../../src/core/triage-machines.ts'

const now = new Date('2026-03-01T12:00:00Z')
const thresholds = { backupDays: 7, certificateDays: 30, fullPct: 85 }

const machine = (facts: Facts, use: Resource['use'] = {}): Resource => ({
  id: 'host:web-1',
  kind: 'host',
  source: 'web-1',
  facts: { name: 'web-1', status: 'up', ...facts },
  use,
  seenAt: now,
  since: now,
})

const of = (resource: Resource, health: 'up' | 'unreachable' = 'up') => {
  const state = { source: 'web-1', triedAt: now, complete: true, gaps: [], health, since: now, failures: 0 }
  const view = { now, sources: [state], resources: [resource], findings: () => undefined }
  return machineProblems(view, thresholds).problems.map(({ severity, problem }) => `${severity} ${problem}`)
}

describe('a machine', () => {
  test.each([
    ['with a disk below the threshold', machine({}, { disk_pct: 84 }), []],
    ['with a disk at the threshold', machine({}, { disk_pct: 85 }), ['high disk nearly full']],
    ['with a disk that is all but full', machine({}, { disk_pct: 95 }), ['critical disk nearly full']],
    ['with little memory left', machine({}, { mem_pct: 92 }), ['medium memory pressure']],
    ['with memory left', machine({}, { mem_pct: 91 }), []],
    ['with failed units', machine({ failed_units: 'nginx.service' }), ['medium failed units']],
    ['that waits for a reboot', machine({ reboot_required: true }), ['low reboot required']],
    ['that is well', machine({ os: 'Debian' }, { disk_pct: 1, mem_pct: 1 }), []],
  ])('%s', (_what, resource, expected) => {
    expect(of(resource)).toEqual(expected)
  })

  test('that does not answer: nothing old is claimed of it', () => {
    expect(of(machine({ failed_units: 'x.service' }, { disk_pct: 99 }), 'unreachable')).toEqual([])
  })
})

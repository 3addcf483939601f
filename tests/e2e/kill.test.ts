import { describe, expect, test } from 'bun:test'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Job } from '../../src/core/ports.ts'
import { statesOf } from '../../src/gateway/jobs.ts'
import { reconcileOrphans } from '../../src/gateway/reconcile.ts'
import { alice, type GatewayWorld, openGatewayWorld } from '../support/gateway-world.ts'

const runs = process.env['TAILOPS_TEST_LONG'] === '1' ? 100 : 20

/** The machine's own account of what happened: `do 0`, `do 1`, `undo 0` …, one line an effect. */
const effectsIn = (dir: string): readonly string[] => {
  const file = join(dir, 'effects')
  return existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : []
}

/** The same seed gives the same moment (mulberry32). */
function fraction(seed: number): number {
  let t = (seed + 0x6d2b79f5) | 0
  t = Math.imul(t ^ (t >>> 15), t | 1)
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}

/** Runs a change in a process of its own and kills that process `afterMs` after it opened its stores. */
async function killedRun(dir: string, fail: number, afterMs: number): Promise<void> {
  const entry = join(import.meta.dirname, '../support/kill-entry.ts')
  const child = spawn(process.execPath, [entry, dir, String(fail)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  await once(child.stdout, 'data')
  const timer = setTimeout(() => child.kill('SIGKILL'), afterMs)
  await exited
  clearTimeout(timer)
}

/** What the journal says must be what the machine shows. */
function checkTruth(job: Job, effects: readonly string[]): void {
  const states = statesOf(job, 'local')
  for (const index of [0, 1, 2, 3, 4]) {
    const did = effects.includes(`do ${index}`)
    const undid = effects.includes(`undo ${index}`)
    const state = states[index]?.state ?? 'not_begun'
    const allowed: Readonly<Record<string, boolean>> = {
      done: did && !undid,
      failed: did && !undid,
      undone: did && undid,
      not_begun: !did && !undid,
      unknown: true,
    }
    expect({ index, state, true: allowed[state], effects }).toEqual({ index, state, true: true, effects })
  }
  const open = states.filter(({ state }) => state === 'unknown')
  expect(open.length).toBeLessThanOrEqual(1)
  expect(job.end?.status === 'done').toBe(states.length === 5 && states.every(({ state }) => state === 'done'))
}

function checkAudit(world: GatewayWorld, effects: readonly string[]): void {
  expect(world.state.audit.verify()).toMatchObject({ ok: true })
  const records = world.state.audit.tail({ limit: 1000 })
  const begun = records.flatMap(({ event, step }) =>
    event === 'step_started' && step !== undefined ? [`${step.phase} ${step.index}`] : [],
  )
  for (const effect of effects) expect(begun).toContain(effect)
  expect(new Set(effects).size).toBe(effects.length)
}

describe('kill -9 in the middle of a change', () => {
  for (let seed = 1; seed <= runs; seed++) {
    test(`leaves a true report (seed ${seed})`, async () => {
      const dir = mkdtempSync(join(tmpdir(), 'tailops-kill-'))
      try {
        const fail = seed % 3 === 0 ? 3 : -1
        await killedRun(dir, fail, Math.round(fraction(seed) * 260))
        const world = openGatewayWorld({ dir })
        await reconcileOrphans(world.gateway)
        await world.gateway.jobs.idle()
        const job = world.state.journal.findRequest(alice.id, 'once')
        const effects = effectsIn(dir)
        checkAudit(world, effects)
        if (job === undefined) expect(effects).toEqual([])
        else checkTruth(job, effects)
        await world.stop()
        expect(effectsIn(dir)).toEqual(effects)
      } finally {
        rmSync(dir, { recursive: true, force: true })
      }
    })
  }
})

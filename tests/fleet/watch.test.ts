import { afterEach, describe, expect, test } from 'bun:test'
import { type FleetWorld, openFleetWorld } from '../support/fleet-world.ts'
import { faults } from '../support/pve/faults.ts'
import { turn } from '../support/turn.ts'

let world: FleetWorld | undefined
let over = new AbortController()
afterEach(async () => {
  over.abort()
  await world?.stop()
  world = undefined
  over = new AbortController()
})

const guests = [{ vmid: 101, node: 'pve1', name: 'web', status: 'running' }] as const

async function watching(...names: readonly string[]) {
  world = await openFleetWorld(names.map((name) => ({ name, guests })))
  const { watch, clock, standIn } = world
  watch.run(over.signal)
  const asked = (path: string) => standIn.requests.filter((request) => request.includes(path)).length
  /** Lets time pass, a second whenever what is under way has had its turn; returns how many seconds. */
  const passUntil = async (holds: () => boolean, mostS: number): Promise<number> => {
    for (let seconds = 0; seconds < mostS; seconds++) {
      if (holds()) return seconds
      clock.advance(1000)
      for (let at = 0; at < 20; at++) await turn()
    }
    throw new Error(`not within ${mostS} s`)
  }
  return { ...world, asked, passUntil }
}

describe('watching the fleet', () => {
  test('looks soon after it begins, and again on its interval', async () => {
    const { asked, passUntil } = await watching('home')
    const looks = () => asked('cluster/resources')
    expect(await passUntil(() => looks() === 1, 10)).toBeLessThanOrEqual(3)
    const seconds = await passUntil(() => looks() === 2, 400)
    expect(seconds).toBeGreaterThanOrEqual(290)
    expect(seconds).toBeLessThanOrEqual(310)
  })

  test('looks at once when the task log has news', async () => {
    const { asked, standIn, store, passUntil } = await watching('home')
    const pve = standIn.cluster('home').world
    // The first hint is what later ones are held against.
    await passUntil(() => asked('cluster/tasks') >= 2, 100)
    const looks = asked('cluster/resources')
    const origin = { method: 'POST', path: '/nodes/pve1/lxc/101/status/stop', user: 'root@pam' }
    const stop = () => {
      pve.changeGuest(101, { status: 'stopped' })
      return { effect: 'stopped', vmid: 101 }
    }
    pve.begin({ type: 'vzstop', id: '101', node: 'pve1', origin }, { durationMs: 1000, apply: stop })
    expect(await passUntil(() => asked('cluster/resources') > looks, 100)).toBeLessThanOrEqual(70)
    await passUntil(() => store.find('pve:home/101')?.facts['status'] === 'stopped', 15)
  })

  test('one cluster that hangs holds up no other', async () => {
    const { standIn, store, passUntil } = await watching('home', 'work')
    standIn.fault(faults.hang('before'), { cluster: 'home' })
    await passUntil(() => store.find('pve:work/101') !== undefined, 10)
    expect(store.find('pve:home/101')).toBeUndefined()
  })

  test('asks one that fails less and less often', async () => {
    const { standIn, store, passUntil } = await watching('home')
    standIn.fault(faults.serverError(), { path: /cluster/ })
    const failures = () => store.sources()[0]?.failures
    await passUntil(() => failures() === 1, 10)
    expect(await passUntil(() => failures() === 2, 1000)).toBeGreaterThan(500)
    expect(await passUntil(() => failures() === 3, 2000)).toBeGreaterThan(1000)
  })
})

import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { command, get } from '../../src/core/operation.ts'
import { defaultConstraints } from '../../src/core/target.ts'
import type { Tool } from '../../src/core/tool.ts'
import { openDocker } from '../../src/executors/docker.ts'
import { openHttp } from '../../src/executors/http.ts'
import { openSsh } from '../../src/executors/ssh.ts'
import { openSshLinks } from '../../src/executors/ssh-links.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import callHttpEndpoint from '../../src/tools/call_http_endpoint.ts'
import manageContainer from '../../src/tools/manage_container.ts'
import runCommand from '../../src/tools/run_command.ts'
import writeFile from '../../src/tools/write_file.ts'
import { startCutProxy } from '../support/cut-proxy.ts'
import { startEngine } from '../support/docker-engine.ts'
import { type FaultWorld, openFaultWorld } from '../support/fault-world.ts'
import { alice } from '../support/gateway-world.ts'
import { serve } from '../support/https-server.ts'
import { scripts } from '../support/scripts.ts'
import { startSshd } from '../support/sshd.ts'
import { limits } from './conformance.ts'

setDefaultTimeout(300_000)

const isLong = process.env['TAILOPS_TEST_LONG'] === '1'
const manners = ['reset', 'end'] as const
const ways = ['way there', 'way back'] as const

/** Waits take a tenth of their time. */
const hurried: Clock = {
  ...systemClock,
  elapsedMs: () => systemClock.elapsedMs() * 10,
  sleep: (ms, signal) => systemClock.sleep(ms / 10, signal),
}

/** The same seed gives the same places: some at both ends, the rest anywhere between. */
function placesIn(total: number, count: number): readonly number[] {
  const inner = Array.from({ length: count - 4 }, (_, index) => ((index * 0.618034) % 1) * total)
  return [0, 1, ...inner.map(Math.floor), total - 1, total]
}

/** One change of its own. */
interface Change {
  readonly tool: Tool
  readonly input: Record<string, unknown>
  /** How often the peer has done it, by its own account. */
  effects(): number
  /** Changes when it is done again. */
  account(): unknown
}

interface Matrix {
  readonly fault: FaultWorld
  /** A read before each change: the connection is there when it is sent. */
  readonly warm?: (() => Promise<unknown>) | undefined
  readonly places: number
  open(index: number): Change
}

/** Breaks one change after the other, each elsewhere. Returns how they were said to end. */
async function tryAll({ fault, places, open, warm }: Matrix): Promise<ReadonlyMap<string, number>> {
  let count = 0
  const begin = () => ({ ...open(count), requestId: `fault-${count++}` })
  const whole = begin()
  await warm?.()
  const never = { on: 'way back', afterBytes: Number.POSITIVE_INFINITY, manner: 'end' } as const
  const { status: uncut } = await fault.change(whole.tool, whole.input, { ...whole, cut: never })
  expect(uncut).toBe('done')
  const total = fault.proxy.passed()
  const ended: { readonly what: string; readonly status: string; effects(): number }[] = []
  let cuts = 0
  for (const on of ways) {
    for (const [index, afterBytes] of placesIn(total[on], places).entries()) {
      const cut = { on, afterBytes, manner: manners[index % 2] ?? 'reset' }
      const one = begin()
      await warm?.()
      const { status, targets } = await fault.change(one.tool, one.input, { cut, requestId: one.requestId })
      const what = JSON.stringify({ ...cut, status, steps: targets.flatMap(({ steps }) => steps) })
      if (fault.proxy.isCut()) cuts++
      ended.push({ what, status, effects: one.effects })
      if (status === 'done') expect([what, one.effects()]).toEqual([what, 1])
      const job = fault.world.state.journal.findRequest(alice.id, one.requestId)
      expect([what, job?.end?.status]).toEqual([what, status])
      const before = one.account()
      const again = await fault.change(one.tool, one.input, one)
      expect([what, again.status]).toEqual([what, status])
      // What is unknown may still come to its end meanwhile.
      if (status !== 'unknown') expect([what, one.account()]).toEqual([what, before])
    }
  }
  expect(cuts).toBeGreaterThan(ended.length / 2)
  // Whatever was still on its way has arrived by now.
  for (const { what, status, effects } of ended) {
    const possible = { done: [1], failed: [0] }[status] ?? [0, 1]
    expect([what, possible]).toEqual([what, expect.arrayContaining([effects()])])
  }
  return new Map(ended.map(({ status }) => [status, ended.filter((one) => one.status === status).length]))
}

describe('a connection that breaks around a change', () => {
  const dirs: string[] = []
  const folder = (): string => {
    const dir = mkdtempSync(join(tmpdir(), 'tailops-faults-'))
    dirs.push(dir)
    return dir
  }
  afterAll(() => {
    for (const dir of dirs) rmSync(dir, { recursive: true, force: true })
  })

  async function overSsh(clock: Clock = systemClock, timeoutMs = 20_000) {
    const dir = folder()
    const sshd = await startSshd()
    const proxy = await startCutProxy({ host: '127.0.0.1', port: sshd.port })
    const links = openSshLinks({ clock, connectionOf: () => undefined })
    const connection = sshd.connection({ port: proxy.port })
    const executor = openSsh({ id: 'peer', connection, links, scripts, clock })
    const program = join(dir, 'count')
    writeFileSync(program, '#!/bin/sh\necho effect >>"$1"\necho counted\n', { mode: 0o755 })
    const constraints = { ...defaultConstraints, fileRoots: [dir], commands: [{ program, args: ['.*'] }], timeoutMs }
    const fault = openFaultWorld({ kind: 'ssh', executor, proxy, target: { constraints } })
    const stop = async () => {
      await executor.close()
      await proxy.stop()
      await sshd.stop()
      await fault.world.stop()
    }
    const warm = () => executor.perform(command(['true']), limits())
    return { dir, program, fault, warm, stop }
  }

  const linesOf = (file: string): number => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0)

  test('over ssh, to run a program: its end is what the machine shows, once', async () => {
    const { dir, program, fault, warm, stop } = await overSsh()
    const open = (index: number) => {
      const log = join(dir, `log-${index}`)
      return {
        tool: runCommand,
        input: { argv: [program, log] },
        effects: () => linesOf(log),
        account: () => linesOf(log),
      }
    }
    const ends = await tryAll({ fault, warm, places: isLong ? 200 : 20, open })
    expect(ends.get('done')).toBeGreaterThan(0)
    await stop()
  })

  test('over ssh, to write a file: it is the old one or the new one, as was said', async () => {
    const { dir, fault, warm, stop } = await overSsh()
    const open = (index: number) => {
      const path = join(dir, `file-${index}`)
      const [old, content] = ['old\n', `${'new '.repeat(3000)}${index}\n`]
      if (!existsSync(path)) writeFileSync(path, old)
      const effects = () => {
        const text = readFileSync(path, 'utf8')
        expect([old, content]).toContain(text)
        return text === content ? 1 : 0
      }
      return { tool: writeFile, input: { path, content }, effects, account: () => statSync(path).ino }
    }
    const ends = await tryAll({ fault, warm, places: isLong ? 100 : 10, open })
    expect(ends.get('done')).toBeGreaterThan(0)
    await stop()
  })

  test('over ssh, and nobody hears of it: the limit of time finds it, and another connection the end', async () => {
    const { dir, program, fault, warm, stop } = await overSsh(hurried, 10_000)
    for (const [index, on] of ways.entries()) {
      const log = join(dir, `silent-${index}`)
      const cut = { on, afterBytes: index * 200, manner: 'silence' } as const
      const requestId = `silent-${index}`
      await warm()
      const result = await fault.change(runCommand, { argv: [program, log] }, { cut, requestId })
      const [step] = result.targets.flatMap(({ steps }) => steps)
      expect(result.status).toBe(on === 'way there' ? 'unknown' : 'done')
      expect(step?.state).toBe(on === 'way there' ? 'unknown' : 'done')
      expect(linesOf(log)).toBe(index)
    }
    await stop()
  })

  test('to a Docker engine: a container is started, stopped and restarted as was said, once', async () => {
    const engine = await startEngine()
    const proxy = await startCutProxy({ path: engine.connection.socketPath })
    const connection = {
      kind: 'docker',
      socketPath: '/nowhere',
      host: `tcp://127.0.0.1:${proxy.port}`,
      tlsVerify: false,
    } as const
    const executor = openDocker('peer', connection, systemClock)
    const fault = openFaultWorld({ kind: 'docker', executor, proxy })
    const actions = ['start', 'stop', 'restart'] as const
    const open = (index: number) => {
      const [container, action] = [`c${index}`, actions[index % 3] ?? 'start']
      if (engine.docker('ps', '-aq', '--filter', `name=^${container}$`) === '') {
        engine.docker('create', '--name', container, 'tiny:1', 'sleep', '600')
        if (action !== 'start') engine.docker('start', container)
      }
      const stateOf = () => engine.docker('inspect', '-f', '{{.State.Running}} {{.State.StartedAt}}', container).trim()
      const [, since] = stateOf().split(' ')
      const effects = () => {
        const [running, started] = stateOf().split(' ')
        return (action === 'stop' ? running === 'false' : running === 'true' && started !== since) ? 1 : 0
      }
      return { tool: manageContainer, input: { container, action, timeout_s: 0 }, effects, account: stateOf }
    }
    const ends = await tryAll({
      fault,
      warm: () => executor.perform(get('/_ping'), limits()),
      places: isLong ? 60 : 9,
      open,
    })
    expect(ends.get('done')).toBeGreaterThan(0)
    await executor.close()
    await proxy.stop()
    await engine.stop()
    await fault.world.stop()
  })

  test('to an HTTP service: never done when it was not, never failed when it was', async () => {
    const service = await serve((_seen, response) => response.end('{"ok":true}'))
    const proxy = await startCutProxy({ host: '127.0.0.1', port: service.port })
    const endpoints = [
      {
        name: 'silence',
        method: 'POST',
        path: '/silences/{id}',
        risk: 'write',
        parameters: [{ name: 'id', in: 'path', type: 'string', required: true }],
      },
    ] as const
    const connection = {
      kind: 'http',
      baseUrl: `http://127.0.0.1:${proxy.port}`,
      headers: {},
      tls: { verify: true },
      endpoints,
    } as const
    const executor = openHttp('peer', connection, systemClock)
    const fault = openFaultWorld({ kind: 'http', executor, proxy, target: { endpoints } })
    const open = (index: number) => {
      const effects = () => service.seen.filter(({ url }) => url === `/silences/n${index}`).length
      return {
        tool: callHttpEndpoint,
        input: { endpoint: 'silence', parameters: { id: `n${index}` } },
        effects,
        account: effects,
      }
    }
    await tryAll({ fault, places: isLong ? 100 : 14, open })
    await proxy.stop()
    await service.close()
    await fault.world.stop()
  })
})

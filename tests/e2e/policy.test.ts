import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { headersOf, rpc, send } from '../security/requests.ts'
import { eventually } from '../support/eventually.ts'
import { type Installed, install, type Served } from '../support/installed.ts'
import { approveAtTerminal } from '../support/person.ts'

// A test that takes too long would end the processes of all others.
setDefaultTimeout(60_000)

let place: Installed
let served: Served
let token = ''
let file = ''

const open = 'rules:\n  - { id: reads, effect: allow, risks: [read] }\n'
const closed = 'rules:\n  - { id: shut, effect: deny }\n'

beforeAll(async () => {
  place = install()
  file = join(place.dir, 'policy.yaml')
  writeFileSync(file, open)
  served = await place.serve('binary', { TAILOPS_OUTPUT: 'json' })
  token = place.mint('admin')
})
afterAll(() => place.remove())

async function ask(tool: string, args: object = {}) {
  const body = rpc('tools/call', { name: tool, arguments: args })
  const { text } = await send(served.url, body, headersOf(token))
  return JSON.parse(JSON.parse(text).result.content[0].text)
}

/** Writes the policy and has it loaded; whether it was taken over. */
async function reload(text: string): Promise<boolean> {
  const count = (what: string) => served.log().split(what).length
  const taken = '"configuration reloaded"'
  const refused = 'configuration not reloaded'
  const before = [count(taken), count(refused)] as const
  writeFileSync(file, text)
  served.process.kill('SIGHUP')
  await eventually(() => count(taken) + count(refused) > before[0] + before[1], 'the reload ended')
  return count(taken) > before[0]
}

/** The exit code of a command and what it printed. */
function run(...args: readonly string[]): { readonly code: number; readonly out: string } {
  try {
    return { code: 0, out: place.run(args) }
  } catch (error) {
    const { status, stdout } = Object(error)
    return { code: Number(status), out: String(stdout) }
  }
}

describe('a policy beside targets.yaml', () => {
  test('decides what is called, and says so', async () => {
    expect(await ask('get_system_status')).toHaveProperty('hostname')
    const change = { path: join(place.files, 'a'), content: 'a', create: true }
    expect(await ask('write_file', change)).toMatchObject({
      error: 'denied',
      message: 'no policy rule allows write_file',
    })
  })

  test('is taken over by a reload, as a whole', async () => {
    expect(await reload(closed)).toBe(true)
    expect(await ask('get_system_status')).toMatchObject({
      error: 'denied',
      message: 'rule shut says deny for read calls',
    })
    expect(await reload(open)).toBe(true)
    expect(await ask('get_system_status')).toHaveProperty('hostname')
  })

  test.each([
    ['a mistyped key', `${closed}ruls: []\n`],
    ['a test that fails', `${closed}tests: [{ caller: x, tool: get_system_status, target: local, expect: allow }]\n`],
    ['no YAML', 'rules: [\n'],
  ])('with %s is not taken over: the old one stays in force', async (_, text) => {
    expect(await reload(text)).toBe(false)
    expect(await ask('get_system_status')).toHaveProperty('hostname')
    expect(run('validate-config').code).toBe(78)
    await reload(open)
  })

  test('without the file the built-in rules hold', async () => {
    const before = served.log().split('"configuration reloaded"').length
    rmSync(file)
    served.process.kill('SIGHUP')
    const change = { path: join(place.files, 'a'), content: 'a', create: true }
    await eventually(() => served.log().split('"configuration reloaded"').length > before, 'it was reloaded')
    expect(await ask('write_file', change)).toMatchObject({ status: 'approval_required' })
    await reload(open)
  })
})

describe('on the command line', () => {
  test('validate-config counts the rules, and runs the tests', () => {
    writeFileSync(file, open)
    expect(run('validate-config')).toEqual({ code: 0, out: 'ok: 1 target, 1 rule\n' })
  })

  test('test, explain and replay answer', async () => {
    writeFileSync(
      file,
      `${open}tests: [{ caller: x, tool: write_file, target: local, arguments: { path: /a, content: "" }, expect: deny }]\n`,
    )
    expect(run('policy', 'test')).toEqual({ code: 0, out: `${file}: 1 of 1 tests hold\n` })
    expect(run('policy', 'explain', 'write_file').out).toContain('local: deny by no-rule')
    const other = join(place.dir, 'new.yaml')
    writeFileSync(other, closed)
    const { out } = run('policy', 'replay', `--policy=${other}`)
    expect(out).toMatch(/get_system_status on local: was allow:reads, would be deny:shut/)
  })
})

test('a change is approved by whom the policy names, and by nobody else', async () => {
  const uid = process.getuid?.() ?? 0
  const asks = (by: string) =>
    `rules:\n  - { id: ask, effect: approve, tools: [write_file], approval: { by: ["${by}"], for: 5m } }\n`
  const change = { path: join(place.files, 'b'), content: 'b', create: true }
  expect(await reload(asks(`cli:${uid + 1}`))).toBe(true)
  const first = await ask('write_file', change)
  expect(first.hint).toContain(`cli:${uid + 1} approves it`)
  expect(await approveAtTerminal(place, first.approval)).toContain(`cli:${uid} may not approve it`)
  expect(await ask('write_file', { ...change, approval: first.approval })).toMatchObject({ error: 'approval_invalid' })

  expect(await reload(asks(`cli:${uid}`))).toBe(true)
  const second = await ask('write_file', change)
  expect(second.approval).not.toBe(first.approval)
  expect(await approveAtTerminal(place, second.approval)).toContain('is approved')
  expect(await ask('write_file', { ...change, approval: second.approval })).toMatchObject({ status: 'done' })
})

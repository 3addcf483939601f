import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { decode } from '@toon-format/toon'
import { headersOf, rpc, send } from '../security/requests.ts'
import { type Installed, install, type Served } from '../support/installed.ts'

let place: Installed
let served: Served
const tokens = { anna: '', bert: '' }
beforeAll(async () => {
  place = install(
    (files) => `version: "1.0"
gateway: { segment: lab, capabilities: [fleet:read, gateway:read] }
targets:
  local:
    executor: local
    capabilities: [system:read, file:read, file:write, command:run]
    constraints:
      file_roots: [${files}]
      commands: [{ program: "false", args: [] }, { program: sh, args: ["^-c$", "^exit 3$"] }, { program: uptime }]
    metadata: { tags: [control-plane] }
  elsewhere:
    executor: ssh
    connection: { host: 127.0.0.1, port: 1, username: admin, accept_new: true }
    capabilities: [system:read]
    metadata: { tags: [web, lab] }
`,
  )
  served = await place.serve()
  tokens.anna = place.mint('admin')
  tokens.bert = place.mint('admin')
})
afterAll(() => place.remove())

/** One call; the text that a model would read. */
async function ask(tool: string, args: object = {}, who: keyof typeof tokens = 'anna'): Promise<string> {
  const { text } = await send(served.url, rpc('tools/call', { name: tool, arguments: args }), headersOf(tokens[who]))
  return JSON.parse(text).result.content[0].text
}

const asked = async (tool: string, args: object = {}, who: keyof typeof tokens = 'anna') =>
  JSON.parse(await ask(tool, { ...args, format: 'json' }, who))

const changed = async (tool: string, args: object = {}, who: keyof typeof tokens = 'anna') =>
  JSON.parse(await ask(tool, args, who))

describe('list_targets', () => {
  test('shows what may be done where, and what is known of each', async () => {
    await ask('get_system_status')
    const { targets } = await asked('list_targets')
    expect(targets.map(({ id, kind, tags }: Record<string, string>) => [id, kind, tags])).toEqual([
      ['gateway', 'gateway', ''],
      ['local', 'local', 'control-plane'],
      ['elsewhere', 'ssh', 'web lab'],
    ])
    const [gateway, local, elsewhere] = targets
    expect(gateway).toMatchObject({ can: 'fleet:read gateway:read', segment: 'lab' })
    expect(local).toMatchObject({ can: 'command:run file:read file:write system:read', reachable: 'yes' })
    // Discovery may have looked at it by now.
    expect(elsewhere.reachable).toMatch(/^(not asked yet|no \(unreachable: )/)
  })

  test('finds by kind and text', async () => {
    const ids = async (args: object) => (await asked('list_targets', args)).targets.map(({ id }: { id: string }) => id)
    expect(await ids({ kind: 'ssh' })).toEqual(['elsewhere'])
    expect(await ids({ text: 'CONTROL' })).toEqual(['local'])
    expect(await ids({ text: 'nothing' })).toEqual([])
  })
})

describe('health_check', () => {
  test('of the gateway: its configuration, audit and targets', async () => {
    const health = await asked('health_check')
    expect(health.config).toStartWith(place.config)
    expect(health.targets).toBe(2)
    expect(health.audit_records).toBeGreaterThan(0)
    expect(health.problems ?? 'elsewhere').toStartWith('elsewhere')
  })

  test('of targets: one row each, and why one has none', async () => {
    const { answers } = await asked('health_check', { targets: ['local', 'elsewhere'] })
    expect(answers).toHaveLength(2)
    expect(answers.find(({ target }: { target: string }) => target === 'local')).toMatchObject({ reachable: true })
    expect(answers.find(({ target }: { target: string }) => target === 'elsewhere')).toHaveProperty('error')
  })
})

describe('explain_policy', () => {
  test.each([
    ['get_system_status', 'local', 'allow', 'default-reads'],
    ['write_file', 'local', 'approve', 'default-changes'],
    ['manage_service', 'local', 'deny', 'grant'],
  ])('%s on %s: %s by %s, as the call itself then is', async (tool, target, effect, rule) => {
    const { answers } = await asked('explain_policy', { tool, target })
    expect(answers).toMatchObject([{ target, effect, rule }])
    const args = {
      write_file: { path: `${place.files}/new`, content: 'x', create: true },
      manage_service: { service: 'x', action: 'stop' },
    }
    const really = await ask(tool, Reflect.get(args, tool) ?? {})
    const outcome = { allow: 'mem_total_mib', approve: 'approval_required', deny: '"denied"' }
    expect(really).toContain(Reflect.get(outcome, effect))
  })

  test('an unknown tool or target is an error with a hint', async () => {
    expect(await asked('explain_policy', { tool: 'nope' })).toMatchObject({ error: 'unknown_tool' })
    expect(await asked('explain_policy', { tool: 'write_file', target: 'nope' })).toMatchObject({
      error: 'unknown_target',
    })
  })
})

describe('list_approvals and get_audit_log', () => {
  test('a caller sees its own approvals, and everybody’s calls', async () => {
    const path = `${place.files}/approved.conf`
    writeFileSync(path, 'a\n')
    const { approval } = await changed('write_file', { path, content: 'b\n' })
    const own = await asked('list_approvals', { state: 'pending' })
    expect(own.approvals).toContainEqual(
      expect.objectContaining({ id: approval, tool: 'write_file', targets: 'local' }),
    )
    expect((await asked('list_approvals', {}, 'bert')).approvals).toEqual([])
    const { records } = await asked('get_audit_log', { tool: 'write_file' }, 'bert')
    expect(records.at(-1)).toMatchObject({ tool: 'write_file', result: 'approval_required', targets: 'local' })
    expect(records.at(-1).caller).toStartWith('token:')
  })

  test('a refused call is there with its reason', async () => {
    await ask('manage_service', { service: 'nginx', action: 'stop' })
    const { records } = await asked('get_audit_log', { result: 'denied', limit: 1 })
    expect(records).toMatchObject([{ tool: 'manage_service', reason: expect.stringContaining('service:control') }])
  })
})

describe('get_output', () => {
  test('gives the rest of a cut answer, piece by piece, to its caller only', async () => {
    const path = `${place.files}/long.log`
    const content = Array.from({ length: 4000 }, (_, at) => `line ${at} ${'é'.repeat(20)}`).join('\n')
    writeFileSync(path, content)
    const first = await ask('file_operations', { action: 'read', path, max_bytes: 262_144 })
    const [, handle, offset] = /\[cut: .* handle: (\w+), offset: (\d+) has the rest\]$/.exec(first) ?? []
    let text = Buffer.from(first).toString('utf8', 0, Number(offset))
    for (let next: number | undefined = Number(offset); next !== undefined; ) {
      const piece: { text: string; next?: number } = await asked('get_output', {
        handle,
        offset: next,
        max_bytes: 20_000,
      })
      text += piece.text
      next = piece.next
    }
    expect(text.includes(content)).toBe(true)
    expect(await asked('get_output', { handle }, 'bert')).toMatchObject({ error: 'not_found' })
    expect(await asked('get_output', { handle: 'aaaaaaaaaaaa' })).toMatchObject({ error: 'not_found' })
  })
})

describe('run_command', () => {
  test('a listed command that only reads is performed without approval', async () => {
    const ran = await changed('run_command', { argv: ['uptime', '-p'] })
    expect(ran).toMatchObject({ status: 'done', targets: [{ output: { exit_code: 0 } }] })
    expect(ran.targets[0].output.output).toContain('up')
  })

  test('one that may change something needs approval, one that is not listed is denied with the line that allows it', async () => {
    expect(await changed('run_command', { argv: ['false'] })).toMatchObject({ status: 'approval_required' })
    const denied = await changed('run_command', { argv: ['reboot', '-f'] })
    expect(denied.error).toBe('denied')
    expect(denied.hint).toContain('program: reboot')
  })
})

describe('jobs', () => {
  test('get_job tells the end of a change to its caller only; cancel_job says when nothing runs', async () => {
    const path = `${place.files}/job.conf`
    const planned = await changed('write_file', { path, content: 'x\n', create: true, dry_run: true })
    expect(planned.status).toBe('planned')
    expect(await asked('get_job', { job: planned.call })).toMatchObject({ error: 'not_found' })
    expect(await changed('cancel_job', { job: 'aaaaaaaaaaaa' })).toMatchObject({ error: 'not_found' })
  })
})

describe('bad input', () => {
  const cases: readonly (readonly [string, string, object, string])[] = [
    ['an unknown argument', 'get_system_status', { verbose: true }, 'invalid_input'],
    ['a wrong type', 'get_top_processes', { limit: 'many' }, 'invalid_input'],
    ['a string that is too long', 'explain_policy', { tool: 'x'.repeat(5000) }, 'invalid_input'],
    ['an unknown target', 'get_system_status', { targets: ['lokal'] }, 'unknown_target'],
    ['a target of another kind', 'get_system_status', { targets: ['gateway'] }, 'unsupported_target'],
    ['a NUL in a name', 'get_service_status', { service: 'nginx\0' }, 'invalid_input'],
    ['a newline in a name', 'get_service_status', { service: 'nginx\nreboot' }, 'invalid_input'],
    ['an option as a service', 'get_service_status', { service: '--host=evil' }, 'invalid_input'],
    [
      'a way out of the root',
      'file_operations',
      { action: 'read', path: '/var/log/../../etc/shadow' },
      'invalid_input',
    ],
    ['a file outside', 'file_operations', { action: 'read', path: '/etc/shadow' }, 'denied'],
    ['memory of the kernel', 'file_operations', { action: 'read', path: '/proc/kcore' }, 'denied'],
    ['arguments that are a list', 'get_system_status', [], 'invalid_input'],
  ]
  test.each(cases)('%s', async (_, tool, args, code) => {
    const { status, text } = await send(
      served.url,
      rpc('tools/call', { name: tool, arguments: args }),
      headersOf(tokens.anna),
    )
    expect(text).not.toContain('root:')
    if (Array.isArray(args)) return expect([200, 400]).toContain(status)
    const answer = JSON.parse(JSON.parse(text).result.content[0].text)
    expect(answer.error).toBe(code)
    expect(typeof answer.hint).toBe('string')
  })

  test('a 10 GB file costs only what is asked of it', async () => {
    const path = `${place.files}/huge`
    writeFileSync(path, 'begin\n')
    truncateSync(path, 10 * 1024 ** 3)
    const read = await asked('file_operations', { action: 'info', path })
    expect(JSON.stringify(read)).toContain(String(10 * 1024 ** 3))
    expect(await ask('file_operations', { action: 'tail', path, lines: 5 })).not.toContain('error')
  })

  test('an unknown tool is a protocol error that names the nearest', async () => {
    const { text } = await send(served.url, rpc('tools/call', { name: 'get_sytem_status' }), headersOf(tokens.anna))
    expect(JSON.parse(text).error).toMatchObject({
      code: -32602,
      message: expect.stringContaining('get_system_status'),
    })
  })
})

describe('E1: secrets', () => {
  test('of a file, and of our own, leave only as marks; the audit log has none', async () => {
    mkdirSync(`${place.files}/app`, { recursive: true })
    writeFileSync(`${place.files}/app/settings.ini`, `db_password = hunter22hunter\ntoken = ${tokens.bert}\n`)
    const text = await ask('file_operations', { action: 'read', path: `${place.files}/app/settings.ini` })
    expect(text).not.toContain('hunter22hunter')
    expect(text).not.toContain(tokens.bert)
    expect(text).toContain('[redacted:')
    const audit = readFileSync(`${place.env['TAILOPS_STATE_DIR']}/audit.jsonl`, 'utf8')
    for (const token of Object.values(tokens)) expect(audit).not.toContain(token)
    expect(served.log()).not.toContain(tokens.anna)
  })
})

test('a text answer decodes: what a model reads is what was measured', async () => {
  const text = await ask('list_targets')
  expect(decode(text)).toEqual(await asked('list_targets'))
})

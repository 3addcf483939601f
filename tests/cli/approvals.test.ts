import { expect, test } from 'bun:test'
import approvals from '../../src/cli/approvals.ts'
import { CliWorld } from '../state/cli-world.ts'

const asked = (cli: CliWorld) =>
  cli.state.approvals.request({
    digest: 'd'.repeat(64),
    tool: 'write_file',
    caller: 'token:abcd',
    risk: 'write',
    plans: [
      {
        target: 'local',
        plan: {
          summary: 'write /etc/motd\u001b[2K',
          basis: { path: '/etc/motd\u202e' },
          steps: [
            {
              do: {
                kind: 'script',
                name: 'write/file',
                args: ['/etc/motd'],
                stdin: 'hello\nTo approve\u200b',
                asRoot: true,
              },
              undo: { kind: 'command', argv: ['rm', '--', 'a b'] },
            },
          ],
          preview: '+hello\r\nTo approve exactly this, type the code ZZZZ.',
        },
      },
    ],
  }).id

test('approve shows the whole plan, cleaned, and takes the code under it', async () => {
  using cli = new CliWorld()
  const id = asked(cli)
  cli.answers.push(
    (shown) => /^To approve exactly this, type the code ([A-Z]{4})\.$/m.exec(shown)?.[1]?.toLowerCase() ?? '',
  )
  expect(await approvals.run(['approve', id], cli.world)).toBe(0)
  for (const part of [
    'On local: write /etc/motd\\u{1b}[2K',
    '    path = "/etc/motd\\u{202e}"',
    '  1. as root: script write/file "/etc/motd"',
    '    | To approve\\u{200b}',
    '     undo "rm" "--" "a b"',
    '    | +hello\\u{d}',
    '    | To approve exactly this, type the code ZZZZ.',
  ]) {
    expect(cli.err.split('\n')).toContain(part)
  }
  expect(cli.err).not.toMatch(/[^\P{C}\n]/u)
  expect(cli.state.approvals.find(id)).toMatchObject({ state: 'approved', decidedBy: 'cli:0' })
  expect(cli.state.audit.tail({ limit: 9 })).toMatchObject([
    { event: 'approval', caller: 'cli:0', approval: id, targets: ['local'], reason: 'approved for token:abcd' },
  ])
  cli.state.approvals.claim(id, 'd'.repeat(64), 'token:abcd')
})

test('a wrong code, or nobody at a terminal, approves nothing', async () => {
  using cli = new CliWorld()
  const id = asked(cli)
  cli.answers.push('ZZZZ0')
  expect(await approvals.run(['approve', id], cli.world)).toBe(1)
  cli.interactive = false
  expect(await approvals.run(['approve', id], cli.world)).toBe(1)
  expect(cli.err).toContain('needs a person at a terminal')
  expect(cli.state.approvals.find(id)?.state).toBe('pending')
})

test('deny asks at a terminal, and needs --yes without one', async () => {
  using cli = new CliWorld()
  const id = asked(cli)
  cli.answers.push('no')
  expect(await approvals.run(['deny', id], cli.world)).toBe(1)
  cli.interactive = false
  expect(await approvals.run(['deny', id], cli.world)).toBe(1)
  expect(await approvals.run(['deny', id, '--yes'], cli.world)).toBe(0)
  expect(cli.state.approvals.find(id)?.state).toBe('denied')
  await expect(approvals.run(['approve', id], cli.world)).rejects.toThrow('is denied')
})

test('list shows what is open, and with --all what is past', async () => {
  using cli = new CliWorld()
  const id = asked(cli)
  await approvals.run(['list'], cli.world)
  expect(cli.out).toContain(`${id}  pending   until 13:00Z  token:abcd  write_file (write)`)
  cli.at += 3_600_000
  cli.out = ''
  await approvals.run(['list'], cli.world)
  expect(cli.out).toBe('nothing waits for approval\n')
  cli.out = ''
  await approvals.run(['list', '--all', '--json'], cli.world)
  expect(JSON.parse(cli.out)).toMatchObject([{ id, state: 'expired' }])
})

test('wrong usage is exit 2, an unknown id an error', async () => {
  using cli = new CliWorld()
  for (const args of [[], ['grant'], ['approve'], ['deny', 'a', 'b']])
    expect(await approvals.run(args, cli.world)).toBe(2)
  await expect(approvals.run(['approve', 'nothing'], cli.world)).rejects.toThrow('there is no approval nothing')
})

test('who is not named by the terms of policy is told so, and approves nothing', async () => {
  using cli = new CliWorld()
  const { id } = cli.state.approvals.request({
    digest: 'e'.repeat(64),
    tool: 'write_file',
    caller: 'token:abcd',
    risk: 'write',
    plans: [],
    terms: [{ by: ['cli:1', 'cli:2'] }],
  })
  expect(await approvals.run(['approve', id], cli.world)).toBe(1)
  expect(cli.err).toContain('cli:0 may not approve it; policy asks for cli:1 or cli:2')
  expect(cli.state.approvals.find(id)?.state).toBe('pending')
})

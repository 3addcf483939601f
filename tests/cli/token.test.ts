import { expect, test } from 'bun:test'
import token from '../../src/cli/token.ts'
import { CliWorld } from '../state/cli-world.ts'

test('mint prints a token that verifies, list shows it without the secret, revoke ends it', async () => {
  using cli = new CliWorld()
  expect(
    await token.run(['mint', '--name', 'laptop', '--scopes', 'readonly,file:write', '--ttl', '12h'], cli.world),
  ).toBe(0)
  const minted = cli.out.trim()
  expect(cli.state.tokens.verify(minted)?.expiresAt).toEqual(new Date(cli.at + 12 * 3_600_000))
  cli.out = ''
  expect(await token.run(['list'], cli.world)).toBe(0)
  expect(cli.out).toContain('laptop  readonly,file:write')
  expect(cli.out).not.toContain(minted.slice(-40))
  cli.answers.push(`${minted}\n`, minted)
  expect(await token.run(['verify', '--json'], cli.world)).toBe(0)
  const id = minted.split('_')[1] ?? ''
  expect(await token.run(['revoke', id], cli.world)).toBe(0)
  expect(await token.run(['verify'], cli.world)).toBe(1)
  expect(cli.state.audit.tail({ limit: 2 }).map(({ caller, reason }) => [caller, reason])).toEqual([
    ['cli:0', `token ${id} was minted with readonly, file:write until 2026-03-02T00:00:00.000Z`],
    ['cli:0', `token ${id} was revoked`],
  ])
})

test('mint --json prints one object', async () => {
  using cli = new CliWorld()
  await token.run(['mint', '--name', 'a', '--scopes', 'admin', '--json'], cli.world)
  expect(JSON.parse(cli.out)).toMatchObject({ name: 'a', scopes: ['admin'], expires_at: '2026-05-30T12:00:00.000Z' })
})

test('wrong usage is exit 2 or an error that becomes it', async () => {
  using cli = new CliWorld()
  for (const args of [[], ['make'], ['mint', '--name', 'a'], ['revoke'], ['verify', 'tops_x']]) {
    expect(await token.run(args, cli.world)).toBe(2)
  }
  expect(cli.err).toContain('tailops token mint --name NAME')
  await expect(token.run(['mint', '--nmae', 'a'], cli.world)).rejects.toThrow('--nmae')
  const wrong = token.run(['mint', '--name', 'a', '--scopes', 'readonly', '--ttl', 'forever'], cli.world)
  await expect(wrong).rejects.toThrow('is no duration')
})

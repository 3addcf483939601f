import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gatewayClient, openIdentityProvider } from '../tests/support/identity-provider.ts'
import { freePort } from '../tests/support/installed.ts'
import { openTailscaled } from '../tests/support/tailscaled.ts'
import { quantile, shown, table } from './figures.ts'
import { askUntil } from './load.ts'
import { binaries, makePlace, type Place, type Running, startHttp, textOf } from './servers.ts'

const tool = 'list_targets'

/** What it costs to know who calls, in each way; many callers under their limits; and a flood of wrong tokens. */
export async function gate(quick: boolean): Promise<string> {
  const rounds = quick ? 3 : 9
  const modes = await eachMode(rounds, quick ? 150 : 500)
  const [free] = modes
  const rows = modes.map(({ name, p50, p99 }) => [name, shown(p50 / (free?.p50 ?? p50)), shown(p50), shown(p99)])
  return [
    `\`${tool}\`, one caller after the other in short turns, median of ${rounds}. \`none\` asks nobody who they are.`,
    table(['Proof', 'ratio to none', 'p50 ms', 'p99 ms'], rows),
    await crowd(quick),
    await flood(quick ? 2000 : 6000),
  ].join('\n\n')
}

interface Mode {
  readonly name: string
  readonly p50: number
  readonly p99: number
}

interface Way {
  readonly name: string
  readonly env: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
}

/** All ways at the same time on ports of their own, asked in turn: what disturbs the machine disturbs each. */
async function eachMode(rounds: number, calls: number): Promise<readonly Mode[]> {
  const place = makePlace()
  const issuerPort = await freePort()
  const base = `http://127.0.0.1:${issuerPort}`
  const idp = await openIdentityProvider({
    format: 'jwt',
    resources: [`${base}/mcp`],
    scopes: ['fleet:read'],
  })
  const tailscaled = await openTailscaled(join(place.env['HOME'] ?? '', 'tailscaled.sock'))
  tailscaled.nodes.set('100.64.0.7', { name: 'laptop', login: 'ada@example.org' })
  const { access_token } = await idp.logIn({ scope: 'openid fleet:read', resource: `${base}/mcp` })
  const roles = join(place.env['HOME'] ?? '', 'roles.yaml')
  writeFileSync(
    roles,
    'version: "1.0"\nroles: { reader: { who: { logins: [ada, ada@example.org] }, may: [{ capabilities: [readonly] }] } }\n',
  )
  const ways: readonly Way[] = [
    { name: 'none', env: { TAILOPS_AUTH_MODE: 'none' }, headers: { Authorization: '' } },
    { name: 'token', env: {} },
    {
      name: 'oidc (JWT)',
      env: {
        TAILOPS_AUTH_MODE: 'oidc',
        TAILOPS_BASE_URL: base,
        TSIDP_URL: idp.issuer,
        TSIDP_CLIENT_ID: gatewayClient.id,
        TSIDP_CLIENT_SECRET: gatewayClient.secret,
      },
      headers: { Authorization: `Bearer ${access_token}` },
    },
    {
      name: 'tailscale',
      env: { TAILOPS_AUTH_MODE: 'tailscale', TAILOPS_POLICY: roles, TAILOPS_TAILSCALE_SOCKET: tailscaled.socketPath },
      headers: { Authorization: '', 'X-Forwarded-For': '100.64.0.7' },
    },
  ]
  const times = new Map<string, readonly (readonly number[])[]>()
  try {
    for (let round = 0; round < rounds; round++) {
      for (const way of ways) {
        const running = await startAs(place, way)
        try {
          times.set(way.name, [...(times.get(way.name) ?? []), await askedTimes(running, calls)])
        } finally {
          await running.stop()
        }
      }
    }
  } finally {
    await tailscaled.stop()
    await idp.stop()
    place.remove()
  }
  return ways.map(({ name }) => {
    const all = times.get(name) ?? []
    const middle = (share: number) =>
      quantile(
        all.map((one) => quantile(one, share)),
        0.5,
      )
    return { name, p50: middle(0.5), p99: middle(0.99) }
  })
}

async function startAs(place: Place, { env, headers = {} }: Way): Promise<Running> {
  const running = await startHttp('tailops', { ...place, env: { ...place.env, ...env } })
  const given = Object.entries({ ...running.headers, ...headers }).filter(([, value]) => value !== '')
  return { ...running, headers: Object.fromEntries(given) }
}

async function askedTimes(running: Running, calls: number): Promise<readonly number[]> {
  await textOf(running, tool, {})
  let left = calls + 50
  const { times, failed } = await askUntil(running, tool, 1, () => left-- > 0)
  if (failed > 0) throw new Error(`${failed} of ${times.length} calls were refused`)
  // The first ones warm it up.
  return times.slice(50)
}

/** A hundred callers, each with a token and its limit of 100 calls a minute. */
async function crowd(quick: boolean): Promise<string> {
  const callers = 100
  const each = quick ? 20 : 60
  const place = makePlace()
  const limited = await startHttp('tailops', { ...place, env: { ...place.env, TAILOPS_RATE_LIMIT: '100' } })
  try {
    const tokens = Array.from({ length: callers }, (_, at) => mint(place, `caller-${at}`))
    const began = performance.now()
    const all = await Promise.all(
      tokens.map(async (token) => {
        let left = each
        const headers = { ...limited.headers, Authorization: `Bearer ${token}` }
        return askUntil({ ...limited, headers }, tool, 1, () => left-- > 0)
      }),
    )
    const seconds = (performance.now() - began) / 1000
    const failed = all.reduce((sum, one) => sum + one.failed, 0)
    const times = all.flatMap((one) => one.times)
    return `${callers} callers at the same time, each within its limit of 100 calls a minute: ${times.length} calls in ${shown(seconds)} s (${shown(times.length / seconds)}/s), p50 ${shown(quantile(times, 0.5))} ms, p99 ${shown(quantile(times, 0.99))} ms, ${failed} refused.`
  } finally {
    await limited.stop()
    place.remove()
  }
}

function mint({ env }: Place, name: string): string {
  const args = ['token', 'mint', `--name=${name}`, '--scopes=readonly', '--json']
  const minted: { readonly token: string } = JSON.parse(
    spawnSync(binaries.tailops, args, { env, encoding: 'utf8' }).stdout,
  )
  return minted.token
}

/** One good caller, with and without sixteen others that try wrong tokens as fast as they are answered; in turns. */
async function flood(ms: number): Promise<string> {
  const place = makePlace()
  const running = await startHttp('tailops', { ...place, env: { ...place.env, TAILOPS_RATE_LIMIT: '100000' } })
  const quiet: number[] = []
  const flooded: number[] = []
  let wrong = 0
  try {
    for (let round = 0; round < 4; round++) {
      for (const isFlood of [false, true]) {
        const until = performance.now() + ms / 4
        const more = () => performance.now() < until
        const bad = { ...running, headers: { ...running.headers, Authorization: 'Bearer wrong' } }
        const [good, others] = await Promise.all([
          askUntil(running, tool, 1, more),
          isFlood ? askUntil(bad, tool, 16, more) : undefined,
        ])
        if (good.failed > 0) throw new Error(`${good.failed} good calls were refused`)
        ;(isFlood ? flooded : quiet).push(...good.times)
        wrong += others?.times.length ?? 0
      }
    }
  } finally {
    await running.stop()
    place.remove()
  }
  const [before, during] = [quiet, flooded].map((times) => quantile(times, 0.5))
  if (before === undefined || during === undefined) throw new TypeError('both were measured')
  return `A good caller beside 16 connections that try wrong tokens (${wrong} tries): p50 ${shown(during)} ms, without them ${shown(before)} ms, ratio ${shown(during / before)}.`
}

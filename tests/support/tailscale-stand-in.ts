import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { initial, type TailscaleState } from './tailscale-state.ts'

/**
 * A `tailscale` program that behaves by a state file and logs its arguments, in the manner of the real one (read in its
 * source, 1.103): exit codes, shapes of JSON, and where it says that it did something that it did not.
 */
const [dir = '', ...argv] = process.argv.slice(2)
const stateFile = `${dir}/state.json`
const state: TailscaleState = { ...initial, ...JSON.parse(readFileSync(stateFile, 'utf8')) }
appendFileSync(`${dir}/log`, `${JSON.stringify(argv)}\n`)

const say = (value: unknown): void =>
  console.log(typeof value === 'string' ? value : JSON.stringify(value, undefined, 2))
const save = (changed: Partial<TailscaleState>): void =>
  writeFileSync(stateFile, JSON.stringify({ ...state, ...changed }))
function end(message: string, code = 1): never {
  console.error(message)
  process.exit(code)
}

const [first = '', second = '', ...rest] = argv
const changes = first === 'serve' && !['status', 'get-config'].includes(second)
if (first === 'version') say(`${state.program}\n  tailscale commit: 0123456789abcdef`)
else if (!state.running)
  end('failed to connect to local tailscaled; it doesn’t appear to be running (sudo systemctl start tailscaled ?)')
else if (changes && state.refused)
  end(
    "Access denied: serve config denied\n\nUse 'sudo tailscale serve'.\nTo not require root, use 'sudo tailscale set --operator=$USER' once.",
  )
else if (first === 'status') say(status())
else if (first === 'serve' && second === 'status')
  say(Object.keys(state.services).length > 0 ? { Services: services() } : {})
else if (first === 'serve' && second === 'get-config') getConfig(rest)
else if (first === 'serve' && second === 'drain') save({ advertised: without(state.advertised, rest[0]) })
else if (first === 'serve' && second === 'clear') clear(rest[0] ?? '')
else if (first === 'serve') await serve(argv.slice(1))
else end(`unknown command ${argv.join(' ')}`)

function status() {
  // An approval that is given while somebody waits.
  const approved = state.approveAfter === 0
  if (state.approveAfter > 0 && state.advertised.length > 0) save({ approveAfter: state.approveAfter - 1 })
  const hosted = approved ? state.advertised.map((name) => ({ [name]: ['100.100.7.1', 'fd7a:115c:a1e0::701'] })) : []
  return {
    Version: `${state.daemon}-t0123456789`,
    TUN: state.tun,
    BackendState: state.backend,
    AuthURL: state.authUrl,
    TailscaleIPs: ['100.64.0.7'],
    Self: {
      HostName: 'gw',
      DNSName: 'gw.tail1234.ts.net.',
      ...(state.tags.length > 0 ? { Tags: state.tags } : {}),
      CapMap: { https: null, ...(hosted.length > 0 ? { 'service-host': hosted } : {}) },
    },
    MagicDNSSuffix: 'tail1234.ts.net',
    CurrentTailnet:
      state.backend === 'Running'
        ? { Name: 'example.com', MagicDNSSuffix: 'tail1234.ts.net', MagicDNSEnabled: state.magicDns }
        : null,
    CertDomains: state.https ? ['gw.tail1234.ts.net'] : null,
    Peer: null,
  }
}

function services() {
  return Object.fromEntries(
    Object.entries(state.services).map(([name, proxy]) => [
      name,
      {
        TCP: { '443': { HTTPS: true } },
        Web: { [`${name.slice(4)}.tail1234.ts.net:443`]: { Handlers: { '/': { Proxy: proxy } } } },
      },
    ]),
  )
}

function getConfig([option = '']: readonly string[]) {
  if (!state.getConfig) end('flag provided but not defined: -service', 2)
  const name = option.replace('--service=', '')
  const advertised = state.advertised.includes(name) ? {} : { advertised: false }
  say({ version: '0.0.1', endpoints: { 'tcp:443': state.services[name] }, ...advertised })
}

function clear(name: string) {
  const { [name]: _, ...others } = state.services
  save({ services: others, advertised: without(state.advertised, name) })
}

async function serve(args: readonly string[]) {
  const [option = '', port, target = ''] = args
  const name = option.replace('--service=', '')
  if (port !== '--https=443' || !name.startsWith('svc:')) end('flag provided but not defined', 2)
  if (state.consent) {
    say(
      '\nServe is not enabled on your tailnet.\nTo enable, visit:\n\n         https://login.tailscale.com/f/serve?node=n123\n',
    )
    await new Promise((resolve) => setTimeout(resolve, 600_000))
  }
  if (state.tags.length === 0 || state.lies) {
    console.error('service hosts must be tagged nodes')
    process.exit(state.lies ? 0 : 1)
  }
  save({ services: { ...state.services, [name]: target }, advertised: [...without(state.advertised, name), name] })
  say(`This machine is configured as a service proxy for ${name}, but approval from an admin is required.`)
}

function without(names: readonly string[], name: string | undefined): readonly string[] {
  return names.filter((other) => other !== name)
}

import { expect, test } from 'bun:test'
import { obstacleOf } from '../../src/formats/tailscale-obstacles.ts'
import {
  servedService,
  serveStatusReply,
  tailscaleStatus,
  tailscaleStatusReply,
} from '../../src/formats/tailscale-status.ts'

const read = (reply: unknown) => tailscaleStatus(tailscaleStatusReply.parse(reply))

test('a machine that never logged in has little to say', () => {
  expect(
    read({ Version: '1.96.4', BackendState: 'NeedsLogin', AuthURL: '', CurrentTailnet: null, CertDomains: null }),
  ).toEqual({
    state: 'NeedsLogin',
    loginUrl: undefined,
    version: '1.96.4',
    userspace: false,
    host: '',
    suffix: '',
    magicDns: false,
    https: false,
    tags: [],
    approved: new Map(),
  })
})

test('a service is approved when it has addresses; what is not understood approves nothing', () => {
  const approvedBy = (value: unknown) =>
    read({ BackendState: 'Running', Self: { CapMap: { 'service-host': value } } }).approved
  expect([...approvedBy([{ 'svc:a': ['100.100.7.1'], 'svc:b': [] }, { 'svc:c': null }])]).toEqual([
    ['svc:a', ['100.100.7.1']],
  ])
  for (const other of [null, [], ['svc:a'], [{ 'svc:a': 'yes' }], [null]]) expect(approvedBy(other).size).toBe(0)
})

test('all handlers of a service are told; / of port 443 is where it goes', () => {
  const handler = (path: string, proxy: string) => ({ Handlers: { [path]: { Proxy: proxy } } })
  const served = (service: unknown) =>
    servedService(serveStatusReply.parse({ Services: { 'svc:a': service } }), 'svc:a')
  expect(
    served({
      TCP: { '80': { HTTP: true }, '443': { HTTPS: true }, '5432': { TCPForward: '127.0.0.1:5432' } },
      Web: {
        'a.t.ts.net:443': handler('/', 'http://[::1]:8080'),
        'a.t.ts.net:80': handler('/x', 'http://127.0.0.1:1'),
      },
    }),
  ).toEqual({
    proxy: 'http://[::1]:8080',
    handlers: ['443/ → http://[::1]:8080', '80/x → http://127.0.0.1:1', 'tcp 5432'],
  })
  expect(served({ Tun: true })).toEqual({ proxy: undefined, handlers: ['every port, by TUN'] })
  expect(served({ TCP: null, Web: null })).toBeUndefined()
  expect(servedService(serveStatusReply.parse({}), 'svc:a')).toBeUndefined()
})

test('what a failed run says, in the words of several versions and runtimes', () => {
  const codes = [
    'spawn tailscale ENOENT',
    'Executable not found in $PATH: "tailscale"',
    'failed to connect to local tailscaled; it doesn’t appear to be running (sudo systemctl start tailscaled ?)',
    'Failed to connect to local Tailscale daemon for /localapi/v0/status; not running? Error: dial unix: connect: no such file',
    'failed to connect to local tailscaled (which appears to be running as tailscaled, pid 7). Got error: Access denied',
    'Access denied: serve config denied',
    'service hosts must be tagged nodes',
    'flag provided but not defined: -service',
    'error enabling https feature: cannot be enabled',
    'Another client is changing the serve config; please try again.',
    '',
  ].map((said) => obstacleOf(said, 'tag:tailops').code)
  expect(codes).toEqual([
    'not_installed',
    'not_installed',
    'not_running',
    'not_running',
    'no_permission',
    'no_permission',
    'not_tagged',
    'too_old',
    'no_https',
    'failed',
    'failed',
  ])
})

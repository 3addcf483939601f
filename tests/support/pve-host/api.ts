import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { Access, type Acl } from '../../../src/demo/access.ts'
import { answer } from '../../../src/demo/answer.ts'
import { methods } from '../../../src/demo/api.ts'
import type { Method } from '../../../src/demo/method.ts'
import { readRequest } from '../../../src/demo/request.ts'
import { World } from '../../../src/demo/world.ts'
import { systemClock } from '../../../src/lib/clock.ts'

/** `api.ts FOLDER`: the API of the host in that folder on port 8006, with the users, roles and tokens that its pveum made; and files below /download/. */
const [, , folder = ''] = process.argv

const rows = (table: string): readonly string[][] =>
  readFileSync(join(folder, table), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'))

const syslog: Method = {
  ...{ method: 'GET', path: '/nodes/{node}/syslog', proxied: true },
  permissions: { check: ['perm', '/nodes/{node}', ['Sys.Syslog']] },
  answer: () => ({ data: [], total: 0 }),
}

/** As it is now: another process changes it. */
function world(): World {
  const acls = rows('acls').map(([path = '', to = '', role = '']): Acl => ({ path, to, role }))
  const access = new Access({
    users: rows('users').map(([id = '']) => ({ id })),
    tokens: rows('tokens').map(([id = '', privsep, secret = '']) => ({ id, secret, privsep: privsep === '1' })),
    acls,
    roles: Object.fromEntries(rows('roles').map(([name = '', privileges = '']) => [name, privileges.split(',')])),
    key: 'key of the host',
  })
  const guests = [{ vmid: 101, node: 'pve1', name: 'paperless', status: 'running' as const }]
  return new World({ name: 'lab', clock: systemClock, access, nodes: [{ name: 'pve1' }], guests })
}

const server = createServer(
  {
    cert: readFileSync(join(folder, 'pve/local/pve-ssl.pem')),
    key: readFileSync(join(folder, 'pve/local/pve-ssl.key')),
  },
  (request, response) => {
    const file = join(folder, request.url ?? '')
    if (request.url?.startsWith('/download/')) {
      response.writeHead(existsSync(file) ? 200 : 404).end(existsSync(file) ? readFileSync(file) : '')
      return
    }
    readRequest(request).then((asked) => {
      const { status, reason, body } = answer({ world: world(), methods: [...methods, syslog] }, 'pve1', asked)
      response.writeHead(status, reason, { 'content-type': 'application/json' })
      response.end(body === undefined ? '' : JSON.stringify(body))
    }, console.error)
  },
)
server.listen(8006, '0.0.0.0', () => console.log('listening'))

import { createServer } from 'node:http'

/** What stands for a serving tailops: /readyz, and the version that answers. */
const [host, port] = (process.env['TAILOPS_LISTEN'] ?? '').split(':')
const version = process.env['STAND_IN_VERSION']
const server = createServer((request, response) => {
  response.end(request.url === '/readyz' ? 'ready\n' : `${version}\n`)
})
server.listen(Number(port), host)
process.on('SIGTERM', () => process.exit(0))

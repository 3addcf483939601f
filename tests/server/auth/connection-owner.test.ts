import { expect, test } from 'bun:test'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { connectionOwner } from '../../../src/server/auth/connection-owner.ts'

const own = process.getuid?.() ?? 0

test.each(['127.0.0.1', '::1'])('who connects from %s is told by the kernel', async (host) => {
  // As root we can be somebody else; otherwise we are ourselves.
  for (const uid of own === 0 ? [0, 65_534] : [own]) {
    const server = createServer().listen(0, host)
    await once(server, 'listening')
    const address = server.address()
    const ownPort = typeof address === 'object' && address !== null ? address.port : 0
    const program = `require('node:net').connect(${ownPort}, '${host}')`
    const child = spawn(process.execPath, ['-e', program], { uid, stdio: 'ignore' })
    const [socket]: Socket[] = await once(server, 'connection')
    const peer = { address: host, port: socket?.remotePort ?? 0, ownPort }
    expect(await connectionOwner(peer)).toBe(uid)
    expect(await connectionOwner({ ...peer, ownPort: 1 })).toBeUndefined()
    expect(await connectionOwner({ ...peer, port: 1 })).toBeUndefined()
    expect(await connectionOwner({ ...peer, address: '127.0.0.9' })).toBeUndefined()
    socket?.destroy()
    server.close()
    if (child.exitCode === null) await once(child, 'exit')
  }
})

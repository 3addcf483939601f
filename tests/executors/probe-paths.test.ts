import { expect, test } from 'bun:test'
import { get } from '../../src/core/operation.ts'
import { openDocker } from '../../src/executors/docker.ts'
import { openHttp } from '../../src/executors/http.ts'
import { openProxmox } from '../../src/executors/proxmox.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { connectionTo } from '../support/http-requests.ts'
import { proxmoxAt } from '../support/pve/proxmox-target.ts'
import { limits } from './conformance.ts'

const nobody = 'https://127.0.0.1:1'
const opened = {
  http: openHttp('web', connectionTo(nobody), systemClock),
  docker: openDocker('box', { kind: 'docker', socketPath: '/nowhere/docker.sock', tlsVerify: false }, systemClock),
  proxmox: openProxmox('lab', proxmoxAt([nobody]), systemClock),
}

test.each(['http', 'docker', 'proxmox'] as const)('%s takes no probe for a path of its own', async (kind) => {
  for (const path of ['probe:tls?address=127.0.0.1&port=443', 'probe:http?address=127.0.0.1&port=80&path=/']) {
    await expect(opened[kind].perform(get(path), limits())).rejects.toMatchObject({ code: 'invalid_input' })
  }
})

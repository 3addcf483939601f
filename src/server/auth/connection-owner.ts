import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import type { Peer } from '../peer.ts'

/**
 * The user whose program is at the other end of a connection from this machine, by the kernel's list of sockets (Linux).
 * Undefined when it cannot be told.
 */
export async function connectionOwner({ address, port, ownPort }: Peer): Promise<number | undefined> {
  const file = isIP(address) === 4 ? '/proc/self/net/tcp' : '/proc/self/net/tcp6'
  const list = await readFile(file, 'latin1').catch(() => '')
  const other = ` ${hexAddress(address)}:${hexPort(port)} `
  for (let at = list.indexOf(other); at !== -1; at = list.indexOf(other, at + 1)) {
    const line = list.slice(list.lastIndexOf('\n', at) + 1, list.indexOf('\n', at))
    // Each connection stands here twice, once for each end; the first address is that of the line's own end.
    const [, local, remote = '', state, , , , uid] = line.trim().split(/\s+/)
    if (` ${local} ` === other && remote.endsWith(`:${hexPort(ownPort)}`) && state === established) return Number(uid)
  }
  return undefined
}

const established = '01'

const hexPort = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0')

/** As the kernel of a little-endian machine prints it: 127.0.0.1 is 0100007F. Of IPv6 only ::1 is asked for. */
function hexAddress(address: string): string {
  if (isIP(address) !== 4) return address === '::1' ? '00000000000000000000000001000000' : address
  const bytes = address.split('.').map((byte) => Number(byte).toString(16).toUpperCase().padStart(2, '0'))
  return bytes.reverse().join('')
}

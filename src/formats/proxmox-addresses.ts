import { z } from 'zod'

const address = z.object({ 'ip-address': z.string() })
const interfaces = z.array(
  z.object({
    name: z.string(),
    'ip-addresses': z.array(address).nullish(),
    inet: z.string().nullish(),
    inet6: z.string().nullish(),
  }),
)

/** `data` of a container's `/interfaces` (null when it does not run; before 9 only `inet` and `inet6`). */
export const containerInterfacesReply = interfaces.nullable()

/** `data` of a VM's `/agent/network-get-interfaces`. */
export const agentInterfacesReply = z.object({ result: interfaces })

/** Addresses by which the guest can be reached, IPv4 first: no loopback, no link-local ones, none of bridges of Docker and the like inside it. */
export function guestAddresses(found: z.output<typeof interfaces>): readonly string[] {
  const outer = found.filter(
    ({ name }) => !/^(lo\d*|docker\d+|br-[0-9a-f]{12}|veth.*|virbr\d+|cni\d+|flannel.*)$/.test(name),
  )
  const all = outer.flatMap(({ 'ip-addresses': listed, inet, inet6 }) => {
    const own = (listed ?? []).map((entry) => entry['ip-address'])
    return own.length > 0 ? own : [inet, inet6].flatMap((given) => (given ? [given] : []))
  })
  const plain = all.map((given) => given.replace(/[/%].*$/, '').toLowerCase())
  const usable = [...new Set(plain)].filter((ip) => !/^(127\.|169\.254\.|::1$|fe80:)/.test(ip))
  return usable.toSorted((a, b) => Number(a.includes(':')) - Number(b.includes(':')))
}

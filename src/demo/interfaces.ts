import type { Guest } from './guest.ts'

/** A container's interfaces as the node sees them; prefixes are text here. */
export function containerInterfaces(guest: Guest) {
  const own = guest.addresses.filter((address) => !address.includes(':'))
  const own6 = guest.addresses.filter((address) => address.includes(':'))
  return [
    { name: 'lo', ...macOf('00:00:00:00:00:00'), ...families(['127.0.0.1/8'], ['::1/128']) },
    { name: 'eth0', ...macOf(mac(guest)), ...families(own, [...own6, linkLocal(guest)]) },
  ]
}

/** A virtual machine's interfaces as its agent tells them; prefixes are numbers here. */
export function agentInterfaces(guest: Guest) {
  const zero = ['rx', 'tx'].flatMap((way) =>
    ['bytes', 'packets', 'errs', 'dropped'].map((what) => [`${way}-${what}`, 0]),
  )
  const entry = (name: string, address: string, addresses: readonly string[]) => ({
    name,
    'hardware-address': address,
    'ip-addresses': addresses.map((text) => ({ ...split(text, 'ipv4', 'ipv6'), prefix: Number(text.split('/')[1]) })),
    statistics: Object.fromEntries(zero),
  })
  return [
    entry('lo', '00:00:00:00:00:00', ['127.0.0.1/8', '::1/128']),
    entry('eth0', mac(guest), [...guest.addresses, linkLocal(guest)]),
  ]
}

const macOf = (address: string) => ({ hwaddr: address, 'hardware-address': address })

function families(four: readonly string[], six: readonly string[]) {
  const all = [...four, ...six].map((text) => ({ ...split(text, 'inet', 'inet6'), prefix: text.split('/')[1] }))
  return { inet: four[0], inet6: six[0], 'ip-addresses': all }
}

const split = (text: string, four: string, six: string) => ({
  'ip-address': text.split('/')[0],
  'ip-address-type': text.includes(':') ? six : four,
})

/** `bc:24:11:00:00:65` for guest 101. */
const mac = ({ vmid }: Guest) => ['bc:24:11', ...bytesOf(vmid)].join(':')

const linkLocal = ({ vmid }: Guest) => `fe80::be24:11ff:fe${bytesOf(vmid)[0]}:${bytesOf(vmid).slice(1).join('')}/64`

const bytesOf = (vmid: number) =>
  [vmid >> 16, vmid >> 8, vmid].map((byte) => (byte & 255).toString(16).padStart(2, '0'))

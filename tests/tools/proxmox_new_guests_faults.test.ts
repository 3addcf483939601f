import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { changeFaults, endOf } from '../support/change-faults.ts'
import { type ClustersWorld, openClustersWorld } from '../support/clusters-world.ts'
import { newGuestStorages } from '../support/pve/new-guest-storages.ts'

setDefaultTimeout(60_000)

const nodes = [{ name: 'pve1' }, { name: 'pve2' }, { name: 'pve3' }] as const
const cloud = { scsi0: 'fast:base-290-disk-0,size=10G', ide2: 'fast:vm-290-cloudinit,media=cdrom' }
const guests = [
  { vmid: 100, node: 'pve1', name: 'db', config: { rootfs: 'fast:vm-100-disk-0,size=8G' } },
  { vmid: 290, node: 'pve1', kind: 'qemu', name: 'ubuntu', template: true, config: cloud },
] as const
const place = { node: 'pve1', storage: 'fast' } as const

/** Each way to a new guest, and how many writes it takes. */
const ways = [
  ['proxmox_create_container', { template: 'debian-13', hostname: 'new', start: false, ...place }, 1],
  ['proxmox_create_vm', { iso: 'debian-13.2.0', name: 'new', ...place }, 2],
  ['proxmox_create_vm', { template: 'ubuntu', name: 'new', disk_gib: 20 }, 4],
  ['proxmox_clone_guest', { guest: 'db', name: 'new' }, 1],
] as const

/** The writes of a way that a fault may meet, by what their paths end in. */
const writes: readonly (readonly [what: string, path: RegExp])[] = [
  ['the first', /\/(lxc|qemu|clone)$/],
  ['the settings', /\/config$/],
  ['the start', /\/status\/start$/],
]

const open = (): Promise<ClustersWorld> =>
  openClustersWorld({ clusters: [{ name: 'home', nodes, guests, storages: newGuestStorages }], limitsEndAfterMs: 300 })

/** What became of the new guest, by the account of the stand-in. */
function truthOf({ standIn }: ClustersWorld, steps: number) {
  const done = standIn
    .effects()
    .flatMap(({ effect, vmid }) => (effect === 'accepted' || effect.startsWith('failed') ? [] : [`${effect} ${vmid}`]))
  const made = done.filter((effect) => /^(created|cloned) /.test(effect))
  return { made, isWhole: done.length === steps, isThere: standIn.cluster('home').world.guest(101) !== undefined }
}

/** Every fault with some way and write; all of them with TAILOPS_TEST_LONG. */
const isWanted = (index: number): boolean => process.env['TAILOPS_TEST_LONG'] === '1' || index % 4 === 1

describe.each(ways.map((way) => [`${way[0]} ${Object.keys(way[1])[0]}`, way] as const))(
  '%s',
  (_, [tool, input, steps]) => {
    const met = writes.filter(([what]) => what === 'the first' || steps === 4 || (what === 'the start' && steps === 2))
    const rows = met.flatMap(([what, path]) =>
      changeFaults('POST')
        .filter(({ where }) => what === 'the first' || where.method !== 'GET')
        .map(
          (one) =>
            [
              `${what} ${one.name}`,
              { ...one, where: one.where.method === 'GET' ? one.where : { ...one.where, path } },
            ] as const,
        ),
    )
    test.each(rows.filter((_row, index) => isWanted(index + steps)))(
      'that %s: what is told is what happened, once',
      async (_name, { fault, where, ends }) => {
        const world = await open()
        try {
          world.standIn.fault(fault, where)
          const end = await endOf(world, tool, input)
          const again = await endOf(world, tool, input)
          world.standIn.clearFaults()
          const truth = truthOf(world, steps)
          expect(ends).toContain(end)
          expect(again).toBe(end)
          expect(truth.made.length).toBeLessThanOrEqual(1)
          if (end === 'done') expect(truth).toEqual({ made: truth.made, isWhole: true, isThere: true })
          // Whatever was made in vain is gone again.
          if (end === 'failed') expect(truth.isThere).toBe(false)
          expect(world.standIn.cluster('home').world.guest(290)?.template).toBe(true)
          expect(world.standIn.violations).toEqual([])
        } finally {
          await world.stop()
        }
      },
    )
  },
)

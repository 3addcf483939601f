import { describe, expect, test } from 'bun:test'
import { configBodies, configChanges, waitsForStart } from '../../src/guests/guest-config.ts'
import { bytesOf, guestDisks, sizeText } from '../../src/guests/guest-config-disks.ts'

describe('what would change', () => {
  const config = {
    cores: '2',
    description: 'old\n',
    memory: 'current=2048',
    sshkeys: 'ssh-ed25519%20AAAA',
    digest: 'd',
  }

  test('is what differs, and goes back by the old values and without the new keys', () => {
    const changes = configChanges('qemu', config, {
      cores: 2,
      memory_mib: 2048,
      onboot: true,
      description: 'new',
      set: { sshkeys: 'ssh-ed25519 BBBB me' },
      remove: ['balloon'],
    })
    expect(changes).toEqual([
      { key: 'description', before: 'old', after: 'new' },
      { key: 'onboot', before: undefined, after: '1' },
      { key: 'sshkeys', before: 'ssh-ed25519%20AAAA', after: 'ssh-ed25519%20BBBB%20me' },
    ])
    expect<unknown>(configBodies(changes, 'd')).toEqual({
      do: { description: 'new', onboot: '1', sshkeys: 'ssh-ed25519%20BBBB%20me', digest: 'd' },
      undo: { description: 'old', sshkeys: 'ssh-ed25519%20AAAA', delete: 'onboot' },
    })
  })

  test('of what is deleted, the old value comes back', () => {
    const changes = configChanges('qemu', config, { remove: ['cores'], tags: [] })
    expect<unknown>(configBodies(changes, undefined)).toEqual({
      do: { delete: 'cores', digest: undefined },
      undo: { cores: '2' },
    })
  })
})

test('what a running guest takes at its next start, by kind and by what it may plug', () => {
  const waits = (kind: 'lxc' | 'qemu', key: string, config = {}, before?: string) =>
    waitsForStart(kind, { key, before, after: '1' }, config)
  expect(['cores', 'memory', 'net0', 'dev0', 'onboot'].filter((key) => waits('lxc', key))).toEqual([])
  expect(['features', 'console', 'nameserver', 'tty'].filter((key) => !waits('lxc', key))).toEqual([])
  expect(waits('lxc', 'dev0', {}, '/dev/dri')).toBe(true)
  expect(['net0', 'name', 'tags', 'usb0', 'ciuser'].filter((key) => waits('qemu', key))).toEqual([])
  expect(['cores', 'memory', 'cpu', 'agent', 'bios'].filter((key) => !waits('qemu', key))).toEqual([])
  expect(waits('qemu', 'memory', { hotplug: 'network,memory' })).toBe(false)
  expect(waits('qemu', 'net0', { hotplug: '0' })).toBe(true)
})

test('disks are told from drives, bind mounts and the volumes of others', () => {
  const found = guestDisks({
    rootfs: 'local:101/vm-101-disk-0.raw,size=8G',
    mp0: '/srv/media,mp=/media,shared=1',
    mp1: 'volume=nas:102/vm-102-disk-1.raw,mp=/x,size=528M',
    ide2: 'none,media=cdrom',
    sata0: 'local:iso/debian.iso,media=cdrom,size=700M',
    unused0: 'zfs:base-9-disk-0/vm-101-disk-2',
    scsihw: 'virtio-scsi-pci',
  })
  expect(found.map(({ key, storage, owner, isMedia, isShared }) => [key, storage, owner, isMedia, isShared])).toEqual([
    ['mp0', undefined, undefined, false, true],
    ['mp1', 'nas', 102, false, false],
    ['rootfs', 'local', 101, false, false],
    ['sata0', 'local', undefined, true, false],
    ['unused0', 'zfs', 101, false, false],
  ])
})

test('sizes are read and written as Proxmox VE does', () => {
  expect(['8G', '528K', '1.5T', '700', '8 G', '', undefined].map(bytesOf)).toEqual([
    8 * 2 ** 30,
    528 * 1024,
    1.5 * 2 ** 40,
    700,
    undefined,
    undefined,
    undefined,
  ])
  expect([8 * 2 ** 30, 8.5 * 2 ** 30, 2 ** 40, 700, 0].map(sizeText)).toEqual(['8G', '8704M', '1T', '700', '0'])
})

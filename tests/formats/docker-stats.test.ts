import { expect, test } from 'bun:test'
import { statsReply, statsRow } from '../../src/formats/docker-stats.ts'

const cpu = (total: number, system: number) => ({
  cpu_usage: { total_usage: total },
  system_cpu_usage: system,
  online_cpus: 2,
})

const mib = 1024 * 1024

const stats = (more: object = {}) =>
  statsReply.parse({
    name: '/web',
    cpu_stats: cpu(1_500_000_000, 12_000_000_000),
    precpu_stats: cpu(1_000_000_000, 10_000_000_000),
    memory_stats: { usage: 100 * mib, limit: 512 * mib, stats: { total_inactive_file: 40 * mib } },
    networks: { eth0: { rx_bytes: mib, tx_bytes: 0 }, eth1: { rx_bytes: mib, tx_bytes: 2 * mib } },
    blkio_stats: {
      io_service_bytes_recursive: [
        { op: 'Read', value: 3 * mib },
        { op: 'write', value: 4 * mib },
        { op: 'Total', value: 7 * mib },
      ],
    },
    pids_stats: { current: 5 },
    ...more,
  })

test('counts processors as docker stats does, memory without page cache, all networks and devices', () => {
  expect(statsRow(stats(), 8192 * mib)).toEqual({
    name: 'web',
    cpu_percent: 50,
    mem_mib: 60,
    mem_limit_mib: 512,
    net_in_mib: 2,
    net_out_mib: 2,
    read_mib: 3,
    written_mib: 4,
    pids: 5,
  })
})

test('the memory of the machine is no limit', () => {
  expect(statsRow(stats(), 512 * mib)?.mem_limit_mib).toBe(0)
})

test('cgroup v2 calls the cache otherwise, and has no list of devices', () => {
  const row = statsRow(
    stats({
      memory_stats: { usage: 100 * mib, limit: 512 * mib, stats: { inactive_file: 10 * mib } },
      blkio_stats: { io_service_bytes_recursive: null },
    }),
    undefined,
  )
  expect(row).toMatchObject({ mem_mib: 90, read_mib: 0 })
})

test('a container that has ended has no row', () => {
  expect(statsRow(stats({ memory_stats: {}, networks: undefined }), undefined)).toBeUndefined()
})

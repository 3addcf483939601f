import { versionOf } from './api-cluster.ts'
import { nodeHistory } from './history.ts'
import { type Call, everybody, type Method, nodeHere, seconds, sysAudit, text } from './method.ts'
import { nodeNumbers } from './numbers.ts'

/** What is asked of one node. */
export const nodeMethods: readonly Method[] = [
  onNode('status', sysAudit('/nodes/{node}'), status),
  onNode('version', everybody, (call) => versionOf(nodeHere(call).version)),
  onNode('time', sysAudit('/nodes/{node}'), time),
  { ...onNode('rrddata', sysAudit('/nodes/{node}'), history), proxied: false },
  onNode('network', everybody, network),
  onNode('certificates/info', everybody, certificates),
  onNode('apt/update', { check: ['perm', '/nodes/{node}', ['Sys.Modify']] }, upgrades),
]

function onNode(end: string, permissions: Method['permissions'] & object, read: (call: Call) => unknown): Method {
  return {
    method: 'GET',
    path: `/nodes/{node}/${end}`,
    permissions,
    proxied: true,
    answer: (call) => ({ data: read(call) }),
  }
}

const kernel = '6.17.4-2-pve'

function status(call: Call) {
  const node = nodeHere(call)
  const { uptime, cpu, mem, disk } = nodeNumbers(node, call.world.now())
  const load = (cpu * node.cpus).toFixed(2)
  return {
    uptime,
    cpu,
    wait: 0.001,
    idle: 0,
    loadavg: [load, load, load],
    memory: { total: node.memory, used: mem, free: node.memory - mem, available: node.memory - mem },
    swap: { total: 0, used: 0, free: 0 },
    ksm: { shared: 0 },
    rootfs: { total: node.diskSize, used: disk, free: node.diskSize - disk, avail: node.diskSize - disk },
    pveversion: `pve-manager/${node.version}/14a22df3f0b0e5d4`,
    kversion: `Linux ${kernel} #1 SMP PREEMPT_DYNAMIC PMX`,
    'current-kernel': { sysname: 'Linux', release: kernel, version: '#1 SMP PREEMPT_DYNAMIC PMX', machine: 'x86_64' },
    'boot-info': { mode: 'legacy-bios' },
    cpuinfo: processor(node.cpus),
  }
}

const processor = (cpus: number) => ({
  model: 'AMD EPYC 4344P 8-Core Processor',
  vendor: 'AuthenticAMD',
  family: '25',
  mhz: '3800.000',
  cpus,
  cores: Math.max(1, cpus / 2),
  sockets: 1,
  user_hz: 100,
  hvm: '1',
  flags: 'fpu vme de pse tsc msr pae mce svm',
})

function time({ world }: Call) {
  const now = seconds(world.now())
  return { time: now, localtime: now, timezone: 'Etc/UTC' }
}

function history(call: Call) {
  return nodeHistory(nodeHere(call), text(call, 'timeframe'), call.world.now())
}

function network(call: Call) {
  const { ip } = nodeHere(call)
  const type = text(call, 'type')
  const gateway = `${ip.split('.').slice(0, 3).join('.')}.1`
  const bridge = {
    iface: 'vmbr0',
    type: 'bridge',
    active: 1,
    autostart: 1,
    method: 'static',
    method6: 'manual',
    families: ['inet'],
    address: ip,
    netmask: '24',
    cidr: `${ip}/24`,
    gateway,
    bridge_ports: 'eno1',
    bridge_stp: 'off',
    bridge_fd: '0',
    priority: 4,
  }
  const port = {
    iface: 'eno1',
    type: 'eth',
    active: 1,
    method: 'manual',
    method6: 'manual',
    families: ['inet'],
    priority: 3,
  }
  return [bridge, port].filter((entry) => type === undefined || entry.type === type || type === `any_${entry.type}`)
}

const lifeSeconds = 730 * 86_400

function certificates(call: Call) {
  const { name, ip, fingerprint, certificateEndsAt } = nodeHere(call)
  const notafter = seconds(certificateEndsAt)
  const own = {
    filename: 'pve-ssl.pem',
    fingerprint,
    subject: `/OU=PVE Cluster Node/O=Proxmox Virtual Environment/CN=${name}.lan`,
    issuer: '/CN=Proxmox Virtual Environment/OU=14a22df3/O=PVE Cluster Manager CA',
    notbefore: notafter - lifeSeconds,
    notafter,
    'public-key-type': 'rsaEncryption',
    'public-key-bits': 2048,
    san: ['127.0.0.1', 'localhost', ip, name, `${name}.lan`],
  }
  return [own]
}

function upgrades(call: Call) {
  return nodeHere(call).upgrades.map(({ name, from, to }) => ({
    Package: name,
    Title: name,
    OldVersion: from,
    Version: to,
    Arch: 'amd64',
    Origin: 'Proxmox',
    Priority: 'optional',
    Section: 'admin',
    Description: `Package ${name} of Proxmox VE`,
  }))
}

import { linesOf } from './sections.ts'

/** What a machine says of what it runs in; texts of the sections of `read/system-status`. */
export interface VirtualizationTraces {
  /** Output of systemd-detect-virt. */
  readonly detected: string | undefined
  /** /run/systemd/container, `container=…` of process 1, marks of Docker and Podman. */
  readonly container: string | undefined
  readonly mounts: string | undefined
  readonly hypervisor: string | undefined
  /** Vendor and product as the firmware names them. */
  readonly product: string | undefined
}

const products: readonly (readonly [RegExp, string])[] = [
  [/qemu|kvm|proxmox|google compute|openstack|digitalocean|hetzner/i, 'kvm'],
  [/vmware/i, 'vmware'],
  [/virtualbox|innotek/i, 'virtualbox'],
  [/microsoft/i, 'hyperv'],
  [/xen/i, 'xen'],
  [/amazon/i, 'amazon'],
]

/** `lxc`, `docker`, `kvm`, … in systemd's words, `vm` when the hypervisor has no name, `none` on bare metal. */
export function virtualizationOf(traces: VirtualizationTraces): string {
  const [detected = ''] = linesOf(traces.detected)
  if (isName(detected)) return detected
  const [container = ''] = linesOf(traces.container).map((line) => line.replace(/^container=/, '').trim())
  if (isName(container)) return container
  if (/^lxcfs /m.test(traces.mounts ?? '')) return 'lxc'
  if (linesOf(traces.hypervisor).length === 0) return 'none'
  return products.find(([pattern]) => pattern.test(traces.product ?? ''))?.[1] ?? 'vm'
}

const isName = (word: string): boolean => /^[a-z][a-z0-9-]{1,20}$/.test(word)

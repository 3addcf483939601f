import { type Guest, type GuestSeed, guestOf } from '../../../src/demo/guest.ts'
import type { World } from '../../../src/demo/world.ts'

/** Changes of a cluster that nobody asks its API for: what administrators and accidents do. */
export const change = {
  create: (world: World, seed: GuestSeed): void => world.putGuest(guestOf(seed)),
  remove: (world: World, vmid: number): void => world.removeGuest(vmid),
  move: (world: World, vmid: number, node: string): void => world.changeGuest(vmid, { node }),
  rename: (world: World, vmid: number, name: string): void => world.changeGuest(vmid, { name }),
  tag: (world: World, vmid: number, tags: string | undefined): void => world.changeGuest(vmid, { tags }),
  start: (world: World, vmid: number): void => world.changeGuest(vmid, { status: 'running' }),
  stop: (world: World, vmid: number): void => world.changeGuest(vmid, { status: 'stopped' }),
  lock: (world: World, vmid: number, lock: string | undefined): void => world.changeGuest(vmid, { lock }),
  restart: (world: World, vmid: number): void => world.changeGuest(vmid, { status: 'running', startedAt: world.now() }),
  configure: (world: World, vmid: number, config: Guest['config']): void => world.changeGuest(vmid, { config }),
  nodeOff: (world: World, node: string): void => world.setNodeState(node, 'offline'),
  nodeOn: (world: World, node: string): void => world.setNodeState(node, 'online'),
} as const

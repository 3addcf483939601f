import { accessMethods } from './api-access.ts'
import { agentMethods } from './api-agent.ts'
import { backupMethods } from './api-backups.ts'
import { cloneMethods } from './api-clone.ts'
import { clusterMethods } from './api-cluster.ts'
import { configMethods } from './api-config.ts'
import { createMethods } from './api-create.ts'
import { destroyMethods } from './api-destroy.ts'
import { guestMethods } from './api-guests.ts'
import { migrateMethods } from './api-migrate.ts'
import { nodeMethods } from './api-nodes.ts'
import { powerMethods } from './api-power.ts'
import { snapshotMethods } from './api-snapshots.ts'
import { storageMethods } from './api-storage.ts'
import { taskMethods } from './api-tasks.ts'
import type { Method } from './method.ts'

/** Every method of Proxmox VE's API that the simulation answers. Paths without parameters come before those that would match them. */
export const methods: readonly Method[] = [
  ...clusterMethods,
  ...guestMethods,
  ...agentMethods,
  ...backupMethods,
  ...configMethods,
  ...cloneMethods,
  ...createMethods,
  ...destroyMethods,
  ...migrateMethods,
  ...nodeMethods,
  ...powerMethods,
  ...snapshotMethods,
  ...storageMethods,
  ...taskMethods,
  ...accessMethods,
]

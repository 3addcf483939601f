import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { get } from '../core/operation.ts'
import { askProxmox } from '../core/proxmox-ask.ts'
import { proxmoxData } from '../core/proxmox-reply.ts'
import type { GuestRow } from '../formats/proxmox-resources.ts'
import { refusal } from './guest-now.ts'

const idReply = z.coerce.number().int()

/** A vmid as callers give it. */
export const vmidSchema = z.number().int().min(100).max(999_999_999)

/**
 * The number that a new guest gets: the wanted one, or the next that is free. Nothing reserves it: one that is taken
 * before the guest is made is refused by Proxmox VE, and nothing is overwritten.
 * @throws GatewayError invalid_input: taken; as proxmoxData
 */
export async function freeVmid(
  context: Pick<Context, 'read'>,
  guests: readonly GuestRow[],
  wanted: number | undefined,
): Promise<number> {
  if (wanted === undefined) return askProxmox(context, '/cluster/nextid', idReply)
  const holder = guests.find(({ vmid }) => vmid === wanted)
  const outcome = holder === undefined ? await context.read(get(`/cluster/nextid?vmid=${wanted}`)) : undefined
  if (outcome !== undefined && outcome.status !== 400) {
    proxmoxData(outcome, idReply, `whether vmid ${wanted} is free`)
    return wanted
  }
  const by = holder === undefined ? '' : ` by ${holder.name ?? holder.kind} on ${holder.node}`
  throw refusal(`vmid ${wanted} is taken${by}`, 'leave vmid out: the next free one is used')
}

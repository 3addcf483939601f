import { defaultConstraints, type Target } from '../core/target.ts'
import type { TargetsConfig } from './targets-config.ts'

/** The gateway itself as a target. */
export const ownTarget = ({ gateway }: Pick<TargetsConfig, 'gateway'>): Target & { readonly kind: 'gateway' } => ({
  id: 'gateway',
  kind: 'gateway',
  tags: [],
  capabilities: gateway.capabilities,
  constraints: defaultConstraints,
  segment: gateway.segment,
})

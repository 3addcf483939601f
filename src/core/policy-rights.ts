import type { Capability } from './capability.ts'
import type { Decision, Policy, Question, Role } from './policy-model.ts'
import { isNamed } from './policy-who.ts'
import type { Caller, Target } from './target.ts'
import { targetSelector } from './target-selector.ts'

/** The refusal of a call for which the rights are missing, on either side; undefined when both have them. */
export function refusalByRights(policy: Policy, question: Question): Decision | undefined {
  const { target, capability, caller } = question
  if (!target.capabilities.includes(capability)) {
    return {
      effect: 'deny',
      rule: 'grant',
      reason: `${target.id} does not grant ${capability}`,
      hint: `the operator can add ${capability} to the capabilities of ${target.id} in targets.yaml`,
    }
  }
  const missing = missingRight(policy, caller, question)
  if (missing === undefined) return undefined
  return missing === 'scope' ? withoutScope(policy, question) : withoutRole(policy, question)
}

/** A right on a target. */
export interface Right {
  readonly capability: Capability
  readonly target: Target
}

/**
 * What a caller lacks to hold a right: its scopes bound it always, its roles where the policy has any. A login that carries
 * no scope of ours, as those of TSIDP and of the tailnet, is bound by its roles alone.
 */
export function missingRight(
  { roles }: Policy,
  caller: Caller,
  { capability, target }: Right,
): 'scope' | 'role' | undefined {
  if (roles === undefined) return caller.scopes.includes(capability) ? undefined : 'scope'
  if (!rolesAlone(caller) && !caller.scopes.includes(capability)) return 'scope'
  return roles.some((role) => isNamed(role.who, caller) && gives(role, { capability, target })) ? undefined : 'role'
}

const rolesAlone = ({ scopes, proof }: Caller): boolean =>
  scopes.length === 0 && (proof?.kind === 'oidc' || proof?.kind === 'tailscale') && proof.givesScopes !== true

const selectors = new WeakMap<readonly string[], (target: Target) => boolean>()

/** Whether a role gives a right on a target. */
const gives = ({ may }: Role, { capability, target }: Right): boolean =>
  may.some(({ capabilities, targets }) => capabilities.includes(capability) && isAmong(targets, target))

function isAmong(targets: readonly string[] | undefined, target: Target): boolean {
  if (targets === undefined) return true
  const selects = selectors.get(targets) ?? targetSelector(targets)
  selectors.set(targets, selects)
  return selects(target)
}

function withoutScope({ roles }: Policy, { caller, capability }: Question): Decision {
  const isLogin = caller.proof?.kind === 'oidc' || caller.proof?.kind === 'tailscale'
  return {
    effect: 'deny',
    rule: 'scope',
    reason: `${caller.id} does not hold the scope ${capability}`,
    hint:
      isLogin && roles === undefined
        ? `the operator can give ${caller.proof?.login ?? caller.id} a role in policy.yaml`
        : isLogin
          ? `log in anew with the scope ${capability}`
          : `use a token with the scope ${capability} (tailops token mint --scopes=…)`,
  }
}

function withoutRole({ roles = [] }: Policy, { caller, capability, target }: Question): Decision {
  const giving = roles.filter((role) => gives(role, { capability, target })).map(({ id }) => id)
  return {
    effect: 'deny',
    rule: 'role',
    reason: `${caller.id} has no role that gives ${capability} on ${target.id}`,
    hint:
      giving.length === 0
        ? `no role of policy.yaml gives it; the operator can add ${capability} on ${target.id} to one`
        : `the operator can give it the role ${giving.join(' or ')} in policy.yaml`,
  }
}

import type { Report } from './migrate-report.ts'
import { type Fields, isFields, textOf } from './migrate-values.ts'
import { type Path, quoted } from './problem.ts'

const today = 'here reads are as targets grant them, and every change needs the approval of a person'

/** Policies are not converted: the old program applied none of them. What is narrower and what is wider here is said of each rule. */
export function oldPolicy(old: Fields, report: Report): void {
  for (const [key, value] of Object.entries(old)) {
    if (key === 'policies' && isFields(value)) oldPolicy(value, report)
    else if (Array.isArray(value) && ruleLists.includes(key)) each(value, [key], report)
    else if (key === 'operations' || key === 'role_policies') grouped(key, value, report)
    else report.add('dropped', [key], ofKey(key, value))
  }
}

const ruleLists: readonly string[] = ['rules', 'global_policies']

function grouped(key: string, value: unknown, report: Report): void {
  if (!isFields(value)) {
    report.add('dropped', [key], `not converted: ${today}`)
    return
  }
  for (const [name, below] of Object.entries(value))
    if (Array.isArray(below)) each(below, [key, name], report)
    else oneRule(below, [key, name], report)
}

function each(rules: readonly unknown[], path: Path, report: Report): void {
  for (const [index, rule] of rules.entries()) oneRule(rule, [...path, index], report)
}

function oneRule(rule: unknown, path: Path, report: Report): void {
  if (!isFields(rule)) {
    report.add('dropped', path, 'is no map')
    return
  }
  const name = textOf(rule['name'])
  const parts = [
    rule['allowed'] === false
      ? 'wider: what it forbade may be asked for, and a person decides; grant less at the targets, or write a rule into policy.yaml, to forbid it'
      : undefined,
    rule['requires_approval'] === true ? undefined : 'narrower where it let changes pass without approval',
    rule['parameter_constraints'] === undefined && rule['parameters'] === undefined
      ? undefined
      : 'wider: its limits of parameters are not applied; constraints of targets limit folders, programs, units and networks; rules of policy.yaml limit arguments',
    rule['time_restrictions'] === undefined
      ? undefined
      : 'wider: times are not limited until a rule of policy.yaml does',
  ].filter((part) => part !== undefined)
  const what = [`not converted: ${today}`, ...parts].join('; ')
  report.add('dropped', path, name === undefined ? what : `${quoted(name)}: ${what}`)
}

function ofKey(key: string, value: unknown): string {
  if (key === 'default_validation_mode' && value !== 'strict')
    return `narrower: ${quoted(value)} let through what is refused here`
  if (key === 'maintenance_windows' || key === 'lockout_periods')
    return 'wider: times are not limited until a rule of policy.yaml does; each change needs approval'
  if (key === 'credentials') return 'name key files at the targets: connection.key_path'
  return today
}

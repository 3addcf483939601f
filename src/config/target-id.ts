import { type Finding, quoted } from './problem.ts'

const allowed = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/

/** What is wrong with the id of a target, or undefined: ids share their place with `all`, `tag:web`, `kind:ssh` and the gateway. */
export function idFinding(id: string): Finding | undefined {
  const finding = (what: string, hint: string): Finding => ({
    severity: 'error',
    path: ['targets', id],
    atKey: true,
    what: `target id ${quoted(id)} ${what}`,
    hint,
  })
  if (id === 'gateway')
    return finding('is the gateway itself', 'configure it in the gateway section at the top, or choose another id')
  if (id === 'all') return finding('means every target', 'choose another id')
  const [, word] = /^(tag|kind|cluster|segment):/.exec(id) ?? []
  if (word !== undefined)
    return finding(`reads as a choice by ${word}`, `choose an id that does not begin with ${word}:`)
  if (allowed.test(id)) return undefined
  return finding('is no id', 'begin with a letter or digit; then letters, digits and . _ : / - (128 at most)')
}

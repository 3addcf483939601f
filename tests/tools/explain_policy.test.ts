import { afterEach, describe, expect, test } from 'bun:test'
import type { Policy } from '../../src/core/policy.ts'
import { type OwnToolsWorld, openOwnToolsWorld } from '../support/own-tools-world.ts'

let world: OwnToolsWorld | undefined
afterEach(async () => {
  await world?.stop()
  world = undefined
})

const open = (policy: Policy) => {
  world = openOwnToolsWorld({ policy, targets: ['local', 'spare'] })
  return world
}

describe('explain_policy', () => {
  test.each(['allow', 'approve', 'deny'] as const)('foretells a call that the rule %s decides', async (effect) => {
    const { answer, ask, dir } = open({
      rules: [
        { id: 'reads', effect: 'allow', risks: ['read'] },
        { id: 'mine', effect, tools: ['append_steps'] },
      ],
    })
    const said = await answer('explain_policy', { tool: 'append_steps', target: 'local' })
    const really = await ask('append_steps', { file: `${dir}/effects` }, { targets: ['local'] }).then(
      (result) => (result.kind === 'change' ? result.status : ''),
      (error: { readonly code: string }) => error.code,
    )
    const foretold = { allow: 'done', approve: 'approval_required', deny: 'denied' }
    expect(said).toMatchObject({ risk: 'write', answers: [{ target: 'local', effect, rule: 'mine' }] })
    expect(really).toBe(foretold[effect])
  })

  test('says what would change the answer: a scope, an approval, a rule', async () => {
    const { answer } = open({
      rules: [
        { id: 'ask', effect: 'approve', risks: ['write'] },
        { id: 'explains', effect: 'allow', tools: ['explain_policy'] },
      ],
    })
    const bob = { id: 'token:bob', scopes: ['gateway:read'] } as const
    const hintFor = async (tool: string, caller?: typeof bob) => {
      const { answers } = await answer('explain_policy', { tool, target: 'local' }, caller)
      return JSON.stringify(answers)
    }
    expect(await hintFor('append_steps', bob)).toContain('a token with the scope system:admin')
    expect(await hintFor('append_steps')).toContain('tailops approvals approve')
    expect(await hintFor('look')).toContain('add a rule')
  })

  test('without a target it answers for every one of the tool’s kinds, and no other', async () => {
    const { answer } = open({ rules: [{ id: 'all', effect: 'allow' }] })
    const ids = async (tool: string) => {
      const { answers } = await answer('explain_policy', { tool })
      return JSON.stringify(answers).match(/"target":"\w+"/g)
    }
    expect(await ids('look')).toEqual(['"target":"local"', '"target":"spare"'])
    expect(await ids('list_targets')).toEqual(['"target":"gateway"'])
  })

  test('a mistyped tool is answered with the nearest one', async () => {
    const { ask } = open({ rules: [{ id: 'all', effect: 'allow' }] })
    await expect(ask('explain_policy', { tool: 'apend_steps' })).rejects.toMatchObject({
      code: 'unknown_tool',
      hint: 'did you mean append_steps?',
    })
  })

  test('a handle follows the call that made it', async () => {
    const { answer } = open({ rules: [{ id: 'all', effect: 'allow' }] })
    expect(await answer('explain_policy', { tool: 'get_output' })).toMatchObject({
      answers: [{ effect: 'allow', rule: 'origin' }],
    })
  })
})

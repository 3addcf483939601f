import { describe, expect, test } from 'bun:test'
import { type Recording, recordings } from '../support/pve/recordings.ts'
import { checkReplyOf, checkRequest, documented, documentedPath } from '../support/pve/schema.ts'

/** Refusals that come from the state of the cluster or of the caller, not from the schema. */
const byState = ['err-task-badupid', 'err-task-unknown', 'err-skiplock-token', 'cluster-nextid-inuse']

const known = [...recordings.values()].filter(
  ({ method, path, name }) => documented[documentedPath(path) ?? '']?.[method] !== undefined && !byState.includes(name),
)

describe('the checker agrees with the real API', () => {
  for (const recording of known) {
    const template = documentedPath(recording.path) ?? ''
    if (recording.status === 200) {
      test(`${recording.name}: the reply is of the documented type`, () => {
        expect(checkReplyOf(recording.method, template, Object(recording.body).data)).toEqual([])
      })
    }
    if (recording.status === 200 || recording.status === 400) {
      test(`${recording.name}: the same parameters are right or wrong, in the same words`, () => {
        expect(checkRequest(recording.method, template, paramsOf(recording, template))).toEqual(
          Object(recording.body).errors,
        )
      })
    }
  }
})

function paramsOf({ path, query, form }: Recording, template: string): Record<string, string> {
  const parts = path.split('/')
  const inPath = template
    .split('/')
    .flatMap((part, index) => (part.startsWith('{') ? [[part.slice(1, -1), parts[index] ?? '']] : []))
  return { ...Object.fromEntries(new URLSearchParams(`${query}&${form}`)), ...Object.fromEntries(inPath) }
}

describe('the checker sees what is wrong', () => {
  test.each([
    ['a missing list', { data: null }.data, ['data: no list']],
    [
      'a number that is text',
      [{ status: 'online', node: 'pve1', maxcpu: 'many' }],
      ['data[0].maxcpu: no integer: "many"'],
    ],
    ['a missing key', [{ status: 'online' }], ['data[0].node: missing']],
    ['an unknown word', [{ status: 'sleepy', node: 'a' }], ['data[0].status: not in the enumeration: "sleepy"']],
  ])('%s', (_, data, wrong) => {
    expect(checkReplyOf('GET', '/nodes', data)).toEqual(wrong)
  })
})

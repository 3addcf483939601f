import { test } from 'bun:test'
import fc from 'fast-check'
import { parseTargets } from '../../src/config/load.ts'

const readFile = (path: string): string => {
  throw new Error(`${path} does not exist`)
}

const survives = (text: string): boolean => {
  const { config, problems } = parseTargets({ file: 't', text, env: {}, readFile })
  const errors = problems.filter(({ severity }) => severity === 'error')
  const placed = problems.every(({ line, column, hint }) => line >= 1 && column >= 1 && hint !== '')
  return placed && (config === undefined) === errors.length > 0
}

const piece = fc.constantFrom(
  ...[
    'version: "1.0"\n',
    'targets:\n',
    '  a:\n',
    '    executor: ssh\n',
    '    executor: http\n',
    '    connection: ',
    '{',
    '}',
    '[',
    ']',
  ],
  ...[
    '&a ',
    '*a',
    '<<: ',
    '"',
    "'",
    '\t',
    '\n',
    '  ',
    '- ',
    ': ',
    '? ',
    '$' + '{A}',
    '${',
    'file:/x',
    '|\n',
    '!t ',
    '%',
    '---\n',
    '\0',
    'null',
    '1e999',
  ],
  ...[
    '    endpoints: ',
    '    constraints: ',
    '    capabilities: ',
    '__proto__: ',
    'timeout: ',
    'tls: ',
    'api_url: ',
    '#',
    ',',
    '.inf',
    '…',
  ],
)

test('no text makes the reader throw: it always ends in a configuration or in errors with a place', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), survives), { numRuns: 300 })
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 40 }).map((parts) => parts.join('')),
      survives,
    ),
    { numRuns: 1500 },
  )
})

test('no value at any key of a target makes the reader throw', () => {
  const keys = [
    'executor',
    'connection',
    'capabilities',
    'constraints',
    'endpoints',
    'discovery',
    'defaults',
    'metadata',
    'id',
  ]
  const target = fc.dictionary(fc.constantFrom(...keys, 'x'), fc.jsonValue())
  const kind = fc.constantFrom('local', 'ssh', 'docker', 'http', 'proxmox')
  const file = fc
    .tuple(target, kind)
    .map(([given, executor]) => ({ version: '1.0', targets: { a: { ...given, executor } } }))
  fc.assert(
    fc.property(file, (value) => survives(JSON.stringify(value))),
    { numRuns: 500 },
  )
})

import { describe, expect, test } from 'bun:test'
import { checkedValue, configKeys, typeOf } from '../../src/guests/guest-config-keys.ts'
import { isOptional, type Property } from '../support/pve/property.ts'
import { documented } from '../support/pve/schema.ts'

const kinds = ['lxc', 'qemu'] as const

const parametersOf = (kind: 'lxc' | 'qemu'): Readonly<Record<string, Property>> =>
  documented[`/nodes/{node}/${kind}/{vmid}/config`]?.['PUT']?.parameters ?? {}

/** What the official schema says of a key, in the words of our table. */
function typeIn({ type, enum: words, minimum, maximum }: Property) {
  if (words !== undefined) return words
  if (type === 'boolean') return 'flag'
  if (type !== 'integer' && type !== 'number') return 'text'
  const most = maximum === undefined ? {} : { most: Number(maximum) }
  return { whole: type === 'integer', least: Number(minimum), ...most }
}

describe.each(kinds)('%s', (kind) => {
  const known = parametersOf(kind)

  test('every key has the type that the API says', () => {
    const said = Object.keys(configKeys[kind]).map((key) => [key, known[key] && typeIn(known[key])])
    expect(Object.fromEntries(said)).toEqual({ ...configKeys[kind] })
  })

  test('every key of the API is known, or refused with a reason', () => {
    const old = ['import-working-storage', 'background_delay', 'smp']
    const left = Object.keys(known).filter((key) => isOptional(known[key] ?? {}) && !old.includes(key))
    for (const key of left) {
      const asked = key.replace('[n]', '0')
      const why = reasonOf(() => typeOf(kind, asked))
      expect(`${asked}: ${why ?? ''}`).not.toContain('has no setting')
    }
  })
})

const reasonOf = (ask: () => unknown): string | undefined => {
  try {
    ask()
    return undefined
  } catch (error) {
    return String(error)
  }
}

test('what may hold a secret is refused whatever its case in the API', () => {
  for (const key of ['cipassword', 'password', 'env', 'my-secret'])
    expect(reasonOf(() => typeOf('qemu', key))).toMatch(/plans/)
})

test('names that every object has are no keys', () => {
  for (const key of ['constructor', '__proto__', 'toString', 'net', 'net[n]'])
    expect(reasonOf(() => typeOf('qemu', key))).toContain('has no setting')
})

test('values become what the API takes', () => {
  expect(checkedValue('lxc', 'console', true)).toBe('1')
  expect(checkedValue('lxc', 'console', 'off')).toBe('0')
  expect(checkedValue('qemu', 'cpulimit', 0.5)).toBe('0.5')
  expect(checkedValue('qemu', 'hugepages', 1024)).toBe('1024')
  expect(checkedValue('qemu', 'net3', 'virtio,bridge=vmbr0')).toBe('virtio,bridge=vmbr0')
})

test('values of another type are refused', () => {
  for (const [key, value] of [
    ['cores', 0],
    ['cores', '1e3'],
    ['cores', -1],
    ['cpulimit', 129],
    ['onboot', 2],
    ['bios', 'uefi'],
    ['vga', ''],
    ['vga', 'std\u0000'],
  ] as const)
    expect(reasonOf(() => checkedValue('qemu', key, value))).toContain(key)
})

/** The one vocabulary of rights: targets grant them, callers hold them as scopes. */
export const capabilities = [
  'system:read',
  'system:admin',
  'network:read',
  'network:diag',
  'service:control',
  'file:read',
  'file:write',
  'command:run',
  'container:read',
  'container:control',
  'container:admin',
  'stack:read',
  'stack:deploy',
  'http:read',
  'http:call',
  'proxmox:read',
  'proxmox:control',
  'proxmox:admin',
  'guest:exec',
  'fleet:read',
  'fleet:admin',
  'gateway:read',
] as const

export type Capability = (typeof capabilities)[number]

/** Old names and bundles that targets.yaml and tokens may use. */
const bundles: Readonly<Record<string, readonly Capability[]>> = {
  'container:write': ['container:control'],
  'docker:admin': ['container:admin'],
  readonly: capabilities.filter((name) => name.endsWith(':read')),
  admin: capabilities,
}

/** Every word accepted where capabilities are listed. */
export const capabilityWords: readonly string[] = [...capabilities, ...Object.keys(bundles)]

export const isCapability = (word: string): word is Capability => capabilities.some((name) => name === word)

/** The capabilities that a list of words stands for, sorted; unknown words give none. */
export function expandCapabilities(words: readonly string[]): readonly Capability[] {
  const all = words.flatMap((word) => bundles[word] ?? (isCapability(word) ? [word] : []))
  return [...new Set(all)].sort()
}

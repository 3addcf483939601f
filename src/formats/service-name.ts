/** What a caller may name a service: no leading `-`, no blank, slash, newline or NUL, no pattern of systemctl. */
export const serviceName = /^[A-Za-z0-9@][A-Za-z0-9@._:\\-]*$/

/** What to say of a name that is none. */
export const serviceNameRule =
  'must be the name of a unit: letters, digits and @ . _ : \\ -, beginning with none of . _ : \\ -'

const suffix = /\.(service|socket|timer|path|target|mount|automount|swap|slice|scope|device)$/

/** The full name of a unit: `nginx` → `nginx.service`; a name with a suffix of systemd stays. */
export const unitName = (name: string): string => (suffix.test(name) ? name : `${name}.service`)

/** Name and kind of a full name: `ssh.socket` → `ssh`, `socket`. */
export function partsOfUnit(unit: string): { readonly base: string; readonly kind: string } {
  const kind = suffix.exec(unit)?.[1] ?? 'service'
  return { base: unit.replace(suffix, ''), kind }
}

/** A property of the official schema, as far as it is checked. */
export interface Property {
  readonly type?: string
  readonly optional?: number | string
  readonly format?: unknown
  readonly pattern?: string
  readonly enum?: readonly string[]
  readonly minimum?: number | string
  readonly maximum?: number | string
  readonly minLength?: number
  readonly maxLength?: number
  readonly requires?: string
  readonly items?: Property
  readonly properties?: Readonly<Record<string, Property>>
}

/** Whether a property may be left out: `net[n]` always. */
export const isOptional = ({ optional }: Property): boolean => Number(optional ?? 0) === 1

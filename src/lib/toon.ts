import { encode } from '@toon-format/toon'

/** Token-oriented object notation of flat rows. */
export const toToon = (value: unknown): string => encode(value)

/** What an update does, in this order; `back` only when the new version is not healthy. */
export const updateSteps = [
  'recover',
  'manifest',
  'signature',
  'version',
  'download',
  'size',
  'hash',
  'unpack',
  'trial',
  'backup',
  'keep',
  'switch',
  'restart',
  'health',
  'done',
  'back',
] as const

export type UpdateStep = (typeof updateSteps)[number]

/** Told at the beginning of each step. */
export type Progress = (step: UpdateStep, what: string) => void

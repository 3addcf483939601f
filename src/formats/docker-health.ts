import type { Healthcheck } from './docker-image.ts'

const perMs = 1_000_000
const checkMs = 30_000
const slackMs = 10_000
const mostMs = 15 * 60_000

/**
 * How long a container may take until it is healthy, by its health check; undefined without one.
 * What a container leaves out is its image's. @see https://docs.docker.com/reference/dockerfile/#healthcheck
 */
export function healthyWithinMs(
  own: Healthcheck | null | undefined,
  image: Healthcheck | null | undefined,
): number | undefined {
  const test = own?.Test?.length ? own.Test : (image?.Test ?? [])
  if (test.length === 0 || test[0] === 'NONE') return undefined
  const value = (key: 'Interval' | 'Timeout' | 'StartPeriod' | 'Retries'): number => own?.[key] || image?.[key] || 0
  const interval = value('Interval') / perMs || checkMs
  const timeout = value('Timeout') / perMs || checkMs
  const ms = value('StartPeriod') / perMs + (value('Retries') || 3) * (interval + timeout) + slackMs
  return Math.min(Math.ceil(ms), mostMs)
}

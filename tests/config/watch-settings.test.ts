import { expect, test } from 'bun:test'
import { readSettings } from '../../src/config/settings.ts'

const read = (env: Record<string, string>) => {
  const { settings, problems } = readSettings(env)
  return { ...settings, wrong: problems.map(({ file, what }) => `${file}: ${what}`) }
}

test('watch rules: by default three log', () => {
  expect(read({}).watch).toEqual({
    rules: [
      { rule: 'denials', act: 'log', count: 20 },
      { rule: 'sweep', act: 'log', count: 10 },
      { rule: 'newcomer', act: 'log', count: 1 },
    ],
  })
  expect(read({ TAILOPS_WATCH: 'none' }).watch.rules).toEqual([])
})

test('watch rules, webhook and quiet hours as given', () => {
  const { watch, wrong } = read({
    TAILOPS_WATCH: 'denials:50=freeze, quiet_hours=webhook',
    TAILOPS_WATCH_WEBHOOK: 'https://alerts.lan/x',
    TAILOPS_QUIET_HOURS: '22:30-06:00 Europe/Berlin',
  })
  expect(wrong).toEqual([])
  expect(watch).toEqual({
    rules: [
      { rule: 'denials', act: 'freeze', count: 50 },
      { rule: 'quiet_hours', act: 'webhook', count: 1 },
    ],
    webhook: 'https://alerts.lan/x',
    quietHours: { from: 1350, to: 360, zone: 'Europe/Berlin' },
  })
})

test.each([
  [{ TAILOPS_WATCH: 'denial=log' }, 'TAILOPS_WATCH'],
  [{ TAILOPS_WATCH: 'denials' }, 'TAILOPS_WATCH'],
  [{ TAILOPS_WATCH: 'denials:0=log' }, 'TAILOPS_WATCH'],
  [{ TAILOPS_WATCH: 'denials=webhook' }, 'TAILOPS_WATCH'],
  [{ TAILOPS_WATCH: 'quiet_hours=log' }, 'TAILOPS_WATCH'],
  [{ TAILOPS_QUIET_HOURS: '22-6' }, 'TAILOPS_QUIET_HOURS'],
  [{ TAILOPS_QUIET_HOURS: '22:00-06:00 Mars/Olympus' }, 'TAILOPS_QUIET_HOURS'],
  [{ TAILOPS_WATCH_WEBHOOK: 'ftp://x' }, 'TAILOPS_WATCH_WEBHOOK'],
  [{ TAILOPS_RATE_LIMIT: 'fast' }, 'TAILOPS_RATE_LIMIT'],
  [{ TAILOPS_RATE_LIMIT: 'reads=5' }, 'TAILOPS_RATE_LIMIT'],
  [{ TAILOPS_MAX_CALLS: '0' }, 'TAILOPS_MAX_CALLS'],
  [{ TAILOPS_AUDIT_ANCHOR: 'relative' }, 'TAILOPS_AUDIT_ANCHOR'],
  [{ TAILOPS_AUDIT_ANCHOR: 'https://user:secret@x/' }, 'TAILOPS_AUDIT_ANCHOR'],
  [{ TAILOPS_AUDIT_ANCHOR_MINUTES: '0.5' }, 'TAILOPS_AUDIT_ANCHOR_MINUTES'],
])('%o is refused', (env: Record<string, string>, variable) => {
  expect(read(env).wrong).toEqual([expect.stringContaining(`${variable}: `)])
})

test('rates by name leave the others as they are', () => {
  expect(read({ TAILOPS_RATE_LIMIT: 'read=300, destructive=0' }).rates).toEqual({
    read: 300,
    probe: 100,
    write: 100,
    destructive: 0,
  })
})

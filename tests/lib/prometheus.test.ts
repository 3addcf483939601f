import { expect, test } from 'bun:test'
import { exposition, openCounter, openHistogram } from '../../src/lib/prometheus.ts'

test('families are text of version 0.0.4, with labels escaped', () => {
  const counter = openCounter()
  counter.add({ tool: 'a"b\\c\nd' })
  counter.add({ tool: 'a"b\\c\nd' }, 2)
  counter.add({ tool: 'e' })
  expect(exposition([{ name: 'calls_total', help: 'Calls.', type: 'counter', samples: counter.samples() }])).toBe(
    '# HELP calls_total Calls.\n# TYPE calls_total counter\ncalls_total{tool="a\\"b\\\\c\\nd"} 3\ncalls_total{tool="e"} 1\n',
  )
})

test('a histogram counts what is at most each bound', () => {
  const histogram = openHistogram([0.1, 1])
  for (const value of [0.05, 0.1, 0.5, 7]) histogram.observe({ tool: 'x' }, value)
  const text = exposition([{ name: 's', help: 'S.', type: 'histogram', samples: histogram.samples() }])
  expect(text.split('\n').slice(2)).toEqual([
    's_bucket{tool="x",le="0.1"} 2',
    's_bucket{tool="x",le="1"} 3',
    's_bucket{tool="x",le="+Inf"} 4',
    's_sum{tool="x"} 7.65',
    's_count{tool="x"} 4',
    '',
  ])
})

test('without labels there are no braces', () => {
  expect(exposition([{ name: 'up', help: 'Up.', type: 'gauge', samples: [{ labels: {}, value: 1 }] }])).toEndWith(
    '\nup 1\n',
  )
})

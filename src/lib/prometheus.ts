/** One number of a family, with its labels. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  /** `_bucket`, `_sum`, `_count` of a histogram. */
  readonly suffix?: string | undefined
}

/** Numbers of one name. */
export interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly samples: readonly Sample[]
}

/** Media type of the text (Prometheus exposition formats, text format 0.0.4). */
export const expositionType = 'text/plain; version=0.0.4; charset=utf-8'

/** Families as the text that Prometheus scrapes. */
export const exposition = (families: readonly Family[]): string =>
  families
    .map(({ name, help, type, samples }) => {
      const lines = samples.map(({ labels, value, suffix = '' }) => `${name}${suffix}${labelled(labels)} ${value}\n`)
      return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
    })
    .join('')

function labelled(labels: Sample['labels']): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return parts.length === 0 ? '' : `{${parts.join(',')}}`
}

const escaped = (value: string): string => value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')

/** Counts by labels; a name and its labels are one series. */
export interface Counter {
  add(labels: Sample['labels'], by?: number): void
  samples(): readonly Sample[]
}

export function openCounter(): Counter {
  const counts = new Map<string, { readonly labels: Sample['labels']; value: number }>()
  return {
    add(labels, by = 1) {
      const key = JSON.stringify(Object.values(labels))
      const found = counts.get(key)
      if (found === undefined) counts.set(key, { labels, value: by })
      else found.value += by
    },
    samples: () => [...counts.values()].map(({ labels, value }) => ({ labels, value })),
  }
}

/** Counts by labels how many were at most so much. */
export interface Histogram {
  observe(labels: Sample['labels'], value: number): void
  samples(): readonly Sample[]
}

/** @param bounds ascending */
export function openHistogram(bounds: readonly number[]): Histogram {
  const series = new Map<string, { readonly labels: Sample['labels']; readonly counts: number[]; sum: number }>()
  return {
    observe(labels, value) {
      const key = JSON.stringify(Object.values(labels))
      const found = series.get(key) ?? { labels, counts: Array.from({ length: bounds.length + 1 }, () => 0), sum: 0 }
      series.set(key, found)
      const at = bounds.findIndex((bound) => value <= bound)
      const slot = at === -1 ? bounds.length : at
      found.counts[slot] = (found.counts[slot] ?? 0) + 1
      found.sum += value
    },
    samples: () => [...series.values()].flatMap((one) => samplesOf(bounds, one)),
  }
}

function samplesOf(
  bounds: readonly number[],
  {
    labels,
    counts,
    sum,
  }: { readonly labels: Sample['labels']; readonly counts: readonly number[]; readonly sum: number },
): readonly Sample[] {
  let below = 0
  const buckets = counts.map((count, index) => {
    below += count
    const le = bounds[index] === undefined ? '+Inf' : String(bounds[index])
    return { labels: { ...labels, le }, value: below, suffix: '_bucket' }
  })
  return [...buckets, { labels, value: sum, suffix: '_sum' }, { labels, value: below, suffix: '_count' }]
}

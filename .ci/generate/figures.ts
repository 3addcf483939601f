/** The README with the figures of bench/results.md between its two marks. @throws when a figure is not there */
export function readmeWith(readme: string, results: string): string {
  const [before, , after] = readme.split(/(?<=<!-- figures -->\n)|(?=<!-- end of figures -->)/)
  if (before === undefined || after === undefined) throw new Error('README.md has no place for figures')
  return `${before}\n${tableOf(results)}\n\n${after}`
}

/** Finds the first group of a pattern in the section whose title begins so. */
type Find = (pattern: RegExp) => string

function sectionOf(results: string, title: string): Find {
  const section = results.split(/^## /m).find((part) => part.startsWith(title))
  return (pattern) => {
    const found = pattern.exec(section ?? '')?.[1]
    if (found === undefined) throw new Error(`bench/results.md has no ${pattern} under ${title}`)
    return found
  }
}

function tableOf(results: string): string {
  const start = sectionOf(results, 'Cold start')
  const calls = sectionOf(results, 'Calls over HTTP')
  const memory = sectionOf(results, 'Memory over many calls')
  const ssh = sectionOf(results, 'Machines over SSH')
  const containers = sectionOf(results, 'Containers')
  const fleet = sectionOf(results, 'The fleet in tokens')
  const news = sectionOf(results, 'News of the fleet')
  const status = (kind: string, column: number) => ssh(cell(`status, ${kind}`, column))
  const rows: readonly (readonly [string, string, string, string])[] = [
    [
      'Cold start to the first `initialize` answer over stdio, p50',
      `${start(cell('tailops', 1))} ms`,
      `bare: ${start(cell('bare', 1))} ms`,
      '',
    ],
    [
      'Idle memory over HTTP',
      `${calls(/Idle over HTTP: tailops ([\d.]+) MiB/)} MiB`,
      `bare: ${calls(/bare ([\d.]+) MiB/)} MiB`,
      '',
    ],
    [
      '`list_targets`, 10 clients at once',
      `${calls(cell('list_targets \\| 10', 1))} calls/s`,
      `bare: ${calls(cell('list_targets \\| 10', 2))} calls/s`,
      calls(cell('list_targets \\| 10', 3)),
    ],
    [
      '… p99',
      `${calls(cell('list_targets \\| 10', 6))} ms`,
      `bare: ${calls(cell('list_targets \\| 10', 7))} ms`,
      calls(cell('list_targets \\| 10', 8)),
    ],
    [
      'One command over an open ssh connection, through the whole gateway, p50',
      `${ssh(cell('`run_command`[^|]*', 3))} ms`,
      `\`ssh\` with ControlMaster: ${ssh(cell('`run_command`[^|]*', 4))} ms`,
      ssh(cell('`run_command`[^|]*', 1)),
    ],
    [
      'Status of 200 hosts, no connection open before, p50',
      `${status('cold', 3)} ms`,
      `32 parallel \`ssh\`: ${status('cold', 4)} ms`,
      status('cold', 1),
    ],
    [
      '… all connections open',
      `${status('warm', 3)} ms`,
      `32 parallel \`ssh\` with ControlMaster: ${status('warm', 4)} ms`,
      status('warm', 1),
    ],
    [
      'A list of 30 containers, p50',
      `${containers(cell('30 containers', 3))} ms`,
      `\`docker ps --all\`: ${containers(cell('30 containers', 4))} ms`,
      containers(cell('30 containers', 1)),
    ],
    [
      '… tokens that a model reads',
      containers(cell('tailops', 2)),
      `docker-mcp: ${containers(cell('docker-mcp[^|]*', 2))}`,
      containers(cell('docker-mcp[^|]*', 3)),
    ],
    [
      '20 hosts of which 18 agree, tokens',
      ssh(cell('0\\.\\d+', 1)),
      `twenty answers: ${ssh(cell('0\\.\\d+', 2))}`,
      ssh(/^\| (0\.\d+) \| \d+ \| \d+ \| \d+ \|$/m),
    ],
    [
      'The state of 43 resources, tokens',
      fleet(cell('43 resources[^|]*', 2)),
      `@itunified.io/mcp-proxmox: ${fleet(cell('43 resources[^|]*', 4))}`,
      fleet(cell('43 resources[^|]*', 1)),
    ],
    [
      'Asking 50 times what changed, tokens',
      fleet(/^\| 43 resources.*?\| (\d+) of \d+ \|/m),
      `the whole state each time: ${fleet(/^\| 43 resources.*?\| \d+ of (\d+) \|/m)}`,
      '',
    ],
    [
      'A change of the fleet, until the client is told, p99',
      `${news(/^\| [\d.]+ \| [\d.]+ \| ([\d.]+) \|/m)} ms`,
      '',
      '',
    ],
    [
      'Memory after 200,000 calls of every kind',
      `${memory(cell('[\\d.]+ %', 3))} MiB`,
      `after the first 20,000: ${memory(cell('[\\d.]+ %', 2))} MiB`,
      '',
    ],
    ['Idle with 1,000 guests, of one CPU', `${news(/intervals: ([\d.]+) %/)} %`, '', ''],
  ]
  const lines = rows.map((cells) => `| ${cells.join(' | ')} |`.replaceAll(/ {2,}/g, ' '))
  return ['| | TailOps | compared with | ratio |', '| --- | --- | --- | --- |', ...lines].join('\n')
}

/** A cell of the table row whose first cells are so, counted from the one after them. */
const cell = (first: string, column: number): RegExp =>
  new RegExp(`^\\| ${first} \\|${'[^|\\n]*\\|'.repeat(column - 1)} ([\\d.]+) \\|`, 'm')

/** What a client needs to reach the gateway that `npm start` serves. */
export interface Reach {
  readonly url: string
  readonly token: string
  readonly binary: string
  /** Environment of a gateway that the client starts itself, over stdio. */
  readonly env: Readonly<Record<string, string>>
}

/** What to paste where, for the clients that people use. */
export function clientSetup({ url, token, binary, env }: Reach): string {
  const stdio = { command: binary, args: ['serve', '--stdio'], env }
  const headers = { Authorization: `Bearer ${token}` }
  const flags = Object.entries(env).map(([name, value]) => `--env ${quoted(`${name}=${value}`)}`)
  return [
    section('Claude Code, over HTTP', [
      `claude mcp add --transport http tailops ${url} --header ${quoted(`Authorization: ${headers.Authorization}`)}`,
    ]),
    section('Claude Code, over stdio (needs no running gateway)', [
      `claude mcp add ${flags.join(' ')} --transport stdio tailops -- ${quoted(binary)} serve --stdio`,
    ]),
    section(
      'Claude Desktop: Settings, Developer, Edit Config (claude_desktop_config.json)',
      json({ mcpServers: { tailops: stdio } }),
    ),
    section('VS Code: .vscode/mcp.json', json({ servers: { tailops: { type: 'http', url, headers } } })),
    section('Cursor: ~/.cursor/mcp.json', json({ mcpServers: { tailops: { url, headers } } })),
  ].join('\n')
}

const section = (title: string, lines: readonly string[]): string =>
  `${title}\n${lines.map((line) => `  ${line}\n`).join('')}`

const json = (value: unknown): readonly string[] => JSON.stringify(value, undefined, 2).split('\n')

/** One word of a POSIX shell. */
const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)

import { spawn } from 'node:child_process'
import { binary, type Installed } from './installed.ts'

/**
 * A person at a terminal: runs `tailops approvals approve ID` on a pseudo-terminal of its own, reads the code that it
 * shows, and types it. Resolves with all that stood on the terminal.
 */
export function approveAtTerminal({ env }: Installed, id: string, type = codeIn): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('script', ['-qec', `'${binary}' approvals approve ${id}`, '/dev/null'], {
      env: { ...env, SHELL: '/bin/sh', TERM: 'dumb' },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    let shown = ''
    let typed = false
    child.stdout.on('data', (chunk: Buffer) => {
      shown += chunk.toString()
      const code = type(shown)
      if (typed || code === undefined || !shown.includes('code: ')) return
      typed = true
      child.stdin.write(`${code}\n`)
    })
    child.once('error', reject)
    child.once('exit', () => resolve(shown))
  })
}

const codeIn = (shown: string): string | undefined => /type the code ([A-Z]{4})/.exec(shown)?.[1]

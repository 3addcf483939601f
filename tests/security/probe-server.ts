import { Server } from '@modelcontextprotocol/server'
import type { Caller } from '../../src/core/target.ts'

/** A server behind the product's HTTP side whose tools show what reached it. */
export interface Probe {
  serverFor(caller: Caller): Server
  /** Calls that began, by their `word`. */
  readonly begun: string[]
  /** Calls whose signal was aborted. */
  readonly aborted: string[]
  /** Lets the waiting calls of this word end. */
  release(word: string): void
}

export function openProbe(): Probe {
  const begun: string[] = []
  const aborted: string[] = []
  const waiting = new Map<string, () => void>()
  return {
    begun,
    aborted,
    release(word) {
      const resolve = waiting.get(word)
      waiting.delete(word)
      resolve?.()
    },
    serverFor(caller) {
      const server = new Server({ name: 'probe', version: '1' }, { capabilities: { tools: {} } })
      server.setRequestHandler('tools/list', () => ({ tools: [{ name: 'say', inputSchema: { type: 'object' } }] }))
      server.setRequestHandler('tools/call', async ({ params }, { mcpReq: { signal, notify, _meta } }) => {
        const word = String(params.arguments?.['word'])
        begun.push(word)
        if (_meta?.progressToken !== undefined)
          await notify({
            method: 'notifications/progress',
            params: { progressToken: _meta.progressToken, progress: 1, message: word },
          })
        if (params.name === 'wait') {
          await new Promise<void>((resolve) => {
            waiting.set(word, resolve)
            signal.addEventListener('abort', () => {
              if (waiting.has(word)) aborted.push(word)
              resolve()
            })
          })
        }
        return { content: [{ type: 'text', text: `${caller.id} said ${word}` }] }
      })
      return server
    },
  }
}

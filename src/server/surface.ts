import type { ListPromptsResult, ListResourcesResult } from '@modelcontextprotocol/server'
import type { Caller } from '../core/target.ts'
import type { Tool } from '../core/tool.ts'
import { type ListedTool, listed } from './listing.ts'
import type { McpParts } from './mcp-parts.ts'
import { type Prompt, promptArguments, prompts } from './prompts.ts'
import { type ResourceOfTool, resources } from './resources.ts'

/** All that one kind of caller is shown. Made once for a configuration and a set of rights, not per call. */
export interface Surface {
  readonly toolList: { readonly tools: { -readonly [Key in keyof ListedTool]: ListedTool[Key] }[] }
  readonly promptList: ListPromptsResult
  readonly prompts: readonly Prompt[]
  readonly resourceList: ListResourcesResult
  readonly resources: readonly ResourceOfTool[]
}

const made = new WeakMap<McpParts, Map<string, Surface>>()

export function surfaceOf(parts: McpParts, caller: Caller): Surface {
  const known = made.get(parts) ?? new Map<string, Surface>()
  made.set(parts, known)
  const rights = `${parts.grants()} ${caller.scopes.join(' ')}`
  const surface = known.get(rights) ?? makeSurface(parts, parts.visible(caller))
  known.set(rights, surface)
  return surface
}

function makeSurface({ output }: McpParts, tools: readonly Tool[]): Surface {
  const names = new Set(tools.map(({ name }) => name))
  const offered = prompts.filter((prompt) => prompt.tools.every((tool) => names.has(tool)))
  const readable = resources.filter(({ tool }) => names.has(tool))
  return {
    toolList: { tools: tools.map((tool) => listed(tool, output)) },
    prompts: offered,
    promptList: {
      prompts: offered.map(({ name, description, text }) => ({
        name,
        description,
        arguments: text.length === 0 ? [] : promptArguments,
      })),
    },
    resources: readable,
    resourceList: {
      resources: readable.map(({ uri, name, description }) => ({ uri, name, description, mimeType: 'text/plain' })),
    },
  }
}

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

/** Callers whose surface is remembered; then all are made anew. */
const mostKnown = 1000

export function surfaceOf(parts: McpParts, caller: Caller): Surface {
  const known = made.get(parts) ?? new Map<string, Surface>()
  made.set(parts, known)
  // Roles follow who the caller is, so scopes alone do not tell what it sees.
  const who = JSON.stringify([parts.grants(), caller])
  const found = known.get(who)
  if (found !== undefined) return found
  if (known.size >= mostKnown) known.clear()
  const visible = parts.visible(caller)
  const names = visible.map(({ name }) => name).join(' ')
  const surface = known.get(names) ?? makeSurface(parts, visible)
  known.set(names, surface)
  known.set(who, surface)
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

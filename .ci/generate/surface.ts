import type { Tool } from '../../src/core/tool.ts'
import { listed } from '../../src/server/listing.ts'

/** tests/surface/NAME.json: what `tools/list` shows of a tool. */
export const snapshotOf = (tool: Tool): string => `${JSON.stringify(listed(tool), undefined, 2)}\n`

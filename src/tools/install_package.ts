import { z } from 'zod'
import { defineTool } from '../core/tool.ts'
import {
  packagesOutput,
  planFor,
  reportFailedPackages,
  reportPackages,
  simulate,
  wishSchema,
} from './update_system_packages.ts'

export default defineTool({
  name: 'install_package',
  description: 'Install packages with their dependencies.',
  capability: 'system:admin',
  risk: 'destructive',
  restorePoint: true,
  targets: ['local', 'ssh'],
  input: z.object({ packages: z.array(wishSchema).min(1).max(20).describe('name or name=version') }),
  output: packagesOutput,
  async plan({ packages }, context) {
    const simulation = await simulate(['install', 'keep', ...packages], context)
    return planFor({ simulation, verb: 'install', wishes: packages, mayRemove: false }, context)
  },
  report: reportPackages,
  reportFailure: reportFailedPackages,
})

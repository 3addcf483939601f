import { existsSync } from 'node:fs'
import { defaultConfigPath } from '../config/settings.ts'
import type { World } from './command.ts'

/** The targets.yaml that is meant where none is named. */
export function configPath({ env, user }: Pick<World, 'env' | 'user'>): string {
  const uid = Number(user.replace(/^cli:/, ''))
  return defaultConfigPath(env, { uid, home: env['HOME'] ?? '/', exists: existsSync })
}

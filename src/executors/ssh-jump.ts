import type { SshConnection } from '../core/connection.ts'
import { GatewayError } from '../core/errors.ts'

/** How a jump host is reached. @throws GatewayError unreachable: there is no such host, or the way goes in a circle */
export function jumpOf(
  connectionOf: (target: string) => SshConnection | undefined,
  id: string,
  jump: string,
): SshConnection {
  const way = [id]
  for (let next: string | undefined = jump; next !== undefined; next = connectionOf(next)?.jump) {
    const isCircle = way.includes(next)
    way.push(next)
    if (isCircle) {
      throw new GatewayError('unreachable', `${id}: its jump hosts go in a circle: ${way.join(' → ')}`, {
        hint: 'correct connection.jump in targets.yaml',
      })
    }
  }
  const connection = connectionOf(jump)
  if (connection !== undefined) return connection
  throw new GatewayError('unreachable', `${id}: its jump host ${jump} is no ssh target that can be used here`, {
    hint: 'declare it in targets.yaml',
  })
}

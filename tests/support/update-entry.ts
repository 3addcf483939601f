import { UpdateWorld } from './update-world.ts'

/** Updates the installation in a folder from a release, and is killed by itself at the beginning of a step. */
const [dir = '', from = '', step = ''] = process.argv.slice(2)
const watch = (at: string): void => {
  if (at === step) process.kill(process.pid, 'SIGKILL')
}
process.exitCode = await UpdateWorld.at(dir).update(['--from', from], { watch })

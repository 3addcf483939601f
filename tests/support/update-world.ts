import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { World } from '../../src/cli/command.ts'
import { type Build, runUpdate } from '../../src/cli/update.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { type StandIn, signingKey, standIn, writeRelease } from './release.ts'
import { turn } from './turn.ts'

/** An installation in a folder: an executable, its service under a stand-in for systemctl, configuration and state. */
export class UpdateWorld implements AsyncDisposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'tailops-update-'))
  readonly executable = join(this.dir, 'bin', 'tailops')
  readonly stateDir = join(this.dir, 'state')
  readonly config = join(this.dir, 'targets.yaml')
  readonly port: number
  out = ''
  err = ''

  private constructor(port: number) {
    this.port = port
    for (const name of ['bin', 'state', 'unit', 'tools']) mkdirSync(join(this.dir, name), { mode: 0o700 })
    copyFileSync(join(import.meta.dirname, 'systemctl.sh'), join(this.dir, 'tools', 'systemctl'))
    chmodSync(join(this.dir, 'tools', 'systemctl'), 0o755)
    writeFileSync(this.config, 'version: "1.0"\n')
    writeFileSync(join(this.dir, 'unit', 'executable'), this.executable)
    const env = { TAILOPS_LISTEN: `127.0.0.1:${port}`, TAILOPS_STATE_DIR: this.stateDir, TAILOPS_CONFIG: this.config }
    const pairs = Object.entries(env).map(([name, value]) => `${name}=${value}`)
    writeFileSync(join(this.dir, 'unit', 'env'), pairs.join(' '))
  }

  /** With version 0.1.0 installed, and running unless told otherwise. */
  static async open(running: 'running' | 'stopped' = 'running'): Promise<UpdateWorld> {
    const world = new UpdateWorld(await freePort())
    world.install({ version: '0.1.0' })
    if (running === 'running') {
      world.systemctl('start')
      await world.answers('0.1.0')
    }
    return world
  }

  install(version: StandIn): void {
    writeFileSync(this.executable, standIn(version), { mode: 0o755 })
  }

  /** A folder with a release of this stand-in. */
  release(version: StandIn, more: Partial<Parameters<typeof writeRelease>[1]> = {}): string {
    const folder = join(this.dir, `release-${version.version}`)
    return writeRelease(folder, { version: version.version, executable: standIn(version), ...more })
  }

  systemctl(...args: readonly string[]): string {
    return execFileSync('systemctl', args, { env: this.env, encoding: 'utf8' })
  }

  /** What was asked of systemctl that changes something. */
  get calls(): readonly string[] {
    const calls = readFileSync(join(this.dir, 'unit', 'calls'), 'utf8')
      .trim()
      .split('\n')
    return calls.filter((call) => !call.startsWith('show')).map((call) => call.split(' ')[0] ?? '')
  }

  /** `tailops update` as the version that is installed would run it. */
  async update(argv: readonly string[], more: Partial<Build> = {}): Promise<number> {
    this.out = ''
    this.err = ''
    return await runUpdate(argv, this.world(), { ...this.build, ...more })
  }

  /** The same in a process of its own, killed at the beginning of a step. Resolves to the signal that ended it. */
  async killedAt(step: string, from: string): Promise<string | undefined> {
    return (await this.inProcess(['sh', '-c', 'exec "$@"', 'sh'], { from, step })).signal
  }

  /** The same in a process of its own, started by a program that is given the command: `['env', 'A=1']`. */
  async inProcess(
    [program, ...args]: readonly [string, ...string[]],
    { from, step = '' }: { from: string; step?: string },
  ) {
    const entry = [process.execPath, join(import.meta.dirname, 'update-entry.ts'), this.dir, from, step]
    const child = spawn(program, [...args, ...entry], { env: this.env, stdio: 'ignore' })
    return await new Promise<{ readonly code: number | undefined; readonly signal: string | undefined }>((resolve) =>
      child.on('exit', (code, signal) => resolve({ code: code ?? undefined, signal: signal ?? undefined })),
    )
  }

  /** What the installed executable says of itself. */
  installed(path = this.executable): string {
    return execFileSync(path, ['version'], { encoding: 'utf8' }).trim()
  }

  /** The version that the service answers; undefined: it does not. */
  async serving(): Promise<string | undefined> {
    try {
      return (await (await fetch(`http://127.0.0.1:${this.port}/`)).text()).trim()
    } catch {
      return undefined
    }
  }

  /** Waits until the service answers with this version. */
  async answers(version: string): Promise<void> {
    while ((await this.answersAtAll()) !== version) await turn()
  }

  /** Waits, for 10 s at most, until the service answers, and says with which version. */
  async answersAtAll(): Promise<string> {
    const until = performance.now() + 10_000
    for (;;) {
      const version = await this.serving()
      if (version !== undefined) return version
      if (performance.now() > until) throw new Error('the service never answered')
      await turn()
    }
  }

  /** Asks the service without pause until told to stop: how often it answered ready, and what else it said. */
  askAllTheTime(path: string) {
    let [stopped, right] = [false, 0]
    const wrong: string[] = []
    const asking = (async () => {
      while (!stopped) {
        try {
          const response = await fetch(`http://127.0.0.1:${this.port}${path}`)
          const text = `${response.status} ${(await response.text()).trim()}`
          if (text === '200 ready') right++
          else wrong.push(text)
        } catch {
          // Not reached: to be asked again, which is what a client does.
        }
        await new Promise((turned) => setTimeout(turned, 5))
      }
    })()
    return {
      stop: async () => {
        stopped = true
        await asking
        return { right, wrong }
      },
    }
  }

  /** What a person's shell on this machine would have. */
  get liveEnv() {
    return { ...this.env, TAILOPS_STATE_DIR: this.stateDir, TAILOPS_CONFIG: this.config }
  }

  get build(): Build {
    return {
      keys: [signingKey('release').publicKey],
      projectUrl: 'https://releases.test',
      target: 'linux-x64',
      executable: this.executable,
      fetch: (url, init) => fetch(url, init),
      patience: { trialMs: 5000, readyMs: 4000, settleMs: 300 },
    }
  }

  world(): World {
    const none = () => {
      throw new TypeError('an update needs none of this')
    }
    const never = () => Promise.reject(new TypeError('an update needs none of this'))
    return {
      env: this.liveEnv,
      terminal: {
        out: (text) => {
          this.out += text
        },
        err: (text) => {
          this.err += text
        },
        interactive: false,
        ask: never,
      },
      stateDir: this.stateDir,
      user: 'cli:0',
      now: () => new Date(),
      stores: none,
      version: this.installed().replace('tailops ', ''),
      app: never,
      serveStdio: never,
      clock: systemClock,
      random: Math.random,
      elsewhere: none,
    }
  }

  get env() {
    const path = `${join(this.dir, 'tools')}:${process.env['PATH']}`
    return { PATH: path, STAND_IN_UNIT: join(this.dir, 'unit') }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.systemctl('stop')
    rmSync(this.dir, { recursive: true, force: true })
  }

  /** The world that another process has opened. */
  static at(dir: string): UpdateWorld {
    return Object.assign(Object.create(UpdateWorld.prototype), {
      ...{ dir, executable: join(dir, 'bin', 'tailops'), stateDir: join(dir, 'state') },
      ...{ config: join(dir, 'targets.yaml'), port: 0, out: '', err: '' },
    })
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port')
  return address.port
}

import { createServer, type NetConnectOpts, Socket } from 'node:net'

/** Where a connection breaks: after so many bytes from now on, on their way to the peer or back. */
export interface Cut {
  readonly on: 'way there' | 'way back'
  readonly afterBytes: number
  /** A reset, an orderly end, or nothing at all: nobody hears anything any more. */
  readonly manner: 'reset' | 'end' | 'silence'
}

/** A TCP proxy on loopback that breaks connections where it is told to. */
export interface CutProxy {
  readonly port: number
  /** Once: what is opened afterwards passes. */
  arm(cut: Cut): void
  disarm(): void
  /** Bytes that passed since it was armed. */
  passed(): Readonly<Record<Cut['on'], number>>
  /** Whether the cut that was asked for has been made. */
  isCut(): boolean
  stop(): Promise<void>
}

interface Pair {
  readonly ours: Socket
  readonly theirs: Socket
  isSilent: boolean
}

/** Passes connections on to this place. */
export async function startCutProxy(to: NetConnectOpts): Promise<CutProxy> {
  const pairs = new Set<Pair>()
  const passed = { 'way there': 0, 'way back': 0 }
  let armed: { readonly cut: Cut; left: number } | undefined
  let isCut = false

  const breakAll = (manner: Cut['manner']): void => {
    armed = undefined
    isCut = true
    for (const pair of pairs) {
      if (manner === 'silence') pair.isSilent = true
      else for (const socket of [pair.ours, pair.theirs]) manner === 'reset' ? socket.resetAndDestroy() : socket.end()
    }
  }
  /** What of it still goes through. */
  const allowed = (on: Cut['on'], chunk: Buffer): Buffer => {
    if (armed === undefined || armed.cut.on !== on) return chunk
    const part = chunk.subarray(0, armed.left)
    armed.left -= part.length
    return part
  }
  const pass = (pair: Pair, on: Cut['on'], chunk: Buffer): void => {
    if (pair.isSilent) return
    const receiver = on === 'way there' ? pair.theirs : pair.ours
    const part = allowed(on, chunk)
    passed[on] += part.length
    const manner = armed?.cut.on === on && armed.left === 0 ? armed.cut.manner : undefined
    if (manner !== undefined) pair.isSilent = true
    if (part.length === 0) {
      if (manner !== undefined) breakAll(manner)
      return
    }
    // What goes through has arrived before the connection breaks.
    receiver.write(part, () => {
      if (manner !== undefined) breakAll(manner)
    })
  }
  const server = createServer((ours) => {
    const theirs = new Socket().connect(to)
    const pair: Pair = { ours, theirs, isSilent: false }
    pairs.add(pair)
    ours.on('data', (chunk: Buffer) => pass(pair, 'way there', chunk))
    theirs.on('data', (chunk: Buffer) => pass(pair, 'way back', chunk))
    for (const [one, other] of [[ours, theirs] as const, [theirs, ours] as const]) {
      one.setNoDelay(true)
      one.on('error', () => undefined)
      one.on('close', () => {
        pairs.delete(pair)
        if (!pair.isSilent) other.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    arm(cut) {
      isCut = false
      for (const way of ['way there', 'way back'] as const) passed[way] = 0
      armed = { cut, left: cut.afterBytes }
      if (cut.afterBytes === 0 && cut.on === 'way back') breakAll(cut.manner)
    },
    disarm() {
      armed = undefined
    },
    passed: () => ({ ...passed }),
    isCut: () => isCut,
    async stop() {
      for (const { ours, theirs } of pairs) for (const socket of [ours, theirs]) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

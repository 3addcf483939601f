/** What the stand-in for `tailscale` knows of its machine and tailnet. */
export interface TailscaleState {
  readonly program: string
  readonly daemon: string
  readonly running: boolean
  readonly backend: string
  readonly authUrl: string
  readonly tun: boolean
  readonly tags: readonly string[]
  readonly magicDns: boolean
  readonly https: boolean
  /** Whether this user may change nothing. */
  readonly refused: boolean
  /** Whether `serve` waits for a person to switch HTTPS on. */
  readonly consent: boolean
  /** Whether `serve` ends with 0 and does nothing. */
  readonly lies: boolean
  /** Whether the program has `serve get-config`. */
  readonly getConfig: boolean
  /** Looks until the service is approved; negative: never. */
  readonly approveAfter: number
  /** Where each service goes. */
  readonly services: Readonly<Record<string, string>>
  readonly advertised: readonly string[]
}

/** A tagged machine in a tailnet that has everything, and approves at once. */
export const initial: TailscaleState = {
  program: '1.96.4',
  daemon: '1.96.4',
  running: true,
  backend: 'Running',
  authUrl: '',
  tun: true,
  tags: ['tag:tailops'],
  magicDns: true,
  https: true,
  refused: false,
  consent: false,
  lies: false,
  getConfig: true,
  approveAfter: 0,
  services: {},
  advertised: [],
}

/** The part of a tailnet policy that a gateway needs; the file allows comments. */
export const policySnippet = (service: string, tag: string): string => `{
  // Who may give machines this tag: hosts of services must have one.
  "tagOwners": { "${tag}": ["autogroup:admin"] },
  // Machines with the tag host the service without further approval.
  "autoApprovers": { "services": { "${service}": ["${tag}"] } },
  "grants": [
    // Who may connect. A token of TailOps is needed as well.
    { "src": ["autogroup:member"], "dst": ["${service}"], "ip": ["tcp:443"] }
    // App capabilities are not read by this version: rights come from the token. A later one may use, for the service
    // and for the tag (of a grant for the service alone, a proxy does not see capabilities):
    // { "src": ["group:ops"], "dst": ["${service}", "${tag}"], "ip": ["tcp:443"],
    //   "app": { "example.com/cap/tailops": [{ "scopes": ["readonly"] }] } }
  ]
}
`

/** What a person reads about a service. */
export interface ServiceReport {
  readonly service: string
  readonly state: 'serving' | 'waiting_for_approval' | 'drained' | 'not_configured' | 'not_serving' | 'not_measured'
  /** Where clients connect: the name of the service, when the tailnet is known. */
  readonly url?: string | undefined
  /** Where the service passes its connections, or would. */
  readonly target: string
  readonly addresses: readonly string[]
  /** The next steps that are left, and what was not measured. */
  readonly notes: readonly string[]
  readonly obstacles: readonly { readonly code: string; readonly message: string; readonly hint: string }[]
}

/** One line on the state of the service. */
export function stateSentence({ service, state, url = 'its name', target, addresses }: ServiceReport): string {
  switch (state) {
    case 'serving':
      return `${service} is served: ${url} (${addresses.join(', ')}) → ${target}`
    case 'waiting_for_approval':
      return `${service} is configured for ${target}, and waits for approval: ${url} does not answer from this machine yet`
    case 'drained':
      return `${service} is drained: this machine takes no new connections for ${url}; tailops tailscale setup takes them again`
    case 'not_configured':
      return `${service} is not configured on this machine; tailops tailscale setup does it`
    case 'not_serving':
      return `${service} is not served by this machine`
    case 'not_measured':
      return `${service}: not measured`
  }
}

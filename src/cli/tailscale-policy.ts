/** The part of a tailnet policy that a gateway needs; the file allows comments. */
export const policySnippet = (service: string, tag: string): string => `{
  // Who may give machines this tag: hosts of services must have one.
  "tagOwners": { "${tag}": ["autogroup:admin"] },
  // Machines with the tag host the service without further approval.
  "autoApprovers": { "services": { "${service}": ["${tag}"] } },
  "grants": [
    // Who may connect. What they may do is said by TailOps: a token, or with TAILOPS_AUTH_MODE=tailscale a role.
    { "src": ["autogroup:member"], "dst": ["${service}"], "ip": ["tcp:443"] }
    // With TAILOPS_AUTH_MODE=tailscale and TAILOPS_APP_CAPABILITY=example.com/cap/tailops a grant can give scopes. It names
    // the tag as well: what is granted for the service alone is not seen.
    // { "src": ["group:ops"], "dst": ["${service}", "${tag}"], "ip": ["tcp:443"],
    //   "app": { "example.com/cap/tailops": [{ "scopes": ["readonly"] }] } }
  ]
}
`

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

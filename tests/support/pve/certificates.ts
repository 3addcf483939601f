import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ServerCertificate } from '../../../src/demo/serve.ts'
import { openAuthority } from '../https-server.ts'

/** The certificates of nodes, signed by one authority as a cluster's are. */
export interface NodeCertificates {
  /** File with the authority's certificate. */
  readonly ca: string
  /** For `openStandIn`: the same certificate each time for the same node. */
  tls(cluster: string, node: string): ServerCertificate & { readonly fingerprint: string }
  remove(): void
}

/** Makes certificates for localhost and 127.0.0.1, one a node. */
export function openCertificates(): NodeCertificates {
  const authority = openAuthority()
  const made = new Map<string, ServerCertificate & { readonly fingerprint: string }>()
  return {
    ca: authority.ca,
    tls(cluster, node) {
      const name = `${cluster}-${node}`
      const known = made.get(name) ?? read(authority.sign(name, ['DNS:localhost', `DNS:${node}`, 'IP:127.0.0.1']))
      made.set(name, known)
      return known
    },
    remove: authority.remove,
  }
}

function read(files: { readonly cert: string; readonly key: string }) {
  const cert = readFileSync(files.cert, 'utf8')
  return { cert, key: readFileSync(files.key, 'utf8'), fingerprint: new X509Certificate(cert).fingerprint256 }
}

import { z } from 'zod'
import { capabilityList, listOf, localPath, port, rule, seconds, secret, text, webUrl } from './fields.ts'

const connectTimeout = () => seconds(600).optional().describe('Seconds to wait for the connection.')

const hostKey = () =>
  text().refine(
    (value) => /^(SHA256:|ssh-|ecdsa-|sk-)/.test(value),
    rule('is no host key', 'write SHA256:… as ssh-keygen -lf prints it, or the key as in known_hosts'),
  )

/** How an ssh target is reached. */
export const sshConnection = z.object({
  host: text().optional().describe('Name or address. Default: the id of the target.'),
  port: port().optional().describe('SSH port. Default: 22.'),
  username: text().optional().describe('Who logs in. Default: root.'),
  user: text().optional().describe('The same as username.'),
  key_path: localPath().optional().describe('Private key file.'),
  passphrase: secret().optional().describe('Opens the private key.'),
  password: secret().optional().describe('Password login; a key is better.'),
  agent: z
    .union([z.boolean(), z.string().min(1)])
    .optional()
    .meta({
      description: 'Use the SSH agent: true for SSH_AUTH_SOCK, or the path of its socket.',
      type: 'boolean or path',
    }),
  host_key: hostKey().optional().describe('The host key expected: SHA256:… or the key itself.'),
  known_hosts: localPath().optional().describe('A known_hosts file to check the host key against.'),
  accept_new: z
    .boolean()
    .optional()
    .describe('Accept an unknown host key at first contact, then pin it. Default: false, first contact is refused.'),
  jump: text().optional().describe('Id of the ssh target to go through.'),
  guest: text()
    .regex(/^pve:[^/]+\/\d+$/, { error: 'is no guest: write pve:CLUSTER/VMID' })
    .optional()
    .describe('The Proxmox guest that this machine is (pve:home/101): for snapshot_first.'),
  timeout: connectTimeout(),
})

/** How a Docker engine is reached: socket, TCP with TLS, or an ssh or local target. */
export const dockerConnection = z.object({
  socket_path: text().optional().describe('Unix socket of the engine. Default: /var/run/docker.sock.'),
  host: text()
    .refine((value) => /^(tcp|https?|unix):\/\/./.test(value), rule('is no engine address', 'write tcp://host:2376'))
    .optional()
    .describe('Engine on the network: tcp://host:2376.'),
  tls_verify: z
    .boolean()
    .optional()
    .describe(
      'Check the certificate of the engine. Default: true with cert_path and https://; without either tcp:// is plain HTTP.',
    ),
  cert_path: localPath().optional().describe('Folder with ca.pem, cert.pem and key.pem.'),
  via: text().optional().describe('Id of the ssh or local target the engine runs on.'),
  registries: z.array(text()).optional().describe('Registries images may be pulled from. Left out: any.'),
  timeout: connectTimeout(),
})

const tls = z
  .strictObject({
    verify: z.boolean().optional().describe('Check the certificate. Default: true.'),
    ca_file: localPath().optional().describe('PEM file of the authority that signed it.'),
    cert_file: localPath().optional().describe('Our certificate, where the service asks for one.'),
    key_file: localPath().optional().describe('Its key.'),
    server_name: text().optional().describe('The name expected in the certificate, if not the host of the URL.'),
    fingerprint: text().optional().describe('SHA-256 fingerprint of the one certificate accepted.'),
  })
  .optional()
  .describe('TLS rules.')

/** How an HTTP service is reached. */
export const httpConnection = z.object({
  base_url: webUrl().optional().describe('Where every endpoint path begins: https://grafana.lan.'),
  token: secret().optional().describe('Sent as Authorization: Bearer.'),
  basic: z
    .object({
      username: text().describe('User name.'),
      password: secret().describe('Password.'),
    })
    .optional()
    .describe('HTTP basic authentication.'),
  headers: z
    .record(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/), secret())
    .optional()
    .describe('Further headers; their values are kept secret.'),
  tls,
  timeout: connectTimeout(),
})

/** How a Proxmox cluster is reached. */
export const proxmoxConnection = z.object({
  api_url: listOf(webUrl())
    .optional()
    .meta({ description: 'API of each node, tried in order.', type: 'URL or list of URLs' }),
  nodes: z.record(z.string(), text()).optional().describe('Node name to the id of its ssh target; used for pct exec.'),
  prefixes: z.array(text()).optional().describe('Guest names that begin so belong to this cluster.'),
  token_id: text()
    .refine((value) => /^[^@!\s]+@[^@!\s]+![^@!\s]+$/.test(value), rule('is no API token id', 'write user@realm!name'))
    .optional()
    .describe('API token: user@realm!name.'),
  token_secret: secret().optional().describe('The secret of the token.'),
  username: text()
    .refine(
      (value) => /^[^@!\s:/]+@[^@!\s:/]+$/.test(value),
      rule('is no user of Proxmox', 'write user@realm: root@pam'),
    )
    .optional()
    .describe('Logs in with a password where there is no API token: user@realm.'),
  password: secret().optional().describe('The password of that user; a token is better.'),
  verify: z.boolean().optional().describe('Check the certificate. Default: true.'),
  fingerprint: listOf(text()).optional().meta({
    description: 'SHA-256 fingerprints of the certificates accepted; each node has its own.',
    type: 'text or list of texts',
  }),
  ca_file: localPath().optional().describe('PEM file of the authority that signed it (pve-root-ca.pem).'),
  region: text().optional().describe('The same as region of the target.'),
  tier: text().optional().describe('The same as tier of the target.'),
  timeout: connectTimeout(),
})

/** What must be true of guests after a change with snapshot_first. */
export const guestProbes = z
  .record(
    text(),
    z
      .strictObject({
        tcp: port().optional().describe('A port of its first address that takes connections.'),
        http: webUrl().optional().describe('A URL that the gateway asks.'),
        status: z.number().int().min(100).max(599).optional().describe('The status that it must answer. Default: 200.'),
        command: z.array(text()).min(1).optional().describe('Program and arguments that exit with 0 inside the guest.'),
        within: seconds(600).default(60).describe('Seconds until it must be true.'),
      })
      .refine(
        ({ tcp, http, command }) => [tcp, http, command].filter((one) => one !== undefined).length === 1,
        rule('is not one probe', 'write one of tcp, http and command'),
      ),
  )
  .optional()
  .describe(
    'What must be true of a guest (name, vmid or tag:NAME) after a change with snapshot_first, or it is rolled back.',
  )

/** What creating guests falls back to. */
export const proxmoxDefaults = z
  .object({
    node: text().optional().describe('Node for new guests.'),
    storage: text().optional().describe('Storage for new disks.'),
    bridge: text().optional().describe('Network bridge.'),
  })
  .optional()
  .describe('What creating guests falls back to.')

const guestFilter = (meaning: string) =>
  z
    .object({
      tags: z.array(text()).optional().describe('Guests with one of these tags.'),
      pools: z.array(text()).optional().describe('Guests in one of these pools.'),
      names: z.array(text()).optional().describe('Guest names; * stands for any text.'),
      kinds: z
        .array(z.enum(['lxc', 'qemu']))
        .optional()
        .describe('Kinds of guest.'),
    })
    .optional()
    .describe(meaning)

/** Which guests become targets by themselves. */
export const proxmoxDiscovery = z
  .object({
    enabled: z.boolean().default(true).describe('Look for guests.'),
    interval: seconds().default(300).describe('Between two searches.'),
    health_interval: seconds().default(60).describe('Between two health checks.'),
    register: z
      .array(z.enum(['running', 'stopped']))
      .default(['running'])
      .describe('Guests in these states become targets.'),
    capabilities: capabilityList().optional().describe('What discovered guests grant. Default: nothing.'),
    ssh: z
      .object({
        user: text().optional().describe('Who logs in. Default: root.'),
        port: port().optional().describe('SSH port. Default: 22.'),
        key_path: localPath().optional().describe('Private key file.'),
        passphrase: secret().optional().describe('Opens the private key.'),
        known_hosts: localPath().optional().describe('A known_hosts file.'),
        accept_new: z.boolean().optional().describe('Pin unknown host keys at first contact. Default: false.'),
      })
      .optional()
      .describe('How discovered guests are reached.'),
    include: guestFilter('Only these guests.'),
    exclude: guestFilter('Never these guests.'),
  })
  .optional()
  .describe('Which guests become targets by themselves.')

const parameter = z.strictObject({
  in: z
    .enum(['path', 'query', 'body'])
    .optional()
    .describe('Where it goes. Default: path if the path names it, else query.'),
  type: z.enum(['string', 'number', 'boolean']).default('string').describe('Its type.'),
  required: z.boolean().optional().describe('Must be given. Path parameters always are.'),
  pattern: text().optional().describe('Regular expression for the whole value.'),
  description: text().optional().describe('What it means, for the caller.'),
})

/** One named request of an HTTP service. */
export const endpoint = z.strictObject({
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']).default('GET').describe('HTTP method.'),
  path: text()
    .refine(
      (value) => value.startsWith('/') && !/[{}]/.test(value.replace(/\{\w+\}/g, '')),
      rule('is no path template', 'write it like /api/silences/{id}'),
    )
    .describe('Path below base_url; {name} is a parameter.'),
  risk: z
    .enum(['read', 'write', 'destructive'])
    .optional()
    .describe('What a call may do. GET and HEAD: read. Default: write, DELETE: destructive.'),
  parameters: z.record(z.string(), parameter).optional().describe('Its parameters.'),
  description: text().optional().describe('What it does, for the caller.'),
})

import { isIP } from 'node:net'
import { checkServerIdentity, connect, type PeerCertificate } from 'node:tls'
import type { TlsRules } from '../core/connection.ts'
import { GatewayError } from '../core/errors.ts'
import type { Place } from './http-path.ts'

/** How the settings of a target are written, for hints. */
export interface TlsSettings {
  /** The key of the URL. */
  readonly url: string
  /** The line that pins a certificate. */
  pin(fingerprint: string): string
}

/** How a certificate is judged, and what to write to have it judged otherwise. */
export interface JudgedTls extends TlsRules {
  readonly settings?: TlsSettings | undefined
}

/** The name that the certificate must bear. */
export const expectedName = (place: Place, rules: TlsRules): string => rules.serverName ?? place.host

/** SNI carries names only (RFC 6066 §3). */
export const serverNameOf = (place: Place, rules: TlsRules): { readonly servername?: string } => {
  const name = expectedName(place, rules)
  return isIP(name) === 0 ? { servername: name } : {}
}

/** Whether only named certificates are accepted. */
export const isPinned = ({ fingerprints = [] }: TlsRules): boolean => fingerprints.length > 0

/** Why a certificate is none of the pinned ones; undefined when it is one of them. */
export function pinRefusal(place: Place, rules: JudgedTls, certificate: PeerCertificate): GatewayError | undefined {
  const found = certificate.fingerprint256
  const pins = rules.fingerprints ?? []
  if (found !== undefined && pins.some((pin) => pin.toUpperCase() === found.toUpperCase())) return undefined
  const what = pins.length === 1 ? 'is not the pinned one' : `is none of the ${pins.length} pinned ones`
  return untrusted(`the certificate of ${place.authority} ${what}`, pinLine(rules, found))
}

/** What is wrong with a certificate by the code of the failed handshake; undefined when it failed for another reason. */
export async function trustRefusal(place: Place, rules: JudgedTls, error: Error): Promise<GatewayError | undefined> {
  const code = 'code' in error ? String(error.code) : ''
  if (!/CERT|SIGNATURE|SELF_SIGNED|ISSUER|ALTNAME|CRL/.test(code) || /ALERT/.test(code)) return undefined
  const certificate = await certificateOf(place, rules)
  const { wrong, accept } = complaint({ place, rules, code, certificate })
  return untrusted(`the certificate of ${place.authority} ${wrong}`, accept, error)
}

/** The line that would accept it stands in the message: a step that failed shows that alone. */
const untrusted = (what: string, line: string, cause?: Error): GatewayError =>
  new GatewayError('unreachable', `${what}; accepted with ${line}`, {
    hint: 'if it is the right service, write that line under its connection in targets.yaml',
    cause,
  })

interface Refused {
  readonly place: Place
  readonly rules: JudgedTls
  readonly code: string
  readonly certificate: PeerCertificate | undefined
}

function complaint({ place, rules, code, certificate }: Refused): { readonly wrong: string; readonly accept: string } {
  const pin = pinLine(rules, certificate?.fingerprint256)
  if (code === 'CERT_HAS_EXPIRED')
    return { wrong: `expired on ${certificate?.valid_to ?? 'an earlier day'}`, accept: pin }
  if (code === 'CERT_NOT_YET_VALID')
    return { wrong: `is valid only from ${certificate?.valid_from ?? 'a later day'}; check the clocks`, accept: pin }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const names = namesOf(certificate)
    const first = names.find((name) => !name.includes('*'))
    const accept = first === undefined || rules.settings !== undefined ? pin : `tls: { server_name: ${first} }`
    return { wrong: `is not for ${expectedName(place, rules)} but for ${names.join(', ') || 'no name'}`, accept }
  }
  if (code === 'DEPTH_ZERO_SELF_SIGNED_CERT')
    return { wrong: `is self-signed${rules.caFile === undefined ? '' : `, and not in ${rules.caFile}`}`, accept: pin }
  const signer = nameIn(certificate?.issuer)
  const known = rules.caFile === undefined ? 'this machine does not know' : `is not in ${rules.caFile}`
  const unknown = code === 'SELF_SIGNED_CERT_IN_CHAIN' || /ISSUER|VERIFY|SIGNATURE/.test(code)
  const wrong = unknown ? `is signed by ${signer ?? 'an authority'}, which ${known}` : `is refused: ${code}`
  const line = rules.settings === undefined ? 'tls: { ca_file: FILE }' : 'ca_file: FILE'
  return { wrong, accept: `${line} with the PEM file of that authority, or ${pin}` }
}

function pinLine({ settings }: JudgedTls, found: string | undefined): string {
  const fingerprint = found ?? 'as openssl x509 -fingerprint -sha256 prints it'
  return settings?.pin(fingerprint) ?? `tls: { fingerprint: "${fingerprint}" }`
}

const nameIn = (name: PeerCertificate['issuer'] | undefined): string | undefined =>
  name && JSON.stringify(String(name.CN ?? name.O).slice(0, 80))

const namesOf = (certificate: PeerCertificate | undefined): readonly string[] =>
  (certificate?.subjectaltname ?? '')
    .split(', ')
    .map((name) => name.replace(/^(DNS|IP Address):/, ''))
    .filter((name) => /^[\w.*:-]{1,253}$/.test(name))
    .slice(0, 8)

const lookWithinMs = 3000

/** Looks at a certificate that was refused, to say what is wrong with it. Nothing is sent. */
function certificateOf(place: Place, rules: TlsRules): Promise<PeerCertificate | undefined> {
  return new Promise((resolve) => {
    const { host, port } = place
    const socket = connect({ host, port, rejectUnauthorized: false, ...serverNameOf(place, rules) }, () => {
      const certificate = socket.getPeerCertificate()
      resolve(certificate)
      socket.destroy()
    })
    socket.setTimeout(lookWithinMs, () => socket.destroy())
    socket.on('error', () => resolve(undefined))
    socket.on('close', () => resolve(undefined))
  })
}

/** Judges the name by the rules of the target, whatever host was connected to. */
export const checkName =
  (place: Place, rules: TlsRules) =>
  (_host: string, certificate: PeerCertificate): Error | undefined =>
    checkServerIdentity(expectedName(place, rules), certificate)

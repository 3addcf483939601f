import { linesOf, parseSections, plain, wholeNumber } from './sections.ts'

/** What a TLS server showed. */
export interface Certificate {
  /** RFC 2253: `CN=web.example.org,O=Example`. */
  readonly subject: string
  readonly issuer: string
  /** Subject alternative names: `web.example.org`, `192.0.2.1`. */
  readonly names: readonly string[]
  readonly notBefore: Date | undefined
  readonly notAfter: Date | undefined
  readonly serial: string
  /** SHA-256, hexadecimal bytes with colons. */
  readonly fingerprint: string
  /** Certificates that the server sent. */
  readonly chainLength: number
  /** `TLSv1.3` */
  readonly protocol: string
  /** OpenSSL's verdict with the target's own authorities: 0 is good; undefined when it gave none. */
  readonly verify: { readonly code: number; readonly text: string } | undefined
  /** Whether it is for the wanted name; undefined when the program cannot tell. */
  readonly isForName: boolean | undefined
}

/** What `read/net-certificate` printed. */
export interface TlsSession {
  /** Empty when there is no openssl. */
  readonly program: string
  /** Undefined when no certificate came. */
  readonly certificate: Certificate | undefined
  /** Why there is none. */
  readonly said: string
}

/** Reads what `read/net-certificate` printed, with OpenSSL 1.0.2 to 3 or LibreSSL; undefined when it is something else. */
export function parseCertificate(output: string): TlsSession | undefined {
  const sections = parseSections(output)
  const program = sections.get('program')
  if (program === undefined) return undefined
  const session = sections.get('session') ?? ''
  const leaf = sections.get('leaf')
  const fields = leaf === undefined ? new Map<string, string>() : fieldsOf(leaf)
  return {
    program: plain(program.split('(')[0] ?? ''),
    certificate: fields.has('notAfter') ? certificateOf(sections, fields, session) : undefined,
    said: failureIn(session),
  }
}

function certificateOf(
  sections: ReadonlyMap<string, string>,
  fields: ReadonlyMap<string, string>,
  session: string,
): Certificate {
  const names = namesOf(sections.get('names') ?? '')
  return {
    subject: fields.get('subject') ?? '',
    issuer: fields.get('issuer') ?? '',
    names: names.map(({ name }) => name),
    notBefore: dateOf(fields.get('notBefore')),
    notAfter: dateOf(fields.get('notAfter')),
    serial: fields.get('serial') ?? '',
    fingerprint: fields.get('fingerprint') ?? '',
    chainLength: wholeNumber(/^certificates (\d+)$/m.exec(session)?.[1]) ?? 1,
    protocol: protocolIn(session),
    verify: verdictOf(session),
    isForName: matchOf(
      sections.get('match') ?? '',
      names.some(({ kind }) => kind === 'DNS'),
    ),
  }
}

/** Beside `New` stands the version that the cipher came with, which is the protocol in TLS 1.3 only. */
function protocolIn(session: string): string {
  const cipher = /^New, (\S+), Cipher/m.exec(session)?.[1] ?? ''
  return cipher === 'TLSv1.3' ? cipher : (/^ *Protocol *: (\S+)$/m.exec(session)?.[1] ?? cipher)
}

/** `subject=CN=a`, `notAfter=…`, `sha256 Fingerprint=8A:E6…`; older versions write `subject= `. */
function fieldsOf(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  for (const line of linesOf(text)) {
    const at = line.indexOf('=')
    const key = /fingerprint$/i.test(line.slice(0, at)) ? 'fingerprint' : line.slice(0, at)
    if (at > 0 && !fields.has(key)) fields.set(key, plain(line.slice(at + 1)))
  }
  return fields
}

/** `DNS:a.example, IP Address:192.0.2.1`; only for people: the verdict about the name is OpenSSL's own. */
function namesOf(text: string): readonly { readonly kind: string; readonly name: string }[] {
  return text.split(', ').flatMap((part) => {
    const [, kind = '', name] = /^\s*(DNS|IP Address|URI|email):(.*)$/.exec(part) ?? []
    return name === undefined ? [] : [{ kind, name: plain(name) }]
  })
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `Dec  1 10:06:05 2026 GMT` */
function dateOf(text = ''): Date | undefined {
  const [, month = '', day, hour, minute, second, year] =
    /^([A-Z][a-z]{2}) +(\d{1,2}) (\d\d):(\d\d):(\d\d) (\d{4}) GMT$/.exec(text) ?? []
  const index = months.indexOf(month)
  if (index === -1) return undefined
  return new Date(Date.UTC(Number(year), index, Number(day), Number(hour), Number(minute), Number(second)))
}

/** The first one counts: what the server sends comes after it. */
function verdictOf(session: string): Certificate['verify'] {
  const [, code, text = ''] = /^ *Verify return code: (\d+) \((.*)\)$/m.exec(session) ?? []
  return code === undefined ? undefined : { code: Number(code), text: plain(text) }
}

/** OpenSSL falls back to the common name where there are no DNS names; clients of today do not (RFC 9525 §2). */
function matchOf(text: string, hasDnsNames: boolean): boolean | undefined {
  if (/does NOT match/i.test(text)) return false
  if (/^IP .* does match/m.test(text)) return true
  return /does match/.test(text) ? hasDnsNames : undefined
}

/** The line that says most: errno of connect, an alert, or the end by our own limit. */
function failureIn(session: string): string {
  const end = /^end (\d+)$/m.exec(session)?.[1]
  if (end === '124' || end === '143') return 'it did not answer in 12 s'
  const told = /:system library:(?:BIO_)?connect:([^:]+):/.exec(session)?.[1]
  const alert = /error:[0-9A-F]+:SSL routines:[^:]*:([^:]+):/.exec(session)?.[1]
  return plain(
    told ??
      alert ??
      (/no peer certificate available/.test(session) ? 'it speaks no TLS there, or shows no certificate' : ''),
  )
}

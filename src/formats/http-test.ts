import { linesOf, parseSections, plain, rounded, wholeNumber } from './sections.ts'

/** One request and its response. Times are of the phases, milliseconds. */
export interface HttpTest {
  /** `curl`, `wget`, or empty when there is no program to ask with. */
  readonly program: string
  /** Undefined when no response came. */
  readonly response: HttpResponse | undefined
  /** Exit code of the program. */
  readonly exit: number
  /** What was wrong with the certificate, when the program refused it. */
  readonly certificate: string | undefined
  /** What the program said, for people. */
  readonly said: string
}

/** What came back; undefined is what the program does not tell. */
export interface HttpResponse {
  readonly status: number
  readonly version: string
  readonly contentType: string
  /** As sent, or absolute; empty when there is none. */
  readonly location: string
  /** Of the body as far as it was read. */
  readonly bytes: number
  readonly connectMs: number | undefined
  readonly tlsMs: number | undefined
  readonly firstByteMs: number | undefined
  readonly totalMs: number | undefined
}

/** Reads what `read/http-request` printed; undefined when it is something else. */
export function parseHttpTest(output: string): HttpTest | undefined {
  const sections = parseSections(output)
  const program = sections.get('program')?.trim()
  if (program === undefined) return undefined
  return program === 'wget' ? byWget(sections) : byCurl(sections, plain(program))
}

type Sections = ReadonlyMap<string, string>

/** Exit codes 51 and 60 of curl(1): a certificate that does not fit, or is not trusted. */
const certificateExits = [51, 60]

function byCurl(sections: Sections, program: string): HttpTest {
  const exit = wholeNumber(sections.get('exit')?.trim()) ?? 0
  const said = plain((sections.get('said') ?? '').split('\n')[0] ?? '').replace(/^curl: \(\d+\) /, '')
  const isRefused = certificateExits.includes(exit)
  return {
    program,
    exit,
    said,
    certificate: isRefused ? said.replace(/^SSL(: | certificate problem: )/, '') : undefined,
    response: responseOf(sections),
  }
}

/** `200 1.1 0.000030 0.000150 0.001 0.001 0.002 0.003 1234`: status, version, seconds since the start, bytes. */
function responseOf(sections: Sections): HttpResponse | undefined {
  const [status, version = '', ...rest] = (linesOf(sections.get('figures'))[0] ?? '').split(' ')
  const [resolved = 0, connected = 0, encrypted = 0, sent = 0, began = 0, ended = 0, bytes = 0] = rest.map(Number)
  const code = wholeNumber(status) ?? 0
  if (code === 0) return undefined
  const phase = (from: number, to: number) => rounded(Math.max(0, to - from) * 1000, 1)
  return {
    status: code,
    version: plain(version),
    contentType: plain(sections.get('type') ?? '').slice(0, 100),
    location: plain(sections.get('location') ?? ''),
    bytes,
    connectMs: phase(resolved, connected),
    tlsMs: encrypted > 0 ? phase(connected, encrypted) : undefined,
    firstByteMs: phase(sent, began),
    totalMs: phase(0, ended),
  }
}

/** The headers of GNU Wget's `--server-response`, indented by two blanks, and the count of `wc -c`. */
function byWget(sections: Sections): HttpTest {
  const [code, bytes] = linesOf(sections.get('exit'))
  const shown = sections.get('headers') ?? ''
  const [, version = '', status] = /^ {2}HTTP\/([\d.]+) (\d{3})/m.exec(shown) ?? []
  const header = (name: string) => plain(new RegExp(`^ {2}${name}:(.*)$`, 'im').exec(shown)?.[1] ?? '')
  const micros = wholeNumber(sections.get('time')?.trim())
  return {
    program: 'wget',
    exit: wholeNumber(code?.trim()) ?? 0,
    certificate: undefined,
    said: plain(linesOf(shown).findLast((line) => /fail|refused|timed out|unable/i.test(line)) ?? '').slice(0, 200),
    response:
      status === undefined
        ? undefined
        : {
            status: Number(status),
            version,
            contentType: header('content-type').slice(0, 100),
            location: header('location'),
            bytes: wholeNumber(bytes?.trim()) ?? 0,
            connectMs: undefined,
            tlsMs: undefined,
            firstByteMs: undefined,
            totalMs: micros === undefined ? undefined : rounded(micros / 1000, 1),
          },
  }
}

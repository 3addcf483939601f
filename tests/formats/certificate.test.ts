import { describe, expect, test } from 'bun:test'
import { parseCertificate } from '../../src/formats/certificate.ts'

const printed = (parts: Readonly<Record<string, string>>): string =>
  Object.entries(parts)
    .map(([name, text]) => `\x1e${name}\n${text}\n`)
    .join('')

const leaf = `subject=O=Lab\\, Inc,CN=web.lab.test
issuer=CN=Lab CA
notBefore=Nov  1 10:06:05 2026 GMT
notAfter=Dec 21 10:06:05 2026 GMT
serial=338E70B0
sha256 Fingerprint=8A:E6:99`

const example = {
  program: 'OpenSSL 3.0.19 27 Jan 2026 (Library: OpenSSL 3.0.19 27 Jan 2026)',
  session: `end 0
CONNECTED(00000003)
certificates 2
Server certificate
New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384
Verify return code: 0 (ok)
    Verify return code: 20 (said by the server)`,
  leaf,
  names: '                DNS:web.lab.test, IP Address:10.0.0.1',
  match: 'Hostname web.lab.test does match certificate',
}

describe('what openssl prints of a certificate', () => {
  test('is read as OpenSSL 3.0 writes it', () => {
    expect(parseCertificate(printed(example))).toEqual({
      program: 'OpenSSL 3.0.19 27 Jan 2026',
      certificate: {
        subject: 'O=Lab\\, Inc,CN=web.lab.test',
        issuer: 'CN=Lab CA',
        names: ['web.lab.test', '10.0.0.1'],
        notBefore: new Date('2026-11-01T10:06:05Z'),
        notAfter: new Date('2026-12-21T10:06:05Z'),
        serial: '338E70B0',
        fingerprint: '8A:E6:99',
        chainLength: 2,
        protocol: 'TLSv1.3',
        verify: { code: 0, text: 'ok' },
        isForName: true,
      },
      said: '',
    })
  })

  test.each([
    ['Hostname web.lab.test does NOT match certificate', false],
    ['IP 10.0.0.1 does match certificate', true],
    ['IP 10.0.0.1 does NOT match certificate', false],
    ['', undefined],
  ])('%j decides about the name', (match, isForName) => {
    expect(parseCertificate(printed({ ...example, match }))?.certificate?.isForName).toBe(isForName)
  })

  test('is not for a name that stands in the subject only', () => {
    expect(parseCertificate(printed({ ...example, names: '' }))?.certificate?.isForName).toBe(false)
  })

  test('takes the protocol of the session block of older versions', () => {
    const session =
      'end 0\nNew, TLSv1.2, Cipher is X\n    Protocol  : TLSv1.1\n    Verify return code: 0 (ok)\ncertificates 1'
    expect(parseCertificate(printed({ ...example, session }))?.certificate?.protocol).toBe('TLSv1.1')
  })

  test.each([
    ['end 124\nCONNECTED(00000003)\ncertificates 0', 'it did not answer in 12 s'],
    [
      'end 1\n40D7:error:8000006F:system library:BIO_connect:Connection refused:../bss.c:117:calling connect()\nconnect:errno=111',
      'Connection refused',
    ],
    [
      '1:error:0200206F:system library:connect:Connection refused:../crypto/bio/b_sock2.c:110:\nconnect:errno=111',
      'Connection refused',
    ],
    [
      'end 1\n40D7:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../x.c:354:',
      'wrong version number',
    ],
    ['end 1\nno peer certificate available\n', 'it speaks no TLS there, or shows no certificate'],
  ])('%j says why there is none', (session, said) => {
    expect(parseCertificate(printed({ program: example.program, session }))).toMatchObject({
      certificate: undefined,
      said,
    })
  })

  test('without openssl has no program', () => {
    expect(parseCertificate('\x1eprogram\n')).toEqual({ program: '', certificate: undefined, said: '' })
    expect(parseCertificate('nothing')).toBeUndefined()
  })
})

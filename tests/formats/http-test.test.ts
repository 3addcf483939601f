import { describe, expect, test } from 'bun:test'
import { parseHttpTest } from '../../src/formats/http-test.ts'

const mark = '\x1e'
const curl = (figures: string, exit: number, said = '') =>
  `${mark}program\ncurl\n${mark}figures\n${figures}\n${mark}type\ntext/html\n${mark}location\n\n${mark}exit\n${exit}\n${mark}said\n${said}\n`

describe('what read/http-request printed', () => {
  test('by curl: times since the start become times of phases', () => {
    const figures = '200 2 0.001000 0.011000 0.031000 0.032000 0.072000 0.082000 1234'
    expect(parseHttpTest(curl(figures, 0))?.response).toEqual({
      status: 200,
      version: '2',
      contentType: 'text/html',
      location: '',
      bytes: 1234,
      connectMs: 10,
      tlsMs: 20,
      firstByteMs: 40,
      totalMs: 82,
    })
  })

  test.each([
    [60, 'curl: (60) SSL certificate problem: certificate has expired', 'certificate has expired'],
    [51, "curl: (51) SSL: no alternative names match 'a.test'", "no alternative names match 'a.test'"],
  ])('by curl: exit code %d is about the certificate', (exit, said, certificate) => {
    expect(parseHttpTest(curl('000 0 0 0 0 0 0 0 0', exit, said))).toMatchObject({ certificate, response: undefined })
  })

  test('without a program', () => {
    expect(parseHttpTest(`${mark}program\n`)).toMatchObject({ program: '', response: undefined })
  })

  test('is not understood when it is something else', () => {
    expect(parseHttpTest('Welcome!')).toBeUndefined()
  })
})

import { expect, test } from 'bun:test'
import { engineMessage } from '../../src/formats/docker-reply.ts'

test('the words of the engine, or whatever it said', () => {
  expect(engineMessage('{"message":"No such container: web"}\n')).toBe('No such container: web')
  expect(engineMessage('404 page not found\n')).toBe('404 page not found')
})

import { expect, test } from 'bun:test'
import installPackage from '../../src/tools/install_package.ts'
import { replayContext } from '../support/shell-context.ts'

const plan = (packages: readonly string[], list: string) =>
  installPackage.plan(
    installPackage.input.parse({ packages }),
    replayContext(`\x1emanager\napt-get\n\x1einterrupted\n\x1eindex\n7\n\x1elist\n${list}\n\x1eend\n0\n`),
  )

test('a package and its dependencies are pinned, and only what was asked for is noted as wanted', async () => {
  const { steps, basis } = await plan(['app'], 'Inst part (1 D [all])\nInst app (2 D [all])')
  expect(basis).toEqual({ manager: 'apt', 'package app': 'new -> 2', 'package part': 'new -> 1' })
  expect(steps).toMatchObject([
    { do: { argv: expect.arrayContaining(['--mark-auto', 'app=2', 'part=1']) } },
    { do: { argv: expect.not.arrayContaining(['part=1']) } },
    { do: { name: 'read/package-reboot' } },
  ])
})

test('a package alone is one step, with nothing to mark', async () => {
  const { steps } = await plan(['app=2'], 'Inst app (2 D [all])')
  expect(steps[0]?.do).toMatchObject({ argv: expect.not.arrayContaining(['--mark-auto']) })
  expect(steps).toHaveLength(2)
})

test('what was not asked for by its exact name is not installed', async () => {
  await expect(plan(['a.p'], 'Inst app (2 D [all])')).rejects.toMatchObject({ code: 'not_found' })
})

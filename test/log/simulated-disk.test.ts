import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { Disk, DiskFile } from '../../src/core/ports.ts'
import { Machine } from './machine.ts'

const sector = 512

/** A file of some sectors that is durable under its name, open for writing. */
async function durableFile(machine: Machine, sectors: number): Promise<DiskFile> {
  const port = machine.port()
  await machine.run(port.makeDirectory('d'))
  const file = await machine.run(port.create('d/f'))
  await machine.run(file.write(0, new Uint8Array(sectors * sector)))
  await machine.run(file.sync())
  await machine.run(port.syncDirectory('d'))
  return file
}

/** Which sectors of the file begin with this byte. */
async function sectorsWith(machine: Machine, port: Disk, byte: number): Promise<string> {
  const file = await machine.run(port.open('d/f'))
  const bytes = await machine.run(file.read(0, await machine.run(file.size())))
  const count = Math.ceil(bytes.length / sector)
  return Array.from({ length: count }, (_, at) => (bytes[at * sector] === byte ? 'x' : '.')).join(
    '',
  )
}

/** What a script leaves behind, over many seeds. */
async function overSeeds(script: (machine: Machine) => Promise<string>): Promise<Set<string>> {
  const seen = new Set<string>()
  for (let seed = 1; seed <= 200; seed += 1) seen.add(await script(new Machine(seed)))
  return seen
}

describe('a power cut', () => {
  test('takes any subset of the sectors that were not synced, and no other', async () => {
    const seen = await overSeeds(async (machine) => {
      const file = await durableFile(machine, 4)
      await machine.run(file.write(0, new Uint8Array(sector).fill(1)))
      await machine.run(file.sync())
      await machine.run(file.write(sector, new Uint8Array(3 * sector).fill(1)))
      machine.powerLoss()
      return await sectorsWith(machine, machine.port(), 1)
    })
    assert.ok([...seen].every((sectors) => sectors.startsWith('x')))
    assert.equal(seen.size, 8, [...seen].join())
  })

  test('after a failed sync takes pages that could be read until then', async () => {
    const seen = await overSeeds(async (machine) => {
      const file = await durableFile(machine, 1)
      await machine.run(file.write(0, new Uint8Array(sector).fill(1)))
      machine.disk.fault = ({ kind }) => (kind === 'sync' ? 'EIO' : undefined)
      await assert.rejects(machine.run(file.sync()), { code: 'EIO' })
      machine.disk.fault = undefined
      const readable = await sectorsWith(machine, machine.port(), 1)
      await machine.run(file.sync())
      machine.powerLoss()
      return `${readable} ${await sectorsWith(machine, machine.port(), 1)}`
    })
    assert.deepEqual([...seen].sort(), ['x .', 'x x'], 'the second sync says yes and does nothing')
  })

  test('takes names that were not synced, whole renames included', async () => {
    const seen = await overSeeds(async (machine) => {
      const port = machine.port()
      await durableFile(machine, 1)
      const made = await machine.run(port.create('d/new'))
      await machine.run(made.sync())
      await machine.run(port.rename('d/f', 'd/g'))
      machine.powerLoss()
      return (await machine.run(machine.port().list('d'))).join()
    })
    assert.deepEqual([...seen].sort(), ['f', 'f,new', 'g', 'g,new'])
  })

  test('ends every process: nothing of them acts again, and their locks are free', async () => {
    const machine = new Machine()
    const port = machine.port('one')
    const file = await durableFile(machine, 1)
    assert.ok(await machine.run(port.lock('d/lock')))
    const pending = file.write(0, Uint8Array.of(1))
    machine.powerLoss()
    assert.equal(await machine.runUntilDead(pending), undefined)
    assert.equal(await machine.runUntilDead(port.list('d')), undefined)
    assert.ok(await machine.run(machine.port('one').lock('d/lock')))
  })
})

describe('the death of a process', () => {
  test('leaves what it wrote readable, and a write under way in part', async () => {
    const seen = await overSeeds(async (machine) => {
      const file = await durableFile(machine, 4)
      const pending = file.write(0, new Uint8Array(4 * sector).fill(1))
      machine.processDied('one')
      assert.equal(await machine.runUntilDead(pending), undefined)
      return await sectorsWith(machine, machine.port('two'), 1)
    })
    assert.deepEqual([...seen].sort(), ['....', 'x...', 'xx..', 'xxx.', 'xxxx'])
  })

  test('frees its locks, and no others', async () => {
    const machine = new Machine()
    await durableFile(machine, 1)
    assert.ok(await machine.run(machine.port('one').lock('d/a')))
    assert.ok(await machine.run(machine.port('two').lock('d/b')))
    assert.equal(await machine.run(machine.port('two').lock('d/a')), undefined)
    assert.equal(await machine.run(machine.port('one').lock('d/a')), undefined, 'nor twice')
    machine.processDied('one')
    assert.ok(await machine.run(machine.port('three').lock('d/a')))
    assert.equal(await machine.run(machine.port('three').lock('d/b')), undefined)
  })
})

describe('room', () => {
  test('is used by files as they grow, and freed when they go', async () => {
    const machine = new Machine()
    const file = await durableFile(machine, 2)
    machine.disk.capacityBytes = 3 * sector
    await machine.run(file.write(0, new Uint8Array(2 * sector)))
    await assert.rejects(machine.run(file.write(2 * sector, new Uint8Array(1025))), {
      code: 'ENOSPC',
    })
    assert.equal(machine.disk.usedBytes, 2 * sector)
    await machine.run(machine.port().remove('d/f'))
    assert.equal(machine.disk.usedBytes, 0)
  })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { readFileLogs } from '../../src/log/file/read.ts'
import { directory } from './machine.ts'
import {
  assertRefused,
  batchesOf,
  fileAt,
  flip,
  foundIn,
  openAs,
  patch,
  sectorBytes as sector,
  storeLog,
} from './stored-log.ts'

describe('a last batch that a crash tore', () => {
  test('at every byte, and in every set of sectors, it is left out, and nothing else', async () => {
    const stored = await storeLog()
    const path = stored.paths.findLast((each) => batchesOf(stored, each).length > 0) ?? ''
    const place = batchesOf(stored, path).at(-1)
    assert.ok(place !== undefined)
    const whole = fileAt(stored, path).read(place.offset, place.sizeBytes)
    const torn: { name: string; bytes: Uint8Array }[] = []
    for (let length = 0; length < place.endMarkOffset - place.offset; length += 1) {
      const bytes = new Uint8Array(whole.length)
      bytes.set(whole.subarray(0, length))
      torn.push({ name: `the first ${length} bytes`, bytes })
    }
    for (let sectors = 0; sectors < 7; sectors += 1) {
      const bytes = whole.slice()
      for (let index = 0; index < 3; index += 1) {
        if ((sectors & (1 << index)) === 0) bytes.fill(0, index * sector, (index + 1) * sector)
      }
      torn.push({ name: `sectors ${sectors.toString(2)}`, bytes })
    }
    const port = stored.machine.port('cli')
    const expected = 60 + stored.counters.length - 1
    for (const { name, bytes } of torn) {
      const repair = patch(stored, path, place.offset, bytes)
      const reading = await stored.machine.run(readFileLogs(port, directory))
      const log = reading?.slots[0]?.log
      assert.equal(log?.unfinished.length, expected, `${name}: ${reading?.slots[0]?.problem}`)
      repair()
    }
    // And one of them through a whole open, after which it is gone for good.
    patch(stored, path, place.offset, torn.at(-1)?.bytes ?? whole)
    for (const process of ['first', 'second']) {
      const opened = await openAs(stored, process)
      assert.ok('log' in opened)
      assert.deepEqual(foundIn(opened.log), stored.counters.slice(0, -1))
      stored.machine.processDied(process)
    }
  })

  test('with the next segment prepared, or torn in its first batch, the same', async () => {
    const stored = await storeLog()
    const path = stored.paths.findLast((each) => batchesOf(stored, each).length > 0) ?? ''
    const index = stored.paths.indexOf(path)
    const [only] = batchesOf(stored, path)
    assert.ok(only !== undefined && index > 1)
    // Leave only the first batch of the last segment, and tear it.
    const file = fileAt(stored, path)
    const kept = file.read(only.offset, sector)
    file.write(sector, new Uint8Array(file.sizeBytes - sector))
    file.write(only.offset, kept)
    const reading = await stored.machine.run(readFileLogs(stored.machine.port('cli'), directory))
    const before = stored.paths
      .slice(1, index)
      .reduce((sum, each) => sum + batchesOf(stored, each).length, 0)
    assert.equal(reading?.slots[0]?.log?.unfinished.length, 60 + before)
  })

  test('with bytes farther away than it can reach, it is damage', async () => {
    const stored = await storeLog()
    const path = stored.paths.findLast((each) => batchesOf(stored, each).length > 0) ?? ''
    const place = batchesOf(stored, path).at(-1)
    assert.ok(place !== undefined)
    patch(stored, path, place.offset + sector, new Uint8Array(sector))
    flip(stored, path, place.offset + place.sizeBytes + 700, 1)
    const found = await assertRefused(stored, 'beyond the torn batch')
    assert.equal(found.offset, place.offset + place.sizeBytes + 700)
  })
})

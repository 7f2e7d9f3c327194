import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'

import { readFileLogs } from '../../src/log/file/read.ts'
import { directory } from './machine.ts'
import {
  assertRefused,
  type BatchPlace,
  batchesOf,
  fileAt,
  flip,
  foundIn,
  openAs,
  patch,
  type StoredLog,
  sectorBytes as sector,
  storeLog,
} from './stored-log.ts'

describe('a log that was damaged', () => {
  let stored: StoredLog
  let written: { path: string; end: number; size: number }[]
  let last: BatchPlace & { path: string }

  before(async () => {
    stored = await storeLog()
    written = stored.paths.map((path) => {
      const place = batchesOf(stored, path).at(-1)
      const end = place === undefined ? sector : place.offset + place.sizeBytes
      return { path, end, size: fileAt(stored, path).sizeBytes }
    })
    const path = written.findLast(({ end }) => end > sector)?.path ?? ''
    const place = batchesOf(stored, path).at(-1)
    assert.ok(place !== undefined && place.sizeBytes === 3 * sector)
    last = { ...place, path }
  })

  test('the undamaged log opens, with everything in it', async () => {
    const copy = await storeLog()
    const opened = await openAs(copy, 'other')
    assert.ok('log' in opened)
    assert.deepEqual(foundIn(opened.log), copy.counters)
  })

  test('any byte changed in what was written is refused with its file, and nothing changes', async () => {
    let step = 0
    let tried = 0
    for (const { path, end } of written) {
      // Whole headers of file and first batch, then every 127th byte: each byte of a sector in turn.
      for (let offset = 0; offset < end; offset += offset < sector + 64 ? 7 : 127) {
        step += 1
        const mask = [0x01, 0x80, 0xff][step % 3] ?? 1
        const repair = flip(stored, path, offset, mask)
        const found = await assertRefused(stored, `${path} at ${offset}`)
        assert.equal(found.file, path)
        assert.ok(Math.abs(found.offset - offset) <= 200 * sector, `${offset}: ${found.offset}`)
        repair()
        tried += 1
      }
    }
    assert.ok(tried > 600, `${tried}`)
  })

  test('bytes all over the last batch changed are refused, although a crash may have torn it', async () => {
    for (let offset = last.offset; offset < last.offset + last.sizeBytes; offset += 3) {
      const repair = flip(stored, last.path, offset, offset % 2 === 0 ? 0x10 : 0xff)
      await assertRefused(stored, `${last.path} at ${offset}`)
      repair()
    }
  })

  test('bytes behind the end of a segment that is not the last are refused', async () => {
    const [, full] = written
    assert.ok(full !== undefined && full.end < full.size)
    for (const offset of [full.end, full.end + 40, full.size - 1]) {
      const repair = flip(stored, full.path, offset, 1)
      await assertRefused(stored, `${full.path} at ${offset}`)
      repair()
    }
  })

  test('a batch that is missing in the middle is refused where it is missing', async () => {
    for (const { path } of written) {
      const places = batchesOf(stored, path)
      for (const place of [places[0], places[Math.floor(places.length / 2)]]) {
        if (place === undefined || (path === last.path && place.offset === last.offset)) continue
        const repair = patch(stored, path, place.offset, new Uint8Array(place.sizeBytes))
        const found = await assertRefused(stored, `${path} without ${place.offset}`)
        assert.equal(found.file, path)
        repair()
      }
    }
  })

  test('the last batches of a full segment missing are noticed by the next segment', async () => {
    const [, full, next] = written
    assert.ok(full !== undefined && next !== undefined && next.end > sector)
    const place = batchesOf(stored, full.path).at(-1)
    assert.ok(place !== undefined)
    const repair = patch(stored, full.path, place.offset, new Uint8Array(place.sizeBytes))
    const found = await assertRefused(stored, 'the end of a full segment')
    assert.equal(found.file, next.path)
    repair()
  })

  test('two batches exchanged, or one repeated, are refused', async () => {
    const [, full] = written
    const [one, two] = batchesOf(stored, full?.path ?? '')
    assert.ok(full !== undefined && one !== undefined && two !== undefined)
    const bytes = fileAt(stored, full.path).read(0, full.size)
    const ofOne = bytes.slice(one.offset, one.offset + one.sizeBytes)
    const ofTwo = bytes.slice(two.offset, two.offset + two.sizeBytes)
    const repairs = [
      patch(stored, full.path, one.offset, ofTwo),
      patch(stored, full.path, two.offset, ofOne),
    ]
    await assertRefused(stored, 'exchanged')
    repairs[0]?.()
    await assertRefused(stored, 'repeated')
    repairs[1]?.()
  })

  test('a missing segment, and a missing checkpoint, are refused by name', async () => {
    const fresh = await storeLog()
    const port = fresh.machine.port('admin')
    const [checkpoint, , second] = fresh.paths
    assert.ok(checkpoint !== undefined && second !== undefined)
    await fresh.machine.run(port.rename(second, `${second}.away`))
    assert.equal((await assertRefused(fresh, 'no segment')).file, second)
    await fresh.machine.run(port.rename(`${second}.away`, second))
    await fresh.machine.run(port.remove(checkpoint))
    await assertRefused(fresh, 'no checkpoint')
  })

  test('a truncated file is refused', async () => {
    for (const path of stored.paths) {
      const fresh = await storeLog()
      const port = fresh.machine.port('admin')
      const file = fileAt(fresh, path)
      const bytes = file.read(0, file.sizeBytes)
      for (const length of [0, 100, sector, sector + 10, bytes.length - 1]) {
        await fresh.machine.run(port.remove(path))
        const made = await fresh.machine.run(port.create(path))
        await fresh.machine.run(made.write(0, bytes.slice(0, length)))
        assert.equal((await assertRefused(fresh, `${path} of ${length} bytes`)).file, path)
      }
    }
  })

  test('a reader reports the damage of one slot, and changes nothing', async () => {
    const repair = flip(stored, last.path, last.offset - 1000, 1)
    const reading = await stored.machine.run(readFileLogs(stored.machine.port('cli'), directory))
    assert.equal(reading?.slots[0]?.problem?.code, 'ASSENT_LOG_CORRUPT')
    assert.equal(reading?.slots[0]?.log, undefined)
    repair()
    const again = await stored.machine.run(readFileLogs(stored.machine.port('cli'), directory))
    assert.equal(again?.slots[0]?.problem, undefined)
    assert.equal(again?.slots[0]?.log?.unfinished.length, 60 + stored.counters.length)
  })

  test('a damaged marker, and a lost one, are refused', async () => {
    const fresh = await storeLog()
    const path = `${directory}/assent-log`
    for (let offset = 0; offset < sector; offset += 5) {
      const repair = flip(fresh, path, offset, 0x20)
      await assertRefused(fresh, `marker at ${offset}`)
      repair()
    }
    await fresh.machine.run(fresh.machine.port('admin').remove(path))
    await assertRefused(fresh, 'no marker')
  })
})

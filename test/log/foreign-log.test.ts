import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { ByteWriter } from '../../src/core/codec.ts'
import { crc32c } from '../../src/core/crc32c.ts'
import { codeOf, messageOf } from '../../src/core/errors.ts'
import { BatchBuilder, readBatchHeader } from '../../src/log/file/batch.ts'
import {
  decodeFileHeader,
  encodeFileHeader,
  headerChecksum,
} from '../../src/log/file/file-header.ts'
import { directory } from './machine.ts'
import {
  assertRefused,
  batchesOf,
  fileAt,
  openAs,
  patch,
  sectorBytes as sector,
  slotPath,
  storeLog,
} from './stored-log.ts'

describe('a log of another kind', () => {
  test('of a newer format is refused, by the version that reads it', async () => {
    const stored = await storeLog()
    for (const path of [`${directory}/assent-log`, ...stored.paths]) {
      const bytes = fileAt(stored, path).read(0, sector)
      bytes[8] = 2
      new DataView(bytes.buffer).setUint32(508, crc32c(bytes.subarray(0, 508)), true)
      const repair = patch(stored, path, 0, bytes)
      await assertRefused(stored, `${path} of format 2`, 'ASSENT_LOG_INCOMPATIBLE')
      const opened = await openAs(stored, 'other')
      assert.ok('error' in opened)
      assert.match(messageOf(opened.error), /written by a newer version/)
      stored.machine.processDied('other')
      repair()
    }
  })

  test('with a record type of a newer version is refused as such', async () => {
    const stored = await storeLog()
    const path = stored.paths.findLast((each) => batchesOf(stored, each).length > 0) ?? ''
    const places = batchesOf(stored, path)
    const place = places.at(-1)
    const file = fileAt(stored, path)
    const bytes = file.read(0, file.sizeBytes)
    const seed = headerChecksum(bytes.subarray(0, sector))
    assert.ok(place !== undefined)
    const header = readBatchHeader(bytes, place.offset, seed)
    assert.ok(header !== undefined)
    const builder = new BatchBuilder()
    const record = new ByteWriter()
    record.raw(Uint8Array.of(99, 1, 2, 3))
    builder.add(record)
    const { bytes: batch } = builder.seal(header.position, seed)
    file.write(place.offset + place.sizeBytes, batch)
    const opened = await openAs(stored, 'other')
    assert.ok('error' in opened)
    assert.equal(codeOf(opened.error), 'ASSENT_LOG_INCOMPATIBLE')
    assert.match(messageOf(opened.error), /newer version of Assent: record type 99 at byte \d+/)
  })

  test('of another installation is refused, and both are named', async () => {
    const { machine } = await storeLog()
    const logs = machine.logs('other', { installation: 'market' })
    await assert.rejects(machine.run(logs.open()), (error: unknown) => {
      assert.equal(codeOf(error), 'ASSENT_LOG_INCOMPATIBLE')
      assert.match(messageOf(error), /'shop'.*'market'/)
      return true
    })
  })

  test('copied into another slot is refused: its ids would be used twice', async () => {
    const stored = await storeLog()
    const { machine } = stored
    const port = machine.port('admin')
    await machine.run(port.makeDirectory(`${directory}/slot-1`))
    for (const path of stored.paths) {
      const file = fileAt(stored, path)
      const copy = await machine.run(port.create(path.replace('slot-0', 'slot-1')))
      await machine.run(copy.write(0, file.read(0, file.sizeBytes)))
    }
    const holder = await machine.run(machine.port('holder').lock(`${slotPath}/lock`))
    assert.ok(holder !== undefined)
    await assert.rejects(machine.run(machine.logs('other').open()), /copied from slot 0/)
  })

  test('whose header tells of another file is refused', async () => {
    const stored = await storeLog()
    const [, path = ''] = stored.paths
    const header = decodeFileHeader(path, fileAt(stored, path).read(0, sector))
    for (const change of [{ number: 999 }, { epoch: 9 }, { identity: '0000000000000' }]) {
      const forged = encodeFileHeader({ ...header, ...change } as typeof header)
      const repair = patch(stored, path, 0, forged)
      await assertRefused(stored, JSON.stringify(change))
      repair()
    }
  })
})
